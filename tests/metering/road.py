"""A plant on the stand-in driver, followed as the panel follows it: every fact is folded as it comes."""

import dataclasses
import time

from scripted_plant import LIMITS, PATIENCE_S, script

from desk.facts.happened import RunStopped
from desk.facts.tiers import Tier
from desk.ledger.ledger import Ledger
from desk.plant.plant import Plant
from desk.plant.supervision import METER

UUID = "GPU-{:08x}-0000-4000-8000-000000000000"


def uuid(number):
    return UUID.format(0xA0000000 + number)


def device(number):
    return f"gpu-{0xA0000000 + number:08x}"


class Road:
    """`engine` is the number of the GPU that the scripted engine names as its own, `meter` overrides its limits.

    `careful=False` has every meter ask the driver, however the ones before it fared.
    """

    def __init__(self, standin, model, engine=0, careful=True, **meter):
        self.facts = []
        self.periods = []
        self.ledger = Ledger()
        self.lines = []
        engines = script(engine=f"on {uuid(engine)}")

        def argv(verb, *arguments):
            if verb != "meter":
                return engines(verb, *arguments)
            self.lines.append(arguments)
            return standin.command(*(arguments if careful else ()))

        limits = LIMITS | {"meter": dataclasses.replace(METER, **meter)}
        tiers = tuple(Tier(name=name, model=model, slots=1, users=1) for name in ("Free", "Ultra"))
        self.plant = Plant(tiers, argv=argv, limits=limits)
        self.plant.open()

    @property
    def standing(self):
        return self.ledger.standing

    def reading(self, number=0):
        return self.standing.readings[device(number)]

    def take(self):
        for fact in self.plant.drain():
            self.facts.append(fact)
            self.periods += self.ledger.post(fact)

    def until(self, condition, patience=PATIENCE_S):
        """Follow until the books fulfil a condition; gives the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < patience:
            self.take()
            if condition():
                return time.monotonic() - began
            time.sleep(0.01)
        raise AssertionError(f"not so in {patience} s; last facts: {self.facts[-6:]}")

    def until_state(self, state, number=0, patience=PATIENCE_S):
        return self.until(
            lambda: device(number) in self.standing.readings and self.reading(number).state == state, patience
        )

    def of(self, kind, **fields):
        return [f for f in self.facts if isinstance(f, kind) and all(getattr(f, k) == v for k, v in fields.items())]

    def run(self):
        """Begin a run, and follow it until energy counts in it."""
        self.plant.start()
        self.until(lambda: self.ledger.totals().joules)

    def stop(self):
        self.plant.stop()
        self.until(lambda: bool(self.of(RunStopped)))
