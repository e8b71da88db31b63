"""A real run of five tiers, disturbed all the time: `tests/endurance/real_run.py --minutes 60`.

Every few minutes a child is killed, engine and meter by turns; now and then a tier promises what it cannot keep, so
that alarms are raised and clear; every minute the run is exported in all forms. Prints what is held, minute by minute.
Ends with 1 where something grows or the accounts do not balance. Uses the models that are here, and builds the
embedded one where none is; recordings go into a folder of their own.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]

from growth import Growth  # noqa: E402
from msgspec import json  # noqa: E402
from msgspec.structs import replace  # noqa: E402

from desk import journal  # noqa: E402
from desk.board import Board  # noqa: E402
from desk.exports import periods, receipt  # noqa: E402
from desk.exports.report import report  # noqa: E402
from desk.exports.summary import summary  # noqa: E402
from desk.facts import places  # noqa: E402
from desk.facts.happened import Finished, FirstToken, RunStopped, Worked, now  # noqa: E402
from desk.facts.tiers import Promise, Tier  # noqa: E402
from desk.ledger.ledger import Ledger  # noqa: E402
from desk.plant.plant import Plant  # noqa: E402
from desk.plant.presets import preset  # noqa: E402

BEAT_S = 0.1
FIRST_S = 300.0
"""How long a model may take to be built and loaded."""

HISTORY_S = 300.0
"""What the board keeps and what is exported of periods: as much as has come before memory is first compared."""

STOP_S = 60.0
HOPELESS = Promise(ttft_s=0.001, tokens_per_second_per_user=10_000.0)


class Shift:
    """The run as its window would see it: folded, counted and exported."""

    def __init__(self, plant: Plant, tiers: tuple[Tier, ...], out: Path) -> None:
        self.plant, self.tiers, self.out = plant, tiers, out
        self.ledger, self.board = Ledger(), Board(hours=HISTORY_S / 3600)
        self.told: Counter[str] = Counter()
        self.emitted = 0
        self.cause = ""
        self.stopped = self.first = False

    def take(self) -> None:
        for fact in self.plant.drain():
            if self.stopped:
                return
            for period in self.ledger.post(fact):
                self.board.add(period)
            self.told[type(fact).__name__] += 1
            self.cause = getattr(fact, "cause", "") or self.cause
            if isinstance(fact, Worked):
                self.emitted += sum(work.emitted for work in fact.lanes)
            self.first = self.first or isinstance(fact, FirstToken)
            self.stopped = isinstance(fact, RunStopped)

    def until(self, moment: float) -> None:
        while now() < moment and not self.stopped:
            time.sleep(BEAT_S)
            self.take()

    def kill(self, role: str) -> str:
        child = self.ledger.standing.children.get(role)
        if child is None or child.pid is None or child.state not in ("running", "stale"):
            return ""
        os.kill(child.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        return f"{role} killed"

    def promise(self, promise: Promise | None) -> None:
        """Have the dearest tier promise something else, or what its preset says."""
        tier = self.tiers[-1]
        self.plant.change(tier if promise is None else replace(tier, promise=promise))

    def export(self) -> None:
        """Everything that can be carried out of a run without a screen, over what was there before."""
        path = self.plant.recording
        assert path is not None
        (self.out / "summary.json").write_bytes(json.encode(summary(self.ledger, "live")))
        (self.out / "report.md").write_text(report(self.ledger), encoding="utf-8")
        run = self.ledger.standing.run
        since = now() - run.t - HISTORY_S if run is not None else 0.0
        last = periods.rows(journal.read(path), since)
        (self.out / "periods.csv").write_text(periods.as_csv(last), encoding="utf-8")
        told = receipt.receipt(self.ledger, receipt.digest(journal.read(path)))
        (self.out / "receipt.md").write_text(receipt.markdown(told), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--preset", default="this-machine")
    parser.add_argument("--kill-every", type=float, default=4.0, help="minutes between two deaths of children")
    asked = parser.parse_args()
    models = places.models_dir()
    with tempfile.TemporaryDirectory(prefix="real-run-") as folder:
        home = Path(folder)
        os.environ["TOKEN_DESK_HOME"] = folder
        (home / "models").symlink_to(models, target_is_directory=True)
        (home / "out").mkdir()
        chosen = preset(asked.preset)
        with Plant(chosen.tiers, preset=chosen.name) as plant:
            shift = Shift(plant, chosen.tiers, home / "out")
            return _run(shift, home, asked.minutes, asked.kill_every)


def _run(shift: Shift, home: Path, minutes: float, kill_every: float) -> int:
    shift.plant.declare_watts(20.0, 65.0)
    shift.plant.start()
    deadline = now() + FIRST_S
    while not shift.first and now() < deadline and not shift.stopped:
        shift.until(now() + 1.0)
    if not shift.first:
        print(f"Not one token was made. {shift.cause}".rstrip())
        return 1
    growth, start, roles, killed = Growth(home), now(), cycle(("engine", "meter")), 0.0
    for minute in range(1, round(minutes) + 1):
        words = []
        if minute // kill_every > killed:
            killed = minute // kill_every
            words.append(shift.kill(next(roles)))
        if minute % 5 in (2, 4):
            shift.promise(HOPELESS if minute % 5 == 2 else None)
        shift.until(start + minute * 60.0)
        shift.export()
        alarms = len(shift.ledger.standing.alarms)
        words += [f"{shift.emitted:,} tokens", f"{alarms} alarms" if alarms else ""]
        growth.line(f"{minute} min", ", ".join(filter(None, words)))
    shift.plant.stop()
    shift.until(now() + STOP_S)
    path = shift.plant.recording
    shift.plant.close()
    assert path is not None
    found = growth.grown(min(len(growth.lines) - 1, 9)) + _unbalanced(shift, path)
    for words in found:
        print(words)
    print("flat and balanced" if not found else "NOT flat, or not balanced")
    return 1 if found else 0


def _unbalanced(shift: Shift, path: Path) -> list[str]:
    """Where the live books, those of the file and the facts themselves differ."""
    again, ended, opened = Ledger(), 0, set()
    for fact in journal.read(journal.existing(path)):
        again.post(fact)
        if isinstance(fact, Finished):
            ended += 1
        elif isinstance(fact, FirstToken):
            opened.add(fact.request)
    live, read = shift.ledger.totals(), again.totals()
    closed = sum(tier.finished + tier.cancelled for tier in read.tiers.values())
    told = ", ".join(f"{number:,} {name}" for name, number in shift.told.most_common())
    print(f"{live.tokens_out:,} tokens, {closed:,} requests closed, {live.joules or 0:,.0f} J\n{told}")
    found = [] if live == read else ["the recording folds to other accounts than those that were shown"]
    if not live.tokens_out == read.tokens_out == shift.emitted:
        found.append(f"{shift.emitted:,} tokens were emitted, {live.tokens_out:,} and {read.tokens_out:,} are booked")
    if closed < max(ended, len(opened)):
        found.append(f"{len(opened):,} requests were begun and {ended:,} ended, but {closed:,} are booked as over")
    return found


if __name__ == "__main__":
    sys.exit(main())
