"""Replay: a recording told again, as a source of facts like the plant."""

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from math import floor, inf
from pathlib import Path
from typing import Any, Literal

from desk import journal
from desk.facts.alarmed import AlarmCleared, AlarmRaised
from desk.facts.happened import (
    AnyFact,
    Calibrated,
    Calibrating,
    ChildGivenUp,
    LaneFailed,
    LoadChanged,
    Noted,
    Paused,
    Resumed,
    RunStopped,
    TariffChanged,
    TierChanged,
    Troubled,
    Unrecorded,
    now,
)
from desk.facts.trouble import Trouble
from desk.ledger.period import PERIOD_S

BURST = 5000
"""Facts given at most by one `drain`, so that a jump across hours never holds up the screen for long."""

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""How fast a recording is offered to be told; `inf` tells everything at once."""

MARK_S = 15.0
"""A mark is wanted for every so many seconds told ..."""
MARKS = 720
"""... as long as there are no more of them than this: of three hours. Beyond it every other one goes."""

LEAD_S = 30.0
"""A jump goes to a mark at least so long before where it is to end: percentiles look back so far."""

EVENTS = (
    *(AlarmCleared, AlarmRaised, Calibrated, Calibrating, ChildGivenUp, LaneFailed, LoadChanged, Noted, Paused),
    *(Resumed, RunStopped, TariffChanged, TierChanged, Troubled, Unrecorded),
)
"""What a step to the next event stops at."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A moment in seconds since the run started, the state of whoever folds, the next fact, and the place behind it."""

    at: float
    state: Any
    following: AnyFact
    place: journal.Place


class Replay:
    """Gives the facts of a recording when their time has come, `speed` times as fast as they happened.

    Positions are seconds since the run started. Raises `Trouble` where the file is no recording. A jump backward
    begins again from the first line: `RunStarted` then comes once more, and a ledger starts afresh.

    Whoever folds the facts can spare both the long way: when `mark_due`, having folded all that was given, it hands its
    state to `keep`. A jump then goes from the mark before its end, and `restored` gives the state that belongs to the
    facts that come next.
    """

    mode: Literal["replay"] = "replay"

    def __init__(self, path: Path, speed: float = 1.0, clock: Callable[[], float] = now) -> None:
        self.path = path
        self.duration: float | None = None
        """Seconds from the first fact to the last, once the file has been looked through."""
        self.loop: tuple[float, float] | None = None
        """Begins again at the first of these moments when it has played up to the second; `inf` is the end."""
        self.lead_s = LEAD_S
        """How long before its end a jump starts from a mark: what a view of the past needs to fill."""
        self._clock = clock
        self._speed = speed
        self._playing = False
        self._position = 0.0
        self._since = clock()
        self._told = 0.0
        self._marks: list[_Mark] = []
        self._spacing = MARK_S
        self._restored: _Mark | None = None
        self._begun = False
        self._facts = journal.read(path)
        self._telling = iter(self._facts)
        first = next(self._telling, None)
        if first is None:
            raise Trouble(f"The recording {path} is empty.", "Choose another recording.")
        self._next: AnyFact | None = first
        self._origin = first.t
        threading.Thread(target=self._measure, name="duration", daemon=True).start()

    @property
    def position(self) -> float:
        """Where the replay stands, in seconds."""
        if not self._playing:
            return self._position
        if self._speed == inf:
            return inf
        return self._position + (self._clock() - self._since) * self._speed

    @property
    def playing(self) -> bool:
        return self._playing

    @property
    def ended(self) -> bool:
        """Whether every fact has been given."""
        return self._next is None

    @property
    def speed(self) -> float:
        """Seconds of the recording told in one second; infinite tells everything at once."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._settle(min(self.position, self._told) if self._speed == inf else self.position)
        self._speed = speed

    def play(self) -> None:
        """Go on from where it stands, from the beginning where all has been told."""
        if self.ended:
            self.seek(0.0)
        self._settle(self.position)
        self._playing = True

    def hold(self) -> None:
        """Stand still."""
        self._settle(min(self.position, self._told) if self._speed == inf else self.position)
        self._playing = False

    def seek(self, seconds: float) -> None:
        """Jump; the facts up to there come with the next calls of `drain`."""
        seconds = max(0.0, seconds)
        place = bisect_right(self._marks, max(0.0, seconds - self.lead_s), key=lambda mark: mark.at)
        mark = self._marks[place - 1] if place else None
        if mark is not None and (self._told > seconds or self._told < mark.at):
            self._return_to(mark)
        elif self._told > seconds:
            self._rewind()
        self._settle(seconds)

    def step(self, to: Literal["period", "event"] = "period") -> None:
        """Stand still at the end of the next half-second, or where the next event happened (else at the end)."""
        self.hold()
        if to == "period":
            self.seek((floor(self.position / PERIOD_S + 1e-9) + 1) * PERIOD_S)
            return
        if self._next is None:
            return
        ahead, at = journal.read(self.path), self.position
        ahead.go(self._facts.place())
        for fact in chain([self._next], ahead):
            moment = fact.t - self._origin
            at = max(at, moment)
            if isinstance(fact, EVENTS) and moment > self.position:
                at = moment
                break
        ahead.close()
        self.seek(at)

    def drain(self, most: int = BURST) -> list[AnyFact]:
        """The facts whose time has come since the last call, in the order of the file; at most so many of them."""
        if self._playing and self.loop is not None and (self.position >= self.loop[1] or self.ended):
            self.seek(self.loop[0])
        position, origin, telling = self.position, self._origin, self._telling
        following, told = self._next, self._told
        facts: list[AnyFact] = []
        while following is not None and (moment := following.t - origin) <= position and len(facts) < most:
            if moment > told:
                told = moment
            facts.append(following)
            following = next(telling, None)
        self._next, self._told, self._begun = following, told, self._begun or bool(facts)
        if self._next is None and self._playing and self.loop is None:
            self._settle(self._told)
            self._playing = False
        return facts

    # ---- marks

    @property
    def mark_due(self) -> bool:
        """Whether the state after the facts given so far is worth keeping; that before the first of them is."""
        if not self._marks and not self._begun:
            return True
        return self._told >= (self._marks[-1].at if self._marks else 0.0) + self._spacing

    def keep(self, state: Any) -> None:
        """Keep the state of who has folded all facts given so far, and nothing more."""
        if self._next is None:
            return
        self._marks.append(_Mark(self._told, state, self._next, self._facts.place()))
        if len(self._marks) > MARKS:
            self._marks = self._marks[::2]
            self._spacing *= 2

    def restored(self) -> Any:
        """The state to fold on from after a jump, once; `None` where the facts go on, or begin with `RunStarted`."""
        mark, self._restored = self._restored, None
        return None if mark is None else mark.state

    def close(self) -> None:
        """Let go of the file; nothing more is told."""
        self._facts.close()
        self._next = None

    def _settle(self, position: float) -> None:
        """Let time count from here."""
        self._position = position
        self._since = self._clock()

    def _return_to(self, mark: _Mark) -> None:
        self._facts.go(mark.place)
        self._telling = iter(self._facts)  # one that has come to the end has ended
        self._next, self._told = mark.following, mark.at
        self._restored = mark

    def _rewind(self) -> None:
        self._facts.close()
        self._facts = journal.read(self.path)
        self._telling = iter(self._facts)
        self._next = next(self._telling, None)
        self._told = 0.0
        self._restored = None

    def _measure(self) -> None:
        try:
            self.duration = journal.read(self.path).last() - self._origin
        except Trouble:
            return  # the file changed under us; whoever reads on is told
