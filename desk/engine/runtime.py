"""THE door to onnxruntime: which provider is used, sessions, device memory and bound runs.

The same code drives `cpu` and `cuda`; the device is data. Every pool of threads, every allocation and every error of
the vendor ends here.
"""

import contextlib
import ctypes
import math
import os
import platform
import re
import sys
import weakref
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
import psutil
from onnxruntime.capi import onnxruntime_pybind11_state as vendor  # ty: ignore[import-not-found] - a compiled module

from desk.engine.driver import Driver, ask_driver, free_memory
from desk.engine.recording import MOST
from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models import ram
from desk.models.manifest import Manifest

Used = Literal["cuda", "cpu"]

VERSION: str = ort.__version__

_EP = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
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
_OUT_OF_MEMORY = (
    "Failed to allocate memory",
    "Available memory of",
    "CUDA failure 2:",
    "CUBLAS failure 3:",
    "bad_alloc",
)
_DEVICE_FAILED = re.compile(r"\b(CUDA|CUBLAS|CURAND|CUDNN) (failure \d|error )")


class DeviceLost(Trouble):
    """The device answers nothing sensible any more: only a fresh process can go on."""


class OutOfMemory(Trouble):
    """What was asked for does not fit into memory; less of it may."""


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


class Runtime:
    """onnxruntime on this machine, with a wish for the provider of lanes that have none of their own.

    With `graphs` decode steps on CUDA are recorded as CUDA graphs (see `desk.engine.recording`).

    `cause` says in a sentence why `provider` is what it is where it was not asked for. A wish that cannot be kept is
    never quietly replaced: it is in `refusal`, and every lane that depends on it is refused with it.
    """

    def __init__(self, wish: Provider = "auto", threads: int | None = None, graphs: bool = False) -> None:
        self.threads = size_pool(threads)
        self._graphs = graphs
        self.cause = ""
        self.refusal: Trouble | None = None
        self._driver: Driver | None = None
        self._cuda_opens = False
        self._networks: weakref.WeakValueDictionary[tuple[str, str, str], Network] = weakref.WeakValueDictionary()
        self._default: Used = "cpu"
        try:
            self._default = self._choose(wish)
        except Trouble as trouble:
            self.refusal = trouble
        else:
            if wish == "auto" and self._default == "cpu":
                self.cause = "No NVIDIA device was found, so the CPU is used."

    def provider_for(self, wish: Provider) -> Used:
        """The provider of a lane with that wish, proven by a run on it; raises `Trouble` where it cannot be had."""
        if wish != "auto":
            return self._choose(wish)
        if self.refusal is not None:
            raise self.refusal
        return self._default

    def device(self, provider: Used) -> tuple[str, str]:
        """Name and driver's UUID of the device behind a provider; a processor has no UUID."""
        if provider == "cpu" or self._driver is None:
            return _processor(), ""
        return self._driver.devices[0].name, self._driver.devices[0].uuid

    def free(self, provider: Used, cache: int = 0) -> int | None:
        """Bytes that are free for a lane with a cache of that size, `None` where the driver does not say."""
        if provider == "cpu":
            return ram.free_memory()
        free = free_memory()
        return None if free is None else free + min((block for block in _spare if block >= cache), default=0)

    def loaded(self, folder: Path, manifest: Manifest, provider: Used) -> bool:
        """Whether some lane has that model loaded."""
        return (str(folder), manifest.revision, provider) in self._networks

    def load(self, folder: Path, manifest: Manifest, provider: Used) -> "Network":
        """The model of `folder`, one session for all lanes that run it on that provider.

        Raises `Trouble` where the graph does not load or does not land on the provider.
        """
        key = (str(folder), manifest.revision, provider)
        network = self._networks.get(key)
        if network is None:
            graph = folder / manifest.graph
            if manifest.wiring.exporter:
                from desk.models.foreign import fitness, tail  # noqa: PLC0415 - onnx loads slowly, others need none

                fitness.check(folder, manifest, provider)
                session = open_session(tail.altered(folder, manifest), provider, beside=graph)
            else:
                session = self._open_own(graph, provider)
            network = self._networks[key] = Network(session, manifest, provider)
        return network

    def _open_own(self, graph: Path, provider: Used) -> ort.InferenceSession:
        if self._graphs and provider == "cuda":
            with contextlib.suppress(Trouble):  # a session that cannot record may still run
                return open_session(graph, provider, graphs=True)
        return open_session(graph, provider)

    def _choose(self, wish: Provider) -> Used:
        if wish == "cpu":
            return "cpu"
        if self._driver is None:
            self._driver = ask_driver()
        if not self._driver.devices and not self._driver.cause:
            if wish == "auto":
                return "cpu"
            raise Trouble("CUDA was asked for, but this machine shows no NVIDIA device.", "Choose the provider cpu.")
        if not self._cuda_opens:
            _open_cuda(self._driver)
            self._cuda_opens = True
        return "cuda"


class Network:
    """A loaded graph. `provider` is where its session really landed.

    `kinds` has the element types of its inputs and outputs, `cache_names` past and present of each tensor of its cache.
    `unrecorded` says why no run is recorded as a CUDA graph; it is empty as long as runs are.
    """

    def __init__(self, session: ort.InferenceSession, manifest: Manifest, provider: Used) -> None:
        self.session = session
        self.manifest = manifest
        self.provider: Used = provider
        self.tested = False  # set once its rows are known not to depend on each other
        self.seamless = False  # set once a prompt is known to give the same to the bit wherever it is cut
        self._may_record = session.get_provider_options().get(_EP["cuda"], {}).get("enable_cuda_graph") == "1"
        self.unrecorded = "" if self._may_record else "Recording was not asked for, or cannot be had."
        self._recorded = 0
        self._options: dict[int | None, ort.RunOptions] = {}
        self.cache_names = manifest.wiring.cache_names(manifest.layers)
        ports = {port.name: port for port in (*session.get_inputs(), *session.get_outputs())}
        wiring = manifest.wiring
        taken = (wiring.lengths, wiring.total, wiring.last, wiring.mask, wiring.positions, wiring.keep)
        cached = (name for names in self.cache_names for name in names)
        wanted = {"input_ids", "top_v", "top_i", *filter(None, taken), *cached}
        missing = sorted(wanted - ports.keys())
        if missing:
            raise Trouble(f"The graph of model {manifest.name} has no {missing[0]}.", "Build the model again.")
        self._shapes = {name: ports[name].shape for name in wanted}
        self.kinds = {name: np.dtype(_DTYPES[ports[name].type]) for name in wanted}
        self.kv_dtype = self.kinds[self.cache_names[0][0]]

    def lone_shape(self, name: str) -> tuple[int, ...]:
        """The shape of an input that holds a single number."""
        return (1,) * len(self._shapes[name])

    def memory(self, shape: tuple[int, ...]) -> "Memory":
        """Memory for keys and values where the network runs; raises `Trouble` where there is not enough."""
        return Memory(shape, self.kv_dtype, self.provider)

    def binding(self) -> "Binding":
        """A run to be bound."""
        return Binding(self)

    def next_recording(self) -> int | None:
        """The number of another recording, `None` once there are as many as may be."""
        self._recorded += 1
        return self._recorded if self._recorded <= MOST else None

    def options(self, recording: int | None) -> ort.RunOptions | None:
        """How a run is made: as that recording, or plainly."""
        if not self._may_record:
            return None
        if recording not in self._options:
            options = self._options[recording] = ort.RunOptions()
            options.add_run_config_entry("gpu_graph_id", str(-1 if recording is None else recording))
        return self._options[recording]


_spare: list[int] = []
"""Sizes of the blocks on the device whose caches are gone: the runtime keeps them, for arrays that fit."""


def _allotted(size: int) -> None:
    fitting = min((block for block in _spare if block >= size), default=None)
    if fitting is not None:
        _spare.remove(fitting)


class Memory:
    """A block of numbers at `address` on a device. `host` is it as an array where that is the host, else `None`."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, provider: Used) -> None:
        self.bytes = math.prod(shape) * dtype.itemsize
        self.host: np.ndarray | None = None
        if provider == "cpu":
            # Every page is touched now: the system hands large ones out slowly, and a lane's first steps would pay.
            self.host = np.empty(shape, dtype)
            self.host.fill(0)
            self._value = ort.OrtValue.ortvalue_from_numpy(self.host)
        else:
            try:
                self._value = ort.OrtValue.ortvalue_from_shape_and_type(shape, dtype, "cuda", 0)
            except Exception as error:
                raise _translated(error, "cuda", f"A KV cache of {self.bytes / 2**30:.1f} GiB was refused") from error
            _allotted(self.bytes)
            weakref.finalize(self, _spare.append, self.bytes)
        self.address: int = self._value.data_ptr()


class Binding:
    """What one kind of run reads and writes, by the names of its graph. Whoever binds an address keeps it alive."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._io = network.session.io_binding()
        self._inputs: dict[str, tuple[np.ndarray, ort.OrtValue]] = {}
        self._outputs: dict[str, tuple[np.ndarray, ort.OrtValue]] = {}
        self._held: dict[str, ort.OrtValue] = {}

    def read(self, name: str, array: np.ndarray, on_host: bool = False) -> np.ndarray:
        """Let the runs read `array` as it is at their time; `on_host` where the provider reads it in host memory."""
        value = ort.OrtValue.ortvalue_from_numpy(array) if on_host else self._on_device(array)
        if not on_host:
            self._inputs[name] = array, value
        self._io.bind_ortvalue_input(name, value)
        return array

    def resize(self, name: str, shape: tuple[int, ...]) -> None:
        """Let the next runs read the beginning of an input's memory, as an array of that shape."""
        array, value = self._inputs[name]
        self._io.bind_input(name, self._network.provider, 0, array.dtype, shape, value.data_ptr())

    def write(self, name: str, array: np.ndarray, from_device: bool = False) -> None:
        """Let the runs write into `array`, in host memory; `from_device` by way of an array there, as recorded runs
        must."""
        value = self._on_device(array) if from_device else ort.OrtValue.ortvalue_from_numpy(array)
        self._held[name] = value
        if from_device:
            self._outputs[name] = array, value
        self._io.bind_ortvalue_output(name, value)

    def take(self, name: str, dtype: np.dtype, shape: tuple[int, ...], address: int) -> None:
        """Let the runs read device memory."""
        self._io.bind_input(name, self._network.provider, 0, dtype, shape, address)

    def give(self, name: str, dtype: np.dtype, shape: tuple[int, ...], address: int) -> None:
        """Let the runs write device memory."""
        self._io.bind_output(name, self._network.provider, 0, dtype, shape, address)

    def _on_device(self, array: np.ndarray) -> ort.OrtValue:
        try:
            return ort.OrtValue.ortvalue_from_numpy(array, self._network.provider, 0)
        except Exception as error:
            what = f"Model {self._network.manifest.name} got no memory for its inputs"
            raise _translated(error, self._network.provider, what) from error

    def run(self, recording: int | None = None) -> None:
        """Bring the inputs to the device and run the graph; the vendor's errors leave as `Trouble` or `DeviceLost`.

        The first run of a `recording` makes it, the others replay it.
        """
        network = self._network
        try:
            if network.provider != "cpu":  # in host memory the arrays are the inputs themselves
                for array, value in self._inputs.values():
                    value.update_inplace(array)
            options = network.options(recording)
            network.session.run_with_iobinding(self._io, *([options] if options is not None else ()))
            for array, value in self._outputs.values():
                array[...] = value.numpy()
        except Exception as error:
            what = f"Model {network.manifest.name} failed in a run"
            raise _translated(error, network.provider, what) from error


# ---- sessions and the vendor's errors


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
    provider: Any = _EP[used]
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
        raise _translated(error, used, f"{what} did not load") from error
    if session.get_providers()[0] != _EP[used] or not (own or used == "cpu" or _computes_on(session, used)):
        raise _not_on_cuda(what)
    return session


def _computes_on(session: ort.InferenceSession, used: Used) -> bool:
    """Whether whatever lies elsewhere in a foreign graph only counts."""
    elsewhere = {
        node.op_type
        for part in session.get_provider_graph_assignment_info()
        if part.ep_name != _EP[used]
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


def _open_cuda(driver: Driver) -> None:
    """Prove by a run that CUDA works; raises `Trouble` with the cause where it does not."""
    if driver.cause:
        raise Trouble(f"CUDA does not open: {driver.cause}", _CUDA_REMEDY)
    if _EP["cuda"] not in ort.get_available_providers():
        raise Trouble(
            "An NVIDIA device is present, but the installed onnxruntime was built without CUDA.",
            "Install onnxruntime-gpu in place of onnxruntime, or choose the provider cpu.",
        )
    ort.preload_dlls(cudnn=False)
    # Arrays on the device (the KV caches) come from an arena of their own, which else rounds up to powers of two.
    vendor.set_arena_extend_strategy(vendor.ArenaExtendStrategy.kSameAsRequested)
    session = open_session(_probe_graph(), "cuda")
    one = ort.OrtValue.ortvalue_from_numpy(np.ones(1, np.float32), "cuda", 0)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", one)
    binding.bind_output("y", "cpu")
    try:
        session.run_with_iobinding(binding)
    except Exception as error:
        raise Trouble(f"CUDA opens but does not compute: {_words(error)}", _CUDA_REMEDY) from error


def _probe_graph() -> bytes:
    """The smallest model that makes a device compute, y = x + x, as the bytes of an ONNX file (protobuf)."""

    def part(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    def value(name: bytes) -> bytes:
        float_of_one = part(1, b"\x08\x01" + part(2, part(1, b"\x08\x01")))  # elem_type 1, shape [1]
        return part(1, name) + part(2, float_of_one)

    node = part(1, b"x") + part(1, b"x") + part(2, b"y") + part(4, b"Add")
    graph = part(1, node) + part(2, b"probe") + part(11, value(b"x")) + part(12, value(b"y"))
    return b"\x08\x0a" + part(7, graph) + part(8, b"\x10\x15")  # IR version 10, operator set 21


def _translated(error: Exception, used: Used, what: str) -> Trouble:
    text = _words(error)
    if any(mark in str(error) for mark in _OUT_OF_MEMORY):
        remedy = "Choose fewer slots, a shorter context or a smaller model."
        return OutOfMemory(f"{what}: out of memory ({text}).", remedy)
    if used == "cuda" and _DEVICE_FAILED.search(str(error)):
        return DeviceLost(f"{what}: {text}", "Start again; if it comes back, update the NVIDIA driver or reboot.")
    return Trouble(f"{what}: {text}", "Build or fetch the model again, or choose another one.")


def _words(error: Exception) -> str:
    """What the vendor says, without the C++ signatures before it and the source lines after it."""
    text = " ".join(str(error).split()) or type(error).__name__
    failed = _DEVICE_FAILED.search(text)
    if failed:
        text = text[failed.start() :]
    elif "Status Message: " in text:
        text = text.partition("Status Message: ")[2]
    return text.partition(" ; ")[0][:300]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
