"""The factory without a window: a live line a second on stderr, the sum of the run on stdout.

Exit codes of every verb stand here: 0 ok, 1 trouble or bug, 2 usage, 3 a promise was missed, 4 budget reached,
5 not comparable.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from enum import IntEnum
from math import inf
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from desk import journal
from desk.board import Board
from desk.exports import table
from desk.exports.screen import screen
from desk.exports.summary import summary
from desk.facts.alarmed import AlarmRaised
from desk.facts.codec import decode_fact
from desk.facts.currency import unit, words
from desk.facts.figures import LATE_S
from desk.facts.happened import (
    AnyFact,
    Calibrated,
    ChildEnded,
    ChildGivenUp,
    FirstToken,
    JobEnded,
    LaneFailed,
    LaneLoading,
    Progressed,
    RunStopped,
    Troubled,
    now,
)
from desk.facts.trouble import Trouble
from desk.ledger.budget import spending
from desk.ledger.ledger import Ledger
from desk.plant.children import Child, command
from desk.plant.plant import Plant

BEAT_S = 0.1
LINE_S = 1.0
STOP_S = 10.0
"""The plant ends a run well within this, whatever the engine does."""

SHOT_S = 120.0


class Exit(IntEnum):
    """How a verb ended."""

    OK = 0
    TROUBLE = 1
    USAGE = 2
    PROMISE_MISSED = 3
    BUDGET = 4
    NOT_COMPARABLE = 5


def run(
    plant: Plant,
    *,
    seconds: float | None = None,
    json_out: bool = False,
    strict: bool = False,
    shot: Path | None = None,
    calibrate: bool = False,
    load_anyway: bool = False,
) -> int:
    """Run the factory for `seconds` from its first token on, or until Ctrl-C; gives the exit code.

    With `json_out` one JSON object and nothing else goes to stdout, else a table per tier. `strict` makes a missed
    promise an exit code of its own; `shot` asks for a picture of the end of the run; `calibrate` lets each lane work
    alone for a few seconds first, which `seconds` does not count, so that the watts of each are known. Nor does it
    count the plant's warm-up. A run that the plant stops at its budget has an exit code of its own. With `load_anyway`
    a lane that is refused for want of memory is ordered to be loaded all the same, once.
    """
    shift = _Shift(plant, load_anyway=load_anyway)
    with plant:
        if calibrate:
            plant.calibrate()
            shift.calibrating = True
        plant.start()
        with contextlib.suppress(KeyboardInterrupt):
            shift.work(seconds)
        shift.end("duration" if shift.done(seconds) else "stopped")
    shift.lines.close()
    found = summary(shift.ledger, "live")
    _show(shift.ledger, found, json_out)
    if plant.recording is not None and plant.recording.is_file():
        shift.lines.say(f"Recorded in {plant.recording}")
        if shot is not None:
            _shoot(plant.recording, shot)
    if shift.failed or shift.first is None:
        return Exit.TROUBLE
    missed = missed_promises(shift.ledger, found)
    for sentence in (*missed, *belated(shift.ledger)):
        shift.lines.say(sentence)
    if strict and missed:
        return Exit.PROMISE_MISSED
    return Exit.BUDGET if shift.ended == "budget" else Exit.OK


def replay(path: Path, *, json_out: bool = False, at: float = inf) -> int:
    """Fold a recording and print what its run printed; gives the exit code. Raises `Trouble` for an unreadable one.

    With `at` only its first so many seconds are folded, as of which the figures are then.
    """
    ledger = Ledger()
    reading = journal.read(path)
    for fact in reading:
        if fact.t - reading.started.t > at:
            break
        ledger.post(fact)
        if isinstance(fact, RunStopped):
            break
    _show(ledger, summary(ledger, "replay"), json_out)
    return Exit.OK


def build(model: str, precision: str = "") -> int:
    """Build a model of the catalogue in a child process, with its progress on stderr; gives the exit code."""
    lines = _Lines()
    inbox: SimpleQueue[tuple[Child, bytes | None]] = SimpleQueue()
    worker = Child(command("worker", "build", *filter(None, [model, precision])), inbox)
    ended: JobEnded | None = None
    try:
        for fact in _spoken(worker, inbox):
            lines.update(_progress(fact) if isinstance(fact, Progressed) else "")
            ended = fact if isinstance(fact, JobEnded) else ended
    finally:
        worker.end()
        lines.close()
    if ended is None:
        raise Trouble(f"{model} was not built: the worker {worker.epitaph()}.", "Try again.")
    if ended.cause:
        raise Trouble(ended.cause, ended.remedy)
    lines.say(f"{model} is ready.")
    return Exit.OK


def missed_promises(ledger: Ledger, found: dict[str, Any]) -> list[str]:
    """A sentence for each promise that the run's figures (TTFT p95, 1 / ITL p50) do not keep."""
    missed = []
    for figures in found["tiers"]:
        tier = ledger.standing.tiers.get(figures["name"])
        if tier is None:
            continue
        ttft, speed = figures["ttft_p95_s"], figures["tokens_per_second_per_user"]
        if tier.promise.ttft_s is not None and ttft is not None and ttft > tier.promise.ttft_s:
            missed.append(f"{tier.name} missed its promise: TTFT p95 {ttft:.2f} s > {tier.promise.ttft_s:g} s")
        promised = tier.promise.tokens_per_second_per_user
        if promised is not None and speed is not None and speed < promised:
            missed.append(f"{tier.name} missed its promise: {speed:.1f} tok/s/user < {promised:g}")
    return missed


def belated(ledger: Ledger) -> list[str]:
    """A sentence for each tier whose requests came later than its users asked: the load was less than it says."""
    lanes = ledger.standing.lanes.items()
    return [
        f"{name}: requests came up to {lane.lag:.2f} s late from the users"
        for name, lane in lanes
        if lane.lag >= LATE_S
    ]


class _Lines:
    """The live line on stderr: rewritten in place on a terminal, one after the other elsewhere."""

    def __init__(self) -> None:
        self._in_place = sys.stderr.isatty()
        self._width = 0

    def update(self, line: str) -> None:
        """Show the line of this moment; an empty one changes nothing."""
        if not line:
            return
        if self._in_place:
            sys.stderr.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def say(self, line: str) -> None:
        """Show a line that stays."""
        self.close()
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the live line standing."""
        if self._width:
            sys.stderr.write("\n")
            self._width = 0


class _Shift:
    """One run: drains the plant, folds, and tells what happens."""

    def __init__(self, plant: Plant, *, load_anyway: bool = False) -> None:
        self.plant = plant
        self._load_anyway = load_anyway
        self._insisted: set[str] = set()
        """The tiers whose lanes were ordered to be loaded all the same; each is once."""
        self._awaited: set[str] = set()
        """Those of them that have not begun to load."""
        self.ledger = Ledger()
        self.board = Board()
        self.lines = _Lines()
        self.first: float | None = None
        self.calibrating = False
        self.stopped = False
        self.failed = False
        self.ended = ""
        self._told = ""

    def work(self, seconds: float | None) -> None:
        """Go on until `seconds` after the first token, or until nothing is left that could make one."""
        next_line = LINE_S
        while not self.stopped and not self.done(seconds):
            time.sleep(BEAT_S)
            self.take()
            if self.first is not None and now() - self.first >= next_line:
                next_line = max(next_line + LINE_S, now() - self.first)
                self.lines.update(self._line())
            lanes = self.ledger.standing.lanes.values()
            if lanes and all(lane.state == "failed" for lane in lanes) and not self._awaited:
                return

    def done(self, seconds: float | None) -> bool:
        if seconds is None or self.first is None or self.calibrating:
            return False
        return now() - self.first >= seconds + self.plant.warmup_s

    def end(self, reason: Any) -> None:
        """Stop in order, and take the last facts."""
        self.plant.stop(reason)
        deadline = now() + STOP_S
        while not self.stopped and now() < deadline:
            time.sleep(BEAT_S / 5)
            self.take()

    def take(self) -> None:
        for fact in self.plant.drain():
            if self.stopped:
                return  # the meter goes on, but not for this run
            for period in self.ledger.post(fact):
                self.board.add(period)
            self._tell(fact)

    def _tell(self, fact: AnyFact) -> None:
        match fact:
            case FirstToken() if self.first is None:
                self.first = fact.t
                standing = self.ledger.standing
                if (standing.budget.joules or standing.budget.dollars) and standing.quality == "unavailable":
                    self.lines.say("Nothing measures watts here: a budget of energy will not stop this run.")
            case Calibrated():
                self.first, self.calibrating = fact.t, False  # what was asked for is so much of ordinary work
            case RunStopped():
                self.stopped, self.ended = True, fact.reason
                self.failed = self.failed or fact.reason == "given up"
                if fact.reason == "budget":
                    self.lines.say(self._budget())
            case Progressed():
                self._once(_progress(fact))
            case LaneLoading():
                self._awaited.discard(fact.tier)
                self._once(f"{fact.tier}: loading {fact.model}")
            case LaneFailed():
                self.lines.say(f"{fact.tier}: {fact.cause} {fact.remedy}".rstrip())
                self._insist(fact)
            case Troubled() | ChildGivenUp() | AlarmRaised():
                self.lines.say(f"{fact.cause} {fact.remedy}".rstrip())
            case JobEnded() | ChildEnded(child="engine" | "meter") if fact.cause:  # of a worker its job tells
                self.lines.say(f"{fact.cause} {getattr(fact, 'remedy', '')}".rstrip())

    def _insist(self, fact: LaneFailed) -> None:
        """Order what was refused to be loaded all the same where that was asked for, else say that it can be."""
        if fact.risk and self._load_anyway and fact.tier not in self._insisted:
            self._insisted.add(fact.tier)
            self._awaited.add(fact.tier)
            self.plant.change(self.ledger.standing.tiers[fact.tier], overcommit=True)
            return
        self.failed = True
        if fact.risk:
            self.lines.say(f"{fact.tier}: desk run --load-anyway loads it all the same. {fact.risk}")

    def _once(self, line: str) -> None:
        """Progress comes ten times a second; on a plain stream only what reads differently is worth a line."""
        if line != self._told:
            self._told = line
            self.lines.update(line)

    def _budget(self) -> str:
        used = spending(self.ledger.standing.budget, self.ledger.totals())[0]
        scale, called = _BUDGETED[used.kind]
        if used.kind == "dollars":
            called = f"{words(self.ledger.standing.currency)} of energy"
        return f"The budget is used up: {_number((used.used or 0.0) * scale, 4)} of {used.limit * scale:g} {called}."

    def _line(self) -> str:
        standing, value = self.ledger.standing, self.board.value
        state = f"{now() - (self.first or 0.0):5.0f} s"
        if standing.paused:
            state = "paused"
        elif standing.calibrating is not None:
            state = f"calibrating {standing.calibrating or 'the floor'}"
        elif self.ledger.totals().seconds is None:
            state = "warm-up"
        estimated = "~" if standing.quality == "estimated" else ""
        parts = [
            state,
            f"{_number(value('tokens_per_second'), 1)} tok/s",
            f"{estimated}{_number(value('watts'), 1)} W",
            f"{estimated}{_number(value('tokens_per_joule'), 2)} tok/J",
            f"{_number(value('revenue_per_hour'), 4)} {unit('$/h', standing.currency)}",
            " ".join(f"{tier} {_number(value('tokens_per_second', tier), 0)}" for tier in standing.tiers),
        ]
        return "  ".join(parts)


_BUDGETED = {"joules": (1 / 3600, "Wh"), "dollars": (1.0, ""), "seconds": (1.0, "s")}


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:,.{decimals}f}"


def _progress(fact: Progressed) -> str:
    share = f" {fact.done / fact.total:4.0%}" if fact.total else ""
    return f"{fact.model}: {fact.stage}{share}"


def _spoken(child: Child, inbox: SimpleQueue[tuple[Child, bytes | None]]) -> Iterator[AnyFact]:
    """What a child says until its end, lines that are no facts left out."""
    while True:
        try:
            _, line = inbox.get(timeout=1.0)
        except Empty:
            if child.exit is not None:
                return
            continue
        if line is None:
            return
        with contextlib.suppress(Trouble):
            yield decode_fact(line)


def _show(ledger: Ledger, found: dict[str, Any], json_out: bool) -> None:
    if json_out:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        screen().print(table.table(ledger))
    sys.stdout.flush()


def _shoot(recording: Path, out: Path) -> None:
    """Take a picture in a process of its own: this one stays free of Qt."""
    try:
        done = subprocess.run(
            command("shot", str(recording), "-o", str(out)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SHOT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(f"The picture was not made: {error}.", f"Try: desk shot {recording} -o {out}") from error
    if done.returncode:
        told = done.stderr.strip().splitlines() or ["no reason given"]
        raise Trouble(f"The picture was not made: {told[-1]}", f"Try: desk shot {recording} -o {out}")
