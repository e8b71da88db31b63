"""Which NVIDIA devices the driver shows, asked of the driver library itself.

Three calls into `libcuda` answer it without the CUDA toolkit, without onnxruntime and without NVML, whose door is
elsewhere: a machine without a driver is told apart from one whose driver does not answer.
"""

import ctypes
import sys
import uuid
from dataclasses import dataclass

_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_STUB_LIBRARY = 34  # CUDA_ERROR_STUB_LIBRARY: the toolkit's link-time stub, not a driver


@dataclass(frozen=True, slots=True)
class NvidiaDevice:
    """A device as the driver counts them; `uuid` is the one NVML knows it by."""

    name: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver answered. `cause` is a sentence where a driver is installed and does not work."""

    devices: tuple[NvidiaDevice, ...] = ()
    cause: str = ""


def ask_driver() -> Driver:
    """The NVIDIA devices of this machine; none, without a cause, where there is no driver or no device."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return Driver()
    answer = cuda.cuInit(0)
    if answer in (_NO_DEVICE, _STUB_LIBRARY):
        return Driver()
    count = ctypes.c_int()
    answer = answer or cuda.cuDeviceGetCount(ctypes.byref(count))
    if answer:
        return Driver(cause=f"The NVIDIA driver is installed but answers with error {answer}.")
    return Driver(devices=tuple(_describe(cuda, index) for index in range(count.value)))


def _describe(cuda: ctypes.CDLL, index: int) -> NvidiaDevice:
    device = ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    raw = (ctypes.c_ubyte * 16)()
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, len(name), device)
    # The second version names the instance where a card is divided into several.
    get_uuid = getattr(cuda, "cuDeviceGetUuid_v2", None) or cuda.cuDeviceGetUuid
    get_uuid(ctypes.byref(raw), device)
    return NvidiaDevice(name=name.value.decode(errors="replace"), uuid=f"GPU-{uuid.UUID(bytes=bytes(raw))}")
