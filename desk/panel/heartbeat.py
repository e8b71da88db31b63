"""The heartbeat: one timer that drains the source, folds what came, and shows it, a little at each tick.

This module brings in numpy, pyqtgraph, ledger, board and plant, so it is imported after the first paint.
"""

from collections import deque
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import msgspec
from PySide6.QtCore import QObject, QTimer

from desk.facts.alarmed import AlarmShelved
from desk.facts.happened import (
    AnyFact,
    BudgetChanged,
    Calibrated,
    Calibrating,
    LoadChanged,
    Paused,
    Resumed,
    RunStarted,
    RunStopped,
    Said,
    TierChanged,
    TierRemoved,
    WattsDeclared,
    now,
)
from desk.facts.trouble import Trouble
from desk.lineage import Lineage
from desk.panel.actions import CHARTS, VIEW, Action
from desk.panel.books import Books
from desk.panel.charts.setting import Stretch
from desk.panel.demo import Demo
from desk.panel.eventlog import EventLog
from desk.panel.floorcharts import FloorCharts
from desk.panel.look import explained, look, stream_of
from desk.panel.orders import Order, Orders
from desk.panel.playback import Playback
from desk.panel.runs.recovery import Recovery
from desk.panel.tiers.edits import Edits
from desk.panel.views import Desk, opened
from desk.panel.window import Window
from desk.panel.words import tr
from desk.plant.plant import Plant
from desk.plant.replay import Replay
from desk.plant.settings import Settings

if TYPE_CHECKING:
    from desk.panel.pictures.sheet import ExportSheet

RATE_HZ = 30
"""Ticks a second; each repaints at most one strip, and each strip only when the board has moved on."""
NUMBERS_MS = 500
RESTING_MS = 500
"""A factory that stands still needs no more than this: its numbers at one tick, its charts at the next ..."""
EAGER_S = 2.0
"""... until something is asked for, whose answer is looked for at the full rate for so long. So rests a held replay."""
HIDDEN_MS = 500
"""A window that nobody sees takes facts in, and does no more, at this interval."""
TURNS = {
    *(AlarmShelved, RunStarted, RunStopped, Paused, Resumed, TierChanged, TierRemoved, LoadChanged, BudgetChanged),
    *(WattsDeclared, Calibrating, Calibrated),
}
"""What an order comes back as is shown at the next tick: a button that lags behind would be pressed twice."""
FRONTIER_MS = 2000
"""What is on the Floor besides the run has time until all else is there."""
FOLD_S = 0.012
"""A tick folds facts for at most so long, so that many of them never hold up the window ..."""
REPLAY_S = 0.006
"""... nor does a jump in a recording, whose facts have to be decoded, too: slice follows slice, and between two of them
the window answers. It takes so many ..."""
REPLAYED_AT_ONCE = 32
"""... between two looks at the clock."""
FAR_S = 0.3
"""A jump that is on its way for longer, across hours, is waited for and not scrubbed. The charts and numbers that grow
tell how far it is, and the window answers a little later: ..."""
FAR_SLICE_S = 0.04
"""... its slices are so long, ..."""
FAR_LOOK_S = 0.25
"""... and what it has come to is shown so often."""


class Heartbeat(QObject):
    """Ties a source of facts to a window: facts downward, orders upward."""

    def __init__(self, window: Window, source: Plant | Replay, rate_hz: int = RATE_HZ) -> None:
        super().__init__(window)
        self.window = window
        self.source = source
        self.books = Books()
        self.charts = FloorCharts(window, self.books.board, takes_notes=source.mode == "live")
        self.edits = Edits(source)
        self.beats = 0
        self.listeners: list[Callable[[AnyFact], object]] = []
        """Each is told every fact of the factory as it comes, before it is folded."""
        self._pending: deque[AnyFact] = deque()
        self._spoken = False
        self._interval = round(1000 / rate_hz)
        self._since_numbers = 0
        self._eager_until = 0.0
        self._looked = 0.0
        """When a tick last showed something."""
        self._behind: float | None = None
        """Since when a jump has been on its way."""
        self.recovery: Recovery | None = None
        """Closes what a crash has left, where this is the factory's own window."""
        self._connect()
        self.upward: Orders | Playback
        """What people ask of the source by the window."""
        if isinstance(source, Plant):
            self.upward = Orders(window, source, self.books, self.edits, self.order)
            self.listeners.append(self.upward.see)
            self.charts.noted.connect(self.upward.note)
        else:
            self.upward = Playback(window, source, self.charts, self.books.board.kept_s, self._hurry)
        desk = Desk(window, self.books, source, self.order, self.edits, self.listeners)
        window.open_views_with(lambda entry: opened(entry, desk))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.beat)

    def start(self) -> None:
        self.beat()
        self.refresh()
        self.charts.run.refresh_all()
        self._timer.start(self._interval)

    def stop(self) -> None:
        """Beat no more, and end the source."""
        self._timer.stop()
        if self.recovery is not None:
            self.recovery.close()
        if "carrying" in self.__dict__:
            self.carrying.finish()
        self.source.close()

    # ---- facts downward

    def beat(self) -> None:
        """One tick."""
        behind = self._take_in()
        seen = self.window.isVisible() and not self.window.isMinimized()
        still = self._still and not behind
        interval = HIDDEN_MS if not seen else RESTING_MS if still else self._interval
        at_once = 0 if behind else interval
        if at_once != self._timer.interval():
            self._timer.setInterval(at_once)
        moment = perf_counter()
        if behind and self._far(moment):
            interval = round(FAR_LOOK_S * 1000)
        if not seen or self.window.frozen or (behind and moment - self._looked < interval / 1000):
            return
        self._looked = moment
        self.beats += 1
        if self._spoken and self.window.floor.stream.isVisible():
            self.window.floor.stream.show_stream(stream_of(self.books))
        self._since_numbers += interval
        if self._since_numbers >= (2 * RESTING_MS if still else NUMBERS_MS):
            self._since_numbers = 0
            self.refresh()
            # At rest a tick is long enough for both.
            if still:
                return
        if self.window.view is not None:
            self.window.view.beat()
        else:
            self.charts.seen.refresh_next()

    @property
    def _still(self) -> bool:
        """Whether nothing moves: a factory without a run, or a recording that is held and told to where it stands."""
        if perf_counter() < self._eager_until:
            return False
        if isinstance(self.source, Replay):
            return not self.source.playing
        return self.window.shown.state in ("idle", "stopped")

    def refresh(self) -> None:
        """Show the numbers as they are now."""
        shown = look(
            self.books,
            self.window.numbers,
            mode=self.source.mode,
            window_s=self.charts.span_s,
            recording_bytes=self._recording_bytes(),
            now=now() if self.source.mode == "live" else None,
        )
        standing = self.books.ledger.standing
        busy = {line.tier.name for line in shown.tiers if line.state in ("loading", "draining")}
        named = standing.run.preset if standing.run and self.source.mode == "replay" else ""
        refused = self.edits.see(standing.tiers, running=standing.running, busy=busy, preset=named)
        self.window.show_all(shown)
        if refused is not None:
            self.window.show_trouble(refused)
        if isinstance(self.source, Replay):
            self.window.runbar.show_player(self.source)
        self.charts.show(self.books, shown)

    def _explain(self, key: str, tier: str | None) -> Lineage | None:
        """Where a figure comes from, over the window in which it is shown."""
        moment = now() if self.source.mode == "live" else self.books.moment
        return explained(self.books, key, tier, self.charts.span_s, moment)

    def _take_in(self) -> bool:
        """Fold what has come; says whether a jump in a recording is still on its way."""
        self._spoken = False
        if isinstance(self.source, Replay):
            return self._take_in_replay(self.source)
        fresh = self.source.drain()
        self._notice(fresh)
        for tell in tuple(self.listeners):
            for fact in fresh:
                tell(fact)
        self._pending.extend(fresh)
        until = perf_counter() + FOLD_S
        while self._pending and perf_counter() < until:
            self.books.post(self._pending.popleft())
        return False

    def _take_in_replay(self, replay: Replay) -> bool:
        """Decode and fold in turns, and leave marks from which a jump need not begin at the beginning."""
        moment, since = perf_counter(), self._since_numbers
        until = moment + (FAR_SLICE_S if self._far(moment) else REPLAY_S)
        while perf_counter() < until:
            if (mark := replay.restored()) is not None:
                self.books.back_to(mark)
                self._since_numbers = 2 * RESTING_MS
            if replay.mark_due:
                replay.keep(self.books.mark())
            fresh = replay.drain(REPLAYED_AT_ONCE)
            if not fresh:
                self._behind = None
                return False
            self._wake()
            self._notice(fresh)
            self.books.take(fresh)
        self._since_numbers = since  # what turned on the way is no answer to an order
        self._behind = moment if self._behind is None else self._behind
        return True

    def _far(self, moment: float) -> bool:
        """Whether a jump is on its way for so long that it crosses hours."""
        return self._behind is not None and moment - self._behind > FAR_S

    def _notice(self, fresh: list[AnyFact]) -> None:
        """See what facts change about how they are shown."""
        kinds = set(map(type, fresh))
        if RunStarted in kinds:
            self.charts.follow_now()  # what was held belongs to the run before
        if not TURNS.isdisjoint(kinds):
            self._since_numbers = 2 * RESTING_MS
        self._spoken = self._spoken or Said in kinds

    # ---- carried out

    @cached_property
    def carrying(self) -> "ExportSheet":
        """The sheet of what can be carried out, imported and made when it is first asked for: it can do a lot."""
        return import_module("desk.panel.pictures.sheet").ExportSheet(self.window.theme, self.window, self)

    @cached_property
    def log(self) -> EventLog:
        """The sheet with all events, made when it is first asked for."""
        return EventLog(self.window.theme, self.window.numbers, self.window, lambda: self.charts.run.setting.events)

    @cached_property
    def demo(self) -> Demo:
        """The demo, made when it is first asked for."""
        return Demo(self.window, self.source, lambda: self.books.ledger.standing)

    def _copy_chart(self, window: Window) -> None:
        figure = self.charts.seen.figure

        def copy() -> None:
            self.carrying.copy_chart(figure)
            window.tell(tr("The chart is on the clipboard, with its caption."))

        window.ordered(copy)

    @property
    def mode(self) -> Literal["live", "replay"]:
        """Whether this is the factory itself, or a recording of it."""
        return self.source.mode

    def stretch(self) -> Stretch:
        """The time that the charts show: all of a run that is shorter."""
        return self.charts.stretch

    def recording(self) -> Path | None:
        """The file of what is shown, `None` where there is none yet."""
        return self.source.path if isinstance(self.source, Replay) else self.source.recording

    def _recording_bytes(self) -> int | None:
        path = self.recording()
        if path is None:
            return None
        for file in (path, path.with_name(f"{path.name}.gz")):
            try:
                return file.stat().st_size
            except OSError:
                continue
        return None

    # ---- orders upward

    def order(self, order: Order) -> None:
        """Carry an order out, show the trouble it meets, and look for its answer at the full rate."""
        self._wake()
        self.window.ordered(order)

    def _connect(self) -> None:
        window, recorded = self.window, self.source.mode == "replay"
        window.on_close(self.stop)
        window.explain_with(self._explain)
        window.floor.editor.set_read_only(recorded)
        window.floor.editor.more.connect(self._open_tier)
        window.floor.stream.set_read_only(recorded)
        self.charts.chosen.connect(self._look_again)
        window.learn(
            Action(
                "copy-chart", tr("Copy a chart: the one under the pointer"), self._copy_chart, ("C",), CHARTS, _charted
            ),
            Action("log", tr("Log: all events with their times"), lambda _: self.log.toggle(), ("L",), CHARTS),
            Action("export", tr("Export a picture or data…"), lambda _: self.carrying.toggle(), ("Ctrl+E",)),
            Action("demo", tr("Demo: play it on the whole screen, or end it"), lambda _: self.demo.toggle(), (), VIEW),
        )

    def _open_tier(self, tier: str) -> None:
        """Turn to the settings of a tier in the table of all."""
        self.window.visit("tiers")
        if self.window.view is not None:
            self.window.view.turn_to(tier)

    def _look_again(self) -> None:
        self._wake()
        self.refresh()

    def _hurry(self) -> None:
        """A jump is asked for: look for its end at once, in short slices at first, as more of them may follow."""
        self._behind = None
        self._wake()

    def _wake(self) -> None:
        """Beat at the full rate for a moment."""
        self._eager_until = perf_counter() + EAGER_S
        if self._timer.interval() > self._interval:
            self._timer.setInterval(self._interval)


def _charted(window: Window) -> bool:
    """There are charts of a run to be seen."""
    return window.view is None and bool(window.shown.run)


def furnish(
    window: Window, replay: Path | None, settings: Settings, trouble: Trouble | None, staged: bool = False
) -> Heartbeat:
    """Bring a painted window to life, on the factory of this machine or on a recording.

    A factory that is `staged` for the demo has the model that is always there, and nothing that would end its run.
    """
    if staged:
        usual = Settings()
        as_usual = {name: getattr(usual, name) for name in ("preset", "scenario", "budget", "warmup_s")}
        settings = msgspec.structs.replace(settings, **as_usual)
    if replay is None:
        try:
            source: Plant | Replay = Plant.of(settings)
        except Trouble as lost:  # the remembered file of tiers is gone or broken: the window must open all the same
            source, trouble = Plant.of(msgspec.structs.replace(settings, preset=Settings().preset)), lost
    else:
        source = Replay(replay)
    heartbeat = Heartbeat(window, source)
    heartbeat.start()
    # The charts stand before a child takes its part of the processor.
    if isinstance(source, Plant):
        source.open()
        heartbeat.recovery = Recovery(window)
    else:
        source.play()
    QTimer.singleShot(FRONTIER_MS, window, lambda: import_module("desk.panel.minifrontier").add_to(window))
    if trouble is not None:
        window.show_trouble(trouble)
    if staged:
        heartbeat.demo.begin()
    return heartbeat
