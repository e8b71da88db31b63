"""What holds a run, in the run bar: the load set by hand, and the limits that stop it, its warm-up and its seed."""

from dataclasses import dataclass, field

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QAbstractSlider,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from desk.facts.tiers import Budget
from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.overlay import Overlay
from desk.panel.shown import Shown, Spent
from desk.panel.theme import Theme, canvas, scaled
from desk.panel.words import plural, tr

LOADS = (0, 300)
"""The load by hand, in percent of what tiers and scenario ask for."""
BAR = 56
PATIENCE = 6
"""Looks, two a second, for which the knob waits for the fact of its order."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What can be set beside the tiers; warm-up and seed are those of the next run."""

    budget: Budget = field(default_factory=Budget)
    warmup_s: float = 0.0
    seed: int = 0


class LoadKnob(QWidget):
    """A slider that multiplies what all tiers are asked for. It orders, and moves to where the fact of it says."""

    ordered = Signal(float)

    def __init__(self, theme: Theme, numbers: Numbers, live: bool) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._wanted: float | None = None
        self._patience = 0
        self._people = ""
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(*LOADS)
        self.slider.setSingleStep(5)
        self.slider.setPageStep(25)
        self.slider.setValue(100)
        self.slider.setEnabled(live)
        self.slider.setAccessibleName(tr("Load, percent of what the tiers are set to"))
        self.slider.setToolTip(tr("How much is asked of all tiers, as a part of what they are set to"))
        self._words = Label(theme, "", 13, 500)
        self.slider.sliderMoved.connect(lambda percent: self._say(percent / 100))
        self.slider.sliderReleased.connect(self._order)
        self.slider.actionTriggered.connect(self._act)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._head = Label(theme, tr("Load"), 13, token="mut")
        row.addWidget(self._head)
        row.addWidget(self.slider)
        row.addWidget(self._words)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.slider.setStyleSheet(slider_rules(self._theme))
        self.slider.setFixedWidth(scaled(72 if self._head.isHidden() else 112))

    def set_narrow(self, narrow: bool) -> None:
        """Do without what a small window has no room for."""
        self._head.setVisible(not narrow)
        self._dress()

    def show_load(self, shown: Shown) -> None:
        """Follow the load in force, unless a hand is on the slider or an order is on its way."""
        numbers, words = self._numbers, []
        if shown.users or not shown.arrivals:
            words.append(plural("{n} user", "{n} users", shown.users, n=numbers.count(shown.users)))
        if shown.arrivals:
            words.append(f"{numbers.figure(shown.arrivals)}/s")
        self._people = " + ".join(words)
        if self._wanted is not None:
            self._patience -= 1
            if abs(shown.load - self._wanted) > 1e-9 and self._patience > 0:
                return
            self._wanted = None
        if not self.slider.isSliderDown():
            self.slider.setValue(round(100 * shown.load))
            self._say(shown.load)

    def _say(self, load: float) -> None:
        part = f"{self._numbers.count(round(100 * load))}%"
        self._words.setText(self._people if load == 1.0 else f"{part}, {self._people}")

    def _act(self, action: int) -> None:
        """A key or the wheel: the slider is about to move."""
        if action != QAbstractSlider.SliderAction.SliderMove.value:
            self._order()

    def _order(self) -> None:
        self._wanted, self._patience = self.slider.sliderPosition() / 100, PATIENCE
        self.ordered.emit(self._wanted)


def slider_rules(theme: Theme) -> str:
    """The style of the sliders of the run bar: a calm track, and a handle that shows the focus."""
    tokens = theme.palette
    return (
        f"QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {tokens.track}; }}"
        f"QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {tokens.soft}; }}"
        f"QSlider::handle:horizontal {{ width: 14px; margin: -5px 0; border-radius: 7px;"
        f" background: {tokens.text}; }}"
        f"QSlider::handle:horizontal:focus {{ border: 2px solid {tokens.mut}; width: 10px; }}"
        f"QSlider::handle:horizontal:disabled {{ background: {tokens.mut}; }}"
    )


class BudgetBar(QWidget):
    """The limit that is nearest to its end: a bar, and how much of it is used. Without a limit there is none."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._share: float | None = None
        self._words = Label(theme, "", 13, 500)
        self.setAccessibleName(tr("Budget"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self._head = Label(theme, tr("Budget"), 13, token="mut")
        self._bar = QWidget()
        row.addWidget(self._head)
        row.addWidget(self._bar)
        row.addWidget(self._words)
        theme.changed.connect(self.update)

    def set_narrow(self, narrow: bool) -> None:
        """Do without what a small window has no room for: the bar goes, the words stay."""
        self._head.setVisible(not narrow)
        self._bar.setVisible(not narrow)
        self._bar.setFixedWidth(scaled(BAR))

    def show_budget(self, shown: Shown) -> None:
        """Follow the run."""
        if not shown.spent:
            return
        nearest = shown.spent[0]
        self._share = nearest.share
        self._words.setText(nearest.words)
        self.setAccessibleDescription(nearest.words)
        lines = [_watched(each) for each in shown.spent]
        self.setToolTip("\n".join([tr("The run stops at"), *lines]))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._head.isHidden():
            return
        with canvas(self) as (painter, size):
            left = self._bar.x() * size.width() / self.width()
            track = QRectF(left, size.height() / 2 - 3, BAR, 6)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("track"))
            painter.drawRoundedRect(track, 3, 3)
            if self._share:
                painter.setBrush(self._theme.colour("warn" if self._share >= 0.8 else "mut"))
                painter.drawRoundedRect(QRectF(left, track.top(), BAR * min(self._share, 1.0), 6), 3, 3)


def _watched(limit: Spent) -> str:
    if limit.share is None:
        return tr("{limit}: nothing measures it here", limit=limit.words)
    return limit.words


class LimitsForm(Overlay):
    """Asks for the limits of a run; `set` carries them. An empty field sets no limit."""

    set = Signal(object)

    def __init__(self, theme: Theme, numbers: Numbers, over: QWidget) -> None:
        super().__init__(theme, over)
        self.setAccessibleName(tr("Limits of the run"))
        self._numbers = numbers
        self._fields: dict[str, QLineEdit] = {}
        self._units: dict[str, Label] = {}
        self._message = Label(theme, "", 12, 600)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        for row, (name, label, _, hint) in enumerate(_ROWS):
            line = QLineEdit()
            line.setFixedWidth(scaled(112))
            line.setAlignment(Qt.AlignmentFlag.AlignRight)
            line.setPlaceholderText(tr("none") if row < 3 else "0")
            line.returnPressed.connect(self._set)
            grid.addWidget(Label(theme, label, 13), row, 0)
            grid.addWidget(line, row, 1)
            self._units[name] = Label(theme, "", 12, token="mut")
            grid.addWidget(self._units[name], row, 2)
            grid.addWidget(Label(theme, hint, 12, token="mut"), row, 3)
            self._fields[name] = line
        button = QPushButton(tr("Set"))
        button.setAutoDefault(True)
        button.clicked.connect(self._set)
        foot = QHBoxLayout()
        foot.addWidget(self._message, 1)
        foot.addWidget(button)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 20)
        page.setSpacing(14)
        page.addWidget(Label(theme, tr("Limits of the run"), 16, 600))
        page.addLayout(grid)
        page.addLayout(foot)

    def open_with(self, limits: Limits) -> None:
        """Come up with what is in force, in the currency of the run."""
        for name, label, unit, _ in _ROWS:
            said = self._numbers.unit(unit)
            self._units[name].setText(said)
            self._fields[name].setAccessibleName(f"{label}, {said}" if said else label)
        budget = limits.budget
        known = (budget.joules, 3600), (budget.dollars, 1), (budget.seconds, 60), (limits.warmup_s or None, 1)
        for line, (value, scale) in zip(self._fields.values(), known, strict=False):
            line.setText("" if value is None else f"{value / scale:.10g}")
        self._fields["seed"].setText(str(limits.seed))
        self._message.setText("")
        self.open()
        self._fields["joules"].setFocus(Qt.FocusReason.PopupFocusReason)

    def _set(self) -> None:
        found: dict[str, float | None] = {}
        for name, label, _, _ in _ROWS:
            text = self._fields[name].text().strip().replace(",", ".")
            try:
                value = float(text) if text else None
            except ValueError:
                value = -1.0
            if (value is not None and not (0 <= value < 1e9)) or (name == "seed" and value and value != int(value)):
                wrong = tr("{field}: “{text}” is no number that can be kept.", field=label, text=text)
                self._message.setText(f"▲ {wrong}")
                self._fields[name].setFocus()
                self._fields[name].selectAll()
                return
            found[name] = value
        budget = Budget(
            joules=(found["joules"] or 0.0) * 3600 or None,
            dollars=found["dollars"] or None,
            seconds=(found["seconds"] or 0.0) * 60 or None,
        )
        self.set.emit(Limits(budget, min(found["warmup"] or 0.0, 3600.0), int(found["seed"] or 0)))
        self.close_over()

    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(scaled(520), 0))


_ROWS = (
    ("joules", tr("Energy"), "Wh", tr("stops the run")),
    ("dollars", tr("Cost of energy"), "$", tr("stops the run")),
    ("seconds", tr("Time"), "min", tr("stops the run")),
    ("warmup", tr("Warm-up"), "s", tr("not counted; from the next run on")),
    ("seed", tr("Seed"), "", tr("the same seed asks and draws the same; from the next run on")),
)
