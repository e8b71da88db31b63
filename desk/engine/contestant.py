"""This engine as a contestant of `desk bench`: a child that measures itself, one order at a time.

    desk contestant MODEL PRECISION THREADS     PRECISION is empty for the best one

A line of JSON on stdout answers each line on stdin; the first one, unasked, says who this is, and the end of stdin ends
it. Orders (`do`) are the functions of `Course`; other engines answer `prefill` and `decode` alike. A `Trouble` is
answered with its `cause` and `remedy`, and is the last answer.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from desk.engine.course import Course
from desk.engine.runtime import VERSION, Network, Runtime
from desk.engine.selftest import check_rows
from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest
from desk.models.store import open_model


def main(arguments: Sequence[str]) -> int:
    """The child; gives the exit code."""
    if len(arguments) != 3 or not arguments[2].isdecimal():
        sys.stderr.write("usage: desk contestant MODEL PRECISION THREADS\n")
        return 2
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a native library prints must not spoil a line

    def tell(what: dict[str, Any]) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    model, precision, threads = arguments
    try:
        folder, manifest = open_model(model, precision, "cpu")
        runtime = Runtime("cpu", int(threads))
        # An end mark would let rows leave a batch that is measured full.
        endless = msgspec.structs.replace(manifest, eos=())
        network = runtime.load(folder, endless, "cpu")
        check_rows(network)  # chunks are cut by what it finds out
        tell(_about(manifest, network, runtime.threads))
        course = Course(network)
        for line in sys.stdin:
            order = json.loads(line)
            match order.pop("do"):
                case "prefill" | "decode" | "drawn" | "lanes" | "mixed" | "interference" as name:
                    tell(getattr(course, name)(**order))
                case other:
                    raise Trouble(f"Nothing here is called {other}.", "Update both sides.")
    except Trouble as trouble:
        tell({"cause": trouble.cause, "remedy": trouble.remedy})
        return 1
    return 0


def _about(manifest: Manifest, network: Network, threads: int) -> dict[str, Any]:
    return {
        "engine": "token-desk",
        "version": f"onnxruntime {VERSION}",
        "model": manifest.name,
        "precision": manifest.precision,
        "threads": threads,
        "context": manifest.context,
        "loads": ("drawn", "lanes", "mixed", "interference"),
        "kv_bytes": network.manifest.kv_bytes(1, 1),
    }
