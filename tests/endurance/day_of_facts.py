"""Eight hours of facts at full speed through pen, journal, ledger, board and window: `tests/endurance/day_of_facts.py`.

The facts are those of the recording that ships, lap after lap, with their stamps, requests and processes moved on, an
energy counter put in where the recorded machine had none, and what the recording lacks: changes of tiers and load,
pauses, marks, troubles, texts, a child that dies. With `--visits` somebody also goes through all views and opens what
opens over them, again and again. Ends with 1 where something grows or the accounts do not balance.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from growth import Growth  # noqa: E402
from msgspec.structs import replace  # noqa: E402

from desk import journal  # noqa: E402
from desk.facts import happened  # noqa: E402
from desk.facts.happened import AnyFact, ChildEnded, Finished, FirstToken, RunStarted, RunStopped, Worked, now  # noqa: E402
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read  # noqa: E402
from desk.facts.places import shipped  # noqa: E402
from desk.ledger.ledger import Ledger  # noqa: E402
from desk.ledger.period import Totals  # noqa: E402
from desk.plant.plant import Plant  # noqa: E402

IDLE_W, BUSY_W = 20.0, 45.0
LINES = 16
"""Of the table; the board keeps an hour and grows by a quarter more, so that all rooms have filled after a quarter."""

GAP_S = 1.0
"""Between two laps: an engine that has ended, and another that starts."""

BEAT_FACTS_S = 2.0
"""The window is shown what came in every so many seconds of facts."""

ROUND_FACTS_S = 180.0
"""A visitor begins to go round so often; nothing is counted before he is back."""


class Fed(Plant):
    """A plant whose children are a recording: what is fed goes through its pen, and waits to be drained."""

    def begin(self, started: RunStarted) -> None:
        self._pen.begin(started, None)

    def feed(self, fact: AnyFact) -> None:
        self._pen.write(fact)

    @property
    def waiting(self) -> bool:
        """Whether there are facts to be drained."""
        return bool(self._pen._queue)

    def end(self) -> None:
        self._pen.put_away()
        self._pen.wait_until_put_away(now() + 600.0)

    def close(self) -> None:
        """There is nobody to be ended."""


class Laps:
    """The facts of the recording, lap after lap; `emitted` and `joules` are what they tell of in all."""

    def __init__(self, path: Path) -> None:
        first, *facts = journal.read(path)
        assert isinstance(first, RunStarted)
        self.started = first
        self._facts = [fact for fact in facts if not isinstance(fact, RunStopped)]
        self._lap_s = facts[-1].t - first.t + GAP_S
        self._requests = max(fact.request for fact in facts if isinstance(fact, FirstToken | Finished))
        self._counter = (first.t, 0.0)
        self.emitted = 0
        self.finished = 0

    def facts(self, seconds: float) -> Iterator[AnyFact]:
        for lap in count():
            for number, fact in enumerate(self._facts):
                if fact.t + lap * self._lap_s - self.started.t > seconds:
                    return
                moved = self._moved(fact, lap)
                yield moved
                if number % 97 == 0:
                    yield from self._rare(moved.t, lap + number)
            yield ChildEnded(t=moved.t + GAP_S / 2, child="engine", exit=-9, cause="The engine was ended by SIGKILL.")

    def _moved(self, fact: AnyFact, lap: int) -> AnyFact:
        by, requests = lap * self._lap_s, lap * self._requests
        fact = replace(fact, t=fact.t + by)
        match fact:
            case Worked():
                self.emitted += sum(work.emitted for work in fact.lanes)
                busy = sum(work.busy for work in fact.lanes)
                then, joules = self._counter
                self._counter = fact.t, joules + IDLE_W * (fact.t - then) + BUSY_W * busy
                lanes = tuple(
                    replace(work, slots=tuple(replace(slot, request=slot.request + requests) for slot in work.slots))
                    for work in fact.lanes
                )
                return replace(fact, lanes=lanes)
            case FirstToken():
                submitted, admitted = fact.submitted + by, fact.admitted + by
                return replace(fact, request=fact.request + requests, submitted=submitted, admitted=admitted)
            case Finished():
                self.finished += 1
                first = None if fact.first is None else fact.first + by
                return replace(fact, request=fact.request + requests, submitted=fact.submitted + by, first=first)
            case MeterOpened():
                device = Device(id="cpu0", kind="cpu", name="Example CPU")
                return replace(fact, source="rapl", quality="measured", devices=(device,))
            case Read():
                devices = tuple(replace(reading, edges=(self._counter,)) for reading in fact.devices[:1])
                return replace(fact, devices=devices or (DeviceReading(device="cpu0", edges=(self._counter,)),))
        return fact

    def _rare(self, t: float, number: int) -> Iterator[AnyFact]:
        tier = self.started.tiers[number % len(self.started.tiers)]
        match number % 9:
            case 0:
                yield happened.TierChanged(t=t, tier=replace(tier, users=tier.users + number % 3))
            case 1:
                yield happened.LoadChanged(t=t, load=1.0 + number % 4 / 4)
            case 2:
                yield from (happened.Paused(t=t), happened.Resumed(t=t))
            case 3:
                yield happened.Noted(t=t, text=f"Mark {number}")
            case 4:
                yield happened.Troubled(t=t, where="engine", cause=f"Something of the number {number} was survived.")
            case 5:
                yield from (
                    happened.Said(t=t, tier=tier.name, request=number, text="One word more. " * 4) for _ in range(8)
                )
            case 6:
                yield from (happened.Calibrating(t=t, tier=tier.name, seconds=1.0), happened.Calibrated(t=t))
            case 7:
                yield happened.ChildStale(t=t, child="meter", age=1.0)
            case 8:
                yield from (ChildEnded(t=t, child="meter", exit=1, cause="The meter ended."),)
                yield happened.ChildStarted(t=t, child="meter", pid=number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--visits", action="store_true", help="go through all views meanwhile")
    parser.add_argument("--size", default="1440x900")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="day-of-facts-") as home:
        os.environ["TOKEN_DESK_HOME"] = home
        return _push(asked.hours, Path(home), (width, height), asked.visits)


def _push(hours: float, home: Path, size: tuple[int, int], visits: bool) -> int:
    from PySide6.QtCore import QEvent, QObject

    from desk.panel.app import dressed_application
    from desk.panel.heartbeat import Heartbeat
    from desk.panel.theme import Theme
    from desk.panel.window import Window

    application = dressed_application()
    laps = Laps(shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz"))
    source = Fed(laps.started.tiers, tariff=laps.started.tariff)
    window = Window("live", Theme("dark"))
    beat = Heartbeat(window, source)
    window.resize(*size)
    window.show()
    source.begin(laps.started)

    def count() -> dict[str, int]:
        scenes = (chart.scene() for chart in (beat.charts.run, beat.charts.resting))
        held = {"widgets": len(application.allWidgets()), "items": sum(len(scene.items()) for scene in scenes)}
        return held | {"q-objects": len(window.findChildren(QObject))}

    growth, began, facts, shown, lines = Growth(home, count), time.process_time(), 0, 0.0, 0
    visited, visitor = 0.0, None
    for fact in laps.facts(hours * 3600):
        source.feed(fact)
        facts += 1
        at = fact.t - laps.started.t
        if at - shown >= BEAT_FACTS_S:
            shown = at
            _caught_up(beat, source)
            beat.refresh()
            beat.charts.seen.refresh_all()
            if visits and visitor is None and at - visited >= ROUND_FACTS_S:
                visited, visitor = at, _round(window, beat)
            if visitor is not None and next(visitor, None) is None:
                visitor = None
            application.processEvents()
            # Without a loop of events nobody deletes what was put off.
            application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        if at >= (lines + 1) * hours * 3600 / LINES and visitor is None:
            lines += 1
            growth.line(f"{at / 3600:.2f} h", f"{facts:,} facts, {time.process_time() - began:,.0f} s of processor")
    source.feed(RunStopped(t=fact.t, reason="stopped"))
    _caught_up(beat, source)
    source.end()
    found = growth.grown(LINES // 4 - 1) + _unbalanced(laps, source, beat.books.ledger)
    beat.stop()
    window.close()
    for words in found:
        print(words)
    print(f"{facts:,} facts: {'flat and balanced' if not found else 'NOT flat, or not balanced'}")
    return 1 if found else 0


def _round(window: Any, beat: Any) -> Iterator[str]:
    """Somebody looks at everything in turn, and leaves it as it was; each step is one visit."""
    floor, theme = window.floor, window.theme
    for view in ("tiers", "models", "runs", "frontier", "system", "floor"):
        window.visit(view)
        yield view
    for tier in ("Free", "Ultra"):
        floor.open_tier(tier)
        yield tier
        floor.close_tier()
    floor.read_tier("Ultra")
    yield "text"
    floor.close_stream()
    floor.open_device()
    yield "device"
    if floor.drawer.isVisible():
        floor.close_device()
    for way in ("there", "back"):
        window.ask_lineage()
        beat.log.toggle()
        window.sheet.toggle()
        window.commands.toggle()
        beat.charts.run.toggle_tables()
        yield way
    for scheme, text_size in (("light", 150), ("dark", 100)):
        theme.choose(scheme, text_size=text_size)
        yield scheme


def _caught_up(beat: Any, source: Fed) -> None:
    """Beat until the books hold all that was fed: a tick folds for a few milliseconds only."""
    beat.beat()
    while beat._pending or source.waiting:
        beat.beat()


def _unbalanced(laps: Laps, source: Fed, ledger: Ledger) -> list[str]:
    """Where the window's books, those of the file on disk and the facts themselves differ."""
    again = Ledger()
    assert source.recording is not None
    for fact in journal.read(source.recording):
        again.post(fact)
    live, read = ledger.totals(), again.totals()
    found = [] if live == read else ["the recording folds to other accounts than the window shows"]
    if live.tokens_out != laps.emitted:
        found.append(f"{laps.emitted:,} tokens were emitted, {live.tokens_out:,} are in the accounts")
    closed = sum(tier.finished + tier.cancelled for tier in live.tiers.values())
    if closed < laps.finished:
        found.append(f"{laps.finished:,} requests ended, {closed:,} are in the accounts")
    print(f"{live.tokens_out:,} tokens, {closed:,} requests, {live.joules or 0.0:,.0f} J in {live.seconds:,.0f} s")
    return found + _energy(live)


def _energy(totals: Totals) -> list[str]:
    if totals.joules is None:
        return ["no energy was counted"]
    loaded = sum(tier.joules or 0.0 for tier in totals.tiers.values())
    parts = loaded + (totals.standby_joules or 0.0) + (totals.other_joules or 0.0)
    return (
        [] if abs(parts - totals.joules) <= 1e-9 * totals.joules else [f"{parts} J in parts, {totals.joules} J in all"]
    )


if __name__ == "__main__":
    sys.exit(main())
