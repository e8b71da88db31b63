"""The physical floor of a step: what the machine must read and multiply, and how fast it was measured to do so.

    desk roofline THREADS PRECISION MODEL ...     measure, then look at models; PRECISION is empty for the best one

No step can be quicker than the longer of two times: reading every weight (and the keys and values of every row) once
at the machine's read bandwidth, and making every multiply-add at the peak of its units (the roofline of Williams,
Waterman and Patterson, CACM 52(4), 2009). Weights count as they lie in the file. A child of its own does this, because
what it reads would count as the memory of an engine. Each line on stdout is a JSON object: the machine's, then one a
model, or a `cause` and its `remedy` in its place.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from desk.engine.runtime import open_session, size_pool
from desk.facts.happened import now
from desk.facts.trouble import Trouble
from desk.models.store import open_model

_READ_BYTES = 256 << 20
"""What each thread reads at a time: beyond the caches of any processor this runs on."""

_SIDE = 1024
_BEST_OF = 5

_BITS = {"FLOAT": 32, "FLOAT16": 16, "BFLOAT16": 16, "INT64": 64, "INT32": 32, "INT8": 8, "UINT8": 8, "UINT4": 4}


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes a second read from memory, and multiply-adds a second, as measured with that many threads."""

    threads: int
    read_bytes_per_second: float
    eight_bit_madds_per_second: float
    float_madds_per_second: float


@dataclass(frozen=True, slots=True)
class Work:
    """What one decode step costs at least: bytes of weights once, and multiply-adds a token.

    `attention_madds` are those for each token of the context. `quantised` is whether the products of weights are made
    of 8-bit activations.
    """

    weight_bytes: int
    madds: int
    attention_madds: int
    quantised: bool


def main(arguments: Sequence[str]) -> int:
    """The child; gives the exit code."""
    if len(arguments) < 2 or not arguments[0].isdecimal():
        sys.stderr.write("usage: desk roofline THREADS PRECISION MODEL ...\n")
        return 2
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a native library prints must not spoil a line
    threads, precision, *models = arguments
    print(json.dumps(asdict(measure(size_pool(int(threads))))), file=out, flush=True)
    for model in models:
        try:
            folder, manifest = open_model(model, precision, "cpu")
            told = asdict(work(folder / manifest.graph, manifest.head_size))
        except Trouble as trouble:
            told = {"cause": trouble.cause, "remedy": trouble.remedy}
        print(json.dumps(told), file=out, flush=True)
    return 0


def measure(threads: int) -> Machine:
    """Measure this machine, the best of a few tries each.

    Bandwidth: numpy's dot product of a large float array with itself, one array a thread. Multiply-adds: onnxruntime's
    matrix product of two square matrices, of unsigned by signed bytes (MatMulInteger) and of 32-bit floats (MatMul).
    """
    return Machine(
        threads, _read_speed(threads), _peak(np.uint8, np.int8, "MatMulInteger"), _peak(np.float32, None, "MatMul")
    )


def _read_speed(threads: int) -> float:
    arrays = [np.ones(_READ_BYTES // 4, np.float32) for _ in range(threads)]

    def read_all() -> None:
        readers = [threading.Thread(target=np.dot, args=(array, array)) for array in arrays]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    return threads * _READ_BYTES / _quickest(read_all)


def work(graph: Path, head_size: int) -> Work:
    """What a graph's matrix products read and multiply for one token. Tables that are only looked up cost nothing."""
    model = onnx.load(str(graph), load_external_data=False)
    sizes = {tensor.name: (list(tensor.dims), _bytes(tensor)) for tensor in model.graph.initializer}
    read: set[str] = set()
    madds, quantised = 0, False
    heads = sum(_attribute(node, "num_heads", 0) for node in model.graph.node if node.op_type == "GroupQueryAttention")
    for node, names, product in _products(model.graph, sizes):
        read.update(names)
        madds += product
        quantised |= node.op_type == "MatMulNBits" and _attribute(node, "accuracy_level", 0) == 4
    return Work(sum(sizes[name][1] for name in read), madds, 2 * heads * head_size, quantised)


def _products(graph: Any, sizes: dict[str, tuple[list[int], int]]) -> Iterator[tuple[Any, list[str], int]]:
    """Each node that multiplies with a stored matrix, the tensors it reads, and its multiply-adds a token."""
    for node in graph.node:
        stored = [name for name in node.input[1:] if name in sizes]
        if node.op_type == "MatMulNBits":
            yield node, stored, _attribute(node, "K", 0) * _attribute(node, "N", 0)
        elif node.op_type in ("MatMul", "Gemm", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"):
            dims = sizes[stored[0]][0] if stored else []
            if len(dims) == 2:
                yield node, stored, dims[0] * dims[1]


def _attribute(node: Any, name: str, absent: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), absent)


def _bytes(tensor: Any) -> int:
    bits = _BITS.get(onnx.TensorProto.DataType.Name(tensor.data_type), 8)
    return int(np.prod(tensor.dims, dtype=np.int64)) * bits // 8


def _peak(left: Any, right: Any, operator: str) -> float:
    """Multiply-adds a second in a square matrix product."""
    weights = numpy_helper.from_array(np.ones((_SIDE, _SIDE), right or left), "w")
    out = onnx.TensorProto.INT32 if right else onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w"], ["y"])],
        "peak",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(left)), [_SIDE, _SIDE])],
        [helper.make_tensor_value_info("y", out, [_SIDE, _SIDE])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    session = open_session(model.SerializeToString(), "cpu")
    x = np.ones((_SIDE, _SIDE), left)
    return _SIDE**3 / _quickest(lambda: session.run(None, {"x": x}))


def _quickest(action: Callable[[], object]) -> float:
    action()
    seconds = []
    for _ in range(_BEST_OF):
        start = now()
        action()
        seconds.append(now() - start)
    return min(seconds)
