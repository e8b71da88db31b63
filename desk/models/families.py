"""The families of decoders that can be built: what a checkpoint's metadata says of its network, checked.

They differ from the Llama decoder (Touvron et al. 2023) in little. Qwen 3 norms each head of queries and keys before
it is turned by its position. Gemma 3 does that, too, norms what attention and feed-forward give before it joins the
residual stream, scales its embedding, gates with GELU, and lets most layers look back over a window only, with rotary
frequencies of their own. (Gemma's norms multiply by one plus their weight; in GGUF files the one is already added.)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from desk.facts.trouble import Trouble

FAMILIES = {"llama": "Llama", "qwen3": "Qwen 3", "gemma3": "Gemma 3"}
"""Names for people by the name that GGUF gives a family."""

_HEAD_SIZE_UNIT, _LARGEST_HEAD = 16, 512  # what the attention kernels want where they turn queries and keys themselves
_MOST_LAYERS = 1000
_LONGEST_CONTEXT = 1 << 17
"""Beyond it the tables of rotary positions, which the graph holds, would outweigh small models."""

_GEMMA_PERIOD = 6  # five layers with a window, then one without
_GEMMA_NEAR_ROPE_BASE = 10_000.0
_GEMMA_27B_LAYERS = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The sizes and peculiarities of a decoder.

    `rope_divisors` [head_size / 2] divide the rotary frequencies. Layers whose `near` is true look back over `window`
    tokens only, their own one counted, and turn with `near_rope_base`, undivided. `head_norms` says that queries and
    keys are normed, `post_norms` that the output of each half of a layer is. `attention_scale` `None` stands for
    1 / sqrt(head_size). `wide` says that the residual stream outgrows 16-bit floats.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    context: int
    epsilon: float
    rope_base: float
    rope_divisors: NDArray[np.float32]
    head_norms: bool = False
    post_norms: bool = False
    gate: Literal["silu", "gelu"] = "silu"
    embedding_scale: float = 1.0
    attention_scale: float | None = None
    window: int = 0
    near: tuple[bool, ...] = ()
    near_rope_base: float = _GEMMA_NEAR_ROPE_BASE
    wide: bool = False


class Fields(dict[str, Any]):
    """The metadata of the file called `file`. A field that is absent is a `Trouble`, unless asked for with `get`."""

    def __init__(self, file: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self._file = file

    def __missing__(self, name: str) -> Any:
        raise self.trouble(f"lacks the field {name}")

    def size(self, name: str, default: int | None = None) -> int:
        """A whole number above zero."""
        value = self[name] if default is None else self.get(name, default)
        if not isinstance(value, int) or value <= 0:
            raise self.trouble(f"gives {value!r} as its {name}, which makes no sense")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A number above zero."""
        value = self[name] if default is None else self.get(name, default)
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise self.trouble(f"gives {value!r} as its {name}, which makes no sense")
        return value

    def row(self, name: str, kind: type) -> list[Any]:
        """A list of `kind`."""
        value = self[name]
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            raise self.trouble(f"does not give {name} as a list of {kind.__name__}")
        return value

    def trouble(self, what: str) -> Trouble:
        """What stands against building the file."""
        return Trouble(
            f"The model file {self._file} {what}.",
            f"Choose a GGUF of the families {', '.join(FAMILIES.values())}, in Q4_0, Q4_1, Q4_K, Q5_0, Q5_1, Q5_K, "
            "Q6_K, Q8_0, BF16, F16 or F32.",
        )


def read_architecture(fields: Fields, divisors: NDArray[np.float32] | None) -> Architecture:
    """The architecture that `fields` describe; `divisors` are those of the file, if it holds some.

    Raises `Trouble` for another family, and for what the graph cannot compute.
    """
    family = fields["general.architecture"]
    if family not in tuple(FAMILIES):
        raise fields.trouble(f"has the architecture {family}, which cannot be built")

    def size(name: str, default: int | None = None) -> int:
        return fields.size(f"{family}.{name}", default)

    def number(name: str, default: float | None = None) -> float:
        return fields.number(f"{family}.{name}", default)

    layers, hidden, heads = size("block_count"), size("embedding_length"), size("attention.head_count")
    head_size = size("attention.key_length", max(1, hidden // heads))
    same = (size("attention.value_length", head_size), size("rope.dimension_count", head_size))
    if layers > _MOST_LAYERS:
        raise fields.trouble(f"has {layers} layers, more than any of its family")
    if head_size % _HEAD_SIZE_UNIT or head_size > _LARGEST_HEAD or any(other != head_size for other in same):
        raise fields.trouble("has heads of a size that is not built")
    for cap in ("attn_logit_softcapping", "final_logit_softcapping"):
        if fields.get(f"{family}.{cap}"):
            raise fields.trouble(f"caps its logits ({cap}), which is not built")
    divisors = np.ones(head_size // 2, np.float32) if divisors is None else divisors
    return Architecture(
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=size("attention.head_count_kv", heads),
        head_size=head_size,
        feed_forward=size("feed_forward_length"),
        vocabulary=len(fields.row("tokenizer.ggml.tokens", str)),
        context=min(size("context_length"), _LONGEST_CONTEXT),
        epsilon=number("attention.layer_norm_rms_epsilon"),
        rope_base=number("rope.freq_base", 10_000.0),
        rope_divisors=divisors * np.float32(_stretch(fields, family)),
        **_peculiar(fields, family, layers, hidden, heads),
    )


def _stretch(fields: Fields, family: str) -> float:
    """What the positions are divided by, so that a longer context turns no further than the one trained on."""
    kind = fields.get(f"{family}.rope.scaling.type", "none")
    if kind not in ("none", "linear"):
        raise fields.trouble(f"stretches its context by {kind}, which is not built")
    return fields.number(f"{family}.rope.scaling.factor") if kind == "linear" else 1.0


def _peculiar(fields: Fields, family: str, layers: int, hidden: int, heads: int) -> dict[str, Any]:
    if family == "llama":
        return {}
    if family == "qwen3":
        return {"head_norms": True}
    pattern = "gemma3.attention.sliding_window_pattern"
    if isinstance(fields.get(pattern), list):
        near = fields[pattern]
    else:
        period = fields.size(pattern, _GEMMA_PERIOD)
        near = [(layer + 1) % period != 0 for layer in range(layers)]
    if len(near) != layers:
        raise fields.trouble("does not say of each layer whether it has a window")
    return {
        "head_norms": True,
        "post_norms": True,
        "gate": "gelu",
        "embedding_scale": hidden**0.5,
        # The file does not say; only the largest of the family departs from the size of its heads.
        "attention_scale": (hidden / heads) ** -0.5 if layers == _GEMMA_27B_LAYERS else None,
        "window": fields.size("gemma3.attention.sliding_window"),
        "near": tuple(map(bool, near)),
        "near_rope_base": fields.number("gemma3.rope.freq_base_swa", _GEMMA_NEAR_ROPE_BASE),
        "wide": True,
    }


def shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    """The tensors that a file must hold, without the suffix `.weight`, and their shapes."""
    made: dict[str, tuple[int, ...]] = {"token_embd": (a.vocabulary, a.hidden), "output_norm": (a.hidden,)}
    queries, keys = a.heads * a.head_size, a.kv_heads * a.head_size
    of_a_layer: dict[str, tuple[int, ...]] = {
        "attn_norm": (a.hidden,),
        "attn_q": (queries, a.hidden),
        "attn_k": (keys, a.hidden),
        "attn_v": (keys, a.hidden),
        "attn_output": (a.hidden, queries),
        "ffn_norm": (a.hidden,),
        "ffn_gate": (a.feed_forward, a.hidden),
        "ffn_up": (a.feed_forward, a.hidden),
        "ffn_down": (a.hidden, a.feed_forward),
    }
    if a.head_norms:
        of_a_layer |= {"attn_q_norm": (a.head_size,), "attn_k_norm": (a.head_size,)}
    if a.post_norms:
        of_a_layer |= {"post_attention_norm": (a.hidden,), "post_ffw_norm": (a.hidden,)}
    for layer in range(a.layers):
        made |= {f"blk.{layer}.{name}": shape for name, shape in of_a_layer.items()}
    return made


def extra_shapes(a: Architecture) -> dict[str, tuple[int, ...]]:
    """The tensors that a file may hold besides."""
    return {"output": (a.vocabulary, a.hidden), "rope_freqs": (a.head_size // 2,)}
