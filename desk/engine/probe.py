"""What the doctor asks of the engine's libraries, in a short-lived child that may crash or hang.

    desk probe check PROVIDER SCRATCH MODEL PRECISION CHECK .. checks of `desk.engine.checks`, in that order
    desk probe hold SCRATCH BYTES                              take that much memory on the card until stdin ends

Each line on stdout is a JSON object: for a check its `check`, `status`, `cause` and `remedy`. A check that finds the
device lost is the last, and the process ends with 0, because only a fresh one can go on. SCRATCH is a folder that the
parent removes, whatever becomes of this process; MODEL is empty where none is ready.
"""

import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from desk.engine.checks import CHECKS, TOYS, Bench, Finding
from desk.engine.feeds import open_cache
from desk.engine.runtime import DeviceLost
from desk.engine.toy import HALF
from desk.facts.trouble import Trouble

_HOLD_CONTEXT = 1024


def main(arguments: Sequence[str]) -> int:
    """The probe child; gives the exit code."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a native library prints must not spoil a line

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    match arguments:
        case ["check", ("cpu" | "cuda") as provider, scratch, model, precision, *names] if set(names) <= CHECKS.keys():
            threading.Thread(target=_leave_with_stdin, daemon=True).start()
            _check(Bench(provider, Path(scratch), model, precision), names, tell)
        case ["hold", scratch, size] if size.isdecimal():
            _hold(Bench("cuda", Path(scratch)), int(size), tell)
        case _:
            sys.stderr.write(
                "usage: desk probe check PROVIDER SCRATCH MODEL PRECISION CHECK ... | hold SCRATCH BYTES\n"
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
