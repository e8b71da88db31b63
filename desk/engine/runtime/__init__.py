"""THE door to onnxruntime: which provider is used, sessions, device memory and bound runs.

The same code drives `cpu` and `cuda`; the device is data. Every pool of threads, every allocation and every error of
the vendor ends here: `sessions` opens graphs, `network` feeds and runs them, `faults` tells errors apart.
"""

import contextlib
import platform
import weakref
from pathlib import Path

import onnxruntime as ort

from desk.engine.driver import Driver, ask_driver, free_memory
from desk.engine.runtime.faults import DeviceLost, OutOfMemory, Used
from desk.engine.runtime.network import Binding, Network, spare
from desk.engine.runtime.sessions import open_cuda, open_session, size_pool
from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models import ram
from desk.models.manifest import Manifest

__all__ = [
    "VERSION",
    "Binding",
    "DeviceLost",
    "Network",
    "OutOfMemory",
    "Runtime",
    "Used",
    "open_session",
    "size_pool",
]

VERSION: str = ort.__version__


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
        return None if free is None else free + min((block for block in spare if block >= cache), default=0)

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
            open_cuda(self._driver)
            self._cuda_opens = True
        return "cuda"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
