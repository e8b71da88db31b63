"""Numbers and units as people read them, in their locale. Files and the command line never come through here."""

import math
from collections.abc import Callable

from PySide6.QtCore import QLocale

from desk.facts import currency as money
from desk.panel.words import tr

DASH = "–"
MINUS = "−"
ENGLISH = QLocale(QLocale.Language.English, QLocale.Country.UnitedStates)
"""The locale of pictures and tests, so that they are the same everywhere."""

SPOKEN = {
    "tok/s": tr("tokens per second"),
    "tok/s/user": tr("tokens per second per user"),
    "tok/J": tr("tokens per joule"),
    "W": tr("watts"),
    "Wh": tr("watt hours"),
    "J": tr("joules"),
    "$/h": tr("{money} per hour"),
    "$/Mtok": tr("{money} per million tokens"),
    "$/kWh": tr("{money} per kilowatt hour"),
    "$": "{money}",
    "%": tr("percent"),
    "°C": tr("degrees Celsius"),
    "°F": tr("degrees Fahrenheit"),
    "s": tr("seconds"),
    "tok": tr("tokens"),
}
"""Units in words; `money` is the name of the currency."""


def spoken(unit: str, currency: str = money.USD) -> str:
    """A unit in words, for a screen reader; one of money in those of the currency."""
    return SPOKEN[unit].format(money=money.words(currency)) if unit in SPOKEN else unit


DECIMAL = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
BINARY = (("TiB", 2.0**40), ("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))
"""Units of bytes, the largest first."""


class Numbers:
    """Formats in one locale. Every method answers a dash for `None` and for what is not finite.

    `fahrenheit` has temperatures shown in °F, and `binary` bytes in steps of 1024; `currency` (ISO 4217) names the unit
    of money that is written `$` inside. All may change at any time.
    """

    def __init__(
        self,
        locale: QLocale = ENGLISH,
        *,
        fahrenheit: bool = False,
        binary: bool = False,
        currency: str = money.USD,
    ) -> None:
        self.fahrenheit = fahrenheit
        self.binary = binary
        self.currency = currency
        self._locale = QLocale(locale)
        self._locale.setNumberOptions(QLocale.NumberOption.DefaultNumberOptions)

    def fixed(self, value: float | None, decimals: int = 0) -> str:
        """With exactly that many decimals: `1,220`, `0.00`."""
        if value is None or not math.isfinite(value):
            return DASH
        rounded = round(float(value), decimals)
        text = self._locale.toString(abs(rounded), "f", decimals)
        return f"{MINUS}{text}" if rounded < 0 else text

    def figure(self, value: float | None, unit: str = "") -> str:
        """With about three digits: `1,220`, `312`, `87.0`, `3.91`, `0.022`. The same size, the same decimals.

        Money and rates per joule keep two decimals at least below 10; percentages are given as fractions.
        """
        if value is None or not math.isfinite(value):
            return DASH
        if unit == "%":
            value *= 100
            return self.fixed(value, 0 if abs(value) >= 99.95 or value == 0 else 1)
        return self.fixed(value, self.decimals(value, unit))

    def decimals(self, value: float, unit: str = "") -> int:
        """How many decimals `figure` gives such a value, for figures that stand in one column and should share them."""
        size = abs(value)
        # The bounds lie half a last digit below the powers of ten, so that 99.96 reads 100 and not 100.0.
        if size >= 99.95:
            return 0
        if size >= 9.995:
            return 2 if unit == "$" else 1
        if size >= 0.0995 or size == 0:
            return 2
        return 3 if size >= 0.00995 else 4

    def short(self, value: float) -> str:
        """With no more decimals than it has, six digits at most: `20`, `0.25`."""
        return self._locale.toString(float(value), "g", 6)

    def with_unit(self, value: float | None, unit: str) -> str:
        """`312 W`; a dash stands without its unit."""
        if unit == "°C" and value is not None:
            return f"{self.celsius(value)} {self.degree}"
        text = self.figure(value, unit)
        return text if text == DASH or not unit else f"{text} {self.unit(unit)}"

    def unit(self, text: str) -> str:
        """A unit, or words with one, in the currency of what is shown: `$/h` as `€/h`."""
        return money.unit(text, self.currency)

    def price(self, value: float | None, decimals: int = 2) -> str:
        """An amount of money with its sign before it: `$12.50`."""
        text = self.fixed(value, decimals)
        return text if text == DASH else money.amount(text, self.currency)

    @property
    def degree(self) -> str:
        """The unit of temperatures."""
        return "°F" if self.fahrenheit else "°C"

    def celsius(self, value: float | None) -> str:
        """A temperature in whole degrees, without its unit; `value` is in °C."""
        return self.fixed(value * 9 / 5 + 32 if self.fahrenheit and value is not None else value)

    def spoken(self, value: float | None, unit: str) -> str:
        """`312 watts`, or `unavailable`."""
        text = self.figure(value, unit)
        return tr("unavailable") if text == DASH else f"{text} {spoken(unit, self.currency)}".strip()

    def count(self, value: int | None) -> str:
        return self.fixed(value)

    def bytes(self, value: float | None) -> str:
        """`14.2 GB`, `4.1 MB`; with `binary` `13.2 GiB`, `3.9 MiB`."""
        if value is None or not math.isfinite(value):
            return DASH
        for unit, size in BINARY if self.binary else DECIMAL:
            if abs(value) >= size:
                return f"{self.fixed(value / size, 1)} {unit}"
        return f"{self.fixed(value)} B"

    def giga(self, value: float | None) -> str:
        """Bytes as a number of `giga_unit`, to stand before it or before a whole in it."""
        return self.fixed(None if value is None else value / (2.0**30 if self.binary else 1e9), 1)

    @property
    def giga_unit(self) -> str:
        return "GiB" if self.binary else "GB"

    def clock(self, seconds: float | None) -> str:
        """A length of time as `00:11:42`."""
        if seconds is None or not math.isfinite(seconds):
            return DASH
        whole = max(0, int(seconds))
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"

    def ago(self, seconds: float) -> str:
        """A moment before now, `seconds` being 0 or negative: `now`, `−40 s`, `−1 min 23 s`, `−5 min`."""
        past = round(-seconds)
        if past <= 0:
            return tr("now")
        minutes, rest = divmod(past, 60)
        parts = [f"{minutes} min"] if minutes else []
        if rest:
            parts.append(f"{rest} s")
        return MINUS + " ".join(parts)

    def ticks(self, step: float) -> Callable[[float], str]:
        """A format for the ticks of an axis that are `step` apart: as many decimals as the step needs, no more."""
        decimals = 0
        while decimals < 6 and abs(round(step, decimals) - step) > step * 1e-6:
            decimals += 1
        return lambda value: self.fixed(value, decimals)
