"""The one door to the NVIDIA driver's management library, through pynvml: SI units and plain error numbers behind it.

Newest calls first, older ones where a driver does not have them; what works is found out once and remembered, because
pynvml looks a missing symbol up on every call. pynvml's errors do not hash, and comparing one with anything but another
raises; so they become a number at once. Field values are asked for in one call, which succeeds also where a field
failed: each one's own return code decides, since a failed one holds whatever was in memory.
"""

import contextlib
import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from desk.facts.trouble import Trouble
from desk.meters.fieldvalues import Question

try:
    import pynvml
except ImportError:  # not a dependency on macOS, where there is no such driver
    pynvml: Any = None

T = TypeVar("T")

UNINITIALIZED = 1
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
DRIVER_NOT_LOADED = 9
NO_LIBRARY = 12
FUNCTION_NOT_FOUND = 13
LOST = frozenset({15, 16})
"""The GPU fell off the bus, or needs a reset."""
MISMATCH = 18
CANNOT = frozenset({2, NOT_SUPPORTED, FUNCTION_NOT_FOUND, 25})
"""This GPU or this driver cannot: another call may (25: it knows another version of a struct)."""
GONE = frozenset({UNINITIALIZED, DRIVER_NOT_LOADED, MISMATCH})
"""The driver under this process was taken away or replaced."""

WORDS = {
    NO_PERMISSION: "this user may not ask the NVIDIA driver",
    DRIVER_NOT_LOADED: "the NVIDIA driver is not loaded",
    NO_LIBRARY: "no NVIDIA driver library on this machine",
    MISMATCH: "the NVIDIA driver was updated while it ran; restart the machine to finish the update",
    10: "the NVIDIA driver did not answer in time",
    15: "the GPU is lost",
    16: "the GPU needs a reset",
    999: "the NVIDIA driver reports an unknown error",
}

LIMITERS = (
    (0x40, "too hot (hardware)"),
    (0x80, "power brake"),
    (0x08, "slowed by hardware"),
    (0x20, "too hot"),
    (0x04, "power limit"),
    (0x200, "board limit"),
    (0x400, "voltage limit"),
    (0x10, "waiting for other GPUs"),
    (0x02, "clocks set by hand"),
    (0x100, "display clocks"),
    (0x01, "idle"),
)
"""Bits of the reasons that hold clocks down, gravest first; unknown bits are left out."""

ENERGY, POWER_AVERAGE, POWER_INSTANT = 83, 185, 186
GPU_SCOPE, MODULE_SCOPE = 0, 1

_NO_GPUS_IS_FINE = 1
_MEMORY_V2 = 0x02000028
_SLOWDOWN_THRESHOLD = 1
_SM_CLOCK = 1
_NOT_AVAILABLE = 0xFFFFFFFFFFFFFFFF


class DriverError(Exception):
    """The driver said no; `code` is NVML's return code."""

    def __init__(self, code: int) -> None:
        super().__init__(words(code))
        self.code = code


def words(code: int) -> str:
    """A return code in words, to stand after a comma or a colon."""
    return WORDS.get(code, f"the NVIDIA driver reports error {code}")


def ask(call: Callable[..., T], *arguments: Any) -> T:
    """Call pynvml; its errors as `DriverError`."""
    try:
        return call(*arguments)
    except pynvml.NVMLError as error:
        code: Any = error  # its `value` is set where no type checker looks
        raise DriverError(int(code.value)) from None


class Way:
    """One quantity, by the first of several calls that works; those that cannot, or may not, are not tried again."""

    def __init__(self, *calls: Callable[[], Any]) -> None:
        self._calls = list(calls)
        self.denied = False

    @property
    def exists(self) -> bool:
        return bool(self._calls)

    def __call__(self) -> Any:
        """The answer, `None` where no call can give one. Raises `DriverError` where one could, but did not."""
        while self._calls:
            try:
                return self._calls[0]()
            except DriverError as error:
                self.denied |= error.code == NO_PERMISSION
                if error.code not in CANNOT and error.code != NO_PERMISSION:
                    raise
                self._calls.pop(0)
        return None


class Measured(NamedTuple):
    """One look: the energy counter in millijoules, power in watts; `refused` is the worst return code."""

    energy: int | None
    instant: float | None
    average: float | None
    refused: int


class Memory(NamedTuple):
    """Bytes in use and in all; `reserved_counted` where an old call counts the driver's own as used."""

    used: int
    total: int
    reserved_counted: bool


class Board:
    """One GPU. Everything that it cannot tell is `None`; what it would not tell just now raises `DriverError`.

    `module_scope`: the watts are those of processor, GPU and memory together; `comparable`: energy and power are
    known to be of the same thing.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self.denied = False
        self.uuid: str = self._text("nvmlDeviceGetUUID")
        self.name: str = self._text("nvmlDeviceGetName") or "NVIDIA GPU"
        self.pci = self._pci()
        self.mig = self._quietly(lambda: bool(ask(pynvml.nvmlDeviceGetMigMode, handle)[0])) or False
        self.power_usage_is_averaged = self._averages()
        self.module_scope = False
        self.comparable = False
        self._fields: dict[int, int] = {}
        self._question: Question | None = None
        self._energy = Way(lambda: ask(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle))
        self._usage = Way(lambda: ask(pynvml.nvmlDeviceGetPowerUsage, handle) / 1e3)
        self._probe()
        self.memory = Way(self._memory_v2, self._memory_v1)
        self.utilization = Way(lambda: ask(pynvml.nvmlDeviceGetUtilizationRates, handle).gpu)
        self.celsius = Way(
            lambda: ask(pynvml.nvmlDeviceGetTemperatureV, handle, 0),
            lambda: ask(pynvml.nvmlDeviceGetTemperature, handle, 0),
        )
        self.slowdown_celsius = Way(lambda: ask(pynvml.nvmlDeviceGetTemperatureThreshold, handle, _SLOWDOWN_THRESHOLD))
        self.clock_hz = Way(lambda: ask(pynvml.nvmlDeviceGetClockInfo, handle, _SM_CLOCK) * 1e6)
        self.clock_max_hz = Way(lambda: ask(pynvml.nvmlDeviceGetMaxClockInfo, handle, _SM_CLOCK) * 1e6)
        self.limiter = Way(
            lambda: _limiter(ask(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle)),
            lambda: _limiter(ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)),
        )
        self.power_limit = Way(
            lambda: ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle) / 1e3,
            lambda: ask(pynvml.nvmlDeviceGetPowerManagementLimit, handle) / 1e3,
        )
        self.processes = Way(
            lambda: _processes(ask(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, handle)),
            lambda: _processes(ask(pynvml.nvmlDeviceGetComputeRunningProcesses_v2, handle)),
        )

    @property
    def has_energy(self) -> bool:
        return ENERGY in self._fields or self._energy.exists

    @property
    def has_power(self) -> bool:
        return bool(self._fields.keys() & {POWER_INSTANT, POWER_AVERAGE}) or self._usage.exists

    @property
    def has_instant_power(self) -> bool:
        return POWER_INSTANT in self._fields or (self._usage.exists and not self.power_usage_is_averaged)

    def measure(self) -> Measured:
        """Energy and power, in as few calls as the driver allows."""
        found: dict[int, float] = {}
        refused = 0
        if self._question is not None:
            for field, code, value in _answers(self._question):
                if code == 0:
                    found[field] = value
                else:
                    refused = code if refused == 0 else refused
        energy: float | None = found.get(ENERGY)
        if ENERGY not in self._fields and self._energy.exists:
            energy = self._energy()
        instant, average = found.get(POWER_INSTANT), found.get(POWER_AVERAGE)
        instant = None if instant is None else instant / 1e3
        average = None if average is None else average / 1e3
        if self._usage.exists:
            usage = self._usage()
            if self.power_usage_is_averaged:
                average = usage
            else:
                instant = usage
        return Measured(None if energy is None else int(energy), instant, average, refused)

    def give_up_energy(self) -> None:
        """Never ask for the energy counter again."""
        self._fields.pop(ENERGY, None)
        self._energy = Way()
        self._prepare()

    def give_up_refused(self) -> None:
        """Never ask again for the fields that are refused now."""
        for field, code, _ in self._ask_fields(list(self._fields.items())):
            if code != 0:
                del self._fields[field]
        self._prepare()

    def _probe(self) -> None:
        """Find out once which fields there are, of the GPU alone if possible, else of its module."""
        for scope in (GPU_SCOPE, MODULE_SCOPE):
            wanted = [(field, scope) for field in (ENERGY, POWER_INSTANT, POWER_AVERAGE) if field not in self._fields]
            try:
                answers = self._ask_fields(wanted)
            except DriverError as error:
                self._raise_unless_cannot(error)
                break
            for field, code, _ in answers:
                if code == 0:
                    self._fields[field] = scope
                self.denied |= code == NO_PERMISSION
        if ENERGY in self._fields:
            self._energy = Way()
        else:
            self._try(self._energy)
        self._prepare()

    def _prepare(self) -> None:
        """Lay out what is asked again and again, and find out what its answers mean."""
        self._question = self._about(list(self._fields.items())) if self._fields else None
        scopes = set(self._fields.values())
        # The counter of a Grace Hopper covers the module, whatever scope it is asked with.
        self.module_scope = MODULE_SCOPE in scopes or any(word in self.name for word in ("GH200", "GB200", "GB300"))
        self.comparable = len(scopes) <= 1 and (MODULE_SCOPE in scopes) == self.module_scope
        self._choose_usage()

    def _choose_usage(self) -> None:
        """The old power call is asked only for a meaning that no field gives."""
        covered = POWER_AVERAGE if self.power_usage_is_averaged else POWER_INSTANT
        if covered in self._fields:
            self._usage = Way()
        else:
            self._try(self._usage)

    def _ask_fields(self, wanted: list[tuple[int, int]]) -> list[tuple[int, int, float]]:
        return _answers(self._about(wanted))

    def _about(self, wanted: list[tuple[int, int]]) -> Question:
        return Question(ask(pynvml._nvmlGetFunctionPointer, "nvmlDeviceGetFieldValues"), self._handle, wanted)

    def _try(self, way: Way) -> None:
        """Find out whether a quantity can be had, and whether it is only not for this user."""
        self._quietly(way)
        self.denied |= way.denied

    def _quietly(self, call: Callable[[], T]) -> T | None:
        """An answer that may be missing: only the loss of the GPU or of the driver is an error."""
        try:
            return call()
        except DriverError as error:
            self._raise_unless_cannot(error)
            return None

    def _raise_unless_cannot(self, error: DriverError) -> None:
        self.denied |= error.code == NO_PERMISSION
        if error.code in LOST or error.code in GONE:
            raise error

    def _averages(self) -> bool:
        """Whether the old power call means the mean of a second: from Ampere on, except GA100 (which is 8.0)."""
        capability = self._quietly(lambda: ask(pynvml.nvmlDeviceGetCudaComputeCapability, self._handle))
        return capability is not None and tuple(capability) > (8, 0)

    def _memory_v2(self) -> Memory:
        told = ask(pynvml.nvmlDeviceGetMemoryInfo, self._handle, _MEMORY_V2)
        return Memory(told.used, told.total, reserved_counted=False)

    def _memory_v1(self) -> Memory:
        told = ask(pynvml.nvmlDeviceGetMemoryInfo, self._handle)
        return Memory(told.used, told.total, reserved_counted=True)

    def _pci(self) -> str:
        told = self._quietly(lambda: ask(pynvml.nvmlDeviceGetPciInfo_v3, self._handle))
        return pci_address(told.busId) if told else ""

    def _text(self, symbol: str) -> str:
        return self._quietly(lambda: _text(symbol, self._handle)) or ""


class Driver:
    """The open library. Raises `Trouble` where there is none, or none that works."""

    def __init__(self) -> None:
        if pynvml is None:
            raise Trouble("nvidia-ml-py, the binding to the NVIDIA driver, is not installed")
        if not hasattr(pynvml, "_nvmlGetFunctionPointer"):
            raise Trouble("the module pynvml is not the one of nvidia-ml-py; uninstall the distribution named pynvml")
        try:
            ask(pynvml.nvmlInitWithFlags, _NO_GPUS_IS_FINE)
        except DriverError as error:
            if error.code == FUNCTION_NOT_FOUND:
                raise Trouble("the NVIDIA driver is too old") from error
            raise Trouble(words(error.code)) from error
        try:
            self.version = _text("nvmlSystemGetDriverVersion")
        except DriverError:
            self.version = ""

    def count(self) -> int:
        """How many GPUs the driver knows, lost ones included."""
        return ask(pynvml.nvmlDeviceGetCount)

    def board_at(self, index: int) -> Board:
        """The GPU at a place that means nothing beyond this moment."""
        return Board(ask(pynvml.nvmlDeviceGetHandleByIndex, index))

    def board_on_bus(self, pci: str) -> Board:
        """The GPU at a PCI address, touching no other."""
        return Board(ask(pynvml.nvmlDeviceGetHandleByPciBusId, pci))

    def close(self) -> None:
        with contextlib.suppress(DriverError):  # it may be gone already, which is as good
            ask(pynvml.nvmlShutdown)


def _answers(question: Question) -> list[tuple[int, int, float]]:
    code = question.ask()
    if code != 0:
        raise DriverError(code)
    return question.answers


def pci_address(told: str) -> str:
    """A PCI address as the kernel writes it: the driver's has a domain of eight digits or four, in capitals."""
    domain, _, rest = told.lower().partition(":")
    return f"{domain[-4:].rjust(4, '0')}:{rest}" if rest else told.lower()


def _limiter(reasons: int) -> str:
    return ", ".join(word for bit, word in LIMITERS if reasons & bit)


def _processes(told: list[Any]) -> list[tuple[int, int | None]]:
    """(pid, bytes): the bytes are not available on Windows desktops."""
    return [(each.pid, None if each.usedGpuMemory in (None, _NOT_AVAILABLE) else each.usedGpuMemory) for each in told]


def _text(symbol: str, *handle: Any) -> str:
    """A text from the driver. pynvml's own decoding fails on a name that is not UTF-8."""
    buffer = ctypes.create_string_buffer(96)
    function = ask(pynvml._nvmlGetFunctionPointer, symbol)
    code = function(*handle, buffer, ctypes.c_uint(len(buffer)))
    if code != 0:
        raise DriverError(code)
    return buffer.value.decode(errors="replace").strip()
