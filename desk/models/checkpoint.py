"""A published checkpoint: GGUF files of the llama family, read with everything this program relies on checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, ReaderTensor
from numpy.typing import NDArray

from desk.facts.trouble import Trouble
from desk.models.blocks import PUBLISHED_BLOCK, PublishedBlocks

_BLOCK_BYTES = {GGMLQuantizationType.Q4_0: 18, GGMLQuantizationType.Q4_1: 20, GGMLQuantizationType.Q8_0: 34}
_FLOATS = (GGMLQuantizationType.F32, GGMLQuantizationType.F16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The sizes of a llama decoder. `rope_divisors` divide the rotary frequencies, [head_size / 2]."""

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


class Checkpoint:
    """A GGUF file, opened: `architecture`, `fields` (its metadata) and its tensors by name.

    Matrices come as [outputs, inputs]. The rows of `attn_q` and `attn_k` are handed out in the order of the rotary
    halves that ONNX uses; files of this family store each head's pairs interleaved.
    """

    def __init__(self, path: Path) -> None:
        """Raises `Trouble` for a file that is torn, of another architecture, or holds what is not understood."""
        self._path = path
        try:
            reader = GGUFReader(path)
            self.fields: Mapping[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
        except (OSError, ValueError, IndexError, KeyError, MemoryError) as error:
            cause = f"The weights {path.name} cannot be read as GGUF: {error or type(error).__name__}."
            raise Trouble(cause, "Fetch or install the file again.") from error
        self._tensors: dict[str, ReaderTensor] = {tensor.name: tensor for tensor in reader.tensors}
        self.architecture = self._read_architecture()
        self._refuse_strangers()

    @property
    def parameters(self) -> int:
        """How many weights the file holds; an embedding that doubles as output is counted once, as published."""
        return sum(int(tensor.n_elements) for tensor in self._tensors.values())

    @property
    def output_name(self) -> str:
        """The matrix that turns the last hidden state into logits; small models use their embedding for it."""
        return "output" if "output.weight" in self._tensors else "token_embd"

    def field(self, name: str) -> Any:
        """A field of the metadata; raises `Trouble` where it is absent."""
        try:
            return self.fields[name]
        except KeyError:
            raise self._trouble(f"lacks the field {name}") from None

    def vector(self, name: str) -> NDArray[np.float32]:
        """The tensor `name`.weight, a vector."""
        return np.asarray(self._tensor(name).data, np.float32)

    def quantised(self, name: str) -> bool:
        """Whether the matrix `name`.weight is published in blocks."""
        return self._tensor(name).tensor_type in _BLOCK_BYTES

    def values(self, name: str) -> NDArray[np.float32]:
        """The weights of the matrix `name`.weight as float32 [outputs, inputs]."""
        tensor = self._tensor(name)
        if tensor.tensor_type in _FLOATS:
            matrix = np.asarray(tensor.data, np.float32)
            order = self._row_order(name)
            return matrix if order is None else matrix[order]
        return self.blocks(name).values()

    def blocks(self, name: str) -> PublishedBlocks:
        """The matrix `name`.weight, which must be quantised, in its published blocks."""
        tensor = self._tensor(name)
        rows = len(tensor.data)
        raw = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(rows, -1, _BLOCK_BYTES[tensor.tensor_type])
        published = _unpacked(raw, tensor.tensor_type)
        order = self._row_order(name)
        return published if order is None else published.ordered(order)

    def _tensor(self, name: str) -> ReaderTensor:
        try:
            return self._tensors[f"{name}.weight"]
        except KeyError:
            raise self._trouble(f"lacks the tensor {name}.weight") from None

    def _row_order(self, name: str) -> NDArray[np.intp] | None:
        heads = {"attn_q": self.architecture.heads, "attn_k": self.architecture.kv_heads}.get(name.rpartition(".")[2])
        if heads is None:
            return None
        size = self.architecture.head_size
        return np.arange(heads * size).reshape(heads, size // 2, 2).swapaxes(1, 2).reshape(-1)

    def _read_architecture(self) -> Architecture:
        name = self.field("general.architecture")
        if name != "llama":
            raise self._trouble(f"has the architecture {name}; only llama can be built")
        if self.fields.get("llama.rope.scaling.type", "none") != "none":
            raise self._trouble(
                f"stretches its context by {self.fields['llama.rope.scaling.type']}, which is not built"
            )
        hidden, heads = self.field("llama.embedding_length"), self.field("llama.attention.head_count")
        size = self.fields.get("llama.attention.key_length", hidden // heads)
        if self.fields.get("llama.rope.dimension_count", size) != size or heads * size != hidden or size % 2:
            raise self._trouble("has heads of a size that is not built")
        divisors = self._tensors.get("rope_freqs.weight")
        return Architecture(
            layers=self.field("llama.block_count"),
            hidden=hidden,
            heads=heads,
            kv_heads=self.fields.get("llama.attention.head_count_kv", heads),
            head_size=size,
            feed_forward=self.field("llama.feed_forward_length"),
            vocabulary=len(self.field("tokenizer.ggml.tokens")),
            context=self.field("llama.context_length"),
            epsilon=self.field("llama.attention.layer_norm_rms_epsilon"),
            rope_base=self.fields.get("llama.rope.freq_base", 10_000.0),
            rope_divisors=np.ones(size // 2, np.float32) if divisors is None else np.asarray(divisors.data, np.float32),
        )

    def _refuse_strangers(self) -> None:
        """Every tensor must be one that the graph uses, in a form and of a shape that are understood."""
        a = self.architecture
        shapes = {
            "token_embd": (a.vocabulary, a.hidden),
            "output": (a.vocabulary, a.hidden),
            "output_norm": (a.hidden,),
            "rope_freqs": (a.head_size // 2,),
        }
        for layer in range(a.layers):
            shapes |= {
                f"blk.{layer}.attn_norm": (a.hidden,),
                f"blk.{layer}.attn_q": (a.hidden, a.hidden),
                f"blk.{layer}.attn_k": (a.kv_heads * a.head_size, a.hidden),
                f"blk.{layer}.attn_v": (a.kv_heads * a.head_size, a.hidden),
                f"blk.{layer}.attn_output": (a.hidden, a.hidden),
                f"blk.{layer}.ffn_norm": (a.hidden,),
                f"blk.{layer}.ffn_gate": (a.feed_forward, a.hidden),
                f"blk.{layer}.ffn_up": (a.feed_forward, a.hidden),
                f"blk.{layer}.ffn_down": (a.hidden, a.feed_forward),
            }
        for full_name, tensor in self._tensors.items():
            shape = tuple(int(size) for size in reversed(tensor.shape))
            if shapes.get(full_name.removesuffix(".weight")) != shape:
                raise self._trouble(f"holds the tensor {full_name} {list(shape)}, which this graph has no place for")
            if tensor.tensor_type not in _BLOCK_BYTES and tensor.tensor_type not in _FLOATS:
                raise self._trouble(f"stores {full_name} as {tensor.tensor_type.name}, which is not understood")
            if tensor.tensor_type in _BLOCK_BYTES and shape[-1] % PUBLISHED_BLOCK:
                raise self._trouble(f"stores {full_name} in blocks that do not fill its rows")

    def _trouble(self, what: str) -> Trouble:
        return Trouble(
            f"The model file {self._path.name} {what}.",
            "Choose a llama-family GGUF in Q4_0, Q4_1, Q8_0, F16 or F32.",
        )


def _unpacked(raw: NDArray[np.uint8], kind: GGMLQuantizationType) -> PublishedBlocks:
    """The blocks in `raw` uint8 [rows, blocks, bytes]: a float16 scale, for Q4_1 a float16 minimum, then the codes.

    A byte of 4-bit codes holds column j low and column j + 16 high.
    """

    def number(offset: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(raw[..., offset : offset + 2]).view("<f2")[..., 0].astype(np.float32)

    scale = number(0)
    if kind == GGMLQuantizationType.Q8_0:
        codes = raw[..., 2:] ^ np.uint8(0x80)  # from two's complement to an offset of 128
        return PublishedBlocks(codes, scale, -128 * scale, 8)
    packed = raw[..., 4 if kind == GGMLQuantizationType.Q4_1 else 2 :]
    codes = np.concatenate([packed & np.uint8(15), packed >> np.uint8(4)], axis=-1)
    return PublishedBlocks(codes, scale, number(2) if kind == GGMLQuantizationType.Q4_1 else -8 * scale, 4)
