"""The heartbeat: one timer that drains the source, folds what came, and shows it, a little at each tick.

This module brings in numpy, pyqtgraph, ledger, board and plant, so it is imported after the first paint.
"""

from collections import deque
from collections.abc import Callable
from functools import cached_property, partial
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Literal

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
from desk.facts.places import shipped
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.lineage import Lineage
from desk.models.catalogue import catalogue
from desk.panel.actions import CHARTS, Action
from desk.panel.charts.actions import actions as chart_actions
from desk.panel.charts.setting import Stretch
from desk.panel.eventlog import EventLog
from desk.panel.limits import Limits
from desk.panel.look import EXTEND_BUDGET, ON_CPU, RETRY_METER, Books, explained, look, setting_of, stream_of
from desk.panel.pictures.scene import whole_span
from desk.panel.pictures.sheet import ExportSheet
from desk.panel.player import actions as player_actions
from desk.panel.runs.recovery import Recovery
from desk.panel.shown import Notice
from desk.panel.strips import FLOOR, StripChart, fitting_span
from desk.panel.tiers.edits import Edits
from desk.panel.views import Desk, opened
from desk.panel.window import Window
from desk.plant import presets
from desk.plant import settings as stored
from desk.plant.plant import Plant
from desk.plant.presets import Preset
from desk.plant.replay import LEAD_S, Replay
from desk.plant.settings import Settings, Watts
from desk.scenario import names, scenario

RATE_HZ = 30
"""Ticks a second; each repaints at most one strip, and each strip only when the board has moved on."""
NUMBERS_MS = 500
RESTING_MS = 500
"""A factory that stands still needs no more than this: its numbers at one tick, its charts at the next ..."""
EAGER_S = 2.0
"""... until something is asked for, whose answer is looked for at the full rate for so long. So rests a held replay."""
HIDDEN_MS = 500
"""A window that nobody sees takes facts in, and does no more, at this interval."""
TURNS = (
    *(AlarmShelved, RunStarted, RunStopped, Paused, Resumed, TierChanged, TierRemoved, LoadChanged, BudgetChanged),
    *(WattsDeclared, Calibrating, Calibrated),
)
"""What an order comes back as is shown at the next tick: a button that lags behind would be pressed twice."""
RECORDED = shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz")
"""A real run that comes with the program."""
FOLD_S = 0.012
"""A tick folds facts for at most so long, so that many of them never hold up the window ..."""
REPLAY_S = 0.006
"""... nor does a jump in a recording, whose facts have to be decoded, too; it takes so many ..."""
REPLAYED_AT_ONCE = 32
"""... between two looks at the clock."""


class Heartbeat(QObject):
    """Ties a source of facts to a window: facts downward, orders upward."""

    def __init__(self, window: Window, source: Plant | Replay, rate_hz: int = RATE_HZ) -> None:
        super().__init__(window)
        self.window = window
        self.source = source
        self.books = Books()
        self.chart = StripChart(window.theme, window.numbers)
        self.beats = 0
        self.window_s = window.footer.span_s
        self._fits = True
        """Charts begin with the run while it is shorter than the window, until a window is chosen."""
        self.smooth_s = window.footer.smooth_s
        self._pending: deque[AnyFact] = deque()
        self._spoken = False
        self._again = False
        """Whether to start once more when the run that is on has ended."""
        self._interval = round(1000 / rate_hz)
        self._since_numbers = 0
        self._eager_until = 0.0
        self.recovery: Recovery | None = None
        """Closes what a crash has left, where this is the factory's own window."""
        self.resting = StripChart(window.theme, window.numbers, tuple(spec for spec in FLOOR if spec.figure == "watts"))
        window.floor.furnish(self.chart, self.resting)
        for chart in (self.chart, self.resting):
            chart.follow(self.books.board)
        self._connect()
        self._connect_charts()
        self.edits = Edits(source)
        desk = Desk(window, self.books, source, self._order, self.edits)
        window.open_views_with(lambda entry: opened(entry, desk))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.beat)

    def start(self) -> None:
        self.beat()
        self.refresh()
        self.chart.refresh_all()
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
        self._take_in()
        seen = self.window.isVisible() and not self.window.isMinimized()
        still = self._still
        interval = HIDDEN_MS if not seen else RESTING_MS if still else self._interval
        if interval != self._timer.interval():
            self._timer.setInterval(interval)
        if not seen or self.window.frozen:
            return
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
            self.seen_chart.refresh_next()

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
            window_s=self.window_s,
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
        span = fitting_span(self.window_s, self.books.board.end) if self._fits else self.window_s
        setting = setting_of(self.books, shown, span, self.smooth_s)
        for chart in (self.chart, self.resting):
            chart.show_setting(setting)

    def _explain(self, key: str, tier: str | None) -> Lineage | None:
        """Where a figure comes from, over the window in which it is shown."""
        moment = now() if self.source.mode == "live" else self.books.moment
        return explained(self.books, key, tier, self.window_s, moment)

    def _take_in(self) -> None:
        self._spoken = False
        if isinstance(self.source, Replay):
            self._take_in_replay(self.source)
            return
        fresh = self.source.drain()
        self._notice(fresh)
        if self._again and any(isinstance(fact, RunStopped) for fact in fresh):
            self._again = False
            self._order(self.source.start)
        self._pending.extend(fresh)
        until = perf_counter() + FOLD_S
        while self._pending and perf_counter() < until:
            self.books.post(self._pending.popleft())

    def _take_in_replay(self, replay: Replay) -> None:
        """Decode and fold in turns, and leave marks from which a jump need not begin at the beginning."""
        until = perf_counter() + REPLAY_S
        while perf_counter() < until:
            if (mark := replay.restored()) is not None:
                self.books.back_to(mark)
                self._since_numbers = 2 * RESTING_MS
            if replay.mark_due:
                replay.keep(self.books.mark())
            fresh = replay.drain(REPLAYED_AT_ONCE)
            if not fresh:
                return
            self._wake()
            self._notice(fresh)
            for fact in fresh:
                self.books.post(fact)

    def _notice(self, fresh: list[AnyFact]) -> None:
        """See what facts change about how they are shown."""
        if any(isinstance(fact, RunStarted) for fact in fresh):
            self._follow_now()  # what was held belongs to the run before
        if any(isinstance(fact, TURNS) for fact in fresh):
            self._since_numbers = 2 * RESTING_MS
        self._spoken = self._spoken or any(isinstance(fact, Said) for fact in fresh)

    # ---- carried out

    @cached_property
    def carrying(self) -> ExportSheet:
        """The sheet of what can be carried out, made when it is first asked for."""
        return ExportSheet(self.window.theme, self.window, self)

    @cached_property
    def log(self) -> EventLog:
        """The sheet with all events, made when it is first asked for."""
        return EventLog(self.window.theme, self.window.numbers, self.window, lambda: self.chart.setting.events)

    def _copy_chart(self, window: Window) -> None:
        figure = self.seen_chart.figure

        def copy() -> None:
            self.carrying.copy_chart(figure)
            window.say("The chart is on the clipboard, with its caption.")

        window.ordered(copy)

    @property
    def mode(self) -> Literal["live", "replay"]:
        """Whether this is the factory itself, or a recording of it."""
        return self.source.mode

    def stretch(self) -> Stretch:
        """The time that the charts show: all of a run that is shorter."""
        seen = self.chart.stretch
        if seen.held or not self.books.board.end:
            return seen
        return Stretch(self.books.board.end, min(seen.span, whole_span(self.books.board.end)))

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

    def _connect(self) -> None:
        window, source = self.window, self.source
        window.footer.span_chosen.connect(self._choose_span)
        window.footer.smoothing_chosen.connect(self._choose_smoothing)
        window.floor.editor.set_read_only(source.mode == "replay")
        window.floor.editor.more.connect(self._open_tier)
        window.floor.stream.set_read_only(source.mode == "replay")
        window.on_close(self.stop)
        window.explain_with(self._explain)
        if isinstance(source, Replay):
            window.runbar.play.connect(self._play)
            window.runbar.hold.connect(source.hold)
            window.runbar.player.seek.connect(self._seek)
            window.runbar.player.pace.connect(self._pace)
            window.runbar.player.step.connect(self._step)
            window.runbar.player.loop.connect(self._loop)
            window.runbar.player.back.connect(lambda: window.recording_asked.emit(""))
            window.learn(*player_actions(window.runbar.player))
            return
        window.floor.editor.set_models(list(catalogue()))
        window.runbar.show_scenarios({name: scenario(name) for name in names()}, source.scenario)
        window.runbar.scenario.connect(self._choose_scenario)
        ordered = self._order
        window.runbar.load.connect(lambda load: ordered(lambda: source.multiply(load)))
        window.runbar.limits = Limits(warmup_s=source.warmup_s, seed=source.seed)
        window.runbar.limited.connect(self._limit)
        window.learn(
            Action("undo", "Undo the last change of tiers", lambda _: ordered(self.edits.undo), ("Ctrl+Z",)),
            Action("redo", "Redo the change of tiers", lambda _: ordered(self.edits.redo), ("Ctrl+Y", "Ctrl+Shift+Z")),
        )
        for name in presets.names():
            chosen = presets.preset(name)
            window.learn(Action(f"preset-{name}", f"Preset: {chosen.title}", partial(self._take, chosen)))
        window.runbar.start.connect(lambda: ordered(source.start))
        window.runbar.pause.connect(lambda: ordered(source.pause))
        window.runbar.resume.connect(lambda: ordered(source.resume))
        window.runbar.stop.connect(lambda: ordered(source.stop))
        window.runbar.calibrate.connect(lambda: ordered(self._calibrate))
        window.halted.connect(lambda: ordered(source.halt))
        window.floor.start.connect(lambda: ordered(source.start))
        window.floor.start_on_cpu.connect(lambda: ordered(self._start_on_cpu))
        window.floor.welcome.watch.connect(lambda: window.recording_asked.emit(str(RECORDED)))
        window.floor.welcome.larger.connect(lambda: window.visit("models"))
        window.floor.watched.connect(lambda tier, request: ordered(lambda: source.watch(tier, request)))
        window.floor.tier_changed.connect(self._change)
        window.floor.watts_declared.connect(self._declare)
        window.notices.acted.connect(self._act)
        window.notices.shelved.connect(self._shelve)

    def _connect_charts(self) -> None:
        """Both charts follow, or are held, together with the switch in the footer."""
        window = self.window
        for chart in (self.chart, self.resting):
            chart.takes_notes = self.source.mode == "live"
            chart.followed.connect(window.footer.follow.setChecked)
            window.footer.follow_chosen.connect(chart.follow_now)
            chart.noted.connect(self._note)
        window.learn(*chart_actions(lambda: self.seen_chart))
        window.learn(
            Action("copy-chart", "Copy a chart: the one under the pointer", self._copy_chart, ("C",), CHARTS, _charted),
            Action("log", "Log: all events with their times", lambda _: self.log.toggle(), ("L",), CHARTS),
        )
        window.learn(Action("export", "Export a picture or data…", lambda _: self.carrying.toggle(), ("Ctrl+E",)))

    @property
    def seen_chart(self) -> StripChart:
        """The chart on the Floor: that of the machine at rest until the first run."""
        return self.chart if self.chart.isVisible() else self.resting

    def _follow_now(self) -> None:
        for chart in (self.chart, self.resting):
            chart.follow_now()

    def _note(self, text: str) -> None:
        source = self.source
        assert isinstance(source, Plant)
        self._order(lambda: source.note(text))

    def _wake(self) -> None:
        """Beat at the full rate for a moment."""
        self._eager_until = perf_counter() + EAGER_S
        if self._timer.interval() > self._interval:
            self._timer.setInterval(self._interval)

    def _order(self, order: Callable[[], None]) -> None:
        self._wake()
        self.window.ordered(order)

    def _start_on_cpu(self) -> None:
        """Run on the processor from now on, in this window; a run that stands for want of a GPU is ended before."""
        source = self.source
        assert isinstance(source, Plant)
        source.provider = "cpu"
        for tier in self.books.ledger.standing.tiers.values():
            if tier.provider == "cuda":
                self.edits.change(msgspec.structs.replace(tier, provider="cpu"))
        if self.books.ledger.standing.running:
            self._again = True
            source.stop()
        else:
            source.start()

    def _calibrate(self) -> None:
        assert isinstance(self.source, Plant)
        self.source.calibrate()
        if self.window.shown.state in ("idle", "stopped"):
            self.source.start()

    def _choose_scenario(self, name: str) -> None:
        assert isinstance(self.source, Plant)
        self.source.scenario = name
        self.window.ordered(lambda: stored.keep(scenario=name))

    def _limit(self, limits: Limits) -> None:
        source = self.source
        assert isinstance(source, Plant)
        source.warmup_s, source.seed = limits.warmup_s, limits.seed
        self._order(lambda: source.limit(limits.budget))
        self.window.ordered(lambda: stored.keep(budget=limits.budget, warmup_s=limits.warmup_s))

    def _open_tier(self, tier: str) -> None:
        """Turn to the settings of a tier in the table of all."""
        self.window.visit("tiers")
        if self.window.view is not None:
            self.window.view.turn_to(tier)

    def _change(self, tier: Tier) -> None:
        self._order(lambda: self.edits.change(tier))

    def _declare(self, idle: float, busy: float, assumed: bool) -> None:
        source = self.source
        assert isinstance(source, Plant)
        source.declare_watts(idle, busy, assumed)
        self.window.ordered(lambda: stored.keep(watts=Watts(idle=idle, busy=busy, assumed=assumed)))

    def _take(self, preset: Preset, _window: Window) -> None:
        self._order(lambda: self.edits.take(preset))

    def _act(self, notice: Notice) -> None:
        """Do what the button of a notice says."""
        source = self.source
        assert isinstance(source, Plant)
        if notice.action == RETRY_METER:
            self._order(source.retry_meter)
        elif notice.action == ON_CPU:
            self._order(self._start_on_cpu)
        elif notice.action == EXTEND_BUDGET and notice.alarm is not None:
            budget, kind = self.books.ledger.standing.budget, notice.alarm[1]
            limit = 1.5 * (getattr(budget, kind) or 0.0)
            self._order(lambda: source.limit(msgspec.structs.replace(budget, **{kind: limit})))
        elif notice.tier:
            self.window.visit("floor")
            self.window.floor.open_tier(notice.tier)

    def _shelve(self, notice: Notice, seconds: float | None) -> None:
        source = self.source
        assert isinstance(source, Plant)
        if notice.alarm is not None:
            alarm, subject = notice.alarm
            self._order(lambda: source.shelve(alarm, subject, seconds))

    def _choose_span(self, seconds: float) -> None:
        self.window_s = seconds
        self._fits = False
        for chart in (self.chart, self.resting):
            chart.choose_window(seconds)
        self._wake()
        self.refresh()
        if isinstance(self.source, Plant):
            self.window.ordered(lambda: stored.keep(window_s=seconds))

    def _choose_smoothing(self, seconds: float) -> None:
        self.smooth_s = seconds
        self._wake()
        self.refresh()
        if isinstance(self.source, Plant):
            self.window.ordered(lambda: stored.keep(smooth_s=seconds))

    def _play(self) -> None:
        assert isinstance(self.source, Replay)
        if self.source.ended:
            self.source.seek(0.0)
        self._wake()
        self.source.play()

    def _seek(self, seconds: float) -> None:
        replay = self.source
        assert isinstance(replay, Replay)
        # Where the board does not hold the whole run, the window of the charts has to be told anew.
        replay.lead_s = LEAD_S + (self.window_s if (replay.duration or 0.0) > self.books.board.kept_s else 0.0)
        self._follow_now()
        self._wake()
        self.window.ordered(lambda: replay.seek(seconds))

    def _pace(self, speed: float) -> None:
        assert isinstance(self.source, Replay)
        self.source.speed = speed

    def _step(self, to: Literal["period", "event"]) -> None:
        replay = self.source
        assert isinstance(replay, Replay)
        self._follow_now()
        self._wake()
        self.window.ordered(lambda: replay.step(to))

    def _loop(self, wanted: bool) -> None:
        assert isinstance(self.source, Replay)
        self.source.loop = (0.0, inf) if wanted else None


def _charted(window: Window) -> bool:
    """There are charts of a run to be seen."""
    return window.view is None and bool(window.shown.run)


def furnish(window: Window, replay: Path | None, settings: Settings, trouble: Trouble | None) -> Heartbeat:
    """Bring a painted window to life, on the factory of this machine or on a recording."""
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
    if trouble is not None:
        window.show_trouble(trouble)
    return heartbeat
