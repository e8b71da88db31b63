"""The stub runtime seen from Python, inside the child process that runs under it."""

import ctypes
import os
import sys
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cuda_stub.build import LIBRARIES, RUNTIME

ILLEGAL_ADDRESS = 700


@dataclass(frozen=True)
class Counters:
    """What the program did to the device since the stub was loaded; `in_use` and `peak` are bytes held now and at most.

    `launches` are kernels started by the host, `gemms` matrix products of cuBLAS, `replayed` both of these started by
    one of `graph_launches`. `h2d`, `d2h` and `d2d` count copies by direction. A refused copy reached outside an
    allocation or went another way than it said.
    """

    in_use: int
    peak: int
    allocations: int
    frees: int
    launches: int
    gemms: int
    graph_launches: int
    replayed: int
    h2d: int
    h2d_bytes: int
    d2h: int
    d2h_bytes: int
    d2d: int
    d2d_bytes: int
    synchronizations: int
    refused_copies: int

    def since(self, earlier: "Counters") -> "Counters":
        """The difference to `earlier`; `in_use` and `peak` stay as they are."""
        changes = (now - then for now, then in zip(astuple(self), astuple(earlier), strict=True))
        difference = Counters(*changes)
        return Counters(self.in_use, self.peak, *astuple(difference)[2:])


class _Raw(ctypes.Structure):
    """`struct counters` of runtime.c."""

    _fields_ = [(field.name, ctypes.c_uint64) for field in fields(Counters)]


class CudaStub:
    """Load the libraries in `folder` (made by `build`) into this process: at once, before onnxruntime looks for CUDA.

    `capability` is the compute capability times ten, `memory` the size of the card in bytes.
    """

    def __init__(self, folder: Path, capability: int = 89, memory: int = 16 << 30, log: bool = False) -> None:
        if "onnxruntime" in sys.modules:
            raise RuntimeError("the stub must be loaded before onnxruntime")
        os.environ["CUDA_STUB_CAPABILITY"] = str(capability)
        os.environ["CUDA_STUB_MEMORY"] = str(memory)
        if log:
            os.environ["CUDA_STUB_LOG"] = "1"
        loaded = {library.name: ctypes.CDLL(str(folder / library.name), mode=os.RTLD_GLOBAL) for library in LIBRARIES}
        self._runtime = loaded[RUNTIME]
        self._runtime.cuda_stub_launches_of.restype = ctypes.c_uint64
        self._raw = _Raw.in_dll(self._runtime, "cuda_stub_counters")

    def counters(self) -> Counters:
        return Counters(*(getattr(self._raw, field.name) for field in fields(Counters)))

    def launches_of(self, part: str) -> int:
        """How often kernels were launched whose (mangled) name has `part` in it."""
        return self._runtime.cuda_stub_launches_of(part.encode())

    def set_memory(self, memory: int) -> None:
        """Change the size of the card, as when another program takes or frees memory."""
        self._runtime.cuda_stub_set_memory(ctypes.c_uint64(memory))

    def fail(self, code: int, sticky: bool = False, after: int = 0) -> None:
        """Let the device fail with a CUDA error after that many more launches: once, or for good."""
        self._runtime.cuda_stub_fail(code, int(sticky), ctypes.c_uint64(after))
