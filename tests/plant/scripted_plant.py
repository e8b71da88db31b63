"""Plants with scripted children: real processes, real pipes, and limits short enough for a test."""

import dataclasses
import sys
import time
from pathlib import Path

from desk.plant.supervision import ENGINE, METER, WORKER

SCRIPT = Path(__file__).with_name("scripted_child.py")
QUICK = {"ask": 1.0, "terminate": 0.2, "kill": 0.5, "backoff": (0.02,), "failures": 3}
LIMITS = {
    "engine": dataclasses.replace(ENGINE, silent=0.8, opening=10.0, **QUICK),
    "meter": dataclasses.replace(METER, silent=0.8, opening=10.0, **QUICK),
    "worker": dataclasses.replace(WORKER, **QUICK),
}
PATIENCE_S = 15.0
"""Far more than anything here takes; a test that needs it has failed."""


def script(**behaviours):
    """Command lines of scripted children: `script(engine="crashes")`."""

    def argv(verb, *arguments):
        return [sys.executable, str(SCRIPT), behaviours.get(verb, "behaves"), verb, *arguments]

    return argv


class Watched:
    """A plant, and every fact it gave so far."""

    def __init__(self, plant):
        self.plant = plant
        self.facts = []
        self._seen = 0

    def until(self, condition, patience=PATIENCE_S):
        """Drain until a fact that was not yet looked at meets the condition; gives that fact."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self.facts += self.plant.drain()
            for fact in self.facts[self._seen :]:
                self._seen += 1
                if condition(fact):
                    return fact
            time.sleep(0.005)
        raise AssertionError(f"not seen in {patience} s; last facts: {self.facts[-5:]}")

    def until_kind(self, kind, **fields):
        return self.until(lambda fact: isinstance(fact, kind) and all(getattr(fact, k) == v for k, v in fields.items()))

    def of(self, kind, **fields):
        self.facts += self.plant.drain()
        return [f for f in self.facts if isinstance(f, kind) and all(getattr(f, k) == v for k, v in fields.items())]
