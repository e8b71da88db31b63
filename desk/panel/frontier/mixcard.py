"""The best mix beside that in force: bars, a line for each tier, the difference, and Apply with what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desk.facts.tiers import Tier
from desk.frontier.mix import Mix, Part
from desk.panel.bars import paint_swatch
from desk.panel.cards import WordyCard
from desk.panel.frontier.fields import NumberField
from desk.panel.frontier.reckoning import Answer, Question
from desk.panel.furniture import Label
from desk.panel.numbers import DASH, MINUS, Numbers
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.views import Desk
from desk.panel.words import tr

GOALS = {"revenue": tr("earns most"), "tokens": tr("makes most tokens")}
HEADS = (tr("Tier"), tr("slots"), "tok/s", "W", "$/h", tr("at most"))
HOUR = 3600.0
WORD = 42.0
"""The bars begin here, or behind the longest word before them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Dollars/s as predicted and as measured since the mix was applied (`None`: too early), over so many seconds.

    `words` says why nothing is measured, or no more, or what else there is to know.
    """

    predicted: float
    measured: float | None = None
    seconds: float = 0.0
    words: str = ""


class MixCard(WordyCard):
    """`applied` carries the mix that is wanted; `asked` tells that another question stands."""

    applied = Signal(object)
    asked = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.theme)
        self.setAccessibleName(tr("Best mix"))
        theme = desk.theme
        self._desk = desk
        self._names: tuple[str, ...] = ()
        self._answer: Answer | None = None
        self.goal = QComboBox()
        self.goal.setAccessibleName(tr("What the mix is to do"))
        for key, words in GOALS.items():
            self.goal.addItem(words, key)
        self.goal.setProperty("quiet", True)
        self.goal.currentIndexChanged.connect(self.asked)
        budget = tr("Budget of power in watts; empty: this device")
        self.watts = NumberField(desk, budget, tr("this device"), self.asked.emit, wide=92)
        self.watts.setToolTip(
            tr("Split so many watts between whole devices, as on the keynote's slide. Empty: this device")
        )
        self.demand: dict[str, NumberField] = {}
        self._words = Label(theme, "", 12, token="mut")
        self._words.setWordWrap(True)
        self.bars = Bars(theme, desk.numbers)
        self._grid_at = QWidget()
        self._grid = QGridLayout(self._grid_at)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(3)
        self._cells: dict[tuple[str, int], Label] = {}
        self._heads: tuple[Label, ...] = ()
        self._difference = Label(theme, "", 12)
        self._difference.setWordWrap(True)
        self._checked = Label(theme, "", 12)
        self._checked.setWordWrap(True)
        self.apply = QPushButton(tr("Try it live"))
        self.apply.setProperty("slim", True)
        self.apply.clicked.connect(self._apply)
        self._arrange()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(Label(self.theme, tr("Best mix"), 15, 600))
        head.addStretch(1)
        head.addWidget(self.goal)
        head.addWidget(Label(self.theme, tr("budget, W"), 12, token="mut"))
        head.addWidget(self.watts)
        foot = QHBoxLayout()
        foot.addWidget(self._difference, 1)
        foot.addWidget(self.apply)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 16, 10)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self._words)
        column.addWidget(self.bars)
        column.addWidget(self._grid_at)
        column.addLayout(foot)
        column.addWidget(self._checked)

    @property
    def question(self) -> Question:
        """What is asked, without the tier of the promise."""
        demand = {name: edit.value for name, edit in self.demand.items() if edit.value is not None}
        return Question(self.goal.currentData(), self.watts.value, demand)

    # ---- mirroring

    def show_tiers(self, tiers: Sequence[Tier]) -> None:
        """Have a line for each of these, the dearest on top."""
        names = tuple(tier.name for tier in reversed(tiers))
        if self._heads and names == self._names:
            self._name_columns()
            return
        self._names = names
        kept = {name: edit.values for name, edit in self.demand.items()}
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._cells.clear()
        self.demand.clear()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        self._heads = tuple(Label(self.theme, "", 11, token="mut") for _ in HEADS)
        for column, head in enumerate(self._heads):
            self._grid.addWidget(head, 0, column, right if column else Qt.AlignmentFlag.AlignLeft)
        self._name_columns()
        for row, name in enumerate((*names, ""), 1):
            self._grid.addWidget(_Named(self.theme, name) if name else Label(self.theme, tr("All"), 12, 600), row, 0)
            for column in range(1, 5):
                cell = self._cells[name, column] = Label(self.theme, DASH, 12, 600 if not name else 400)
                cell.setTextFormat(Qt.TextFormat.RichText)
                self._grid.addWidget(cell, row, column, right)
            if name:
                edit = self.demand[name] = NumberField(
                    self._desk,
                    tr("Tokens per second of {tier} that can be sold at most", tier=name),
                    tr("any"),
                    self.asked.emit,
                    wide=60,
                )
                edit.setAlignment(right)
                edit.put(*kept.get(name, ()))
                self._grid.addWidget(edit, row, 5, right)
        self._grid.setColumnStretch(0, 1)

    def _name_columns(self) -> None:
        for head, words in zip(self._heads, HEADS, strict=True):
            head.setText(self._desk.numbers.unit(words))

    def show_waiting(self, words: str) -> None:
        """Say why there is no mix."""
        self._answer = None
        self._words.setText(words)
        for widget in (self.bars, self._grid_at, self._difference, self.apply):
            widget.hide()

    def show_answer(self, answer: Answer, *, read_only: bool, running: bool, in_force: bool) -> None:
        """Show a mix that was solved for; nothing is left to apply where it is `in_force`."""
        self._answer = answer
        best, now, numbers = answer.best, answer.now, self._desk.numbers
        for widget in (self.bars, self._grid_at, self._difference, self.apply):
            widget.show()
        self._words.setText(
            tr("Shares of the device's time, every promise kept")
            if answer.question.watts is None
            else tr("Shares of the power, every promise kept")
        )
        self.bars.show_mixes(now, best, tuple(reversed(self._names)))
        for name in self._names:
            self._show_line(name, None if now is None else now.parts.get(name), best.parts.get(name), answer)
        sums = (
            "",
            _turn(None if now is None else now.rate, best.rate, numbers),
            _turn(None if now is None else now.watts, best.watts, numbers),
            _turn(None if now is None else HOUR * now.revenue, HOUR * best.revenue, numbers, "$"),
        )
        for column, text in enumerate(sums, 1):
            self._cells["", column].setText(text)
        self._difference.setText(self._told(answer, in_force))
        self.apply.setText(tr("Try it live") if running else tr("Take it"))
        able = not read_only and not in_force and bool(best.parts)
        self.apply.setEnabled(able and answer.question.watts is None)
        self.apply.setToolTip(
            tr("A recording takes no orders")
            if read_only
            else tr("More than one device would be needed")
            if answer.question.watts is not None
            else tr("Give the tiers these shares and slots; Ctrl+Z reverts it")
        )

    def show_checked(self, checked: Checked | None) -> None:
        """The revenue since the mix was applied beside the predicted one."""
        self._checked.setVisible(checked is not None)
        if checked is None:
            return
        told = _compared(checked, self._desk.numbers)
        if checked.measured is None and not checked.words:
            told += " " + tr("Measuring since {seconds:.0f} s.", seconds=checked.seconds)
        self._checked.setText(f"{told} {checked.words}".rstrip())
        self.setAccessibleDescription(self._checked.text())

    def _show_line(self, name: str, old: Part | None, new: Part | None, answer: Answer) -> None:
        numbers = self._desk.numbers
        why = answer.why.get(name, "")
        for column, text in enumerate(_cells(old, new, numbers), 1):
            cell = self._cells[name, column]
            cell.setText(text)
            cell.setToolTip(f"{name}: {why}" if why else "")

    def _told(self, answer: Answer, in_force: bool) -> str:
        numbers, gain = self._desk.numbers, answer.gain
        out: dict[str, list[str]] = {}
        for name in self._names:
            if name in answer.why:
                out.setdefault(answer.why[name], []).append(name)
        left = [tr("{tiers} not served: {why}.", tiers=", ".join(names), why=why) for why, names in out.items()]
        if answer.corrected:
            left.append(tr("{tiers}: corrected from points with other answers.", tiers=", ".join(answer.corrected)))
        if not answer.best.parts:
            return " ".join([tr("No tier can be served."), *left])
        if in_force:
            return " ".join([tr("<b>The split in force is the best one.</b>"), *left])
        if gain is None:
            why = [] if answer.question.watts is not None else [tr("The split in force was not measured.")]
            return " ".join([*why, *left])
        said = f"{_money(gain.value, numbers)} {numbers.unit('$/h')}"
        if gain.low is not None and gain.high is not None:
            low, high = _money(gain.low, numbers), _money(gain.high, numbers)
            told = tr("<b>{gain}</b> ({low} to {high}).", gain=said, low=low, high=high)
        else:
            told = tr("<b>{gain}</b>, doubt unknown.", gain=said)
        late = [tr("Now breaks promises.")] if answer.now is not None and not answer.now.keeps else []
        return " ".join([told, *late, *left])

    def _apply(self) -> None:
        if self._answer is not None:
            self.applied.emit(self._answer)


class Bars(QWidget):
    """The split now and the best one: each tier's part in its colour, with its percentage, and dollars an hour."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._rows: tuple[tuple[str, Mix | None], ...] = ()
        self._order: tuple[str, ...] = ()
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedHeight(scaled(52))
        self.update()

    def show_mixes(self, now: Mix | None, best: Mix, order: tuple[str, ...]) -> None:
        """Draw these, the tiers in this order."""
        self._rows, self._order = ((tr("Now"), now), (tr("Best"), best)), order
        told = []
        for word, mix in self._rows:
            parts = {} if mix is None else mix.parts
            shares = [
                tr("{tier} {share:.0f} percent", tier=name, share=100 * parts[name].share)
                for name in order
                if name in parts
            ]
            told.append(f"{word}: {', '.join(shares) or tr('not measured')}")
        self.setAccessibleName(". ".join(told))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            metrics = QFontMetricsF(font(12))
            start = max([WORD, *(metrics.horizontalAdvance(word) + 8 for word, _ in self._rows)])
            for row, (word, mix) in enumerate(self._rows):
                self._paint_row(painter, QRectF(0, 27 * row, size.width(), 23), start, word, mix)

    def _paint_row(self, painter: QPainter, box: QRectF, start: float, word: str, mix: Mix | None) -> None:
        theme, numbers = self._theme, self._numbers
        painter.setFont(font(12))
        painter.setPen(theme.colour("soft"))
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, word)
        bar = QRectF(start, box.top(), box.width() - start - 84, box.height())
        painter.fillRect(bar, theme.colour("track"))
        painter.setFont(font(12, 600))
        painter.setPen(theme.colour("text"))
        money = DASH if mix is None else f"{numbers.figure(HOUR * mix.revenue, '$')} {numbers.unit('$/h')}"
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, money)
        left = bar.left()
        for name in self._order if mix is not None else ():
            part = mix.parts.get(name) if mix is not None else None
            if part is None:
                continue
            wide = bar.width() * part.share
            cell = QRectF(left, bar.top(), max(1.0, wide - 1), bar.height())
            painter.fillRect(cell, theme.fill(name))
            painter.fillRect(QRectF(left, bar.bottom() - 3, cell.width(), 3), theme.tier(name))
            words = f"{100 * part.share:.0f}"
            painter.setPen(theme.colour("text"))
            if QFontMetricsF(painter.font()).horizontalAdvance(words) + 6 < wide:
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, words)
            left += wide


class _Named(Label):
    """A tier's name after its swatch."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__(theme, name, 12, 500)
        self._tones, self._name = theme, name
        theme.changed.connect(self._indent)
        self._indent()

    def _indent(self) -> None:
        self.setContentsMargins(scaled(18), 0, 0, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        with canvas(self) as (painter, size):
            paint_swatch(painter, self._tones, self._name, QPointF(5, size.height() / 2))


def _cells(old: Part | None, new: Part | None, numbers: Numbers) -> tuple[str, ...]:
    """The cells of a tier: slots, tokens/s, watts, dollars an hour."""
    before = _figures(old)
    after = _figures(new)
    return tuple(
        _turn(one, other, numbers, unit) for one, other, unit in zip(before, after, ("", "", "", "$"), strict=True)
    )


def _figures(part: Part | None) -> tuple[float | None, ...]:
    if part is None:
        return None, None, None, None
    return part.option.slots, part.rate, part.watts, HOUR * part.revenue


def _turn(old: float | None, new: float | None, numbers: Numbers, unit: str = "") -> str:
    """`2 ▸ <b>3</b>`, one figure where nothing changes, a dash for what is not served."""

    def write(value: float | None) -> str:
        return numbers.count(value) if isinstance(value, int) else numbers.figure(value, unit)

    before, after = write(old), write(new)
    if before == after or old is None:
        return f"<b>{after}</b>" if new is not None else DASH
    return f"{before} ▸ <b>{after}</b>"


def _compared(checked: Checked, numbers: Numbers) -> str:
    """What was predicted, and what was measured of it so far."""
    hourly = numbers.unit("$/h")
    predicted = f"{numbers.figure(HOUR * checked.predicted, '$')} {hourly}"
    if checked.measured is None:
        return tr("Predicted {money}.", money=predicted)
    measured = f"{numbers.figure(HOUR * checked.measured, '$')} {hourly}"
    told: dict[str, object] = {"predicted": predicted, "measured": measured, "seconds": checked.seconds}
    if not checked.predicted:
        return tr("<b>Predicted {predicted}, measured {measured}</b> over {seconds:.0f} s.", **told)
    told["error"] = _signed(100 * (checked.measured / checked.predicted - 1), numbers, 1)
    return tr("<b>Predicted {predicted}, measured {measured}</b> ({error} %) over {seconds:.0f} s.", **told)


def _money(rate: float | None, numbers: Numbers) -> str:
    return DASH if rate is None else _signed(HOUR * rate, numbers)


def _signed(value: float, numbers: Numbers, decimals: int | None = None) -> str:
    text = numbers.figure(abs(value), "$") if decimals is None else numbers.fixed(abs(value), decimals)
    return f"{MINUS if value < 0 else '+'}{text}"
