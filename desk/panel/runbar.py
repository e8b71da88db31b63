"""The run bar: Start, Pause and STOP, always at the same place, and what the factory is busy with before it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from desk.panel.furniture import Label
from desk.panel.icons import icon
from desk.panel.limits import BudgetBar, Limits, LimitsForm, LoadKnob
from desk.panel.numbers import Numbers
from desk.panel.player import Player, Told
from desk.panel.shown import Job, Shown, State
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.words import tr

HEIGHT = 48
SPACING = 16
LEAST_PROGRESS = 160
NARROW = 1100
"""Below this width the bar does without the words that its boxes explain."""
BUTTON, BESIDE = 112, 36
"""How wide the two buttons are, and what they need beside picture and word where that is a long one."""
STOP, SCENARIO = tr("STOP"), tr("Scenario")
STARTS, PAUSES, RESUMES, HOLDS, PLAYS = DEEDS = (
    (tr("Start"), "play", tr("Start the factory")),
    (tr("Pause"), "pause", tr("Pause the factory")),
    (tr("Resume"), "play", tr("Resume the factory")),
    (tr("Hold"), "pause", tr("Hold the replay")),
    (tr("Play"), "play", tr("Play the recording")),
)
"""What the first button does: its word, its picture, and the same as a sentence."""
DONE_IN: dict[State, tuple[str, str, str]] = {
    "idle": STARTS,
    "stopped": STARTS,
    "opening": PAUSES,
    "running": PAUSES,
    "paused": RESUMES,
}


class Choice(Protocol):
    """What a scenario tells of itself."""

    @property
    def title(self) -> str: ...
    @property
    def note(self) -> str: ...


class RunBar(QWidget):
    """Emits orders and mirrors what came of them; it keeps no state of its own about the run."""

    start = Signal()
    pause = Signal()
    resume = Signal()
    stop = Signal()
    calibrate = Signal()
    scenario = Signal(str)
    play = Signal()
    hold = Signal()
    load = Signal(float)
    limited = Signal(object)

    def __init__(self, theme: Theme, mode: str, numbers: Numbers | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._live = mode == "live"
        self._shown = Shown()
        self._playing = False
        self.go = QPushButton()
        self.go.clicked.connect(self._go)
        self.halt = QPushButton(f" {STOP}")
        self.halt.setProperty("strong", True)
        self.halt.setIcon(icon(theme, "square", "text"))
        self.halt.setAccessibleName(tr("Stop the run"))
        self.halt.setToolTip(tr("Stop the run  Ctrl+Enter\nCut every request at once  Ctrl+."))
        self.halt.clicked.connect(self.stop)
        self._narrow = False
        self._form: LimitsForm | None = None
        self.limits = Limits()
        """What the form for the limits of a run begins with."""
        self._numbers = numbers or Numbers()
        self.knob = LoadKnob(theme, self._numbers, self._live)
        self.knob.ordered.connect(self.load)
        self._budget = BudgetBar(theme)
        self._warming = Label(theme, tr("● warm-up"), 12, token="soft")
        self._warming.setToolTip(tr("What happens now is not counted in the totals of the run"))
        self._ask_limits = QPushButton(tr("Limits…"))
        self._ask_limits.setProperty("quiet", True)
        self._ask_limits.setToolTip(tr("Energy, money and time that stop the run; warm-up; seed"))
        self._ask_limits.clicked.connect(self.ask_limits)
        self._scenario_of = Label(theme, size=13)
        self._scenario_of.setTextFormat(Qt.TextFormat.RichText)
        self._progress = _Progress(theme, LEAST_PROGRESS if self._live else 0)
        self.calibration = QPushButton()
        self.calibration.setProperty("quiet", True)
        self.calibration.setAccessibleName(tr("Calibrate"))
        self.calibration.setToolTip(
            tr(
                "Each tier works alone for a moment, and the meter learns what it draws.\n"
                "Without it, tiers that work together share their joules by time."
            )
        )
        self.calibration.clicked.connect(self.calibrate)
        self._wanted: set[QWidget] = {self.knob, *([self._ask_limits] if self._live else ())}
        """What there is to show beside the two buttons and the progress, where there is room for it."""
        if not self._live:
            self.player = Player(theme, self._numbers)
        row = QHBoxLayout(self)
        row.setSpacing(SPACING)
        row.addWidget(self.go)
        if not self._live:
            row.addWidget(self.player, 6)
        else:
            self._add_scenarios(row)
        row.addWidget(self._scenario_of)
        row.addWidget(self.knob)
        row.addWidget(self._budget)
        row.addWidget(self._warming)
        row.addWidget(self._ask_limits)
        row.addWidget(self._progress, 1)
        row.addWidget(self.calibration)
        row.addWidget(self.halt)
        theme.changed.connect(self._measure)
        theme.changed.connect(self._dress)
        self._measure()
        self._dress()

    def _measure(self) -> None:
        """Take the measures of the text size."""
        self.setFixedHeight(scaled(HEIGHT))
        if (row := self.layout()) is not None:
            row.setContentsMargins(0, scaled(8), 0, scaled(8))
        advance = QFontMetricsF(font(13, 700)).horizontalAdvance
        for button, mark, words in ((self.go, 14, [word for word, *_ in DEEDS]), (self.halt, 12, [STOP])):
            longest = max(advance(f" {word}") for word in words)
            button.setFixedWidth(max(scaled(BUTTON), round(longest) + scaled(mark + BESIDE)))
            button.setIconSize(QSize(scaled(mark), scaled(mark)))

    def _add_scenarios(self, row: QHBoxLayout) -> None:
        self.scenarios = QComboBox()
        self.scenarios.setProperty("quiet", True)
        self.scenarios.setAccessibleName(tr("Scenario of the next run"))
        self.scenarios.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.scenarios.activated.connect(lambda index: self.scenario.emit(self.scenarios.itemData(index)))
        self._scenario = QWidget()
        pair = QHBoxLayout(self._scenario)
        pair.setContentsMargins(0, 0, 0, 0)
        pair.setSpacing(8)
        self._scenario_head = Label(self._theme, SCENARIO, 13, token="mut")
        pair.addWidget(self._scenario_head)
        pair.addWidget(self.scenarios)
        row.addWidget(self._scenario)

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._narrow = self.width() < scaled(NARROW)
        self.knob.set_narrow(self._narrow)
        self._budget.set_narrow(self._narrow)
        if self._live:
            self._scenario_head.setVisible(not self._narrow)
        self._dress()

    # ---- room

    def _want(self, part: QWidget, wanted: bool) -> None:
        (self._wanted.add if wanted else self._wanted.discard)(part)

    def _fit(self) -> None:
        """Show what is wanted as far as there is room for it whole: Start and STOP stay where they are.

        What has to go can be had from the command palette, or reads on the Floor.
        """
        busy = self._shown.state not in ("idle", "stopped")
        kept: list[QWidget] = [
            part for part in (self.knob, self._warming, self.calibration, self._budget) if part in self._wanted
        ]
        choices: list[QWidget] = [self._scenario_of, *([self._scenario] if self._live else ())]
        for choice in choices:
            if choice in self._wanted:
                kept.insert(len(kept) if busy else 1, choice)
        kept += [self._ask_limits] if self._ask_limits in self._wanted else []
        always = [self.go, self.halt, self._progress, *([] if self._live else [self.player])]
        if not self._live:
            self.player.fit(self.width() - _least(self.go) - 2 * SPACING)
            self.halt.setVisible(_together(always) <= self.width())  # there is nothing to stop
        while kept and _together([*always, *kept]) > self.width():
            kept.pop()
        # What goes, goes first: a bar that is too full for a moment would widen the window, and be fitted anew in here.
        parts = (self.knob, self._warming, self.calibration, self._budget, *choices, self._ask_limits)
        for part in sorted(parts, key=lambda part: part in kept):
            part.setVisible(part in kept)

    # ---- mirroring

    def show_run(self, shown: Shown) -> None:
        """Follow the run: which orders make sense now, and what it is busy with."""
        self._shown = shown
        self._dress()
        self._progress.show_job(shown.job)
        self.knob.show_load(shown)
        self._budget.show_budget(shown)
        self._want(self._budget, bool(shown.spent))
        self._want(self._warming, shown.warming)
        self._offer_calibration(shown)
        if self._live:
            self._show_scenario(shown)
        self._fit()

    def show_scenarios(self, scenarios: Mapping[str, Choice], chosen: str) -> None:
        """Offer these for the next run; `chosen` is the one that it would take now."""
        for index, (name, choice) in enumerate(scenarios.items()):
            self.scenarios.addItem(choice.title, name)
            self.scenarios.setItemData(index, choice.note, Qt.ItemDataRole.ToolTipRole)
        self.scenarios.setCurrentIndex(self.scenarios.findData(chosen))
        self._want(self._scenario, True)
        self._dress()

    def _show_scenario(self, shown: Shown) -> None:
        """While a run is on, its scenario, which cannot be changed; before and after, the choice for the next one."""
        free = shown.state in ("idle", "stopped")
        self.scenarios.setEnabled(free)
        if not free:
            self.scenarios.setCurrentIndex(self.scenarios.findData(shown.scenario))
        note = self.scenarios.currentData(Qt.ItemDataRole.ToolTipRole) or ""
        kept = tr("A run keeps its scenario; stop it to choose another.")
        self.scenarios.setToolTip(note if free else f"{note}\n{kept}")

    def _offer_calibration(self, shown: Shown) -> None:
        seconds = shown.calibration_s
        self._want(self.calibration, seconds is not None)
        if seconds is None:
            return
        now = tr("Calibrate, {seconds:.0f} s", seconds=seconds)
        first = tr("Start with calibration, {seconds:.0f} s", seconds=seconds)
        self.calibration.setText(now if shown.state == "running" else first)

    def show_player(self, told: Told) -> None:
        """Follow the replay."""
        self._playing = told.playing
        self.player.show_player(told)
        self._dress()

    def _dress(self) -> None:
        state = self._shown.state
        if self._live:
            deed = DONE_IN[state]
            self.go.setEnabled(state != "opening")
            self.halt.setEnabled(state in ("opening", "running", "paused"))
        else:
            deed = HOLDS if self._playing else PLAYS
            self.halt.setEnabled(False)
        word, picture, name = deed
        if self.go.text() != f" {word}":
            self.go.setText(f" {word}")
            self.go.setAccessibleName(name)
            self.go.setToolTip(f"{name}  Ctrl+Enter" if deed in (STARTS, PLAYS, HOLDS) else name)
            self.go.setIcon(icon(self._theme, picture, "text"))
        words = "" if self._live and self.scenarios.count() else self._words()
        self._scenario_of.setText(words)
        self._want(self._scenario_of, bool(words))
        self._fit()

    def _words(self) -> str:
        mut, text = self._theme.palette.mut, self._theme.palette.text
        title = self._shown.scenario_title
        return f'<span style="color:{mut}">{SCENARIO}</span>&nbsp; <span style="color:{text}">{title}</span>'

    def ask_limits(self) -> None:
        """Open the form for the limits of a run."""
        if self._form is None:
            self._form = LimitsForm(self._theme, self._numbers, self.window())
            self._form.set.connect(self._take_limits)
        self._form.open_with(replace(self.limits, budget=self._shown.budget))

    def _take_limits(self, limits: Limits) -> None:
        self.limits = limits
        self.limited.emit(limits)

    # ---- ordering

    def _go(self) -> None:
        if not self._live:
            (self.hold if self._playing else self.play).emit()
        elif self._shown.state == "running":
            self.pause.emit()
        elif self._shown.state == "paused":
            self.resume.emit()
        else:
            self.start.emit()

    def toggle(self) -> None:
        """Ctrl+Enter: start what stands, stop what runs."""
        if not self._live:
            self._go()
        elif self._shown.state in ("idle", "stopped"):
            self.start.emit()
        else:
            self.stop.emit()


class _Progress(QWidget):
    """A job in words and a bar below it; an unknown size is a bar without a length, nothing moves by itself."""

    def __init__(self, theme: Theme, least: int) -> None:
        super().__init__()
        self._theme, self._least = theme, least
        self._job: Job | None = None
        self.setAccessibleName(tr("Progress"))

    def minimumSizeHint(self) -> QSize:
        return QSize(scaled(self._least) if self._job else 0, 0)

    def show_job(self, job: Job | None) -> None:
        if job != self._job:
            self._job = job
            self.setAccessibleDescription(job.text if job else "")
            self.setToolTip(job.text if job else "")
            self.updateGeometry()
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._job is None or self.width() < scaled(LEAST_PROGRESS):
            return
        job, soft = self._job, self._theme.colour("soft")
        across = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        with canvas(self) as (painter, size):
            wide = min(size.width(), 360.0)
            box = QRectF(size.width() - wide, 2, wide, 16)
            painter.setFont(font(12))
            painter.setPen(soft)
            metrics = QFontMetricsF(painter.font())
            share = "" if job.done is None else f"{100 * job.done:.0f} %"
            room = wide - (metrics.horizontalAdvance(share) + 8 if share else 0)
            painter.drawText(box, across, metrics.elidedText(job.text, Qt.TextElideMode.ElideRight, room))
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("track"))
            track = QRectF(box.left(), 22, wide, 6)
            painter.drawRoundedRect(track, 3, 3)
            if job.done:
                track.setWidth(wide * min(job.done, 1.0))
                painter.setBrush(self._theme.colour("mut"))
                painter.drawRoundedRect(track, 3, 3)


def _together(parts: Sequence[QWidget]) -> int:
    """The width that parts in a row take at least."""
    return sum(_least(part) + SPACING for part in parts) - SPACING


def _least(part: QWidget) -> int:
    """The least width that a part can be shown whole in."""
    if (inside := part.layout()) is not None:
        inside.invalidate()  # of what is hidden it keeps an old measure
    return max(part.minimumSizeHint().width(), part.minimumWidth())
