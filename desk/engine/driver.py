"""Which NVIDIA devices the driver shows and what is free on them, asked of the driver library itself.

A few calls into `libcuda` answer it without the CUDA toolkit, without onnxruntime and without NVML, whose door is
elsewhere: a machine without a driver is told apart from one whose driver does not answer.
"""

import ctypes
import sys
import uuid
from dataclasses import dataclass

_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_STUB_LIBRARY = 34  # CUDA_ERROR_STUB_LIBRARY: the toolkit's link-time stub, not a driver
_CUDA = 13_000  # CUDA 13.0 as a driver writes it: what onnxruntime is built for


@dataclass(frozen=True, slots=True)
class NvidiaDevice:
    """A device as the driver counts them; `uuid` is the one NVML knows it by."""

    name: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver answered. `cause` is a sentence where a driver is installed and cannot be used."""

    devices: tuple[NvidiaDevice, ...] = ()
    cause: str = ""


def ask_driver() -> Driver:
    """The NVIDIA devices of this machine; none, without a cause, where there is no driver or no device."""
    cuda = _library()
    if cuda is None:
        return Driver()
    answer = cuda.cuInit(0)
    if answer in (_NO_DEVICE, _STUB_LIBRARY):
        return Driver()
    count = ctypes.c_int()
    answer = answer or cuda.cuDeviceGetCount(ctypes.byref(count))
    if answer:
        return Driver(cause=f"The NVIDIA driver is installed but answers with error {answer}.")
    return Driver(devices=tuple(_describe(cuda, index) for index in range(count.value)), cause=_too_old(cuda))


def _too_old(cuda: ctypes.CDLL) -> str:
    version = ctypes.c_int()
    if cuda.cuDriverGetVersion(ctypes.byref(version)) or version.value >= _CUDA:
        return ""
    goes_up_to = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return f"The NVIDIA driver goes up to CUDA {goes_up_to}, and this program needs 13.0."


def free_memory() -> int | None:
    """Bytes free on the first device, once something in this process uses it; `None` where the driver does not say."""
    cuda = _library()
    if cuda is None or not hasattr(cuda, "cuMemGetInfo_v2"):
        return None
    device, context, free, total = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    # The context that the runtime made, which it may have made current on another thread only.
    if cuda.cuDeviceGet(ctypes.byref(device), 0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device):
        return None
    try:
        if cuda.cuCtxPushCurrent_v2(context):
            return None
        answer = cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
        cuda.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    finally:
        cuda.cuDevicePrimaryCtxRelease_v2(device)
    return None if answer else free.value


def _library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


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
