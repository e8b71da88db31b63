"""How far the children have come that a period waits for."""

from math import inf

from desk.facts.happened import Child

LONGEST_SILENCE_S = 600.0
"""After so long without a single fact the meantime counts as not recorded, and is passed over in one step.

No run is that silent by itself: both children beat ten times a second, also paused and idle, and what hangs or dies is
replaced, which is told. So nobody was there to record: the whole factory was stopped, or the machine slept under a
clock that goes on meanwhile (that of Linux stands still, so its recordings show no gap at all), or the stamp is wrong.
A part of a recording that is missing ends it and leaves no silence. What the counter of energy says of that time is
left out with its seconds: no rate of the run is diluted by it, and no half-seconds are settled of days.
"""


class Hearing:
    """The children that are waited for, from their first beat on: one that is stale, loading or gone holds up nothing.

    Moments are seconds since the run started.
    """

    def __init__(self) -> None:
        self._heard: dict[Child, float] = {}
        self._silenced: set[Child] = set()

    def hear(self, child: Child, moment: float) -> None:
        """A beat: all that the child did up to `moment` is told."""
        if child not in self._silenced and moment > self._heard.get(child, -inf):
            self._heard[child] = moment

    def start(self, child: Child) -> None:
        """A new process: opening a driver or a runtime takes seconds, so it is waited for from its first beat on."""
        self._heard.pop(child, None)
        self._silenced.discard(child)

    def silence(self, child: Child) -> None:
        """It is stale or gone: nobody waits for it until it answers or is started again, whatever still comes."""
        self._heard.pop(child, None)
        self._silenced.add(child)

    def answer(self, child: Child) -> None:
        """It is waited for again, from its next beat on."""
        self._silenced.discard(child)

    def excuse(self, child: Child) -> None:
        """Nobody waits for it until its next beat."""
        self._heard.pop(child, None)

    def excuse_all(self) -> None:
        """Nobody waits for anybody until the next beat of each."""
        self._heard.clear()

    def waits_for(self, child: Child) -> bool:
        return child in self._heard

    def of(self, child: Child) -> float:
        """How far a child has come; before all times where it is not waited for."""
        return self._heard.get(child, -inf)

    def all_past(self, moment: float) -> bool:
        """Whether every child that is waited for has come so far."""
        return min(self._heard.values(), default=moment) >= moment
