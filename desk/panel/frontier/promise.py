"""The price of a promise: what the best mix brings for each speed that one tier might promise."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from desk.frontier.mix import Mix
from desk.panel.bars import paint_rule
from desk.panel.frontier.reckoning import Answer
from desk.panel.frontier.scene import LogAxis, short
from desk.panel.furniture import Label
from desk.panel.limits import slider_rules
from desk.panel.numbers import MINUS, Numbers
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.words import tr

HOUR = 3600.0


class Promise(QWidget):
    """A slider on one tier's promise, and what it costs the others. `asked` tells that another tier is chosen."""

    asked = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._answer: Answer | None = None
        self.tier = QComboBox()
        self.tier.setAccessibleName(tr("Tier whose promise is moved"))
        self.tier.setProperty("quiet", True)
        self.tier.activated.connect(self.asked)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(tr("Promise in tokens per second per user"))
        self.slider.valueChanged.connect(self.say)
        self.curve = Curve(theme, numbers)
        self._told = Label(theme, "", 12)
        self._told.setWordWrap(True)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.tier)
        head.addWidget(Label(theme, tr("promises its readers"), 12, token="mut"))
        self._speed = Label(theme, "", 13, 600)
        head.addWidget(self._speed)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.slider)
        column.addWidget(self.curve, 1)
        column.addWidget(self._told)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.slider.setStyleSheet(slider_rules(self._theme))

    def show_tiers(self, names: tuple[str, ...]) -> None:
        """Offer these, the dearest first and chosen at first."""
        if [self.tier.itemText(place) for place in range(self.tier.count())] == list(names):
            return
        chosen = self.tier.currentText()
        self.tier.clear()
        self.tier.addItems(list(names))
        self.tier.setCurrentIndex(max(0, self.tier.findText(chosen)))

    def show_answer(self, answer: Answer | None) -> None:
        """Show the curve of an answer, the slider at the promise in force."""
        fresh = answer is None or self._answer is None or answer.curve != self._answer.curve
        self._answer = answer
        if not fresh:
            return
        curve = answer.curve if answer is not None else ()
        self.slider.setEnabled(len(curve) > 1)
        self.slider.setRange(0, max(0, len(curve) - 1))
        own = self._own()
        if own is not None and curve:
            self.slider.setValue(min(range(len(curve)), key=lambda place: abs(curve[place][0] - own)))
        self.say()

    def _own(self) -> float | None:
        """The promise in force."""
        answer = self._answer
        if answer is None:
            return None
        mine = next((each for each in answer.offers if each.tier == answer.question.promising), None)
        return None if mine is None else mine.promise.tokens_per_second_per_user

    def say(self) -> None:
        """Tell again what the promise brings: where the slider is moved, and in another currency."""
        answer, numbers = self._answer, self._numbers
        curve = answer.curve if answer is not None else ()
        self.curve.show_curve(curve, self.slider.value(), self._own())
        if answer is None or not curve:
            self._speed.setText("")
            self._told.setText(tr("Nothing was measured that this tier could promise."))
            return
        name = answer.question.promising
        speed, mix = curve[min(self.slider.value(), len(curve) - 1)]
        self._speed.setText(f"{numbers.figure(speed)} tok/s")
        others, ours, hourly = _others(mix, name), _others(answer.best, name), numbers.unit("$/h")
        words = tr(
            "Best mix {best}, {more} to that of the promise in force; the other tiers {others}.",
            best=f"{numbers.figure(HOUR * mix.revenue, '$')} {hourly}",
            more=f"{_signed(HOUR * (mix.revenue - answer.best.revenue), numbers)} {hourly}",
            others=f"{_signed(HOUR * (others - ours), numbers)} {hourly}",
        )
        if name not in mix.parts:
            words += " " + tr("{tier} is then not served: its slots earn more elsewhere.", tier=name)
        self._told.setText(words)
        self.slider.setAccessibleDescription(self._told.text())


class Curve(QWidget):
    """Dollars an hour of the best mix over the speed that is promised, on a logarithmic axis of speeds."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._curve: tuple[tuple[float, Mix], ...] = ()
        self._here, self._own = 0, None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Price of the promise: best mix by promised speed"))
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setMinimumHeight(scaled(96))
        self.update()

    def show_curve(self, curve: tuple[tuple[float, Mix], ...], here: int, own: float | None) -> None:
        """Draw it, with a mark at a place, and one at the promise in force."""
        self._curve, self._here, self._own = curve, here, own
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._curve:
            return
        theme, numbers = self._theme, self._numbers
        with canvas(self) as (painter, size):
            plot = QRectF(44, 14, size.width() - 58, size.height() - 36)
            axis = LogAxis(self._curve[0][0], max(self._curve[-1][0], self._curve[0][0] * 1.01))
            top = max(HOUR * mix.revenue for _, mix in self._curve) or 1.0

            def at(speed: float, revenue: float) -> QPointF:
                return QPointF(
                    plot.left() + plot.width() * axis.place(speed), plot.bottom() - plot.height() * HOUR * revenue / top
                )

            painter.setFont(font(11))
            for value in (0.0, top):
                y = plot.bottom() - plot.height() * value / top
                paint_rule(painter, theme, plot.left(), y, plot.width(), "grid")
                painter.setPen(theme.colour("mut"))
                box = QRectF(0, y - 8, plot.left() - 6, 16)
                painter.drawText(
                    box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, numbers.figure(value, "$")
                )
            painter.drawText(QPointF(plot.left(), 10), numbers.unit(tr("$/h of the best mix")))
            for value in axis.ticks():
                x = at(value, 0.0).x()
                painter.fillRect(QRectF(round(x), plot.bottom(), 1, 4), theme.colour("line"))
                painter.drawText(
                    QRectF(x - 30, plot.bottom() + 4, 60, 16), Qt.AlignmentFlag.AlignCenter, short(value, numbers)
                )
            if self._own is not None and axis.low <= self._own <= axis.high:
                painter.fillRect(QRectF(at(self._own, 0).x(), plot.top(), 1, plot.height()), theme.colour("band"))
            painter.setPen(QPen(theme.colour("text"), 1.8))
            painter.drawPolyline(QPolygonF([at(speed, mix.revenue) for speed, mix in self._curve]))
            self._paint_here(painter, [at(speed, mix.revenue) for speed, mix in self._curve])

    def _paint_here(self, painter: QPainter, places: list[QPointF]) -> None:
        painter.setPen(QPen(self._theme.colour("panel"), 1.5))
        painter.setBrush(self._theme.colour("text"))
        painter.drawEllipse(places[min(self._here, len(places) - 1)], 5, 5)


def _others(mix: Mix, name: str) -> float:
    return sum(part.revenue for tier, part in mix.parts.items() if tier != name)


def _signed(value: float, numbers: Numbers) -> str:
    text = numbers.figure(abs(value), "$")
    return f"{MINUS if value < 0 else '+'}{text}"
