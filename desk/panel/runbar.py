"""The run bar: Start, Pause and STOP, always at the same place, and what the factory is busy with before it runs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from desk.panel.furniture import Label
from desk.panel.icons import icon
from desk.panel.limits import BudgetBar, Limits, LimitsForm, LoadKnob
from desk.panel.numbers import Numbers
from desk.panel.player import Player, Told
from desk.panel.shown import Job, Shown
from desk.panel.theme import Theme, font, scaled

HEIGHT = 48
NARROW = 1100
"""Below this width the bar does without the words that its boxes explain."""


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
        self.halt = QPushButton(" STOP")
        self.halt.setProperty("strong", True)
        self.halt.setIcon(icon(theme, "square", "text"))
        self.halt.setAccessibleName("Stop the run")
        self.halt.setToolTip("Stop the run  Ctrl+Enter\nCut every request at once  Ctrl+.")
        self.halt.clicked.connect(self.stop)
        self._narrow = False
        self._form: LimitsForm | None = None
        self.limits = Limits()
        """What the form for the limits of a run begins with."""
        self.knob = LoadKnob(theme, self._live)
        self.knob.ordered.connect(self.load)
        self._budget = BudgetBar(theme)
        self._warming = Label(theme, "● warm-up", 12, token="soft")
        self._warming.setToolTip("What happens now is not counted in the totals of the run")
        self._ask_limits = QPushButton("Limits…")
        self._ask_limits.setProperty("quiet", True)
        self._ask_limits.setToolTip("Energy, money and time that stop the run; warm-up; seed")
        self._ask_limits.clicked.connect(self.ask_limits)
        self._ask_limits.setVisible(self._live)
        self._scenario_of = Label(theme, size=13)
        self._scenario_of.setTextFormat(Qt.TextFormat.RichText)
        self._progress = _Progress(theme)
        self.calibration = QPushButton()
        self.calibration.setProperty("quiet", True)
        self.calibration.setAccessibleName("Calibrate")
        self.calibration.clicked.connect(self.calibrate)
        self.calibration.hide()
        if not self._live:
            self.player = Player(theme, numbers or Numbers())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 8, 0, 8)
        row.setSpacing(16)
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
        for button, mark in ((self.go, 14), (self.halt, 12)):
            button.setFixedWidth(scaled(112))
            button.setIconSize(QSize(scaled(mark), scaled(mark)))

    def _add_scenarios(self, row: QHBoxLayout) -> None:
        self.scenarios = QComboBox()
        self.scenarios.setProperty("quiet", True)
        self.scenarios.setAccessibleName("Scenario of the next run")
        self.scenarios.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.scenarios.activated.connect(lambda index: self.scenario.emit(self.scenarios.itemData(index)))
        self._scenario = QWidget()
        pair = QHBoxLayout(self._scenario)
        pair.setContentsMargins(0, 0, 0, 0)
        pair.setSpacing(8)
        self._scenario_head = Label(self._theme, "Scenario", 13, token="mut")
        pair.addWidget(self._scenario_head)
        pair.addWidget(self.scenarios)
        self._scenario.hide()
        row.addWidget(self._scenario)

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._narrow = self.width() < scaled(NARROW)
        self.knob.set_narrow(self._narrow)
        self._budget.set_narrow(self._narrow)
        if self._live:
            self._scenario_head.setVisible(not self._narrow)
        self._dress()

    # ---- mirroring

    def show_run(self, shown: Shown) -> None:
        """Follow the run: which orders make sense now, and what it is busy with."""
        self._shown = shown
        self._dress()
        self._progress.show_job(shown.job)
        self.knob.show_load(shown)
        self._budget.show_budget(shown)
        if self._narrow and (shown.job or shown.warming):
            self._budget.hide()
        self._warming.setVisible(shown.warming)
        self._offer_calibration(shown)
        if self._live:
            self._show_scenario(shown)

    def show_scenarios(self, scenarios: Mapping[str, Choice], chosen: str) -> None:
        """Offer these for the next run; `chosen` is the one that it would take now."""
        for index, (name, choice) in enumerate(scenarios.items()):
            self.scenarios.addItem(choice.title, name)
            self.scenarios.setItemData(index, choice.note, Qt.ItemDataRole.ToolTipRole)
        self.scenarios.setCurrentIndex(self.scenarios.findData(chosen))
        self._scenario.show()
        self._dress()

    def _show_scenario(self, shown: Shown) -> None:
        """While a run is on, its scenario, which cannot be changed; before and after, the choice for the next one."""
        free = shown.state in ("idle", "stopped")
        self.scenarios.setEnabled(free)
        if not free:
            self.scenarios.setCurrentIndex(self.scenarios.findData(shown.scenario))
        note = self.scenarios.currentData(Qt.ItemDataRole.ToolTipRole) or ""
        self.scenarios.setToolTip(note if free else f"{note}\nA run keeps its scenario; stop it to choose another.")

    def _offer_calibration(self, shown: Shown) -> None:
        seconds = shown.calibration_s
        self.calibration.setVisible(seconds is not None)
        if seconds is None:
            return
        what = "Calibrate" if shown.state == "running" else "Start with calibration"
        self.calibration.setText(f"{what}, {seconds:.0f} s")
        self.calibration.setToolTip(
            "Each tier works alone for a moment, and the meter learns what it draws.\n"
            "Without it, tiers that work together share their joules by time."
        )

    def show_player(self, told: Told) -> None:
        """Follow the replay."""
        self._playing = told.playing
        self.player.show_player(told)
        self._dress()

    def _dress(self) -> None:
        state = self._shown.state
        if self._live:
            word, picture, name = {
                "idle": ("Start", "play", "Start the factory"),
                "stopped": ("Start", "play", "Start the factory"),
                "opening": ("Pause", "pause", "Pause the factory"),
                "running": ("Pause", "pause", "Pause the factory"),
                "paused": ("Resume", "play", "Resume the factory"),
            }[state]
            self.go.setEnabled(state != "opening")
            self.halt.setEnabled(state in ("opening", "running", "paused"))
        else:
            word, picture = ("Hold", "pause") if self._playing else ("Play", "play")
            name = "Hold the replay" if self._playing else "Play the recording"
            self.halt.setEnabled(False)
        if self.go.text() != f" {word}":
            self.go.setText(f" {word}")
            self.go.setAccessibleName(name)
            self.go.setToolTip(f"{name}  Ctrl+Enter" if word in ("Start", "Play", "Hold") else name)
            self.go.setIcon(icon(self._theme, picture, "text"))
        words = "" if self._live and self.scenarios.count() else self._words()
        self._scenario_of.setText(words)
        self._scenario_of.setVisible(bool(words) and not (self._narrow and not self._live))

    def _words(self) -> str:
        mut, text = self._theme.palette.mut, self._theme.palette.text
        title = self._shown.scenario_title
        return f'<span style="color:{mut}">Scenario</span>&nbsp; <span style="color:{text}">{title}</span>'

    def ask_limits(self) -> None:
        """Open the form for the limits of a run."""
        if self._form is None:
            self._form = LimitsForm(self._theme, self.window())
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

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._job: Job | None = None
        self.setAccessibleName("Progress")

    def show_job(self, job: Job | None) -> None:
        if job != self._job:
            self._job = job
            self.setAccessibleDescription(job.text if job else "")
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._job is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        wide = min(self.width(), 360)
        left = self.width() - wide
        painter.setFont(font(12, 400))
        painter.setPen(self._theme.colour("soft"))
        share = "" if self._job.done is None else f"{100 * self._job.done:.0f} %"
        text = painter.fontMetrics().elidedText(self._job.text, Qt.TextElideMode.ElideRight, wide - 48)
        painter.drawText(QRectF(left, 2, wide, 16), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.drawText(QRectF(left, 2, wide, 16), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, share)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("track"))
        painter.drawRoundedRect(QRectF(left, 22, wide, 6), 3, 3)
        if self._job.done:
            painter.setBrush(self._theme.colour("mut"))
            painter.drawRoundedRect(QRectF(left, 22, wide * min(self._job.done, 1.0), 6), 3, 3)
        painter.end()
