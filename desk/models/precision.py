"""The precisions a model ships in: a checkpoint's weights as the operands that the graph multiplies with."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from desk.models.blocks import KernelBlocks, eight_bit, eight_bit_symmetric, stacked, verbatim
from desk.models.checkpoint import Checkpoint
from desk.models.rotation import Rotation, balance, turn_heads

Operand = NDArray[np.floating] | KernelBlocks
"""A matrix [outputs, inputs], plain or in blocks."""

_EMBEDDING_BLOCK = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How weights and activations are stored. `words` is for people; `accuracy_level` 4 lets the kernels of
    MatMulNBits round activations to 8 bits, 0 keeps them as they are (and is an order of magnitude slower).
    """

    name: str
    words: str
    form: Literal["dense", "eight bit", "verbatim"]
    activations: Literal["float32", "float16"] = "float32"
    rotated: bool = False
    block: int = 64
    accuracy_level: int = 4


PRECISIONS = {
    precision.name: precision
    for precision in (
        Precision(name="q8", words="8 bits in blocks of 64, rotated", form="eight bit", rotated=True),
        Precision(name="q4", words="as published, exact", form="verbatim"),
        Precision(name="fp16", words="16-bit floats", form="dense", activations="float16"),
    )
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One decoder layer; query, key and value rows are one matrix, gate and up rows another."""

    attn_norm: NDArray[np.float32]
    attn_qkv: Operand
    attn_output: Operand
    ffn_norm: NDArray[np.float32]
    ffn_gate_up: Operand
    ffn_down: Operand


class Weights:
    """The weights of `checkpoint` in `precision`, made layer by layer, so that only one lies in memory at a time."""

    def __init__(self, checkpoint: Checkpoint, precision: Precision) -> None:
        self._checkpoint, self._precision = checkpoint, precision
        self._rotation = Rotation(checkpoint.architecture.hidden) if precision.rotated else None

    def embedding(self) -> Operand:
        """The token embedding [vocabulary, hidden]; where quantised, symmetric in 8 bits and blocks of 32."""
        if self._precision.form == "verbatim":
            published = self._verbatim("token_embd")
            looked_up = isinstance(published, KernelBlocks) and published.correction is None and published.bits == 8
            return published if looked_up else self._dense(self._checkpoint.values("token_embd"))
        values = self._checkpoint.values("token_embd")
        if self._rotation:
            values = self._rotation.inputs(values)
        return self._dense(values) if self._precision.form == "dense" else eight_bit_symmetric(values, _EMBEDDING_BLOCK)

    def layer(self, index: int) -> Layer:
        at, form = f"blk.{index}.", self._precision.form
        attn_norm, ffn_norm = (self._checkpoint.vector(at + name) for name in ("attn_norm", "ffn_norm"))
        if form == "verbatim":
            return Layer(
                attn_norm,
                self._verbatim(f"{at}attn_q", f"{at}attn_k", f"{at}attn_v"),
                self._verbatim(f"{at}attn_output"),
                ffn_norm,
                self._verbatim(f"{at}ffn_gate", f"{at}ffn_up"),
                self._verbatim(f"{at}ffn_down"),
            )
        names = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
        query, key, value, output, gate, up, down = (self._checkpoint.values(at + name) for name in names)
        if self._rotation is None:
            qkv, gate_up = np.concatenate([query, key, value]), np.concatenate([gate, up])
            return self._layer(attn_norm, qkv, output, ffn_norm, gate_up, down)
        # The norms' weights move into the matrices that read them: only a norm without weights commutes with a turn.
        value, output = turn_heads(value, output, self._checkpoint.architecture.head_size)
        qkv = np.concatenate([query, key, value]) * attn_norm.astype(np.float64)
        gate, up = gate * ffn_norm.astype(np.float64), up * ffn_norm.astype(np.float64)
        factor = balance(gate, up)
        gate_up = np.concatenate([gate, up / factor[:, None]])
        return self._layer(
            np.ones_like(attn_norm),
            self._rotation.inputs(qkv),
            self._rotation.outputs(output),
            np.ones_like(ffn_norm),
            self._rotation.inputs(gate_up),
            self._rotation.outputs(down * factor),
        )

    def output_norm(self) -> NDArray[np.float32]:
        norm = self._checkpoint.vector("output_norm")
        return np.ones_like(norm) if self._rotation else norm

    def output(self) -> Operand:
        """The matrix [vocabulary, hidden] that gives logits."""
        name = self._checkpoint.output_name
        if self._precision.form == "verbatim":
            return self._verbatim(name)
        values = self._checkpoint.values(name)
        if self._rotation:
            values = self._rotation.inputs(values * self._checkpoint.vector("output_norm").astype(np.float64))
        return self._operand(values)

    def _layer(
        self,
        attn_norm: NDArray[np.float32],
        qkv: NDArray[np.floating],
        output: NDArray[np.floating],
        ffn_norm: NDArray[np.float32],
        gate_up: NDArray[np.floating],
        down: NDArray[np.floating],
    ) -> Layer:
        return Layer(
            attn_norm,
            self._operand(qkv),
            self._operand(output),
            ffn_norm,
            self._operand(gate_up),
            self._operand(down),
        )

    def _verbatim(self, *names: str) -> Operand:
        """The matrices below each other, in their blocks where all of them have some."""
        if all(map(self._checkpoint.quantised, names)):
            return verbatim(stacked([self._checkpoint.blocks(name) for name in names]))
        return self._dense(np.concatenate([self._checkpoint.values(name) for name in names]))

    def _operand(self, values: NDArray[np.floating]) -> Operand:
        return self._dense(values) if self._precision.form == "dense" else eight_bit(values, self._precision.block)

    def _dense(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        return values.astype(self._precision.activations)
