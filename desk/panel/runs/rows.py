"""The lines of the list: what a run says of itself in each column, and how runs are ordered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from desk.facts.currency import amount
from desk.panel.numbers import DASH, Numbers
from desk.panel.words import tr
from desk.runs.search import badges, started_words
from desk.runs.store import Run
from desk.runs.summary import Summary


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, its unit, how wide it wants to be, and what a run has in it as text.

    Where there is no room for all, the columns with the highest `spare` go first; those with 0 stay.
    """

    name: str
    head: str
    unit: str
    wide: int
    text: Callable[[Run, Numbers], str]
    right: bool = False
    spare: int = 0


MARKS = {
    "recording": tr("recording"),
    "cannot be read": tr("cannot be read"),
    "being summed up": tr("being summed up"),
    "recovered": tr("recovered"),
    "estimated watts": tr("estimated watts"),
    "no watts": tr("no watts"),
    "not calibrated": tr("not calibrated"),
    "shared GPU": tr("shared GPU"),
    "gap": tr("gap"),
    "damaged": tr("damaged"),
}
"""The badges of runs as people read them."""


def marks_of(run: Run) -> list[str]:
    """What must be known of a run before its figures are believed."""
    return [MARKS.get(badge, badge) for badge in badges(run)]


def _of(text: Callable[[Summary], str]) -> Callable[[Run, Numbers], str]:
    return lambda run, _numbers: text(run.summary) if run.summary else ""


def _figure(name: str, unit: str) -> Callable[[Run, Numbers], str]:
    def text(run: Run, numbers: Numbers) -> str:
        return numbers.figure(getattr(run.summary, name).value, unit) if run.summary else DASH

    return text


def sum_words(value: float | None, currency: str, numbers: Numbers) -> str:
    """A sum of a run in the currency it was recorded in: `$12.50`, and four decimals below one."""
    return DASH if value is None else amount(numbers.fixed(value, 4 if 0 < value < 1 else 2), currency)


def _money(run: Run, numbers: Numbers) -> str:
    if run.summary is None:
        return DASH
    return sum_words(run.summary.revenue_usd, run.summary.currency, numbers)


def _length(run: Run, numbers: Numbers) -> str:
    return numbers.clock(run.summary.seconds) if run.summary else DASH


COLUMNS: tuple[Column, ...] = (
    Column("name", tr("Name"), "", 224, lambda run, _numbers: run.title),
    Column("started", tr("Started"), "", 132, lambda run, _numbers: started_words(run), spare=3),
    Column("device", tr("Device"), "", 152, _of(lambda summary: summary.device or summary.processor), spare=4),
    Column("provider", tr("On"), "", 56, _of(lambda summary: summary.provider), spare=6),
    Column("model", tr("Model"), "", 160, _of(lambda summary: ", ".join(summary.models)), spare=2),
    Column("scenario", tr("Scenario"), "", 92, _of(lambda summary: summary.scenario), spare=5),
    Column("length", tr("Length"), "", 88, _length, right=True),
    Column("speed", "tok/s", "tok/s", 72, _figure("tokens_per_second", "tok/s"), right=True),
    Column("watts", "W", "W", 60, _figure("watts", "W"), right=True),
    Column("efficiency", "tok/J", "tok/J", 64, _figure("tokens_per_joule", "tok/J"), right=True),
    Column("value", tr("Implied revenue"), "", 112, _money, right=True),
    Column("badges", tr("Marks"), "", 128, lambda run, _numbers: ", ".join(marks_of(run)), spare=1),
)


def _by_figure(name: str) -> Callable[[Run], float]:
    """The key that puts the highest first, and last what has no such figure."""

    def key(run: Run) -> float:
        value = getattr(run.summary, name).value if run.summary else None
        return float("inf") if value is None else -value

    return key


def _by_sum(name: str) -> Callable[[Run], float]:
    return lambda run: -getattr(run.summary, name) if run.summary else float("inf")


def _by_value(run: Run) -> tuple[bool, str, float]:
    """The highest first of each currency: amounts of several are not compared."""
    summary = run.summary
    return (True, "", 0.0) if summary is None else (False, summary.currency, -summary.revenue_usd)


ORDERS: dict[str, tuple[str, Callable[[Run], Any] | None]] = {
    "started": (tr("Newest first"), None),
    "name": (tr("Name"), lambda run: run.title.casefold()),
    "length": (tr("Longest first"), _by_sum("seconds")),
    "speed": (tr("Fastest first"), _by_figure("tokens_per_second")),
    "watts": (tr("Most watts first"), _by_figure("watts")),
    "efficiency": (tr("Most tok/J first"), _by_figure("tokens_per_joule")),
    "value": (tr("Most value first"), _by_value),
}
"""The orders of the list by the column that stands for each: in words, and the key. Runs come the newest first."""


def ordered(runs: Iterable[Run], order: str) -> list[Run]:
    """The runs in that order; equal ones stay the newest first."""
    key = ORDERS[order][1]
    return list(runs) if key is None else sorted(runs, key=key)
