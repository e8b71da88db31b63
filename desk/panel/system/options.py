"""The settings as they are offered: where each lies in the file, how it is read and written, and who is told of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec
from PySide6.QtWidgets import QApplication

from desk.facts.currency import NAMED, sign
from desk.facts.trouble import Trouble
from desk.panel.furniture import SMOOTHINGS_S, WINDOWS_MIN
from desk.panel.views import Desk
from desk.panel.window import Window
from desk.panel.words import tr
from desk.plant.plant import Plant
from desk.plant.settings import Settings, changed, declared, keep


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. `scale` is how much of what the file holds one `unit` is; `blank` is the word for an absent value.

    `note` says what it does, and when it comes into force where that is not at once.
    """

    path: str
    label: str
    note: str
    kind: Literal["choice", "switch", "number", "watts", "hours"] = "number"
    choices: tuple[tuple[Any, str], ...] = ()
    unit: str = ""
    scale: float = 1.0
    blank: str = ""

    def of(self, settings: Settings) -> Any:
        value: Any = settings
        for name in self.path.split("."):
            value = getattr(value, name)
        return value

    def write(self, settings: Settings) -> str:
        """The text that `read` takes for the value; empty for an absent one."""
        value = self.of(settings)
        if value is None:
            return ""
        if self.kind == "hours":
            return hours_in_words(value)
        return f"{value.idle:g}, {value.busy:g}" if self.kind == "watts" else f"{value / self.scale:.10g}"

    def read(self, text: str) -> Any:
        """The value that a text names; raises `ValueError` in words."""
        text = text.strip()
        if self.kind == "hours":
            return hours(text)
        if not text and self.blank:
            return None
        try:
            if self.kind == "watts":
                return declared(text)
            # Of a comma only this is known: in money and watts per hour nobody writes thousands.
            value: float = float(text.replace(",", ".")) * self.scale
        except (ValueError, Trouble) as error:
            if self.kind == "watts":
                raise ValueError(tr("“{text}” is not two numbers of watts, idle and busy", text=text)) from error
            raise ValueError(tr("“{text}” is not a number", text=text)) from error
        return int(value) if value == int(value) else value

    def into(self, settings: Settings, value: Any) -> Settings:
        """The settings with this value; raises `ValueError` in words where it cannot be."""
        try:
            return changed(settings, self.path, value)
        except ValueError as error:
            # What is wrong is said in the units of the file.
            bounds = str(error).partition(", but ")[2]
            if bounds and self.scale == 1.0:
                raise ValueError(tr("it {must}", must=bounds)) from error
            raise ValueError(tr("it is out of range")) from error

    def says(self, words: list[str]) -> bool:
        """Whether all words occur in what is said of it."""
        said = " ".join((self.path, self.label, self.note, self.unit, *(each for _, each in self.choices))).lower()
        return all(word in said for word in words)


def hours(text: str) -> tuple[float, ...]:
    """The 24 prices of a day by the hours from which each of some prices holds: `0 0.25; 6 0.38; 22 0.25`.

    Nothing stands for no such prices. Raises `ValueError` in words.
    """
    day: list[float] = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        try:
            start, price = part.replace(",", ".").split()
            begin, value = int(start), float(price)
        except ValueError as error:
            raise ValueError(tr("“{text}” is not an hour and a price, such as 6 0.38", text=part)) from error
        if not 0 <= begin < HOURS or (not day and begin) or (day and begin <= len(day) - 1):
            raise ValueError(tr("the hours must begin with 0 and rise to 23 at most"))
        day += [day[-1]] * (begin - len(day)) if day else []
        day.append(value)
    return (*day, *[day[-1]] * (HOURS - len(day))) if day else ()


def hours_in_words(day: tuple[float, ...]) -> str:
    """The text that `hours` takes for these prices."""
    changes = [hour for hour, price in enumerate(day) if not hour or price != day[hour - 1]]
    return "; ".join(f"{hour} {day[hour]:.10g}" for hour in changes)


HOURS = 24

GROUPS: tuple[tuple[str, tuple[Option, ...]], ...] = (
    (
        tr("Look"),
        (
            Option(
                "theme",
                tr("Theme"),
                tr("Follow the desktop, or keep to one."),
                "choice",
                (("auto", tr("System")), ("dark", tr("Dark")), ("light", tr("Light"))),
            ),
            Option(
                "high_contrast",
                tr("High contrast"),
                tr("Stronger lines and words; the desktop may ask for it, too."),
                "switch",
            ),
            Option("text_size", tr("Text size"), tr("90 to 200 %: everything grows with it."), unit="%"),
            Option("reduced_motion", tr("Reduced motion"), tr("What would slide stands."), "switch"),
        ),
    ),
    (
        tr("Charts and units"),
        (
            Option(
                "window_s",
                tr("Window of the charts"),
                tr("What a window begins with."),
                "choice",
                tuple((60.0 * minutes, f"{minutes} min") for minutes in WINDOWS_MIN),
            ),
            Option(
                "smooth_s",
                tr("Smoothing"),
                tr("Each point is a mean over so long, never over less than 2 s."),
                "choice",
                tuple((float(each), f"{each} s" if each else tr("off")) for each in SMOOTHINGS_S),
            ),
            Option(
                "fahrenheit",
                tr("Temperature"),
                tr("Of devices. What alarms have said stays in °C."),
                "choice",
                ((False, "°C"), (True, "°F")),
            ),
            Option(
                "binary_bytes",
                tr("Sizes"),
                tr("1 GB is 1000 MB, 1 GiB is 1024 MiB."),
                "choice",
                ((False, tr("GB, by 1000")), (True, tr("GiB, by 1024"))),
            ),
        ),
    ),
    (
        tr("Energy and money"),
        (
            Option(
                "tariff.currency",
                tr("Currency"),
                tr("Names all prices and sums, those of this run too; converts nothing."),
                "choice",
                tuple((code, code if sign(code) == code else f"{code}, {sign(code)}") for code in NAMED),
            ),
            Option("tariff.dollars_per_kwh", tr("Price of energy"), tr("One price at all hours."), unit="$/kWh"),
            Option(
                "tariff.dollars_per_kwh_by_hour",
                tr("Price by the hour"),
                tr("In its place: hour and price from there on, such as 0 0.25; 6 0.38; 22 0.25. Local time."),
                "hours",
                unit="$/kWh",
                blank=tr("none"),
            ),
            Option("tariff.wall_factor", tr("Wall factor"), tr("Power from the wall over what is measured.")),
            Option("tariff.pue", "PUE", tr("Power of the site over that of its machines; 1 for a machine in a room.")),
            Option(
                "tariff.dollars_per_hour",
                tr("Hourly rate"),
                tr("The machine all in, idle or busy."),
                unit="$/h",
                blank=tr("none"),
            ),
            Option(
                "watts",
                tr("Declared watts"),
                tr("Idle, busy: where nothing measures them. What is cleared holds until the next start."),
                "watts",
                unit="W",
                blank=tr("none"),
            ),
        ),
    ),
    (
        tr("Runs"),
        (
            Option(
                "provider",
                tr("Where tokens are made"),
                tr("The last two are strict. From the next run on."),
                "choice",
                (("auto", tr("GPU, else CPU")), ("cuda", tr("GPU only")), ("cpu", tr("CPU only"))),
            ),
            Option(
                "cuda_graphs",
                tr("CUDA graphs"),
                tr(
                    "Record decode steps and play them back; the check-up says whether that pays. From the next run on."
                ),
                "switch",
            ),
            Option(
                "warmup_s",
                tr("Warm-up"),
                tr("Seconds after the first token that do not count. From the next run on."),
                unit="s",
            ),
            Option(
                "budget.joules",
                tr("Energy budget"),
                tr("Stops a run that has used it."),
                unit="Wh",
                scale=3600,
                blank=tr("none"),
            ),
            Option("budget.dollars", tr("Cost budget"), tr("Of energy; stops the run."), unit="$", blank=tr("none")),
            Option("budget.seconds", tr("Time budget"), tr("Stops the run."), unit="min", scale=60, blank=tr("none")),
        ),
    ),
)
"""All that can be set for good, at most thirty; tiers, scenario and seed have their places in other views."""

OFFERED = frozenset(option.path.partition(".")[0] for _, options in GROUPS for option in options)
"""The fields of the settings that are set here; the others remember what was chosen elsewhere."""


def defaults(settings: Settings) -> Settings:
    """The settings as they would be if nothing had been chosen here."""
    return msgspec.structs.replace(settings, **{name: getattr(Settings(), name) for name in OFFERED})


def bring_into_force(desk: Desk, before: Settings, after: Settings) -> None:
    """Keep what differs, and tell whoever goes by it; raises `Trouble` where it cannot be kept."""
    fields = [name for name in after.__struct_fields__ if getattr(after, name) != getattr(before, name)]
    keep(**{name: getattr(after, name) for name in fields})
    window = desk.window
    tell: dict[str, Callable[[], object]] = {
        "theme": lambda: window.theme.choose(after.theme),
        "high_contrast": lambda: window.theme.choose(high_contrast=after.high_contrast),
        "text_size": lambda: window.theme.choose(text_size=after.text_size),
        "reduced_motion": lambda: window.theme.choose(reduced_motion=after.reduced_motion),
        "window_s": lambda: window.footer.choose_span(after.window_s),
        "smooth_s": lambda: window.footer.choose_smoothing(after.smooth_s),
        "fahrenheit": lambda: _in_all_windows("fahrenheit", after.fahrenheit),
        "binary_bytes": lambda: _in_all_windows("binary", after.binary_bytes),
    }
    if isinstance(desk.source, Plant):
        tell |= _of_the_factory(desk, desk.source, after)
    for name in fields:
        if name in tell:
            tell[name]()


def _in_all_windows(name: str, value: bool) -> None:
    """Have all windows show numbers so."""
    for each in QApplication.topLevelWidgets():
        if isinstance(each, Window):
            setattr(each.numbers, name, value)


def _of_the_factory(desk: Desk, plant: Plant, after: Settings) -> dict[str, Callable[[], object]]:
    """Whom to tell of what a recording, which is over, does not go by."""
    runbar, watts = desk.window.runbar, after.watts

    def warm_up() -> None:
        plant.warmup_s = after.warmup_s
        runbar.limits = replace(runbar.limits, warmup_s=after.warmup_s)

    return {
        "tariff": lambda: plant.retariff(after.tariff),
        "watts": lambda: watts and plant.declare_watts(watts.idle, watts.busy, watts.assumed),
        "provider": lambda: setattr(plant, "provider", after.provider),
        "cuda_graphs": lambda: setattr(plant, "cuda_graphs", after.cuda_graphs),
        "warmup_s": warm_up,
        "budget": lambda: plant.limit(after.budget),
    }
