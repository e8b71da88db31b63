"""The doctor's findings for people: a table that can be copied into a report, and one line of what to do each."""

import itertools

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from desk import __version__
from desk.doctor.examination import NAMES, Check, Diagnosis, examine
from desk.exports.screen import screen
from desk.plant.machine import this_machine

SIGNS = {"ok": ("✓", "ok", "green"), "warn": ("!", "warn", "yellow"), "fail": ("✗", "fail", "red bold")}
SKIPPED = ("–", "skipped", "dim")
VERDICTS = {
    "fine": "Fine: the factory runs here.",
    "degraded": "Degraded: the factory runs here, with what is marked.",
    "unusable": "Unusable: see what failed.",
}


def main(*, gpu: bool, json_out: bool, lines: bool = False) -> int:
    """Examine this machine and show the diagnosis on stdout; gives the exit code.

    With `lines` each check is a line of JSON as soon as it is done, and the diagnosis is the last one.
    """
    if lines:
        found = examine(gpu=gpu, told=_write)
        _write(found)
        return found.exit
    progress = screen(stderr=True)
    with progress.status("Looking at this machine …") as status:
        found = examine(gpu=gpu, told=lambda check: status.update(f"{NAMES[check.id]}: {check.status}"))
    if json_out:
        _write(found)
    else:
        show(found, screen())
    return found.exit


def _write(line: Check | Diagnosis) -> None:
    print(msgspec.json.encode(line).decode(), flush=True)


def show(found: Diagnosis, console: Console) -> None:
    """Print a diagnosis. It names no user, no computer and no folder, so it can be pasted anywhere."""
    machine = this_machine()
    console.print(f"Token Desk {__version__} · Python {machine.python} · {machine.system}")
    memory = f"{machine.memory_bytes / 2**30:.1f} GiB"
    console.print(f"{machine.processor} · {machine.cores} cores · {memory} of memory")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("What was found, and what to do", overflow="fold")
    for cause, group in itertools.groupby(found.checks, key=_shared):
        checks = list(group)
        if cause is None or len(checks) == 1:
            for check in checks:
                table.add_row(_sign(check), check.name, _words(check))
        else:
            name = f"{checks[0].name.partition(':')[0]}: {len(checks)} checks"
            table.add_row(_sign(checks[0]), name, _words(checks[0]))
    console.print(table)
    console.print(Text(VERDICTS[found.verdict], style="bold"))


def _shared(check: Check) -> str | None:
    """What skipped checks that belong on one line have in common; `None` for all others."""
    return f"{check.id.partition('.')[0]} {check.cause}" if check.status == "skipped" else None


def _sign(check: Check) -> Text:
    """A shape and a word: the colour only repeats them."""
    sign, word, style = SIGNS.get(check.status, SKIPPED)
    return Text(f"{sign} {word}", style=style)


def _words(check: Check) -> Text:
    words = Text(check.cause)
    if check.remedy:
        words.append(f"\n→ {check.remedy}", style="bold" if check.status in ("warn", "fail") else "")
    return words
