"""What the doctor asks of drivers and of the engine's libraries, in a short-lived child that may crash or hang.

    desk probe driver                                          what the CUDA driver says of itself and its cards
    desk probe check PROVIDER SCRATCH MODEL PRECISION CHECK .. checks of `desk.engine.checks`, in that order
    desk probe hold SCRATCH BYTES                              take that much memory on the card until stdin ends

Each line on stdout is a JSON object: for a check its `check`, `status`, `cause` and `remedy`. A check that finds the
device lost is the last, and the process ends with 0, because only a fresh one can go on. SCRATCH is a folder that the
parent removes, whatever becomes of this process; MODEL is empty where none is ready.
"""

import ctypes
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from desk.engine.checks import CHECKS, TOYS, Bench, Finding
from desk.engine.driver import ask_driver
from desk.engine.feeds import open_cache
from desk.engine.runtime import DeviceLost
from desk.engine.toy import HALF
from desk.facts.trouble import Trouble

_HOLD_CONTEXT = 1024


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


def main(arguments: Sequence[str]) -> int:
    """The probe child; gives the exit code."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a native library prints must not spoil a line

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    match arguments:
        case ["driver"]:
            tell(**ask_cards())
        case ["check", ("cpu" | "cuda") as provider, scratch, model, precision, *names] if set(names) <= CHECKS.keys():
            threading.Thread(target=_leave_with_stdin, daemon=True).start()
            _check(Bench(provider, Path(scratch), model, precision), names, tell)
        case ["hold", scratch, size] if size.isdecimal():
            _hold(Bench("cuda", Path(scratch)), int(size), tell)
        case _:
            sys.stderr.write(
                "usage: desk probe driver | check PROVIDER SCRATCH MODEL PRECISION CHECK ... | hold SCRATCH BYTES\n"
            )
            return 2
    return 0


def _check(bench: Bench, names: Sequence[str], tell: Callable[..., None]) -> None:
    for name in names:
        lost = False
        try:
            finding = CHECKS[name](bench)
        except Trouble as trouble:
            finding = Finding("fail", trouble.cause, trouble.remedy)
            lost = isinstance(trouble, DeviceLost)
        tell(check=name, **asdict(finding))
        if lost:
            return


def _hold(bench: Bench, size: int, tell: Callable[..., None]) -> None:
    """Take memory in two stages, each told as it is done; the second follows a line on stdin, its end ends all."""
    try:
        network = bench.toy(TOYS[0], HALF)
        tell(held=0, uuid=bench.runtime.device("cuda")[1])
        if not sys.stdin.buffer.readline():
            return
        cache = open_cache(network, size // network.manifest.kv_bytes(1, _HOLD_CONTEXT), _HOLD_CONTEXT)
        tell(held=cache.bytes)
        while sys.stdin.buffer.readline():
            pass
    except Trouble as trouble:
        tell(cause=trouble.cause, remedy=trouble.remedy)


def _leave_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)  # the parent is gone, or wants no more; a call to a driver may hang
