"""What the lanes of this process have loaded: held while a run is on, and what it took kept for the next estimate."""

import contextlib
from pathlib import Path

from desk.facts.happened import AnyFact, LaneReady
from desk.facts.trouble import Trouble
from desk.models import claims
from desk.models.fit import remember
from desk.models.store import located


class Loads:
    """Hears the facts of the engine; a model that a lane has loaded is not removed until `release`."""

    def __init__(self) -> None:
        self._held: dict[str, Path] = {}

    def hear(self, fact: AnyFact) -> None:
        """Take note of a lane that is ready."""
        if not isinstance(fact, LaneReady):
            return
        remember(fact)
        # A manifest may add words to the name of its precision.
        with contextlib.suppress(Trouble, OSError):
            self._held[fact.tier] = located(fact.model, fact.precision.partition(",")[0], fact.provider)
            claims.hold(self._held.values())

    def release(self) -> None:
        """The run is over."""
        self._held.clear()
        with contextlib.suppress(OSError):
            claims.release()
