"""What if it scaled: the ladder from this device to a gigawatt as ranges, and the factors it multiplies by."""

from dataclasses import dataclass
from functools import reduce

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from desk.facts.currency import words
from desk.frontier.whatif import Factor, Here, Range, Rung, factors, ladder
from desk.panel.frontier.fields import NumberField
from desk.panel.frontier.scene import LogAxis, short
from desk.panel.furniture import Label
from desk.panel.numbers import DASH, Numbers
from desk.panel.theme import Theme, canvas, font, natural, scaled, zoom
from desk.panel.views import Desk
from desk.panel.words import plural, tr
from desk.plant.settings import keep, load

ROW = 31.0
SPAN = 4.0
"""The bars show from a quarter to four times the base."""
BESIDE, BARS, RATE, ENDS = 82.0, 158.0, 60.0, 112.0
"""Where the words beside a rung's name begin, and the bars, and how wide the rate and its range are that end the row:
longer words take more."""
MARKS, ROOMY = ((0.5, "×½"), (1.0, "×1"), (2.0, "×2")), 60.0
"""What stands above the bars; of narrower ones the base alone is named."""
BELOW = 40.0
"""The room of what is missing, in words."""
RUNGS = {"this device": tr("this device"), "server": tr("server"), "rack": tr("rack")}
"""What rungs are called that have no unit for a name."""
KINDS = {
    "measured": tr("measured"),
    "published": tr("published"),
    "assumed": tr("assumed"),
    "yours": tr("yours"),
}
"""Where the values of a factor come from."""
HOW = tr("One value, or low, base and high: 1.1 1.3 1.5")


class Ladder(QWidget):
    """The rungs, one a row: watts or devices, the range beside its base, tokens/s, and dollars once both shares are
    set."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._rungs: tuple[Rung, ...] = ()
        self._words = ""
        self._given: dict[str, Factor] = {}
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        with natural():
            box = QRectF(0, 0, max(1.0, self.width() / zoom()), 1000.0)
            told = QFontMetricsF(font(12)).boundingRect(box, Qt.TextFlag.TextWordWrap, self._words)
        self.setMinimumHeight(scaled(24 + ROW * 5 + max(BELOW, told.height() + 6)))
        self.update()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._measure()

    def sizeHint(self) -> QSize:
        return QSize(scaled(400), self.minimumHeight())

    def show_ladder(self, here: Here | None, given: dict[str, Factor]) -> None:
        """Carry one device up with these factors."""
        self._given = given
        self._rungs = ladder(here, given) if here is not None else ()
        self._words = self._told(here)
        told = [
            tr("{rung}: {range} tokens per second", rung=_name(rung), range=self._range(rung.rate))
            for rung in self._rungs
            if rung.rate
        ]
        self.setAccessibleName(tr("What if it scaled"))
        self.setAccessibleDescription(". ".join([*told, self._words]))
        self._measure()

    def _told(self, here: Here | None) -> str:
        """What is missing, in words."""
        if here is None:
            return tr("The ladder needs the watts of the best mix, and its sweep has none.")
        if missing := [key for rung in self._rungs for key in rung.missing]:
            return plural(
                "The ladder stops: {factors} is not set.",
                "The ladder stops: {factors} are not set.",
                len(missing),
                factors=self._titles(missing),
            )
        unset = [key for key in ("busy_share", "sold_share") if key in self._given and self._given[key].range is None]
        if unset:
            return plural(
                "No {money} a year: {factors} is not set.",
                "No {money} a year: {factors} are not set.",
                len(unset),
                money=words(self._numbers.currency),
                factors=self._titles(unset),
            )
        return tr("Multiplication of ranges, not a forecast.")

    def _titles(self, keys: list[str]) -> str:
        titles = [f"{self._given[key].title[:1].lower()}{self._given[key].title[1:]}" for key in keys]
        return reduce(lambda said, title: tr("{one} and {other}", one=said, other=title), titles)

    def _range(self, of: Range) -> str:
        return tr("{low} to {high}", low=short(of.low, self._numbers), high=short(of.high, self._numbers))

    def paintEvent(self, _event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            painter.setFont(font(11))
            painter.setPen(self._theme.colour("mut"))
            wide = size.width()
            columns = self._columns(wide)
            axis = LogAxis(1 / SPAN, SPAN)
            left, right = columns.bar
            if self._rungs:
                for value, word in MARKS if right - left >= ROOMY else MARKS[1:2]:
                    x = left + (right - left) * axis.place(value)
                    painter.drawText(QRectF(x - 20, 0, 40, 16), Qt.AlignmentFlag.AlignCenter, word)
                    painter.fillRect(QRectF(round(x), 18, 1, ROW * len(self._rungs)), self._theme.colour("grid"))
                flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(QRectF(0, 0, columns.rate, 16), flags, "tok/s")
                painter.drawText(QRectF(0, 0, wide, 16), flags, self._ends)
            for number, rung in enumerate(self._rungs):
                self._paint_rung(painter, rung, 20 + ROW * number, columns, axis)
            painter.setFont(font(12))
            painter.setPen(self._theme.colour("soft"))
            below = 24 + ROW * len(self._rungs)
            painter.drawText(QRectF(0, below, wide, size.height() - below), Qt.TextFlag.TextWordWrap, self._words)

    @property
    def _ends(self) -> str:
        """What stands above the last column."""
        if any(rung.yearly is not None for rung in self._rungs):
            return self._numbers.unit(tr("$ a year"))
        return tr("low to high")

    def _columns(self, wide: float) -> "_Columns":
        strong, plain = QFontMetricsF(font(12, 600)), QFontMetricsF(font(11))
        beside = max([BESIDE, *(strong.horizontalAdvance(_titled(rung)) + 8 for rung in self._rungs)])
        bars = max([BARS, *(beside + plain.horizontalAdvance(self._beside(rung)) for rung in self._rungs)])
        told = [self._ends, *(self._range(of) for rung in self._rungs if (of := rung.yearly or rung.rate) is not None)]
        rate = wide - max([ENDS, *(plain.horizontalAdvance(words) + 8 for words in told)])
        return _Columns(beside, (bars, max(bars + 18, rate - RATE)), rate, wide)

    def _beside(self, rung: Rung) -> str:
        """The watts of one device, or how many devices there are."""
        if rung.rate is None or rung.watts is None or rung.devices is None:
            return tr("stops here")
        if rung.devices.high == 1.0:
            return f"{self._numbers.figure(rung.watts.base)} W"
        devices = rung.devices.base
        return plural("{n} device", "{n} devices", devices, n=short(devices, self._numbers))

    def _paint_rung(self, painter: QPainter, rung: Rung, top: float, columns: "_Columns", axis: LogAxis) -> None:
        theme, numbers = self._theme, self._numbers
        box = QRectF(0, top, columns.end, ROW)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font(12, 600))
        painter.setPen(theme.colour("text"))
        painter.drawText(box, middle, _titled(rung))
        painter.setFont(font(11))
        painter.setPen(theme.colour("mut"))
        painter.drawText(box.adjusted(columns.beside, 0, 0, 0), middle, self._beside(rung))
        if rung.rate is None:
            return
        left, right = columns.bar
        wide = right - left
        places = [min(1.0, max(0.0, axis.place(value / rung.rate.base))) for value in (rung.rate.low, rung.rate.high)]
        bar = QRectF(left + wide * places[0], top + ROW / 2 - 5, max(3.0, wide * (places[1] - places[0])), 10)
        painter.fillRect(bar, theme.colour("mut"))
        painter.fillRect(QRectF(left + wide * axis.place(1.0) - 1, top + ROW / 2 - 8, 3, 16), theme.colour("text"))
        painter.setFont(font(12, 600))
        painter.setPen(theme.colour("text"))
        flags = Qt.AlignmentFlag.AlignRight | middle
        painter.drawText(QRectF(0, top, columns.rate, ROW), flags, short(rung.rate.base, numbers))
        painter.setFont(font(11))
        painter.setPen(theme.colour("soft"))
        painter.drawText(box, flags, self._range(rung.yearly if rung.yearly is not None else rung.rate))


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the parts of a row are: left edges of the words and of the bars, right ones of the bars and of all else."""

    beside: float
    bar: tuple[float, float]
    rate: float
    end: float


class Factors(QWidget):
    """Every factor with its range, each of which can be edited, and its source. `changed` tells of another value."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        theme = desk.theme
        self._desk = desk
        self._shipped = factors()
        kept = {key: values for key, values in load()[0].factors.items() if key in self._shipped}
        self.given = self._shipped | {
            key: self._shipped[key].set(base, low, high) for key, (low, base, high) in kept.items()
        }
        self.fields: dict[str, NumberField] = {}
        self._kinds: dict[str, Label] = {}
        self._numbers = desk.numbers
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        for row, (key, factor) in enumerate(self.given.items()):
            title = Label(theme, f"{factor.title}, %" if factor.unit == "%" else factor.title, 12)
            title.setToolTip(factor.source)
            title.setWordWrap(True)
            hint = DASH if factor.suggested is None else desk.numbers.short(100 * factor.suggested)
            edit = self.fields[key] = NumberField(
                desk, factor.title, hint, lambda key=key: self._take(key), (1, 3), wide=96
            )
            edit.setToolTip(f"{factor.source}\n{HOW}")
            if factor.range is not None:
                edit.put(*_values(factor))
            kind = self._kinds[key] = Label(theme, "", 11, token="mut")
            grid.addWidget(title, row, 0)
            grid.addWidget(edit, row, 1)
            grid.addWidget(kind, row, 2)
            if factor.suggested is not None:
                take = QPushButton(tr("Take"))
                take.setProperty("quiet", True)
                take.setToolTip(tr("Take the suggested {value} %: {source}", value=hint, source=factor.source))
                take.setAccessibleName(tr("Take the suggested value of: {factor}", factor=factor.title))
                take.clicked.connect(lambda _=False, key=key: self._suggest(key))
                grid.addWidget(take, row, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 0)
        column.addLayout(grid)
        column.addStretch(1)
        self._mark()

    def _suggest(self, key: str) -> None:
        suggested = self._shipped[key].suggested
        if suggested is not None:
            self.fields[key].put(100 * suggested)
            self._take(key)

    def _take(self, key: str) -> None:
        values = self.fields[key].values
        shipped = self._shipped[key]
        if shipped.unit == "%":
            values = tuple(min(value, 100.0) / 100 for value in values)
        if not values:
            self.given[key] = shipped
            if shipped.range is not None:
                self.fields[key].put(*_values(shipped))
        else:
            low, base, high = sorted(values) if len(values) == 3 else (values[0],) * 3
            self.given[key] = shipped.set(base, low, high)
        self._mark()
        own = {key: factor for key, factor in self.given.items() if factor is not self._shipped[key]}
        ranges = {key: (of.low, of.base, of.high) for key, factor in own.items() if (of := factor.range) is not None}
        self._desk.order(lambda: keep(factors=ranges))
        self.changed.emit()

    def _mark(self) -> None:
        for key, label in self._kinds.items():
            factor = self.given[key]
            label.setText(tr("not set") if factor.range is None else KINDS[factor.kind])


def _name(rung: Rung) -> str:
    return RUNGS.get(rung.name, rung.name)


def _titled(rung: Rung) -> str:
    """The name of a rung with a capital letter."""
    return f"{_name(rung)[:1].upper()}{_name(rung)[1:]}"


def _values(factor: Factor) -> tuple[float, ...]:
    """What its field shows: one value, or all three; shares as percentages."""
    of = factor.range
    assert of is not None, "a factor without values shows none"
    each = (of.base,) if of.low == of.high else (of.low, of.base, of.high)
    return tuple(100 * value if factor.unit == "%" else value for value in each)
