"""The ONNX graph of a decoder, as the engine wants to feed it (see `desk.models.manifest.Manifest`).

The weights go into one file beside the graph: it loads in half the time, can be larger than a protobuf, and is
written as the layers come, so that memory holds one of them.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from desk.models.blocks import KernelBlocks
from desk.models.families import Architecture
from desk.models.precision import Operand, Precision, Weights

GRAPH_FILE, WEIGHTS_FILE = "model.onnx", "model.onnx.data"
CANDIDATES = 64
"""How many of the likeliest tokens leave the graph: sampling needs no more, and copying them costs next to nothing."""

_MICROSOFT = "com.microsoft"  # the operator set of onnxruntime's own kernels
_OPSET, _IR_VERSION = 21, 10
_INLINE_BYTES = 1024
_ALIGNMENT = 4096  # a page: the file is mapped, not read


class WeightsFile:
    """Writes tensors one behind the other and hashes what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.bytes = file, hashlib.sha256(), 0

    def put(self, name: str, array: NDArray[Any]) -> TensorProto:
        """Append `array`; gives the tensor that points to it."""
        self._write(bytes(-self.bytes % _ALIGNMENT))
        tensor = TensorProto(
            name=name,
            dims=array.shape,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (("location", WEIGHTS_FILE), ("offset", self.bytes), ("length", array.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        self._write(array.data)
        return tensor

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data) if isinstance(data, bytes) else data.nbytes


class _Graph:
    """Nodes and constants in the making. A node is named after its first output."""

    def __init__(self, weights: WeightsFile, precision: Precision) -> None:
        self._weights, self._precision = weights, precision
        self._block_sums: dict[tuple[str, int], str] = {}
        self._known: set[str] = set()
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A constant of the graph; a name given twice stands for the same one."""
        if name not in self._known:
            self._known.add(name)
            array = np.ascontiguousarray(array)
            small = array.nbytes < _INLINE_BYTES
            self.constants.append(numpy_helper.from_array(array, name) if small else self._weights.put(name, array))
        return name

    def number(self, name: str, array: NDArray[np.floating]) -> str:
        """A constant in the type of the activations."""
        return self.constant(name, array.astype(self._precision.activations))

    def cast(self, x: str, kind: str) -> str:
        """`x` as numbers of `kind`."""
        return self.node("Cast", [x], f"{x}.{kind}", to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)))

    def node(self, op: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node; gives its first output."""
        made = helper.make_node(op, inputs, outputs, name=outputs[0], domain=domain, **attributes)
        self.nodes.append(made)
        return outputs[0]

    def linear(self, name: str, x: str, weights: Operand) -> str:
        """y = x W^T for W [outputs, inputs]."""
        if not isinstance(weights, KernelBlocks):
            return self.node("MatMul", [x, self.number(f"{name}.weight", weights.T)], name)
        inputs = [x, self.constant(f"{name}.codes", weights.codes), self.number(f"{name}.scale", weights.scale)]
        if weights.zero is not None:
            inputs.append(self.constant(f"{name}.zero", weights.zero))
        y = name if weights.correction is None else f"{name}.quantised"
        self.node(
            "MatMulNBits",
            inputs,
            y,
            domain=_MICROSOFT,
            K=weights.columns,
            N=len(weights.codes),
            bits=weights.bits,
            block_size=weights.block,
            accuracy_level=self._precision.accuracy_level,
        )
        if weights.correction is None:
            return y
        rest = self.node(
            "MatMul",
            [self._sums(x, weights), self.number(f"{name}.correction", weights.correction)],
            f"{name}.rest",
        )
        return self.node("Add", [y, rest], name)

    def _sums(self, x: str, weights: KernelBlocks) -> str:
        """The sums of `x` over each block of columns, computed once however many matrices read it."""
        key = (x, weights.block)
        if key not in self._block_sums:
            ones = np.kron(np.eye(weights.columns // weights.block), np.ones((weights.block, 1)))
            name = f"ones.{weights.columns}.{weights.block}"
            self._block_sums[key] = self.node("MatMul", [x, self.number(name, ones)], f"{x}.sums")
        return self._block_sums[key]

    def embed(self, ids: str, weights: Operand) -> str:
        """The rows of the embedding that `ids` name."""
        if not isinstance(weights, KernelBlocks):
            return self.node("Gather", [self.number("embedding.weight", weights), ids], "embedding")
        codes = self.constant("embedding.codes", weights.codes.reshape(len(weights.codes), -1))
        return self.node(
            "GatherBlockQuantized",
            [codes, ids, self.number("embedding.scale", weights.scale)],
            "embedding",
            domain=_MICROSOFT,
            bits=weights.bits,
            block_size=weights.block,
            gather_axis=0,
            quantize_axis=1,
        )

    def gate(self, name: str, x: str, kind: Literal["silu", "gelu"]) -> str:
        """The gate of a feed-forward network."""
        if kind == "silu":  # x sigmoid(alpha x) is SiLU where alpha is 1
            return self.node("QuickGelu", [x], name, domain=_MICROSOFT, alpha=1.0)
        return self.node("Gelu", [x], name, approximate="tanh")


def decoder(
    architecture: Architecture,
    precision: Precision,
    weights: Weights,
    file: WeightsFile,
    advance: Callable[[], None],
) -> ModelProto:
    """The decoder as a model whose large constants lie in `file`. `advance` is called after each layer and each end."""
    a, graph = architecture, _Graph(file, precision)
    activations = precision.activations
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(activations))
    # The type of the residual stream and of the norms that read and write it.
    stream = "float32" if a.wide else activations

    def narrow(x: str) -> str:
        return x if stream == activations else graph.cast(x, activations)

    def widen(x: str) -> str:
        return x if stream == activations else graph.cast(x, stream)

    def norm(name: str, x: str, weight: NDArray[np.float32], dtype: str) -> str:
        inputs = [x, graph.constant(f"{name}.weight", weight.astype(dtype))]
        return graph.node("SimplifiedLayerNormalization", inputs, name, axis=-1, epsilon=a.epsilon, stash_type=1)

    def post_norm(name: str, x: str, weight: NDArray[np.float32] | None) -> str:
        return widen(x) if weight is None else norm(name, widen(x), weight, stream)

    def add_and_norm(name: str, x: str, residual: str, weight: NDArray[np.float32]) -> tuple[str, str]:
        inputs = [x, residual, graph.constant(f"{name}.weight", weight.astype(stream))]
        # The second and third outputs serve training; the fourth is the sum, the residual stream itself.
        outputs = (name, "", "", f"{name}.sum")
        graph.node("SkipSimplifiedLayerNormalization", inputs, *outputs, domain=_MICROSOFT, epsilon=a.epsilon)
        return narrow(name), f"{name}.sum"

    def normed_heads(name: str, x: str, heads: int, weight: NDArray[np.float32]) -> str:
        """Each head by itself: the shape between is [rows, tokens * heads, head_size]."""
        split = graph.constant("heads_apart", np.array([0, -1, a.head_size]))
        apart = norm(name, graph.node("Reshape", [x, split], f"{x}.apart"), weight, activations)
        together = graph.constant(f"heads_together.{heads}", np.array([0, -1, heads * a.head_size]))
        return graph.node("Reshape", [apart, together], f"{name}.together")

    tables = {"": _rotary(a, a.rope_base, a.rope_divisors)}
    if any(a.near):
        tables["near_"] = _rotary(a, a.near_rope_base, np.ones_like(a.rope_divisors))
    turns = {
        prefix: tuple(graph.number(prefix + name, table) for name, table in zip(("cosine", "sine"), pair, strict=True))
        for prefix, pair in tables.items()
    }
    residual = widen(graph.embed("input_ids", weights.embedding()))
    advance()
    layer = weights.layer(0)
    x = narrow(norm("attn_norm.0", residual, layer.attn_norm, stream))
    for index in range(a.layers):
        near = bool(a.near) and a.near[index]
        heads = [graph.linear(f"attn_qkv.{index}", x, layer.attn_qkv), "", ""]
        if layer.query_norm is not None and layer.key_norm is not None:
            sizes = graph.constant("qkv_sizes", np.array([a.heads, a.kv_heads, a.kv_heads]) * a.head_size)
            parts = [f"attn_{part}.{index}" for part in ("query", "key", "value")]
            graph.node("Split", [heads[0], sizes], *parts, axis=-1)
            query = normed_heads(f"query_norm.{index}", parts[0], a.heads, layer.query_norm)
            heads = [query, normed_heads(f"key_norm.{index}", parts[1], a.kv_heads, layer.key_norm), parts[2]]
        past, present = _cache_names("past_key_values", index), _cache_names("present", index)
        attention = graph.node(
            "GroupQueryAttention",
            [*heads, *past, "seqlens_k", "total_len", *turns["near_" if near else ""]],
            f"attention.{index}",
            *present,
            domain=_MICROSOFT,
            num_heads=a.heads,
            kv_num_heads=a.kv_heads,
            scale=a.head_size**-0.5 if a.attention_scale is None else a.attention_scale,
            do_rotary=1,
            rotary_interleaved=0,
            **({"local_window_size": a.window} if near else {}),
        )
        output = graph.linear(f"attn_output.{index}", attention, layer.attn_output)
        output = post_norm(f"attn_post_norm.{index}", output, layer.attn_post_norm)
        x, residual = add_and_norm(f"ffn_norm.{index}", output, residual, layer.ffn_norm)
        gate_up = graph.linear(f"ffn_gate_up.{index}", x, layer.ffn_gate_up)
        gate, up = f"ffn_gate.{index}", f"ffn_up.{index}"
        graph.node("Split", [gate_up], gate, up, axis=-1, num_outputs=2)
        opened = graph.gate(f"ffn_{a.gate}.{index}", gate, a.gate)
        down = graph.linear(f"ffn_down.{index}", graph.node("Mul", [opened, up], f"ffn.{index}"), layer.ffn_down)
        down = post_norm(f"ffn_post_norm.{index}", down, layer.ffn_post_norm)
        advance()
        last = index + 1 == a.layers
        layer = layer if last else weights.layer(index + 1)
        name, weight = ("output_norm", weights.output_norm()) if last else (f"attn_norm.{index + 1}", layer.attn_norm)
        x, residual = add_and_norm(name, down, residual, weight)

    # Only the positions asked for reach the largest matrix: x [rows, tokens, hidden] and last_idx [rows, 1].
    index = graph.node("Unsqueeze", ["last_idx", graph.constant("last_axis", np.array([-1]))], "last_idx.unsqueezed")
    x = graph.node("GatherND", [x, index], "last_hidden", batch_dims=1)
    logits = graph.linear("logits", x, weights.output())
    if activations != "float32":
        logits = graph.cast(logits, "float32")
    graph.node("TopK", [logits, graph.constant("candidates", np.array([CANDIDATES]))], "top_v", "top_i", axis=-1)
    advance()
    return helper.make_model(
        helper.make_graph(graph.nodes, "decoder", _inputs(a, kind), _outputs(a, kind), graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)],
        ir_version=_IR_VERSION,
        producer_name="token-desk",
    )


def steps(architecture: Architecture) -> int:
    """How often `decoder` calls `advance`."""
    return architecture.layers + 2


def _rotary(
    a: Architecture, base: float, divisors: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cosine and sine of position times frequency, [context, head_size / 2] (Su et al. 2021)."""
    frequency = base ** -(np.arange(0, a.head_size, 2) / a.head_size) / divisors
    angle = np.arange(a.context)[:, None] * frequency
    return np.cos(angle), np.sin(angle)


def _cache_names(side: str, layer: int) -> list[str]:
    return [f"{side}.{layer}.key", f"{side}.{layer}.value"]


def _inputs(a: Architecture, kind: int) -> list[ValueInfoProto]:
    return [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "tokens"]),
        helper.make_tensor_value_info("seqlens_k", TensorProto.INT32, ["rows"]),
        helper.make_tensor_value_info("total_len", TensorProto.INT32, []),
        helper.make_tensor_value_info("last_idx", TensorProto.INT64, ["rows", 1]),
        *_caches("past_key_values", a, kind),
    ]


def _outputs(a: Architecture, kind: int) -> list[ValueInfoProto]:
    return [
        helper.make_tensor_value_info("top_v", TensorProto.FLOAT, ["rows", 1, CANDIDATES]),
        helper.make_tensor_value_info("top_i", TensorProto.INT64, ["rows", 1, CANDIDATES]),
        *_caches("present", a, kind),
    ]


def _caches(side: str, a: Architecture, kind: int) -> list[ValueInfoProto]:
    shape = ["rows", a.kv_heads, "capacity", a.head_size]
    return [
        helper.make_tensor_value_info(name, kind, shape)
        for layer in range(a.layers)
        for name in _cache_names(side, layer)
    ]
