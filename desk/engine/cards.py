"""What the CUDA driver says of itself and its cards: `desk probe driver`, a child because a driver may crash or hang.

One JSON object on stdout. Neither onnxruntime nor numpy is loaded, so that what is wrong with those is not laid at the
driver's door.
"""

import ctypes
import json
import os
import sys
from dataclasses import asdict
from typing import Any

from desk.engine.driver import ask_driver


def ask_cards() -> dict[str, Any]:
    """What the CUDA driver says: whether its library is there, its CUDA version (13000 is 13.0), its cards."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return {"library": False, "error": 0, "version": 0, "cards": []}
    version = ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    error = cuda.cuInit(0)
    devices = ask_driver().devices if error == 0 else ()
    cards = [asdict(device) | {"capability": _capability(cuda, index)} for index, device in enumerate(devices)]
    return {"library": True, "error": error, "version": version.value, "cards": cards}


def _capability(cuda: ctypes.CDLL, index: int) -> list[int] | None:
    """The compute capability, `None` where this driver library cannot tell."""
    if not hasattr(cuda, "cuDeviceGetAttribute"):
        return None
    device, part = ctypes.c_int(), ctypes.c_int()
    cuda.cuDeviceGet(ctypes.byref(device), index)
    capability = []
    for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
        if cuda.cuDeviceGetAttribute(ctypes.byref(part), attribute, device):
            return None
        capability.append(part.value)
    return capability


def main() -> int:
    """The child; gives the exit code."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # whatever a driver prints must not spoil the line
        out.write(json.dumps(ask_cards()) + "\n")
    return 0
