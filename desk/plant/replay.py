"""Replay: a recording told again, as a source of facts like the plant."""

import threading
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Literal

from desk import journal
from desk.facts.happened import AnyFact, now
from desk.facts.trouble import Trouble

BURST = 5000
"""Facts given at most by one `drain`, so that a jump across hours never holds up the screen for long."""


class Replay:
    """Gives the facts of a recording when their time has come, `speed` times as fast as they happened.

    Positions are seconds since the run started. Raises `Trouble` where the file is no recording. A jump backward
    begins again from the first line: `RunStarted` then comes once more, and a ledger starts afresh.
    """

    mode: Literal["replay"] = "replay"

    def __init__(self, path: Path, speed: float = 1.0, clock: Callable[[], float] = now) -> None:
        self.path = path
        self.duration: float | None = None
        """Seconds from the first fact to the last, once the file has been looked through."""
        self._clock = clock
        self._speed = speed
        self._playing = False
        self._position = 0.0
        self._since = clock()
        self._told = 0.0
        self._facts: Iterator[AnyFact] = iter(journal.read(path))
        first = next(self._facts, None)
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
        if self._told > seconds:
            self._rewind()
        self._settle(max(0.0, seconds))

    def drain(self) -> list[AnyFact]:
        """The facts whose time has come since the last call, in the order of the file."""
        position = self.position
        facts: list[AnyFact] = []
        while self._next is not None and self._next.t - self._origin <= position and len(facts) < BURST:
            self._told = max(self._told, self._next.t - self._origin)
            facts.append(self._next)
            self._next = next(self._facts, None)
        if self._next is None and self._playing:
            self._settle(self._told)
            self._playing = False
        return facts

    def close(self) -> None:
        """Let go of the file; nothing more is told."""
        self._facts, self._next = iter(()), None

    def _settle(self, position: float) -> None:
        """Let time count from here."""
        self._position = position
        self._since = self._clock()

    def _rewind(self) -> None:
        self._facts = iter(journal.read(self.path))
        self._next = next(self._facts, None)
        self._told = 0.0

    def _measure(self) -> None:
        last = self._origin
        try:
            for fact in journal.read(self.path):
                last = max(last, fact.t)
        except (OSError, Trouble):
            return  # the file changed under us; whoever reads on is told
        self.duration = last - self._origin
