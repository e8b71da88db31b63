"""The memory plan: what a lane will take, worked out before anything is loaded, against what is free."""

import math
from dataclasses import dataclass

from desk.engine.batch import CHUNK
from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest

MIB = 1 << 20

_WIDENED = 2.2
"""On the CPU, matrices of 16-bit floats are computed with as 32-bit ones: measured 2.1 times the file while loading."""

_LOADING = 1.05
"""Quantised matrices are repacked one after the other: measured 1.04 times the file while loading."""

_MARGIN = 0.05
_MARGIN_BYTES = {"cpu": 128 * MIB, "cuda": 256 * MIB}
"""For what no plan knows: allocators' blocks, and on CUDA cuBLAS's workspace and kernels that load on first use."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes of one lane: weights (0 where another lane has loaded them), KV cache, activations of the largest run."""

    weights: int
    kv: int
    activations: int
    provider: str

    @property
    def margin(self) -> int:
        return int(_MARGIN * (self.weights + self.kv + self.activations)) + _MARGIN_BYTES[self.provider]

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.activations + self.margin

    def require(self, free: int | None, what: str) -> None:
        """Refuse, with the numbers, what does not fit into so many free bytes; where they are not known, nothing."""
        if free is None or self.total <= free:
            return
        where = "of memory" if self.provider == "cpu" else "on the GPU"
        remedy = "Choose fewer slots or a shorter context"
        if self.weights + self.activations + _MARGIN_BYTES[self.provider] > free:
            remedy = "Choose a smaller model or close other programs"
        raise Trouble(
            f"{what} takes {_words(self.total)} (weights {_words(self.weights)}, KV cache {_words(self.kv)}, "
            f"runs {_words(self.activations)}, margin {_words(self.margin)}), and {_words(free)} {where} are free.",
            f"{remedy}.",
        )


def plan(manifest: Manifest, provider: str, slots: int, context: int, loaded: bool) -> Plan:
    """What a lane of that many slots and tokens takes; `loaded` where its weights are in memory already."""
    weights = 0
    if not loaded:
        wide = provider == "cpu" and manifest.kv_type == "float16"
        weights = int(manifest.weights_bytes * (_WIDENED if wide else _LOADING if provider == "cpu" else 1.0))
    return Plan(weights, manifest.kv_bytes(slots, context), _activations(manifest, slots), provider)


def _activations(manifest: Manifest, slots: int) -> int:
    """An upper bound of a run's own tensors: per token some two dozen vectors of the hidden size, and the logits.

    The hidden size is guessed from the parameters, of which a layer has about 12 times its square.
    """
    tokens = max(CHUNK, slots)
    hidden = math.sqrt(manifest.parameters / (12 * manifest.layers))
    wiring = manifest.wiring
    every = wiring.logits and wiring.narrowed == wiring.logits and not wiring.keep
    return int(tokens * 24 * hidden * 4) + (tokens if every else slots) * manifest.vocabulary * 8


def _words(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
