"""The short-lived child that works on models: `desk worker JOB MODEL [PRECISION]`, `desk worker import NAME PATH`.

The jobs are `build` (from installed weights), `fetch` (from the hub), `verify` (every byte of what is here) and
`import` (PATH is a folder, an archive or a GGUF file, the latter to be built in a PRECISION after it).

Its facts (Progressed, then one JobEnded) go to stdout, a JSON line each. End of stdin cancels it. Exit code 0 where the
job succeeded, 1 where it did not, 2 for arguments that it does not know.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO

from desk.facts import codec
from desk.facts.happened import Job, JobEnded, Progressed, now
from desk.facts.trouble import Trouble
from desk.models import store
from desk.models.catalogue import catalogue, entry
from desk.models.store import Report

_GRACE_S = 0.5
"""How long a cancelled job may take to notice before the process ends under it."""

_BEAT_S = 0.1


class _Cancelled(Exception):
    """The parent closed stdin or stdout: nobody wants the result."""


def main(argv: Sequence[str]) -> int:
    match argv:
        case [("build" | "fetch" | "verify") as job, model]:
            work = partial(JOBS[job], model, "")
            precision = ""
        case [("build" | "fetch" | "verify") as job, model, precision]:
            work = partial(JOBS[job], model, precision)
        case ["import" as job, model, path]:
            work = partial(_import, model, path, "")
            precision = ""
        case ["import" as job, model, path, form]:
            work = partial(_import, model, path, form)
            precision = ""
        case _:
            sys.stderr.write("usage: desk worker build|fetch|verify MODEL [PRECISION] | import NAME PATH [PRECISION]\n")
            return 2
    # Native libraries may print: only facts reach the pipe, everything else the error stream.
    facts = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    cancelled = threading.Event()
    threading.Thread(target=_watch, args=(sys.stdin.fileno(), cancelled), daemon=True).start()
    return _run(work, {"job": job, "model": model, "precision": precision}, facts, cancelled)


# Each job loads what it alone needs: the hub's library and the builder's take longer to import than a child to start.


def _build(model: str, precision: str, report: Report) -> None:
    from desk.models import builder  # noqa: PLC0415

    builder.build(model, precision, report)


def _fetch(model: str, precision: str, report: Report) -> None:
    from desk.models import hub  # noqa: PLC0415

    hub.fetch(entry(model), precision, report)


def _verify(model: str, precision: str, report: Report) -> None:
    """Check what is here of a model; of one that is not built yet, the weights that it would be built from."""
    folder = store.located(model, precision)
    if folder.is_dir() or model not in catalogue() or entry(model).repo:
        store.verify(folder, report)
        return
    from desk.models import builder  # noqa: PLC0415

    builder.verify(entry(model).source(), entry(model), report)


def _import(name: str, path: str, precision: str, report: Report) -> None:
    from desk.models import imports  # noqa: PLC0415

    imports.take_in(path, name, report, precision)


JOBS: dict[Job, Callable[[str, str, Report], None]] = {"build": _build, "fetch": _fetch, "verify": _verify}


def _run(work: Callable[[Report], object], about: dict[str, Any], facts: BinaryIO, cancelled: threading.Event) -> int:
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
            say(Progressed(t=moment, stage=stage, done=done, total=total, **about))

    try:
        try:
            work(report)
        except Trouble as trouble:
            say(JobEnded(t=now(), cause=trouble.cause, remedy=trouble.remedy, **about))
            return 1
        say(JobEnded(t=now(), **about))
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
