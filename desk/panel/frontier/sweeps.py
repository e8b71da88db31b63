"""The sweeps of this machine, from its folder of recordings, and the one that ships; folded a little at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from desk import journal
from desk.board import SHORTEST_S, Floats
from desk.facts.figures import INSTRUMENTS
from desk.facts.happened import RunStarted
from desk.facts.places import shipped
from desk.facts.plans import LANE
from desk.facts.swept import SweepStarted
from desk.facts.trouble import Trouble
from desk.frontier.points import HEAD, Missed, Point, Survey, setting
from desk.ledger.ledger import Ledger
from desk.ledger.period import PERIOD_S, Period
from desk.panel.bars import PROVENANCES
from desk.runs.store import Runs

SHIPPED = shipped("assets", "recordings", "frontier-cpu.jsonl.gz")
"""A real sweep that comes with the program, of another machine."""

MOST = 6
"""So many sweeps are offered, the newest first, beside the one that ships."""

AT_ONCE = 400
"""Facts that are folded between two moments at which the work can be given up."""

Course = tuple[Floats, Floats]
"""Seconds since a window began, and tokens/s over the two seconds before, NaN where they are not whole."""


@dataclass(frozen=True, slots=True)
class Source:
    """The recordings of one sweep, oldest first, and when it began (Unix time)."""

    sweep: str
    paths: tuple[Path, ...]
    wall: float
    foreign: bool = False

    @property
    def stamp(self) -> tuple[object, ...]:
        """Changes when there is more to read."""
        return tuple((path, path.stat().st_size if path.is_file() else 0) for path in self.paths)


@dataclass(frozen=True, slots=True)
class Found:
    """A sweep that has been read. `courses` are the windows of each point over time, by its setting."""

    source: Source
    points: tuple[Point, ...] = ()
    missed: tuple[Missed, ...] = ()
    courses: dict[tuple, tuple[Course, ...]] = field(default_factory=dict)
    device: str = ""

    @property
    def meters(self) -> str:
        """What the watts come from, in words; empty where there are none."""
        known = {(point.source, point.quality) for point in self.points if point.source != "none"}
        return ", ".join(sorted(f"{INSTRUMENTS[source]} ({PROVENANCES[quality]})" for source, quality in known))

    def course_of(self, point: Point) -> tuple[Course, ...]:
        return self.courses.get(setting(point.tier), ())


def sources(runs: Runs, beside: Path | None = None) -> Iterator[Source | None]:
    """The sweeps of a folder, the newest first, then the one that ships and that of the recording `beside`, where they
    are others; `None` at each look at a run."""
    grouped: dict[str, list[tuple[float, Path]]] = {}
    for run in runs.all():
        if run.trouble:
            continue
        if (told := _head(run.path)) is not None:
            started, sweep = told
            grouped.setdefault(sweep.sweep, []).append((started.wall, run.path))
            if len(grouped) > MOST:
                del grouped[sweep.sweep]
                break
        yield None
    for sweep, found in grouped.items():
        found.sort()
        yield Source(sweep, tuple(path for _, path in found), found[0][0])
    for path in (SHIPPED, *([beside] if beside else [])):
        if path.is_file() and (told := _head(path)) is not None and told[1].sweep not in grouped:
            grouped[told[1].sweep] = []
            yield Source(told[1].sweep, (path,), told[0].wall, foreign=path == SHIPPED)


def sweep_of(recording: Path) -> str | None:
    """The sweep that a recording is of, `None` where it is of a run."""
    told = _head(recording)
    return None if told is None else told[1].sweep


def _head(path: Path) -> tuple[RunStarted, SweepStarted] | None:
    """How a recording began, where it is one of a sweep."""
    try:
        facts = journal.read(path)
        started = next(iter(facts), None)
        if not isinstance(started, RunStarted) or started.preset != "sweep":
            return None
        sweep = next((fact for fact in islice(facts, HEAD) if isinstance(fact, SweepStarted)), None)
    except Trouble:
        return None
    return None if sweep is None else (started, sweep)


def read(source: Source) -> Iterator[Found | None]:
    """Fold a sweep; gives it at the end, and `None` on the way so that the work can be given up."""
    survey, courses, device = Survey(), {}, ""
    for path in source.paths:
        ledger, periods = Ledger(), []
        known = {id(window) for point in survey.points() for window in point.windows}
        for number, fact in enumerate(journal.read(path)):
            closed = list(ledger.post(fact))
            survey.see(fact, closed, ledger)
            periods += closed
            if number % AT_ONCE == 0:
                yield None
        opened = ledger.standing.engine
        device = opened.device if opened is not None and opened.device else device
        for point in survey.points():
            for window in point.windows:
                if id(window) not in known:
                    inside = [each for each in periods if window.start <= each.start and each.end <= window.end]
                    courses.setdefault(setting(point.tier), []).append(_course(inside, window.start))
    made = {key: tuple(each) for key, each in courses.items()}
    yield Found(source, survey.points(), tuple(survey.missed), made, device)


def _course(periods: list[Period], start: float) -> Course:
    """Tokens/s of the lane over so many periods at a time as make the shortest window of a figure."""
    count = round(SHORTEST_S / PERIOD_S)
    tokens = np.array([each.tiers[LANE].emitted if LANE in each.tiers else 0 for each in periods], dtype=float)
    worked = np.array([each.worked for each in periods], dtype=float)
    ends = np.array([each.end - start for each in periods], dtype=float)
    if len(periods) < count:
        return np.empty(0), np.empty(0)
    over = np.convolve(tokens, np.ones(count), "valid")
    under = np.convolve(worked, np.ones(count), "valid")
    return ends[count - 1 :], np.divide(over, under, out=np.full_like(over, np.nan), where=under > 0)
