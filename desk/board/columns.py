"""The numbers of a board: running sums of every period that is kept, by row, column and place."""

import numpy as np
from numpy.typing import NDArray

from desk.board.increments import AT, COLUMNS, Floats, packed, unpacked
from desk.ledger.period import Period

Places = NDArray[np.int64]

FIRST_PLACES = 256
MOST_WAITING = 512
"""Periods that wait to be summed up: half a megabyte of five tiers."""


class Columns:
    """Row x column x place, the first place holding the sums before the first period; row 0 is the factory's.

    What is appended is summed up when somebody looks, so that many periods cost little more than one. Who looks and
    when changes no bit: each sum is the one before it plus what the period brought.
    """

    def __init__(self, capacity: int, end: float = 0.0, dropped: int = 0) -> None:
        """`capacity` periods are kept at least; `dropped` have come before those that `end` is the end of."""
        self.rows: dict[str | None, int] = {None: 0}
        self._tiers: list[str] = []
        self._capacity = capacity
        self._dropped = dropped
        self._sums = np.zeros((1, len(COLUMNS), FIRST_PLACES))
        self._sums[:, AT["end"], 0] = end
        self._newest = self._known = 0
        self._fresh: list[bytes] = []
        """Periods that were appended and are not summed up yet."""

    @property
    def told(self) -> int:
        """How many periods have been taken in."""
        return self._dropped + self._newest + len(self._fresh)

    def number(self, place: int) -> int:
        """Which of all periods that were taken in the one of a place is, counted from 1."""
        return self._dropped + place

    @property
    def places(self) -> int:
        """So many places there are at most."""
        return max(FIRST_PLACES, self._capacity * 5 // 4 + 1)

    @property
    def newest(self) -> int:
        """The place of the newest period."""
        self._sum_up()
        return self._newest

    @property
    def behind(self) -> bool:
        """Whether periods follow that were appended before it was sent back."""
        return self._newest < self._known

    @property
    def sent_back(self) -> bool:
        """Whether it was sent back to before the first of the periods that it knows."""
        return self._newest == 0 < self._known

    def sums(self, row: int) -> Floats:
        """One row: column x place. What lies beyond the newest place means nothing."""
        self._sum_up()
        return self._sums[row]

    def open(self, tier: str) -> None:
        """A tier that was not there before; all its sums so far are nothing."""
        self._sum_up()
        self.rows[tier] = len(self.rows)
        self._tiers.append(tier)
        self._sums = np.concatenate([self._sums, np.zeros((1, *self._sums.shape[1:]))])

    def append(self, period: Period) -> None:
        """The next period, each of whose tiers has a row."""
        self._fresh.append(packed(period, self._tiers))
        if len(self._fresh) >= MOST_WAITING:
            self._sum_up()

    def again(self) -> None:
        """The next period, which is known."""
        self._newest += 1

    def go(self, told: int) -> bool:
        """Go back to where so many periods had been taken in; whether that place is still, or already, kept."""
        self._sum_up()
        place = told - self._dropped
        if not 0 <= place <= self._known:
            return False
        self._newest = place
        return True

    def _sum_up(self) -> None:
        if not self._fresh:
            return
        fresh = unpacked(self._fresh, len(self.rows) - 1)
        self._fresh.clear()
        while len(fresh):
            room = self._sums.shape[2] - 1 - self._newest
            if not room:
                self._make_room()
                continue
            part, fresh = fresh[:room], fresh[room:]
            grown = np.concatenate([self._sums[None, :, :, self._newest], part])
            ends = grown[1:, :, AT["end"]].copy()
            np.add.accumulate(grown, axis=0, out=grown)  # one after the other, as if each had come alone
            grown[1:, :, AT["end"]] = ends
            self._sums[:, :, self._newest + 1 : self._newest + 1 + len(part)] = grown[1:].transpose(1, 2, 0)
            self._newest += len(part)
        self._known = self._newest

    def _make_room(self) -> None:
        """Grow with the run; a quarter beyond the capacity, drop what is older."""
        places = self._sums.shape[2]
        if places < self.places - 1:
            more = min(2 * places, self.places)
            self._sums = np.concatenate([self._sums, np.zeros((*self._sums.shape[:2], more - places))], axis=2)
        else:
            kept = self._capacity
            self._sums[:, :, :kept] = self._sums[:, :, places - kept :]
            self._dropped += places - kept
            self._newest = kept - 1
