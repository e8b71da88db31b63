"""What the lanes of a run are going to ask for: which models, in which precision, ready or still to be built."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from desk.facts.metered import MeterOpened
from desk.facts.tiers import Provider, Tier
from desk.facts.trouble import Trouble
from desk.models import store

DRIVEN = Path("/dev/nvidiactl")
"""It is there where NVIDIA's own driver serves this system or container, whether its cards are awake or not."""


@dataclass(frozen=True, slots=True)
class Need:
    """A model as one or more lanes ask for it; an empty `precision` leaves the choice to whoever builds it."""

    model: str
    precision: str
    provider: Provider

    @property
    def ready(self) -> bool:
        """Whether it can be loaded as it is."""
        return store.ready(self.model, self.precision, self.provider)

    @property
    def build(self) -> tuple[str, ...]:
        """What the worker is told to build, which is the same for all providers."""
        return tuple(filter(None, (self.model, self.precision)))


def needs(tiers: Iterable[Tier], provider: Provider, opened: MeterOpened | None) -> list[Need]:
    """What the lanes of `tiers` need, each once, where the run prefers `provider` and the meter has `opened`."""
    automatic: Provider = "cuda" if _nvidia(opened) else "cpu"
    return list(dict.fromkeys(_need(tier, provider, automatic) for tier in tiers))


def _need(tier: Tier, preferred: Provider, automatic: Provider) -> Need:
    provider = preferred if tier.provider == "auto" else tier.provider
    provider = automatic if provider == "auto" else provider
    try:
        precision = store.precision_for(tier.model, tier.precision, provider)
    except Trouble:
        precision = tier.precision  # a folder of the user's, or a mistake that the worker puts into words
    return Need(tier.model, precision, provider)


def _nvidia(opened: MeterOpened | None) -> bool:
    """Whether the engine will find a card: a sleeping one, too, which the meter does not ask for its UUID."""
    if opened is None or os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    if any(device.kind == "gpu" and device.uuid.startswith("GPU-") for device in opened.devices):
        return True
    return bool(opened.on_bus) and DRIVEN.exists()
