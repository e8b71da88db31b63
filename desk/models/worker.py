"""The short-lived child that works on models: `desk worker build NAME [PRECISION]`.

Its facts (Progressed, then one JobEnded) go to stdout, a JSON line each. End of stdin cancels it. Exit code 0 where the
job succeeded, 1 where it did not, 2 for arguments that it does not know.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import BinaryIO

from desk.facts import codec
from desk.facts.happened import JobEnded, Progressed, now
from desk.facts.trouble import Trouble
from desk.models.builder import build

_GRACE_S = 0.5
"""How long a cancelled job may take to notice before the process ends under it."""

_BEAT_S = 0.1


class _Cancelled(Exception):
    """The parent closed stdin or stdout: nobody wants the result."""


def main(argv: Sequence[str]) -> int:
    match argv:
        case ["build", model]:
            precision = ""
        case ["build", model, precision]:
            pass
        case _:
            sys.stderr.write("usage: desk worker build MODEL [PRECISION]\n")
            return 2
    # Native libraries may print: only facts reach the pipe, everything else the error stream.
    facts = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    cancelled = threading.Event()
    threading.Thread(target=_watch, args=(sys.stdin.fileno(), cancelled), daemon=True).start()
    return _run(model, lambda report: build(model, precision, report), facts, cancelled)


def _run(
    model: str,
    job: Callable[[Callable[[str, int, int | None], None]], object],
    facts: BinaryIO,
    cancelled: threading.Event,
) -> int:
    told, stage_told = 0.0, ""

    def say(fact: Progressed | JobEnded) -> None:
        try:
            facts.write(codec.encode(fact))
        except OSError as error:
            raise _Cancelled from error

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal told, stage_told
        if cancelled.is_set():
            raise _Cancelled
        moment = now()
        if stage != stage_told or done == total or moment - told >= _BEAT_S:
            told, stage_told = moment, stage
            say(Progressed(t=moment, job="build", model=model, stage=stage, done=done, total=total))

    try:
        try:
            job(report)
        except Trouble as trouble:
            say(JobEnded(t=now(), job="build", model=model, cause=trouble.cause, remedy=trouble.remedy))
            return 1
        say(JobEnded(t=now(), job="build", model=model))
    except _Cancelled:
        return 1
    return 0


def _watch(stdin: int, cancelled: threading.Event) -> None:
    try:
        while os.read(stdin, 4096):
            pass
    except OSError:
        pass  # a stdin that cannot be read has ended
    cancelled.set()
    time.sleep(_GRACE_S)
    os._exit(1)
