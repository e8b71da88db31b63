"""One answer on the command line: the engine's child does the work, this end shows it."""

import json
import sys
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any

from desk import headless
from desk.facts.orders import Generate
from desk.facts.trouble import Trouble
from desk.plant.children import Child, command

PATIENCE_S = 300.0
"""A child may be silent this long: a large model takes its time to load."""

LEAVING_S = 3.0
"""What is left to say after Ctrl-C comes within this time, or not at all."""


def main(order: Generate, *, json_out: bool) -> int:
    """Show the answer as it comes, or as one JSON object; gives the exit code. A missing model is built first."""
    told = _ask(order, json_out)
    if "missing" in told:
        headless.build(order.model, told["missing"])
        told = _ask(order, json_out)
    if "missing" in told:
        raise Trouble(f"{order.model} is not there although it was built.", "Run `desk models build` and look.")
    if json_out:
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n")
        if told["finish"] != "eos":
            sys.stderr.write(f"({_ENDS[told['finish']]})\n")
    return headless.Exit.OK


_ENDS = {
    "length": "cut off at the length asked for, or at the end of the context",
    "stop": "ended by a stop text",
    "cancelled": "cancelled",
}


def _ask(order: Generate, json_out: bool) -> dict[str, Any]:
    """The last line of a fresh child; raises `Trouble` where it tells of some, or dies."""
    inbox: SimpleQueue[tuple[Child, bytes | None]] = SimpleQueue()
    child = Child(command("answer"), inbox)
    told: dict[str, Any] = {}
    try:
        child.order(order)
        for told in _lines(child, inbox):
            if "cause" in told:
                raise Trouble(told["cause"], told["remedy"])
            if not json_out and "finish" not in told and "missing" not in told:
                sys.stdout.write(told["text"])
                sys.stdout.flush()
    finally:
        child.end()
    if "finish" not in told and "missing" not in told:
        raise Trouble(
            f"The engine did not finish the answer: it {child.epitaph()}.",
            "Try again; if it ends again, choose the CPU or a smaller model (`desk doctor` tells what works here).",
        )
    return told


def _lines(child: Child, inbox: SimpleQueue[tuple[Child, bytes | None]]) -> Iterator[dict[str, Any]]:
    """What the child tells until it has no more to say. Ctrl-C has it break off, and say what it has."""
    patience = PATIENCE_S
    while True:
        try:
            _, line = inbox.get(timeout=patience)
        except Empty:
            return
        except KeyboardInterrupt:
            child.ask()
            patience = LEAVING_S
            continue
        if line is None:
            return
        yield json.loads(line)
