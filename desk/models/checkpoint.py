"""A published checkpoint: a GGUF file, read with everything this program relies on checked."""

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, ReaderTensor
from numpy.typing import NDArray

from desk.facts.trouble import Trouble
from desk.models.blocks import PublishedBlocks
from desk.models.families import Architecture, Fields, extra_shapes, read_architecture, shapes
from desk.models.packed import FLOATS, PACKINGS, blocks_of, floats_of

MOST_VALUES = 1 << 22
"""What a file says of itself: three times as many texts and numbers as the largest vocabularies take."""


class _Reader(GGUFReader):
    """The library's reader, which takes what lies beyond the end of a file for nothing, and then counts on for ever."""

    _values = 0

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> NDArray[Any]:
        found = super()._get(offset, dtype, count, override_order)
        if len(found) < int(count):
            raise ValueError("it ends before what it announces")
        self._values += 1
        if self._values > 2 * MOST_VALUES:  # a text takes two looks, at its length and at its letters
            raise ValueError("it announces more values than any model has")
        return found


class Checkpoint:
    """A GGUF file, opened: `architecture`, `fields` (its metadata) and its tensors by name.

    Matrices come as [outputs, inputs]. The rows of `attn_q` and `attn_k` are handed out in the order of the rotary
    halves that ONNX uses; files of the Llama family store each head's pairs interleaved.
    """

    def __init__(self, path: Path) -> None:
        """Raises `Trouble` for a file that is torn, of another architecture, or holds what is not understood."""
        try:
            reader = _Reader(path)
            self.fields = Fields(path.name, {name: field.contents() for name, field in reader.fields.items()})
        except (OSError, ValueError, LookupError, MemoryError, OverflowError, RecursionError, TypeError) as error:
            cause = f"The weights {path.name} cannot be read as GGUF: {error or type(error).__name__}."
            raise Trouble(cause, "Fetch or install the file again.") from error
        self._tensors: dict[str, ReaderTensor] = {tensor.name: tensor for tensor in reader.tensors}
        divisors = self._tensors.get("rope_freqs.weight")
        self.architecture: Architecture = read_architecture(
            self.fields, None if divisors is None else np.asarray(divisors.data, np.float32)
        )
        self._interleaved = self.fields["general.architecture"] == "llama"
        self._refuse_strangers()

    @property
    def parameters(self) -> int:
        """How many weights the file holds; an embedding that doubles as output is counted once, as published."""
        return sum(int(tensor.n_elements) for tensor in self._tensors.values())

    @property
    def output_name(self) -> str:
        """The matrix that turns the last hidden state into logits; small models use their embedding for it."""
        return "output" if "output.weight" in self._tensors else "token_embd"

    @property
    def types(self) -> tuple[str, ...]:
        """The tensor types of the matrices, by the part of the weights they hold, the largest first."""
        sizes: dict[str, int] = {}
        for tensor in self._tensors.values():
            if len(tensor.shape) > 1:
                sizes[tensor.tensor_type.name] = sizes.get(tensor.tensor_type.name, 0) + int(tensor.n_elements)
        return tuple(sorted(sizes, key=lambda name: -sizes[name]))

    def vector(self, name: str) -> NDArray[np.float32]:
        """The tensor `name`.weight, a vector."""
        tensor = self._tensor(name)
        return floats_of(tensor.data, tensor.tensor_type)

    def rows(self, name: str) -> int:
        """How many outputs the matrix `name`.weight has."""
        return len(self._tensor(name).data)

    def quantised(self, name: str) -> bool:
        """Whether the matrix `name`.weight is published in blocks."""
        return self._tensor(name).tensor_type in PACKINGS

    def values(self, name: str, rows: slice = slice(None)) -> NDArray[np.float32]:
        """The weights of the matrix `name`.weight, or some of its rows, as float32 [outputs, inputs]."""
        if self.quantised(name):
            return self.blocks(name, rows).values()
        tensor, order = self._tensor(name), self._row_order(name)
        return floats_of(tensor.data[rows if order is None else order[rows]], tensor.tensor_type)

    def blocks(self, name: str, rows: slice = slice(None)) -> PublishedBlocks:
        """The matrix `name`.weight, which must be quantised, or some of its rows, in its published blocks."""
        tensor, order = self._tensor(name), self._row_order(name)
        return blocks_of(tensor.data[rows if order is None else order[rows]], tensor.tensor_type)

    def _tensor(self, name: str) -> ReaderTensor:
        return self._tensors[f"{name}.weight"]

    def _row_order(self, name: str) -> NDArray[np.intp] | None:
        heads = {"attn_q": self.architecture.heads, "attn_k": self.architecture.kv_heads}.get(name.rpartition(".")[2])
        if heads is None or not self._interleaved:
            return None
        size = self.architecture.head_size
        return np.arange(heads * size).reshape(heads, size // 2, 2).swapaxes(1, 2).reshape(-1)

    def _refuse_strangers(self) -> None:
        """The tensors must be those that the graph uses, in a form and of a shape that are understood."""
        trouble = self.fields.trouble
        needed = shapes(self.architecture)
        for name in needed:
            if f"{name}.weight" not in self._tensors:
                raise trouble(f"lacks the tensor {name}.weight")
        known = needed | extra_shapes(self.architecture)
        for full_name, tensor in self._tensors.items():
            shape, kind = tuple(int(size) for size in reversed(tensor.shape)), tensor.tensor_type
            if not full_name.endswith(".weight") or known.get(full_name.removesuffix(".weight")) != shape:
                raise trouble(f"holds the tensor {full_name} {list(shape)}, which this graph has no place for")
            if kind not in FLOATS and (kind not in PACKINGS or len(shape) == 1):
                raise trouble(f"stores {full_name} as {kind.name}, which is not understood")
            if kind in PACKINGS and shape[-1] % PACKINGS[kind].weights:
                raise trouble(f"stores {full_name} in blocks that do not fill its rows")
