"""The course of a run, read from its recording: its figures over time, and what happened to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from desk import journal
from desk.board import Board, Floats
from desk.ledger.ledger import Ledger
from desk.ledger.period import Event
from desk.runs.comparison import FIGURES
from desk.runs.store import Run

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


def told(run: Run) -> Iterator[Story | None]:
    """Read a run; gives `None` time and again so that others have their turn, and at the end its story.

    Raises `Trouble` where the recording cannot be read.
    """
    ledger, board = Ledger(), Board()
    pieces: list[dict[str, tuple[Floats, Floats]]] = []
    events: list[Event] = []
    taken = 0.0
    for count, fact in enumerate(journal.read(run.path)):
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
    yield Story(run.name, board.end, courses, tuple(events[:KEPT_EVENTS]), max(0, len(events) - KEPT_EVENTS))


def _piece(board: Board, since: float) -> dict[str, tuple[Floats, Floats]]:
    """The courses from a moment to the end of the board."""
    span = board.end - since
    points = max(1, round(span / POINT_S))
    taken = {name: board.curve(name, None, span, points, SMOOTH_S) for name, *_ in FIGURES}
    return {name: (x + board.end, y) for name, (x, y) in taken.items()}


def _joined(pieces: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([x for x, _ in pieces]), np.concatenate([y for _, y in pieces])
