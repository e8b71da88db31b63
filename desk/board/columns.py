"""The numbers of a board: running sums of every period that is kept, by row, column and place."""

from collections.abc import Sequence
from struct import Struct

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

COLUMNS = (
    *("end", "worked", "covered", "edges"),
    *("busy", "prefill", "emitted", "metered", "revenue", "on_time_revenue", "on_time_tokens", "finished_tokens"),
    *("queue", "slots_used"),
    *("joules", "active", "standby", "other", "energy_cost", "priced_s", "priced_tokens"),
    *("utilization", "utilizations", "memory", "memories", "celsius", "temperatures", "limit", "limits"),
)
"""`end` is a moment, and no sum; the last eight are of devices, and grow in the row of the factory alone."""

AT = {name: column for column, name in enumerate(COLUMNS)}

FIRST_PLACES = 256
MOST_WAITING = 512
"""Periods that wait to be summed up: two megabytes of five tiers."""


class Columns:
    """Row x column x place, the first place holding the sums before the first period; row 0 is the factory's.

    What is appended is summed up when somebody looks, so that many periods cost little more than one. Who looks and
    when changes no bit: each sum is the one before it plus what the period brought.
    """

    def __init__(self, capacity: int, end: float = 0.0, dropped: int = 0) -> None:
        """`capacity` periods are kept at least; `dropped` have come before those that `end` is the end of."""
        self.rows: dict[str | None, int] = {None: 0}
        self._capacity = capacity
        self._dropped = dropped
        self._sums = np.zeros((1, len(COLUMNS), FIRST_PLACES))
        self._sums[:, AT["end"], 0] = end
        self._newest = self._known = 0
        self._fresh: list[bytes] = []
        """Appended and not summed up yet: what the columns of each row grow by, row after row, period after period."""

    @property
    def told(self) -> int:
        """How many periods have been taken in."""
        return self._dropped + self._newest + len(self._fresh) // len(self.rows)

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
        self._sums = np.concatenate([self._sums, np.zeros((1, *self._sums.shape[1:]))])

    def append(self, increments: Sequence[Sequence[float] | None]) -> None:
        """What each row grows by, in the order of the columns, with the period's end in place of the first.

        A row without anything is `None`.
        """
        self._fresh += [_NOTHING if row is None else _packed(*row) for row in increments]
        if len(self._fresh) >= MOST_WAITING * len(self.rows):
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
        fresh = np.frombuffer(b"".join(self._fresh)).reshape(-1, len(self.rows), len(COLUMNS))
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


_packed = Struct(f"{len(COLUMNS)}d").pack  # several times as fast as any way that numpy knows from tuples
_NOTHING = bytes(8 * len(COLUMNS))
