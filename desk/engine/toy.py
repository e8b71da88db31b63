"""A tiny decoder with random weights, and what it must compute, worked out in plain numpy.

It is written by the very code that builds the models which ship, so it has their graph, and it loads in a moment: a
device that computes it right computes those right, too.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from desk.models import graph
from desk.models.blocks import eight_bit, eight_bit_symmetric
from desk.models.checkpoint import Architecture
from desk.models.manifest import MANIFEST, FileStamp, Manifest
from desk.models.precision import Layer, Operand, Precision, Weights

PLAIN = Precision(name="fp32", words="32-bit floats", form="dense")
HALF = Precision(name="fp16", words="16-bit floats", form="dense", activations="float16")
EIGHT_BIT = Precision(name="q8", words="8 bits in blocks of 64", form="eight bit")

CONTEXT = 256
_LAYERS, _HEAD_SIZE, _VOCABULARY, _EPSILON, _ROPE_BASE = 2, 64, 512, 1e-5, 10_000.0


@dataclass(frozen=True)
class Toy:
    """`heads` query heads on one key and value head. Weights are rounded to 16 bits once, so that every precision
    starts from the same numbers."""

    heads: int

    @property
    def architecture(self) -> Architecture:
        hidden = self.heads * _HEAD_SIZE
        return Architecture(
            layers=_LAYERS,
            hidden=hidden,
            heads=self.heads,
            kv_heads=1,
            head_size=_HEAD_SIZE,
            feed_forward=2 * hidden,
            vocabulary=_VOCABULARY,
            context=CONTEXT,
            epsilon=_EPSILON,
            rope_base=_ROPE_BASE,
            rope_divisors=np.ones(_HEAD_SIZE // 2, np.float32),
        )

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The same random matrices [outputs, inputs] at every call, by the names of `Layer` and their layer."""
        a, random = self.architecture, np.random.default_rng(self.heads)

        def matrix(rows: int, columns: int) -> NDArray[np.float32]:
            return (random.standard_normal((rows, columns)) / columns**0.5).astype(np.float16).astype(np.float32)

        made = {"embedding": matrix(a.vocabulary, a.hidden), "output": matrix(a.vocabulary, a.hidden)}
        for index in range(a.layers):
            made |= {
                f"attn_qkv.{index}": matrix((a.heads + 2) * a.head_size, a.hidden),
                f"attn_output.{index}": matrix(a.hidden, a.hidden),
                f"ffn_gate_up.{index}": matrix(2 * a.feed_forward, a.hidden),
                f"ffn_down.{index}": matrix(a.hidden, a.feed_forward),
            }
        return made

    def write(self, folder: Path, precision: Precision) -> Manifest:
        """Write graph, weights and manifest into the empty `folder`."""
        a = self.architecture
        with (folder / graph.WEIGHTS_FILE).open("wb") as file:
            weights = graph.WeightsFile(file)
            model = graph.decoder(a, precision, _Given(self, precision), weights, advance=lambda: None)
        content = model.SerializeToString(deterministic=True)
        (folder / graph.GRAPH_FILE).write_bytes(content)
        manifest = Manifest(
            name=f"toy-{self.heads}",
            title="Tiny decoder",
            precision=precision.name,
            revision=f"{self.heads} heads",
            licence="Apache-2.0",
            builder="doctor",
            graph=graph.GRAPH_FILE,
            tokenizer="",
            layers=a.layers,
            kv_heads=a.kv_heads,
            head_size=a.head_size,
            kv_type=precision.activations,
            vocabulary=a.vocabulary,
            context=a.context,
            candidates=graph.CANDIDATES,
            eos=(),
            parameters=sum(matrix.size for matrix in self.weights().values()),
            weights_bytes=weights.bytes,
            files={
                graph.WEIGHTS_FILE: FileStamp(bytes=weights.bytes, sha256=weights.sha256),
                graph.GRAPH_FILE: FileStamp(bytes=len(content), sha256=hashlib.sha256(content).hexdigest()),
            },
        )
        (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return manifest

    def logits(self, ids: list[int]) -> NDArray[np.float64]:
        """The logits of every position [tokens, vocabulary] of a llama decoder (Touvron et al. 2023), step by step."""
        a = self.architecture
        w = {name: matrix.astype(np.float64) for name, matrix in self.weights().items()}
        x = w["embedding"][ids]
        position = np.arange(len(ids))[:, None]
        angle = position * _ROPE_BASE ** -(np.arange(0, _HEAD_SIZE, 2) / _HEAD_SIZE)
        future = np.where(position >= position.T, 0.0, -np.inf)
        for index in range(a.layers):
            heads = (_normed(x) @ w[f"attn_qkv.{index}"].T).reshape(len(ids), a.heads + 2, _HEAD_SIZE).swapaxes(0, 1)
            query, key, value = _turned(heads[: a.heads], angle), _turned(heads[a.heads :][:1], angle), heads[-1:]
            score = query @ key.swapaxes(1, 2) / _HEAD_SIZE**0.5 + future
            score = np.exp(score - score.max(-1, keepdims=True))
            mixed = score / score.sum(-1, keepdims=True) @ value
            x = x + mixed.swapaxes(0, 1).reshape(len(ids), -1) @ w[f"attn_output.{index}"].T
            gate, up = np.split(_normed(x) @ w[f"ffn_gate_up.{index}"].T, 2, axis=-1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ w[f"ffn_down.{index}"].T
        return _normed(x) @ w["output"].T


class _Given(Weights):
    """The toy's matrices in the place of a checkpoint's."""

    def __init__(self, toy: Toy, precision: Precision) -> None:
        self._matrices, self._form, self._block = toy.weights(), precision.form, precision.block
        self._ones = np.ones(toy.architecture.hidden, np.float32)

    def embedding(self) -> Operand:
        values = self._matrices["embedding"]
        return values if self._form == "dense" else eight_bit_symmetric(values, 32)

    def layer(self, index: int) -> Layer:
        qkv, output, gate_up, down = (
            self._named(f"{name}.{index}") for name in ("attn_qkv", "attn_output", "ffn_gate_up", "ffn_down")
        )
        return Layer(self._ones, qkv, output, self._ones, gate_up, down)

    def output_norm(self) -> NDArray[np.float32]:
        return self._ones

    def output(self) -> Operand:
        return self._named("output")

    def _named(self, name: str) -> Operand:
        values = self._matrices[name]
        return values if self._form == "dense" else eight_bit(values, self._block)


def _normed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + _EPSILON)


def _turned(heads: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    first, second = np.split(heads, 2, axis=-1)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)
