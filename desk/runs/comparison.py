"""Up to four runs beside each other: differences with their spread, and no word of faster where that is not known."""

from collections.abc import Sequence

import msgspec

from desk.facts.trouble import Trouble
from desk.runs.summary import FEWEST_WINDOWS, WINDOW_S, Figure, Summary

MOST = 4

FIGURES = (
    ("tokens_per_second", "tok/s", "faster", "slower"),
    ("watts", "W", "draws more", "draws less"),
    ("tokens_per_joule", "tok/J", "more efficient", "less efficient"),
)
"""The figures with a spread: name, unit, and what more and less of it are called."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of one run against that of the first.

    `ratio` is this over the first, less one; `low` and `high` are its ends by the spread of both, `None` where one has
    none. `claim` is what may be said, empty where nothing may; `doubts` says why, a sentence each.
    """

    figure: str
    unit: str
    run: str
    first: Figure
    this: Figure
    ratio: float | None
    low: float | None
    high: float | None
    claim: str
    doubts: tuple[str, ...]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The runs in the order given; `unlike` says in what they differ that makes them no measurements of one thing, and
    `no_money` why their money is not compared, empty where it may be."""

    runs: tuple[Summary, ...]
    unlike: tuple[str, ...]
    differences: tuple[Difference, ...]
    no_money: str = ""

    @property
    def comparable(self) -> bool:
        return not self.unlike


def compare(runs: Sequence[Summary]) -> Comparison:
    """The runs against the first of them. Raises `Trouble` unless there are two to four."""
    if not 2 <= len(runs) <= MOST:
        raise Trouble(f"{len(runs)} run{'' if len(runs) == 1 else 's'} cannot be compared.", f"Name 2 to {MOST}.")
    first, *others = runs
    different = [reason for other in others for reason in unlike(first, other)]
    differences = [
        _difference(first, other, figure, unit, words) for other in others for figure, unit, *words in FIGURES
    ]
    return Comparison(
        runs=tuple(runs),
        unlike=tuple(dict.fromkeys(different)),
        differences=tuple(differences),
        no_money=no_money(runs),
    )


def unlike(first: Summary, other: Summary) -> tuple[str, ...]:
    """In what two runs differ so that one cannot be called faster, a sentence each; hardware is what may differ."""
    checks = (
        (first.scenario != other.scenario, f"The scenarios differ: {first.scenario} and {other.scenario}."),
        (first.seed != other.seed, f"The seeds differ: {first.seed} and {other.seed}."),
        (first.models != other.models, f"The models differ: {_list(first.models)} and {_list(other.models)}."),
        (first.recipe != other.recipe, "What was asked of the tiers differs: users, shares, contexts, slots or load."),
    )
    return tuple(reason for differs, reason in checks if differs)


def no_money(runs: Sequence[Summary]) -> str:
    """Why the money of these runs cannot be compared; empty where it can."""
    found = tuple(dict.fromkeys(run.currency for run in runs))
    if len(found) < 2:
        return ""
    return f"The prices are in {', '.join(found[:-1])} and {found[-1]}, so money is not compared."


def _difference(first: Summary, other: Summary, name: str, unit: str, words: Sequence[str]) -> Difference:
    one: Figure = getattr(first, name)
    two: Figure = getattr(other, name)
    more, less = words
    doubts = list(unlike(first, other))
    ratio = two.value / one.value - 1 if one.value and two.value is not None else None
    low = high = None
    if ratio is None:
        doubts.append(f"One of the runs has no {unit}.")
    elif one.low is None or one.high is None or two.low is None or two.high is None or one.low <= 0.0:
        doubts.append(f"One of the runs is too short to show a spread: it takes {FEWEST_WINDOWS * WINDOW_S:g} s.")
    else:
        low, high = two.low / one.high - 1, two.high / one.low - 1
        if low <= 0.0 <= high:
            doubts.append("Their spreads overlap.")
    if name != "tokens_per_second" and (first.source, first.quality) != (other.source, other.quality):
        doubts.append("Their watts come from different sources.")
    claim = "" if doubts or ratio is None else (more if ratio > 0 else less)
    return Difference(
        figure=name,
        unit=unit,
        run=other.run,
        first=one,
        this=two,
        ratio=ratio,
        low=low,
        high=high,
        claim=claim,
        doubts=tuple(doubts),
    )


def _list(names: Sequence[str]) -> str:
    return " + ".join(names) or "none"
