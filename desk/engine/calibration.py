"""Calibration: for a short while each lane has the device to itself, so that its watts show alone.

The users go on asking meanwhile. First no lane steps, which shows what the device draws with the models in its memory,
then each lane that has requests steps alone.
"""

from collections import deque
from collections.abc import Collection

from desk.engine.lane import Lane, Tell
from desk.facts.happened import Calibrated, Calibrating

NOBODY = ""


class Solo:
    """Who may step: every lane, but during a calibration one alone, or none."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._ordered: float | None = None
        self._seconds = 0.0
        self._coming: deque[str] = deque()
        self._alone: str | None = None
        self._since = 0.0

    def order(self, seconds: float) -> None:
        """Calibrate with stretches of so many seconds, as soon as every lane has loaded; not twice at a time."""
        if self._alone is None:
            self._ordered = seconds

    @property
    def ends(self) -> float | None:
        """When the present stretch is over; `None` where no calibration is on."""
        return None if self._alone is None else self._since + self._seconds

    def may_step(self, lane: Lane) -> bool:
        return self._alone is None or self._alone == lane.tier.name

    def turn(self, lanes: Collection[Lane], t: float) -> None:
        """Begin what was ordered, or the next stretch where the present one is over."""
        if self.ends is None:
            if self._ordered is None or not lanes or any(lane.state == "loading" for lane in lanes):
                return
            self._seconds, self._ordered = self._ordered, None
            self._coming = deque([NOBODY, *(lane.tier.name for lane in lanes)])
        elif t < self.ends:
            return
        else:
            for lane in lanes:
                if not self.may_step(lane):
                    lane.skip(t - self._since)
        self._begin({lane.tier.name for lane in lanes if lane.active or lane.queue}, t)

    def skip(self, seconds: float) -> None:
        """A pause does not count as calibration."""
        self._since += seconds

    def _begin(self, asked: set[str], t: float) -> None:
        """Begin the next stretch that can teach anything, or let all lanes take turns again."""
        while self._coming:
            self._alone = self._coming.popleft()
            if self._alone == NOBODY or self._alone in asked:
                self._since = t
                self._tell(Calibrating(t=t, tier=self._alone, seconds=self._seconds))
                return
        self._alone = None
        self._tell(Calibrated(t=t))
