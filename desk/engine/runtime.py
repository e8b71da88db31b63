"""THE door to onnxruntime: which provider is used, sessions, device memory and bound runs.

The same code drives `cpu` and `cuda`; the device is data. Every pool of threads, every allocation and every error of
the vendor ends here.
"""

import ctypes
import os
import platform
import re
import sys
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
import psutil
from onnxruntime.capi import onnxruntime_pybind11_state as vendor  # ty: ignore[import-not-found] - a compiled module

from desk.engine.driver import Driver, ask_driver
from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest

Used = Literal["cuda", "cpu"]

VERSION: str = ort.__version__

_EP = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_CUDA_LIBRARIES = {
    "linux": ("libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10"),
    "win32": ("cudart64_13.dll", "cublasLt64_13.dll", "cublas64_13.dll"),
}
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


def default_threads() -> int:
    """Physical cores, within what this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


_pool_threads: int | None = None


def size_pool(threads: int | None = None) -> int:
    """Size the one thread pool of the process, before its first session; later calls find it as it is.

    Separate pools would have idle sessions' spinning threads steal the cores: that halves throughput.
    """
    global _pool_threads  # onnxruntime has one environment a process, so the size is the process's
    if _pool_threads is None:
        _pool_threads = threads or default_threads()
        ort.set_global_thread_pool_sizes(_pool_threads, 1)
        ort.set_default_logger_severity(3)
        ort.disable_telemetry_events()
    return _pool_threads


class Runtime:
    """onnxruntime on this machine, with a wish for the provider of lanes that have none of their own.

    `cause` says in a sentence why `provider` is what it is where it was not asked for. A wish that cannot be kept is
    never quietly replaced: it is in `refusal`, and every lane that depends on it is refused with it.
    """

    def __init__(self, wish: Provider = "auto", threads: int | None = None) -> None:
        self.threads = size_pool(threads)
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

    def load(self, folder: Path, manifest: Manifest, provider: Used) -> "Network":
        """The model of `folder`, one session for all lanes that run it on that provider.

        Raises `Trouble` where the graph does not load or does not land on the provider.
        """
        key = (str(folder), manifest.revision, provider)
        network = self._networks.get(key)
        if network is None:
            network = self._networks[key] = Network(open_session(folder / manifest.graph, provider), manifest, provider)
        return network

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
    """A loaded graph. `provider` is where its session really landed."""

    def __init__(self, session: ort.InferenceSession, manifest: Manifest, provider: Used) -> None:
        self.session = session
        self.manifest = manifest
        self.provider: Used = provider
        self.tested = False  # set once its rows are known not to depend on each other
        types = {argument.name: argument.type for argument in (*session.get_inputs(), *session.get_outputs())}
        wanted = {"input_ids", "seqlens_k", "total_len", "last_idx", "top_v", "top_i"} | {
            name for past, present in self._cache_names() for name in (past, present)
        }
        missing = sorted(wanted - types.keys())
        if missing:
            raise Trouble(f"The graph of model {manifest.name} has no {missing[0]}.", "Build the model again.")
        self.kv_dtype = np.dtype(_DTYPES[types["past_key_values.0.key"]])
        self.logit_dtype = np.dtype(_DTYPES[types["top_v"]])

    def kv_bytes(self, slots: int, context: int) -> int:
        """What a cache of that many slots and tokens takes."""
        m = self.manifest
        return 2 * m.layers * slots * m.kv_heads * context * m.head_size * self.kv_dtype.itemsize

    def cache(self, slots: int, context: int) -> "Cache":
        """A fresh KV cache; raises `Trouble` with the numbers where memory does not hold it."""
        return Cache(self, slots, context)

    def run(self, binding: ort.IOBinding, inputs: Iterable[tuple[np.ndarray, ort.OrtValue]]) -> None:
        """Bring `inputs` to the device and run the graph; the vendor's errors leave as `Trouble` or `DeviceLost`."""
        try:
            if self.provider != "cpu":  # in host memory the arrays are the inputs themselves
                for array, value in inputs:
                    value.update_inplace(array)
            self.session.run_with_iobinding(binding)
        except Exception as error:
            raise _translated(error, self.provider, f"Model {self.manifest.name} failed in a run") from error

    def _cache_names(self) -> list[tuple[str, str]]:
        return [
            (f"past_key_values.{layer}.{part}", f"present.{layer}.{part}")
            for layer in range(self.manifest.layers)
            for part in ("key", "value")
        ]


class Cache:
    """The keys and values of one lane: one block [tensors, slots, kv_heads, context, head_size] on the device.

    `host` is the block as an array where it lies in host memory, else `None`.
    """

    def __init__(self, network: Network, slots: int, context: int) -> None:
        self.network = network
        self.slots = slots
        self.context = context
        m = network.manifest
        self._row_shape = (m.kv_heads, context, m.head_size)
        shape = (2 * m.layers, slots, *self._row_shape)
        self.bytes = network.kv_bytes(slots, context)
        self.host: np.ndarray | None = None
        if network.provider == "cpu":
            free = psutil.virtual_memory().available
            if self.bytes > free:
                raise Trouble(
                    f"The KV cache of {slots} slots of {context} tokens takes {self.bytes / 2**30:.1f} GiB, "
                    f"and {free / 2**30:.1f} GiB of memory are free.",
                    "Choose fewer slots or a shorter context.",
                )
            # Untouched pages of zeros cost no memory, so idle slots are free.
            self.host = np.zeros(shape, network.kv_dtype)
            self._block = ort.OrtValue.ortvalue_from_numpy(self.host)
        else:
            try:
                self._block = ort.OrtValue.ortvalue_from_shape_and_type(shape, network.kv_dtype, "cuda", 0)
            except Exception as error:
                raise _translated(error, "cuda", f"A KV cache of {self.bytes / 2**30:.1f} GiB was refused") from error
        self._row_bytes = self.bytes // (2 * m.layers * slots)

    def feed(self, first: int, rows: int, tokens: int = 1) -> "Feed":
        """A bound run over `rows` neighbouring slots from `first` on, up to `tokens` tokens each."""
        return Feed(self, first, rows, tokens)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a slot to another one (host memory only)."""
        assert self.host is not None, "a cache on the device is never compacted"
        self.host[:, target, :, :length] = self.host[:, source, :, :length]

    def bind(self, binding: ort.IOBinding, first: int, rows: int) -> None:
        """Bind past and present of those slots to the same memory."""
        shape = [rows, *self._row_shape]
        start = self._block.data_ptr() + first * self._row_bytes
        for tensor, (past, present) in enumerate(self.network._cache_names()):
            address = start + tensor * self.slots * self._row_bytes
            binding.bind_input(past, self.network.provider, 0, self.network.kv_dtype, shape, address)
            binding.bind_output(present, self.network.provider, 0, self.network.kv_dtype, shape, address)


class Feed:
    """The arrays that one kind of run reads and writes, bound once.

    In: `ids` int64 [rows, tokens], `seqlens` int32 [rows] (total length of the row after the run, minus one), `total`
    int32 scalar, `last` int64 [rows, 1]. Out: `top_v` [rows, candidates] logits in falling order, `top_i` int64.
    """

    def __init__(self, cache: Cache, first: int, rows: int, tokens: int) -> None:
        network = cache.network
        candidates = network.manifest.candidates
        self._network = network
        self._cache = cache  # keeps the bound memory alive
        self._tokens = tokens
        self._inputs: dict[str, tuple[np.ndarray, ort.OrtValue]] = {}
        self._binding = network.session.io_binding()
        cache.bind(self._binding, first, rows)
        self.ids = self._input("input_ids", np.zeros((rows, tokens), np.int64))
        self.seqlens = self._input("seqlens_k", np.zeros(rows, np.int32))
        self.last = self._input("last_idx", np.zeros((rows, 1), np.int64))
        # The only input that the provider reads in host memory. The capacity serves every step of one token alike.
        self.total = np.array(cache.context, np.int32)
        self._binding.bind_ortvalue_input("total_len", ort.OrtValue.ortvalue_from_numpy(self.total))
        self.top_v = np.zeros((rows, candidates), network.logit_dtype)
        self.top_i = np.zeros((rows, candidates), np.int64)
        for name, array in (("top_v", self.top_v), ("top_i", self.top_i)):
            value = ort.OrtValue.ortvalue_from_numpy(array.reshape(rows, 1, candidates))
            self._binding.bind_ortvalue_output(name, value)

    def run(self) -> None:
        """Run on what the input arrays hold now."""
        self._network.run(self._binding, self._inputs.values())

    def shorten(self, tokens: int) -> None:
        """Let the next runs of a single row read the first `tokens` of `ids`."""
        if tokens != self._tokens:
            _, value = self._inputs["input_ids"]
            address = value.data_ptr()
            self._binding.bind_input("input_ids", self._network.provider, 0, np.int64, [1, tokens], address)
            self._tokens = tokens

    def _input(self, name: str, array: np.ndarray) -> np.ndarray:
        value = ort.OrtValue.ortvalue_from_numpy(array, self._network.provider, 0)
        self._inputs[name] = (array, value)
        self._binding.bind_ortvalue_input(name, value)
        return array


# ---- sessions and the vendor's errors


def open_session(graph: Path | bytes, used: Used) -> ort.InferenceSession:
    """A session that lies wholly on its provider; raises `Trouble` where it does not load or does not land there."""
    size_pool()
    options = ort.SessionOptions()
    options.use_per_session_threads = False
    options.log_severity_level = 3
    provider: Any = _EP[used]
    if used == "cuda":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        settings = {"device_id": "0", "arena_extend_strategy": "kSameAsRequested", "enable_cudnn": "0"}
        provider = (provider, settings)
    what = "The probe graph" if isinstance(graph, bytes) else f"The graph of model {graph.parent.name}"
    try:
        session = ort.InferenceSession(
            graph if isinstance(graph, bytes) else str(graph), options, providers=[provider], enable_fallback=0
        )
    except Exception as error:
        if _NOT_ON_CUDA in str(error):
            raise _not_on_cuda(what) from error
        raise _translated(error, used, f"{what} did not load") from error
    if session.get_providers()[0] != _EP[used]:
        raise _not_on_cuda(what)
    return session


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
        return Trouble(f"{what}: out of memory ({text}).", "Choose fewer slots, a shorter context or a smaller model.")
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
