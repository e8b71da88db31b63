"""The precisions a model ships in: a checkpoint's weights as the operands that the graph multiplies with."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from desk.facts.trouble import Trouble
from desk.models.blocks import KernelBlocks, eight_bit, eight_bit_symmetric, joined, verbatim
from desk.models.checkpoint import Checkpoint
from desk.models.families import Architecture
from desk.models.rotation import Rotation, balance, turn_heads

Operand = NDArray[np.floating] | KernelBlocks
"""A matrix [outputs, inputs], plain or in blocks."""

_EMBEDDING_BLOCK = 32
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How weights and activations are stored. `words` is for people; `accuracy_level` 4 lets the kernels of
    MatMulNBits round activations to 8 bits, 0 keeps them as they are (and is an order of magnitude slower).
    Behind the logits nothing is rounded again, so their blocks, `output_block`, may be larger: faster at one row, and
    of a divergence from the reference that cannot be told apart.
    """

    name: str
    words: str
    form: Literal["dense", "eight bit", "verbatim"]
    activations: Literal["float32", "float16"] = "float32"
    rotated: bool = False
    block: int = 64
    output_block: int = 128
    accuracy_level: int = 4


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision(name="q8", words="8 bits in blocks of 64, rotated", form="eight bit", rotated=True),
        Precision(name="q4", words="as published, exact", form="verbatim"),
        Precision(name="fp16", words="16-bit floats", form="dense", activations="float16"),
    )
}


def suited(precision: Precision, architecture: Architecture) -> Precision:
    """`precision` as it serves `architecture` best.

    Where what a layer writes is normed before it joins the residual stream, that stream cannot be turned: the norm's
    weights belong to its channels. Without a turn smaller blocks keep outliers from their neighbours.
    """
    if not (precision.rotated and architecture.post_norms):
        return precision
    words = "8 bits in blocks of 32, not rotated"
    return dataclasses.replace(precision, rotated=False, block=32, output_block=32, words=words)


def refuse_unfit(precision: Precision, checkpoint: Checkpoint) -> None:
    """Raises `Trouble` where `precision` promises what the tensors of `checkpoint` cannot give."""
    if precision.form == "verbatim" and not checkpoint.quantised("blk.0.ffn_down"):
        kinds = " and ".join(checkpoint.types)
        raise Trouble(
            f"The weights are published in {kinds}, so they have no blocks that {precision.name} could keep exactly.",
            "Choose q8 or fp16.",
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer; query, key and value rows are one matrix, gate and up rows another.

    The norms of heads [head_size] and those behind each half of the layer are `None` where the family has none.
    """

    attn_norm: NDArray[np.float32]
    attn_qkv: Operand
    attn_output: Operand
    ffn_norm: NDArray[np.float32]
    ffn_gate_up: Operand
    ffn_down: Operand
    query_norm: NDArray[np.float32] | None = None
    key_norm: NDArray[np.float32] | None = None
    attn_post_norm: NDArray[np.float32] | None = None
    ffn_post_norm: NDArray[np.float32] | None = None


class Weights:
    """The weights of `checkpoint` in `precision`, made layer by layer, so that only one lies in memory at a time."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision) -> None:
        """Raises `Trouble` where the two do not go together."""
        self._checkpoint, self._precision = checkpoint, suited(precision, checkpoint.architecture)
        refuse_unfit(self._precision, checkpoint)
        self._rotation = Rotation(checkpoint.architecture.hidden) if self._precision.rotated else None

    def embedding(self) -> Operand:
        """The token embedding [vocabulary, hidden], scaled; where quantised, symmetric in 8 bits and blocks of 32."""
        name, scale = "token_embd", np.float32(self._checkpoint.architecture.embedding_scale)
        if self._precision.form == "verbatim" and self._checkpoint.quantised(name):
            published = verbatim([self._checkpoint.blocks(name)])
            if published.bits == 8 and published.correction is None:  # what the kernel that looks up rows can read
                return dataclasses.replace(published, scale=published.scale * scale)

        def made(values: NDArray[np.floating]) -> Operand:
            if self._rotation:
                values = self._rotation.inputs(values)
            values = values if scale == 1 else values * scale
            rounded = self._precision.form == "eight bit"
            return eight_bit_symmetric(values, _EMBEDDING_BLOCK) if rounded else self._dense(values)

        return self._by_rows(name, made)

    def layer(self, index: int) -> Layer:
        at, form, a = f"blk.{index}.", self._precision.form, self._checkpoint.architecture
        attn_norm, ffn_norm = (self._checkpoint.vector(at + name) for name in ("attn_norm", "ffn_norm"))
        norms: list[NDArray[np.float32] | None] = [None] * 4
        if a.head_norms:
            norms[:2] = (self._checkpoint.vector(at + name) for name in ("attn_q_norm", "attn_k_norm"))
        if a.post_norms:
            norms[2:] = (self._checkpoint.vector(at + name) for name in ("post_attention_norm", "post_ffw_norm"))
        if form == "verbatim":
            return Layer(
                attn_norm,
                self._verbatim(f"{at}attn_q", f"{at}attn_k", f"{at}attn_v"),
                self._verbatim(f"{at}attn_output"),
                ffn_norm,
                self._verbatim(f"{at}ffn_gate", f"{at}ffn_up"),
                self._verbatim(f"{at}ffn_down"),
                *norms,
            )
        names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        query, key, value, output, gate, up, down = (self._checkpoint.values(at + name) for name in names)
        if self._rotation is None:
            linear = (np.concatenate([query, key, value]), output, np.concatenate([gate, up]), down)
        else:
            # The norms' weights move into the matrices that read them: only a norm without weights commutes with a
            # turn. Norms of heads stand behind the queries and keys, which keep their basis.
            value, output = turn_heads(value, output, a.head_size)
            qkv = np.concatenate([query, key, value]) * attn_norm.astype(np.float64)
            gate, up = gate * ffn_norm.astype(np.float64), up * ffn_norm.astype(np.float64)
            factor = balance(gate, up)
            gate_up = np.concatenate([gate, up / factor[:, None]])
            linear = (
                self._rotation.inputs(qkv),
                self._rotation.outputs(output),
                self._rotation.inputs(gate_up),
                self._rotation.outputs(down * factor),
            )
            attn_norm, ffn_norm = np.ones_like(attn_norm), np.ones_like(ffn_norm)
        qkv, output, gate_up, down = (self._operand(values, self._precision.block) for values in linear)
        return Layer(attn_norm, qkv, output, ffn_norm, gate_up, down, *norms)

    def output_norm(self) -> NDArray[np.float32]:
        norm = self._checkpoint.vector("output_norm")
        return np.ones_like(norm) if self._rotation else norm

    def output(self) -> Operand:
        """The matrix [vocabulary, hidden] that gives logits."""
        name, norm = self._checkpoint.output_name, self._checkpoint.vector("output_norm").astype(np.float64)
        if self._precision.form == "verbatim":
            return self._verbatim(name)
        rotation, block = self._rotation, self._precision.output_block
        return self._by_rows(
            name, lambda values: self._operand(rotation.inputs(values * norm) if rotation else values, block)
        )

    def _by_rows(self, name: str, made: Callable[[NDArray[np.float32]], Operand]) -> Operand:
        """What `made` makes of the matrix, some rows at a time: the wide floats in between would fill the memory."""
        starts = range(0, self._checkpoint.rows(name), _ROWS_AT_ONCE)
        parts = [made(self._checkpoint.values(name, slice(start, start + _ROWS_AT_ONCE))) for start in starts]
        blocks = [part for part in parts if isinstance(part, KernelBlocks)]
        return joined(blocks) if blocks else np.concatenate([part for part in parts if isinstance(part, np.ndarray)])

    def _verbatim(self, *names: str) -> Operand:
        """The matrices below each other, in their blocks where all of them have some."""
        if all(map(self._checkpoint.quantised, names)):
            return verbatim([self._checkpoint.blocks(name) for name in names])
        return self._dense(np.concatenate([self._checkpoint.values(name) for name in names]))

    def _operand(self, values: NDArray[np.floating], block: int) -> Operand:
        return self._dense(values) if self._precision.form == "dense" else eight_bit(values, block)

    def _dense(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        return values.astype(self._precision.activations)
