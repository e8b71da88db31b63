"""Whether a mix keeps what it promises: the factory is run with it, and its revenue is held against the prediction."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from desk.facts.happened import ChildGivenUp, LaneFailed, RunStopped
from desk.facts.tiers import Provider, Tier
from desk.facts.trouble import Trouble
from desk.frontier.mix import Mix, change
from desk.ledger.ledger import Ledger
from desk.ledger.period import Totals
from desk.plant.plant import Plant

TARGET = 0.10
"""The prediction is meant to be right within this on a machine that does nothing else."""

BEAT_S = 0.1
WARMUP_S = 5.0
PATIENCE_S = 300.0
"""Loading and warming up never take longer than this beyond the seconds to measure."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Dollars/s as predicted and as measured over `seconds`, and tokens/s by tier in the same order."""

    predicted: float
    measured: float
    seconds: float
    rates: dict[str, tuple[float, float]]

    @property
    def error(self) -> float | None:
        """How far the measured revenue is from the prediction, as a part of it."""
        return self.measured / self.predicted - 1.0 if self.predicted > 0.0 else None


def check(mix: Mix, tiers: Iterable[Tier], seconds: float, provider: Provider = "auto") -> Checked:
    """Run the tiers that a mix serves with its shares and slots for so long, and compare. Raises `Trouble`."""
    tiers = tuple(tiers)
    changed = {tier.name: tier for tier in change(mix, tiers).after}
    served = [changed.get(tier.name, tier) for tier in tiers if tier.name in mix.parts]
    if not served:
        raise Trouble("The mix serves no tier.", "Lower the promises, or sweep more points.")
    totals = _run(Plant(served, preset="prediction", provider=provider, warmup_s=WARMUP_S), seconds)
    if not totals.seconds:
        raise Trouble("The factory made no tokens in time.", "Try desk run to see why.")
    rates = {name: (part.rate, totals.tokens_per_second(name) or 0.0) for name, part in mix.parts.items()}
    return Checked(mix.revenue, totals.revenue / totals.seconds, totals.seconds, rates)


def _run(plant: Plant, seconds: float) -> Totals:
    """The accounts of so many seconds after the warm-up."""
    ledger = Ledger()
    deadline = time.monotonic() + PATIENCE_S + seconds
    with plant:
        plant.start()
        while time.monotonic() < deadline and (ledger.totals().seconds or 0.0) < seconds:
            time.sleep(BEAT_S)
            for fact in plant.drain():
                ledger.post(fact)
                if isinstance(fact, LaneFailed | ChildGivenUp):
                    raise Trouble(fact.cause, fact.remedy)
                if isinstance(fact, RunStopped):
                    return ledger.totals()
    return ledger.totals()
