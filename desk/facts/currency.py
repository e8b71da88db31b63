"""The currency that prices are given in: its sign and its words. It names a unit; nothing is ever converted.

Inside the program units of money are written with `$`, whatever the currency (`$/h`, `$/Mtok`), as amounts are called
dollars there; where they are shown, `unit` turns them into those of the run.
"""

import re

USD = "USD"

_NAMED = {
    "USD": ("$", "dollars"),
    "EUR": ("€", "euros"),
    "GBP": ("£", "pounds"),
    "JPY": ("¥", "yen"),
    "CNY": ("CN¥", "yuan"),
    "INR": ("₹", "rupees"),
    "KRW": ("₩", "won"),
    "CHF": ("CHF", "Swiss francs"),
}
"""Signs as they are written in English (Unicode CLDR), where those of the yen and the yuan differ."""

NAMED = tuple(_NAMED)
"""The currencies that have a sign and words here."""


def is_code(text: str) -> bool:
    """Whether it is written like a code of ISO 4217: three capital letters."""
    return re.fullmatch("[A-Z]{3}", text) is not None


def sign(code: str) -> str:
    """`€`; the plain code where it has none here, and the sign of any currency for what is no code."""
    return _NAMED[code][0] if code in _NAMED else code if is_code(code) else "¤"


def words(code: str) -> str:
    """`euros`; the plain code where it has no name here."""
    return _NAMED[code][1] if code in _NAMED else code if is_code(code) else "money"


def unit(text: str, code: str) -> str:
    """A unit, or words with one, in a currency: `$/h` as `€/h`."""
    return text.replace("$", sign(code))


def amount(number: str, code: str) -> str:
    """A number with the sign before it: `$12.50`, `CHF 12.50`."""
    mark = sign(code)
    return f"{mark} {number}" if mark.isalpha() else f"{mark}{number}"
