"""Write `models/kernels.json.gz`: every kernel and schema that the installed onnxruntime registers for CPU and CUDA.

    python tests/cuda_stub/export_kernels.py [FILE]

Run it after a change of the onnxruntime version. The list comes from the shipped binary itself: under the stub runtime
its CUDA provider loads, and its TensorRT provider too, without which onnxruntime lists nothing at all.
"""

import ctypes
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cuda_stub.build import LIBRARIES, PLUGINS, build
from cuda_stub.stub import CudaStub

TABLE = Path(__file__).parents[2] / "models" / "kernels.json.gz"
PROVIDERS = {"CPUExecutionProvider": "cpu", "CUDAExecutionProvider": "cuda"}
OPEN_END = 2**31 - 1
"""How onnxruntime writes that a kernel serves every later version of its operator."""


def main(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        libraries = build(Path(folder), LIBRARIES + PLUGINS)
        CudaStub(libraries)
        for library in PLUGINS:
            ctypes.CDLL(str(libraries / library.name), mode=os.RTLD_GLOBAL)
        table = exported()
    # A fixed time stamp: the same onnxruntime gives the same bytes.
    text = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0))


def exported() -> dict[str, Any]:
    """The table as `desk.models.kernels.KernelTable` reads it."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    kernels: dict[str, dict[str, list]] = {}
    for kernel in runtime.get_all_opkernel_def():
        provider = PROVIDERS.get(kernel.provider)
        if provider is None:
            continue
        first, last = kernel.version_range
        types = {name: sorted(map(plain, allowed)) for name, allowed in sorted(kernel.type_constraints.items())}
        row = [first, None if last == OPEN_END else last, types]
        kernels.setdefault(key(kernel.domain, kernel.op_name), {}).setdefault(provider, []).append(row)
    schemas: dict[str, dict[int, dict[str, list]]] = {}
    for schema in runtime.get_all_operator_schema():
        name = key(schema.domain, schema.name)
        if name in kernels:
            sides = {"inputs": schema.inputs, "outputs": schema.outputs}
            schemas.setdefault(name, {})[schema.since_version] = {
                side: [[p.name, plain(p.typeStr), "Variadic" in str(p.option)] for p in parameters]
                for side, parameters in sides.items()
            }
    return {
        "onnxruntime": onnxruntime.__version__,
        "kernels": {name: {p: merged(rows) for p, rows in by.items()} for name, by in kernels.items()},
        "schemas": schemas,
    }


def key(domain: str, operator: str) -> str:
    return f"{domain or 'ai.onnx'}::{operator}"


def plain(kind: str) -> str:
    """`float16` for `tensor(float16)`; anything else as it is."""
    return kind.removeprefix("tensor(").removesuffix(")") if kind.startswith("tensor(") else kind


def merged(rows: list) -> list:
    """The same kernels in fewer rows: two that differ in one type at most become one."""
    rows = sorted(rows, key=_order)
    again = True
    while again:
        again = False
        for i, (first, last, types) in enumerate(rows):
            for j in range(len(rows) - 1, i, -1):
                if rows[j][:2] != [first, last] or rows[j][2].keys() != types.keys():
                    continue
                different = [name for name in types if rows[j][2][name] != types[name]]
                if len(different) <= 1:
                    for name in different:
                        types[name] = sorted({*types[name], *rows[j][2][name]})
                    del rows[j]
                    again = True
    return sorted(rows, key=_order)


def _order(row: list) -> tuple[int, str]:
    return row[0], json.dumps(row[2])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TABLE)
