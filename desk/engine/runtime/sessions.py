"""Sessions: how many threads they have, how CUDA is opened for them, and whether they land where they are to."""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import psutil
from onnxruntime.capi import onnxruntime_pybind11_state as vendor  # ty: ignore[import-not-found] - a compiled module

from desk.engine.driver import Driver
from desk.engine.runtime.faults import DeviceLost, OutOfMemory, Used, translated
from desk.facts.trouble import Trouble

EP = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_CUDA_LIBRARIES = {
    "linux": ("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10"),
    "win32": ("cudart64_13.dll", "cublasLt64_13.dll", "cublas64_13.dll"),
}
_COUNTING = set(
    """
    Add And Cast Concat Constant ConstantOfShape CumSum Div Equal Expand Flatten Gather Greater GreaterOrEqual Identity
    If Less LessOrEqual Max Min Mod Mul Not Or Range ReduceMax ReduceSum Reshape Shape Size Slice Squeeze Sub Unsqueeze
    Where
    """.split()  # noqa: SIM905 - a list of words reads better without forty pairs of quotes
)
"""Operators of shapes and positions, which the runtime keeps on the CPU in graphs for CUDA."""

_NOT_ON_CUDA = "fallback to CPU EP has been explicitly disabled"


def default_threads() -> int:
    """Physical cores, within what this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


SPIN_US = "50"
"""How long a thread of a session's pool spins for more work before it sleeps, in microseconds.

Each session has a pool of its own. onnxruntime's global pool spins for long and cannot be told otherwise, so whenever a
core is taken by somebody else (a panel that draws), the spinning threads wait on the one that has lost its core.
Milliseconds a step on two cores, 135M parameters in 8 bits, medians of five interleaved rounds on a machine that others
used too (in brackets the best round, nearly undisturbed), then with one more process that takes a core:

    pool                 one session, 1 row   two in turns, 1 row   8 rows      two, 8 rows   taken: 1 / 8 rows
    global               18 (6.0)             15 (6.1)              40 (11.5)   41 (11.7)     29 / 66
    own, spins default   19 (6.6)             27 (12)               41 (11.3)   65 (24)       30 / 60
    own, 200 us          16 (5.6)             17 (5.8)              33 (12.0)   39 (11.9)     20 / 44
    own, 50 us           14 (5.6)             15 (5.7)              29 (12.0)   31 (12.0)     16 / 29
    own, 20 us           13 (5.8)             12 (5.8)              25 (11.4)   27 (11.9)     13 / 30
    own, never           10 (7.8)             10 (7.6)              22 (12.9)   21 (13.5)     16 / 24

Undisturbed, 50 us cost nothing, where never to spin costs up to a third; with a core taken, a step takes about half
the time that it takes in the global pool; and an idle session takes nothing from the one at work, as it does where
threads spin by default.
"""

_threads: int | None = None


def size_pool(threads: int | None = None) -> int:
    """Settle how many threads a run has, before the first session; later calls find it as it is."""
    global _threads  # the cores are the process's, whoever asks first
    if _threads is None:
        _threads = threads or default_threads()
        ort.set_default_logger_severity(3)
        ort.disable_telemetry_events()
    return _threads


def open_session(
    graph: Path | bytes, used: Used, beside: Path | None = None, graphs: bool = False
) -> ort.InferenceSession:
    """A session that lies on its provider; raises `Trouble` where it does not load or does not land there.

    Our own graphs lie wholly on it. Those of others, altered versions of the file `beside` which their weights lie,
    also count shapes, which the runtime does on the CPU, so their runs cannot be recorded as CUDA graphs. Those of a
    session with `graphs` can.
    """
    own = beside is None
    options = ort.SessionOptions()
    options.intra_op_num_threads = size_pool()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.spin_duration_us", SPIN_US)
    options.log_severity_level = 3
    provider: Any = EP[used]
    if used == "cuda":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1" if own else "0")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "0" if own else "1")
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        settings = {"device_id": "0", "arena_extend_strategy": "kSameAsRequested", "enable_cudnn": "0"}
        settings |= {"enable_cuda_graph": "1"} if graphs else {}
        provider = (provider, settings)
    if beside is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(beside.parent))
    file = graph if isinstance(graph, Path) else beside
    what = f"The graph of model {file.parent.name}" if file is not None else "The probe graph"
    try:
        session = ort.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph), options, providers=[provider], enable_fallback=0
        )
    except Exception as error:
        if _NOT_ON_CUDA in str(error):
            raise _not_on_cuda(what) from error
        raise translated(error, used, f"{what} did not load") from error
    if session.get_providers()[0] != EP[used] or not (own or used == "cpu" or _computes_on(session, used)):
        raise _not_on_cuda(what)
    return session


def _computes_on(session: ort.InferenceSession, used: Used) -> bool:
    """Whether whatever lies elsewhere in a foreign graph only counts."""
    elsewhere = {
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != EP[used]
        for node in part.get_nodes()
    }
    return elsewhere <= _COUNTING


def _not_on_cuda(what: str) -> Trouble:
    """The runtime puts nodes on the CPU where CUDA lacks a kernel, and where a library of CUDA is missing."""
    for name in _CUDA_LIBRARIES.get(sys.platform, ()):
        try:
            ctypes.CDLL(name)
        except OSError:
            return Trouble(f"CUDA does not open: the library {name} is missing or does not load.", _CUDA_REMEDY)
    return Trouble(f"{what} does not run wholly on CUDA.", "Choose a precision made for CUDA, or the provider cpu.")


_CUDA_REMEDY = (
    "Update the NVIDIA driver to 580 or newer and install token-desk[cuda] (`desk doctor` names what is missing), "
    "or choose the provider cpu."
)


def open_cuda(driver: Driver) -> None:
    """Prove by a run that CUDA works; raises `Trouble` with the cause where it does not."""
    if driver.cause:
        raise Trouble(f"CUDA does not open: {driver.cause}", _CUDA_REMEDY)
    if EP["cuda"] not in ort.get_available_providers():
        raise Trouble(
            "An NVIDIA device is present, but the installed onnxruntime was built without CUDA.",
            "Install onnxruntime-gpu in place of onnxruntime, or choose the provider cpu.",
        )
    ort.preload_dlls(cudnn=False)
    # Arrays on the device (the KV caches) come from an arena of their own, which else rounds up to powers of two.
    vendor.set_arena_extend_strategy(vendor.ArenaExtendStrategy.kSameAsRequested)
    try:
        session = open_session(probe_graph(), "cuda")
        one = ort.OrtValue.ortvalue_from_numpy(np.ones(1, np.float32), "cuda", 0)
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", one)
        binding.bind_output("y", "cpu")
        session.run_with_iobinding(binding)
    except DeviceLost as lost:  # this process is a fresh one already, and the next would meet the same
        raise Trouble(lost.cause, _CUDA_REMEDY) from lost
    except Trouble:
        raise
    except Exception as error:
        trouble = translated(error, "cuda", "CUDA opens but does not compute")
        remedy = trouble.remedy if isinstance(trouble, OutOfMemory) else _CUDA_REMEDY
        raise Trouble(trouble.cause, remedy) from error


def probe_graph() -> bytes:
    """The smallest model that makes a device compute, y = x + x, as the bytes of an ONNX file (protobuf)."""

    def part(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    def value(name: bytes) -> bytes:
        float_of_one = part(1, b"\x08\x01" + part(2, part(1, b"\x08\x01")))  # elem_type 1, shape [1]
        return part(1, name) + part(2, float_of_one)

    node = part(1, b"x") + part(1, b"x") + part(2, b"y") + part(4, b"Add")
    graph = part(1, node) + part(2, b"probe") + part(11, value(b"x")) + part(12, value(b"y"))
    return b"\x08\x0a" + part(7, graph) + part(8, b"\x10\x15")  # IR version 10, operator set 21
