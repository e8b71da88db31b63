"""A loaded graph, memory for its keys and values, and its bound runs."""

import math
import weakref

import numpy as np
import onnxruntime as ort

from desk.engine.recording import MOST
from desk.engine.runtime.faults import Used, translated
from desk.engine.runtime.sessions import EP
from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


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
        self._may_record = session.get_provider_options().get(EP["cuda"], {}).get("enable_cuda_graph") == "1"
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


spare: list[int] = []
"""Sizes of the blocks on the device whose caches are gone: the runtime keeps them, for arrays that fit."""


def _allotted(size: int) -> None:
    fitting = min((block for block in spare if block >= size), default=None)
    if fitting is not None:
        spare.remove(fitting)


class Memory:
    """A block of numbers at `address` on a device. `host` is it as an array where that is the host, else `None`."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, provider: Used) -> None:
        self.bytes = math.prod(shape) * dtype.itemsize
        self.host: np.ndarray | None = None
        try:
            if provider == "cpu":
                self.host = np.empty(shape, dtype)
                self._value = ort.OrtValue.ortvalue_from_numpy(self.host)
            else:
                self._value = ort.OrtValue.ortvalue_from_shape_and_type(shape, dtype, "cuda", 0)
        except Exception as error:
            raise translated(error, provider, f"A KV cache of {self.bytes / 2**30:.1f} GiB was refused") from error
        if self.host is not None:
            # Every page is touched now: the system hands large ones out slowly, and a lane's first steps would pay.
            self.host.fill(0)
        else:
            _allotted(self.bytes)
            weakref.finalize(self, spare.append, self.bytes)
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
            raise translated(error, self._network.provider, what) from error

    def run(self, recording: int | None = None) -> None:
        """Bring the inputs to the device and run the graph; the vendor's errors leave as `Trouble` or `DeviceLost`.

        The first run of a `recording` makes it, the others replay it.
        """
        network = self._network
        try:
            if network.provider != "cpu":  # in host memory the arrays are the inputs themselves
                for array, value in self._inputs.values():
                    value.update_inplace(array)
            network.session.run_with_iobinding(self._io, network.options(recording))
            for array, value in self._outputs.values():
                array[...] = value.numpy()
        except Exception as error:
            what = f"Model {network.manifest.name} failed in a run"
            raise translated(error, network.provider, what) from error
