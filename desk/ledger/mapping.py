"""Which metered GPU the engine runs on: by the name it gives itself, proven by whose memory filled as it loaded.

CUDA and the meter count devices each in their own order, and a variable can hide some from one of them. Both know a
GPU by its UUID; that the right one was named shows in its memory, which rises by weights and KV cache.
"""

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Literal

from desk.facts.happened import EngineOpened, LaneReady
from desk.facts.metered import MeterOpened, Read

PROOF_S = 2.0
"""The meter asks for memory twice a second, and less often of a slow driver: a reading so late tells of the load."""

LEAST_BYTES = 64 << 20
"""A smaller load could be anybody's."""

PART = 0.5
"""Of the bytes loaded at least this part shows, whatever other programs give back meanwhile."""


@dataclass(slots=True)
class Mapping:
    """One engine process and the GPU it loads into. `device` is the meter's name of it, `words` tell of no proof."""

    verdict: Literal["unproven", "proven", "contradicted"] = "unproven"
    device: str | None = None
    words: str = ""
    _before: dict[str, int] | None = None
    _loading: set[str] = field(default_factory=set)
    _weights: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _caches: dict[str, int] = field(default_factory=dict)
    _loaded_at: float | None = None

    def loading(self, tier: str, memory: Table[str, int]) -> None:
        """A lane begins to load, with so many bytes in use on each device."""
        self._loading.add(tier)
        if self._before is None:
            self._before = dict(memory)

    def ready(self, fact: LaneReady) -> None:
        self.failed(fact.tier)
        if fact.provider == "cuda" and self._before is not None:
            self._weights[fact.model, fact.precision, fact.revision] = fact.weights_bytes
            self._caches[fact.tier] = fact.kv_bytes
            self._loaded_at = fact.t

    def failed(self, tier: str) -> None:
        """A lane ended its load without success: it may have taken memory, or not."""
        self._loading.discard(tier)

    def judge(self, fact: Read, engine: EngineOpened | None, meter: MeterOpened | None) -> bool:
        """Look at the first reading that tells of the whole load; whether a verdict was reached just now."""
        if self._loaded_at is None or self._loading or fact.t < self._loaded_at + PROOF_S:
            return False
        self._loaded_at = None
        if self.verdict != "unproven" or engine is None or meter is None or self._before is None:
            return False
        bytes_ = sum(self._weights.values()) + sum(self._caches.values())
        if bytes_ < LEAST_BYTES:
            return False
        risen = {
            reading.device: reading.memory_used - self._before[reading.device] >= PART * bytes_
            for reading in fact.devices
            if reading.memory_used is not None and reading.device in self._before
        }
        named = next((each for each in meter.devices if each.uuid and each.uuid == engine.device_uuid), None)
        filled = [device for device in meter.devices if risen.get(device.id)]
        if named is None:
            # A slice of a GPU has a name of its own, which no meter knows.
            self.device = filled[0].id if len(filled) == 1 else None
            self.verdict = "unproven" if self.device is None else "proven"
        elif named.id in risen:
            self.device = named.id if risen[named.id] else None
            self.verdict = "contradicted" if self.device is None else "proven"
            if self.device is None:
                size = f"{bytes_ / (1 << 20):,.0f} MiB"
                others = " and ".join(device.name for device in filled)
                where = f"went into {others}" if others else "did not show in its memory"
                self.words = f"The engine names {named.name} as its GPU, but the {size} that it loaded {where}."
        return self.verdict != "unproven"
