"""The course of a run, read from its recording: its figures over time, and what happened to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from desk import journal
from desk.board import Board, Floats
from desk.facts.happened import AnyFact
from desk.ledger.ledger import Ledger
from desk.ledger.period import Event
from desk.runs.comparison import FIGURES, Comparison, compare
from desk.runs.summary import summary_of

SMOOTH_S = 10.0
"""Each point of a course is a mean over so long, like the windows that a run's spread is taken from."""

POINT_S = 2.0
STRETCH_S = 1800.0
"""A board keeps an hour: of a longer run, the course is taken from it in stretches of this length."""

TURN = 100
"""After so many facts, whoever else has something to do gets a turn."""

KEPT_EVENTS = 400
"""No run can be read that tells of more; what is over is counted."""


@dataclass(frozen=True)
class Story:
    """`courses` holds for each figure seconds since the start and values, NaN in gaps; `left_out` counts events."""

    name: str
    seconds: float
    courses: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    left_out: int = 0


@dataclass(frozen=True)
class Compared:
    """Runs beside each other: what was found, the story of each in the same order, and the figure that is looked at."""

    found: Comparison
    stories: tuple[Story, ...]
    figure: str = "tokens_per_second"


def told(name: str, facts: Iterable[AnyFact]) -> Iterator[Story | None]:
    """Fold the facts of a run; gives `None` time and again so that others have their turn, and at the end its story."""
    ledger, board = Ledger(), Board()
    pieces: list[dict[str, tuple[Floats, Floats]]] = []
    events: list[Event] = []
    taken = 0.0
    for count, fact in enumerate(facts):
        for period in ledger.post(fact):
            board.add(period)
            events += period.events
            if board.end - taken >= STRETCH_S:
                pieces.append(_piece(board, taken))
                taken = board.end
        if count % TURN == 0:
            yield None
    pieces.append(_piece(board, taken))
    courses = {name: _joined([piece[name] for piece in pieces]) for name, *_ in FIGURES}
    events = [event for event in events if event.kind != "child"]
    yield Story(name, board.end, courses, tuple(events[:KEPT_EVENTS]), max(0, len(events) - KEPT_EVENTS))


def compared(recordings: Sequence[Path]) -> Compared:
    """Read two to four recordings to their ends; raises `Trouble` for another number, and for what cannot be read."""
    found = compare([summary_of(recording) for recording in recordings])
    stories = [_last(told(recording.name, journal.read(recording))) for recording in recordings]
    return Compared(found, tuple(stories))


def _last(telling: Iterator[Story | None]) -> Story:
    return next(story for story in telling if story is not None)


def _piece(board: Board, since: float) -> dict[str, tuple[Floats, Floats]]:
    """The courses from a moment to the end of the board."""
    span = board.end - since
    points = max(1, round(span / POINT_S))
    taken = {name: board.curve(name, None, span, points, SMOOTH_S) for name, *_ in FIGURES}
    return {name: (x + board.end, y) for name, (x, y) in taken.items()}


def thinned(x: Floats, y: Floats, columns: int) -> tuple[Floats, Floats]:
    """The curve; of one with many more points than pixel columns, the lowest and the highest of each column."""
    if len(x) <= 4 * columns:
        return x, y
    parts = np.array_split(np.arange(len(x)), max(1, columns))
    kept = np.concatenate([_extremes(part, y) for part in parts])
    return x[kept], y[kept]


def _extremes(part: np.ndarray, y: Floats) -> np.ndarray:
    known = part[np.isfinite(y[part])]
    if not len(known):
        return part[:1]
    return np.unique([known[np.argmin(y[known])], known[np.argmax(y[known])]])


def _joined(pieces: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([x for x, _ in pieces]), np.concatenate([y for _, y in pieces])
