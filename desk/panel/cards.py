"""The value card: one headline figure with its provenance, its last minutes and what it covers."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desk.facts.figures import FIGURES
from desk.panel.bars import PROVENANCES, paint_provenance, paint_rule, provenance_width
from desk.panel.numbers import DASH, Numbers
from desk.panel.shown import EMPTY, Value
from desk.panel.theme import MARGIN, RADIUS, Theme, canvas, font, natural, scaled
from desk.panel.words import tr

HEIGHT = 120
NARROWEST = 184
"""A card narrower than this has no room for its words."""
_BASE = 60
_NOTE, _LOW_NOTE = 111, 116
"""Where the last line of the note stands; the second where two of them stand below offers."""
_LINE = 13
_SPARK = (68, 28)
_LOW_SPARK = (66, 18)
"""Top and height of the sparkline over a note of one line, and of two."""
_GOAL_ROOM = 72
_OFFERS = MARGIN + 36
"""Where offers begin: beside the dash."""
_LINEAGE = tr("Where it comes from  I")


def paint_card(painter: QPainter, theme: Theme, rect: QRectF, token: str = "panel", edge: str = "line") -> None:
    """The ground of a card: rounded, with a line of one logical pixel at any magnification."""
    painter.save()
    box, factor = _unmagnified(painter, rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.colour(edge), 1))
    painter.setBrush(theme.colour(token))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS * factor, RADIUS * factor)
    painter.restore()


def paint_focus(painter: QPainter, theme: Theme, rect: QRectF, radius: float = RADIUS, token: str = "soft") -> None:
    """The ring of two pixels, inside `rect`, around what has the focus."""
    painter.save()
    box, factor = _unmagnified(painter, rect)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.colour(token), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), radius * factor, radius * factor)
    painter.restore()


def _unmagnified(painter: QPainter, rect: QRectF) -> tuple[QRectF, float]:
    """Have the painter draw without its magnification; gives the rectangle as it is then, and what it was."""
    world = painter.worldTransform()
    painter.resetTransform()
    return world.mapRect(rect), world.m11()


class Card(QWidget):
    """A rounded panel to lay things on. One that stands for more `invites`: a click, or Enter, emits `opened`."""

    opened = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, invites: bool = False) -> None:
        super().__init__(parent)
        self.theme = theme
        self._invites = invites
        if invites:
            self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self.update)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        inside = self.rect().contains(event.position().toPoint())
        if self._invites and inside and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit()
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers()
        if self._invites and enter:
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_card(QPainter(self), self.theme, QRectF(self.rect()))
        if self._invites and self.hasFocus():
            paint_focus(QPainter(self), self.theme, QRectF(self.rect()))


class WordyCard(Card):
    """A card with words that wrap, so that its least height depends on its width.

    It asks for no more than that, and takes what height there is: asked by Qt what it would like at some width, a card
    full of words claims its most for good.
    """

    NARROWEST = 400
    """In pixels of the design."""

    def minimumSizeHint(self) -> QSize:
        layout, narrowest = self.layout(), scaled(self.NARROWEST)
        if layout is None:
            return QSize(narrowest, 0)
        layout.activate()
        if not layout.hasHeightForWidth():
            return QSize(narrowest, layout.minimumSize().height())
        return QSize(narrowest, layout.minimumHeightForWidth(max(self.width(), narrowest)))

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def hasHeightForWidth(self) -> bool:
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()


class ValueCard(Card):
    """Shows one `Value`. `opened` asks for its lineage; `offered` is emitted with the text of an offer.

    A missing value is a dash with its reason; offers are buttons that stand beside it, in place of the sparkline.
    """

    offered = Signal(str)

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent, invites=True)
        self._numbers = numbers
        self._value = Value(key="", title="", unit="")
        self._alarm = False
        self._currency = numbers.currency
        self._magnified = 1.0
        self._offers = QWidget(self)
        self._stack = QVBoxLayout(self._offers)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.setSpacing(2)
        self._offers.hide()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self._measure()

    def magnify(self, factor: float) -> None:
        """Draw the card so many times as large as the text size has it."""
        self._magnified = factor
        self._measure()

    @property
    def narrowest(self) -> int:
        """The width in logical pixels below which words of the card would be cut."""
        offers = 0 if self._offers.isHidden() else self._offers.sizeHint().width() + scaled(_OFFERS + MARGIN / 2)
        return max(offers, scaled(max(NARROWEST, 2 * MARGIN + _longest_title() + 14) * self._magnified))

    def _measure(self) -> None:
        self.setFixedHeight(scaled(HEIGHT * self._magnified))
        self._place_offers()
        self.update()

    @property
    def value(self) -> Value:
        return self._value

    @property
    def text(self) -> str:
        """The number as it stands on the card."""
        return self._numbers.figure(self._value.value, self._value.unit)

    def show_value(self, value: Value, *, alarm: bool = False) -> None:
        """Show a figure; `alarm` marks the value itself as out of its limit."""
        told = value, alarm, self._numbers.currency
        if told == (self._value, self._alarm, self._currency):
            return
        self._value, self._alarm, self._currency = told
        said = self._numbers.spoken(value.value, value.unit)
        self.setAccessibleName(f"{value.title} {said}, {PROVENANCES[value.provenance]}")
        self.setAccessibleDescription(value.note)
        figure = FIGURES.get(value.key)
        self.setToolTip(f"{tr(figure.definition)}\n{_LINEAGE}" if figure else "")
        self.update()

    def offer(self, *texts: str) -> None:
        """Put these buttons on the card, or none."""
        if texts == tuple(button.text() for button in self._offers.findChildren(QPushButton)):
            return
        while (item := self._stack.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.setParent(None)
                old.deleteLater()
        for text in texts:
            button = QPushButton(text, self._offers)
            button.setProperty("slim", True)
            button.clicked.connect(lambda _checked=False, text=text: self.offered.emit(text))
            self._stack.addWidget(button)
        self._stack.addStretch(1)
        self._offers.setVisible(bool(texts))
        self._place_offers()
        self.update()

    def figure_at(self, at: QPointF | None) -> tuple[str, str | None] | None:
        """Its figure, of the whole factory."""
        return (self._value.key, None) if self._value.key else None

    def sizeHint(self) -> QSize:
        return QSize(scaled(264 * self._magnified), scaled(HEIGHT * self._magnified))

    def resizeEvent(self, event: object) -> None:
        self._place_offers()

    def paintEvent(self, event: QPaintEvent) -> None:
        with canvas(self, self._magnified) as (painter, size):
            wide = size.width()
            paint_card(painter, self.theme, QRectF(QPointF(0, 0), size))
            note = self._paint_head(painter, wide)
            self._paint_figure(painter)
            small, room = QFontMetricsF(font(11)), wide - 2 * MARGIN
            if self._offers.isHidden():
                lines, bottom = wrapped(note, small, room), _NOTE
                self._paint_history(painter, wide, *(_SPARK if len(lines) < 2 else _LOW_SPARK))
            else:  # two lines just fit below the offers, and the sign alone says that there is no figure
                lines = wrapped(self._value.note, small, room)
                bottom = _NOTE if len(lines) < 2 else _LOW_NOTE
            painter.setFont(font(11))
            painter.setPen(self.theme.colour("mut"))
            for row, line in enumerate(lines):
                painter.drawText(QPointF(MARGIN, bottom - _LINE * (len(lines) - 1 - row)), line)
            if self.hasFocus():
                paint_focus(painter, self.theme, QRectF(QPointF(0, 0), size))

    def _paint_head(self, painter: QPainter, wide: float) -> str:
        """Title and provenance; gives the note, which begins with the word of the provenance where that has no room."""
        theme, value = self.theme, self._value
        painter.setFont(font(14, 600))
        painter.setPen(theme.colour("text"))
        painter.drawText(QPointF(MARGIN, 24), value.title)
        roomy = wide >= _worded()
        paint_provenance(painter, theme, wide - MARGIN, 19.5, value.provenance, word=roomy)
        return value.note if roomy else f"{PROVENANCES[value.provenance]}, {value.note}".removesuffix(", ")

    def _paint_figure(self, painter: QPainter) -> None:
        theme, text = self.theme, self.text
        big = font(34, 600, tight=True)
        painter.setFont(big)
        missing = text == DASH
        painter.setPen(theme.colour("warn" if self._alarm else "mut" if missing else "text"))
        # Digits carry side bearing; the optical edge of the number stands under that of the title.
        painter.drawText(QPointF(MARGIN - 1, _BASE), text)
        if missing:
            return
        after = MARGIN - 1 + QFontMetricsF(big).horizontalAdvance(text) + 7
        painter.setFont(font(14))
        painter.setPen(theme.colour("mut"))
        painter.drawText(QPointF(after, _BASE), self._numbers.unit(self._value.unit))

    def _paint_history(self, painter: QPainter, wide: float, top_at: float, high: float) -> None:
        value, theme = self._value, self.theme
        goal = 6.0
        if value.limit is not None:
            goal = max(_GOAL_ROOM, QFontMetricsF(font(11)).horizontalAdvance(self._goal) + 6)
        box = QRectF(MARGIN, top_at, wide - 2 * MARGIN - goal, high)
        known = [sample for sample in value.spark if sample is not None and math.isfinite(sample)]
        top = max([*known, *([value.limit] if value.limit is not None else [])], default=0.0)
        if not known or top <= 0:
            return
        points = _runs(value.spark, box, top)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("grid"))
        for run in points:
            if len(run) > 1:
                foot = [QPointF(run[-1].x(), box.bottom()), QPointF(run[0].x(), box.bottom())]
                painter.drawPolygon(QPolygonF([*run, *foot]))
        paint_rule(painter, theme, box.left(), box.bottom(), box.width())
        if value.limit is not None:
            self._paint_goal(painter, box, value.limit / top, wide)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        pen = QPen(theme.colour("soft"), 1.25)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if value.provenance in ("assumed", "estimated") and value.key == "watts":
            pen.setDashPattern([3, 2])
        painter.setPen(pen)
        for run in points:
            painter.drawPolyline(QPolygonF(run))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("text"))
        if value.spark[-1] is not None:
            painter.drawEllipse(points[-1][-1], 3, 3)

    def _paint_goal(self, painter: QPainter, box: QRectF, at: float, wide: float) -> None:
        y = round(box.bottom() - at * box.height()) + 0.5
        painter.setPen(QPen(self.theme.colour("soft"), 1))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        painter.setFont(font(11))
        right = QRectF(box.right(), y - 8, wide - MARGIN - box.right(), 16)
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._goal)

    @property
    def _goal(self) -> str:
        """What stands beside the line of the limit."""
        value = self._value
        return f"{value.limit_word} {self._numbers.figure(value.limit, value.unit)}".strip()

    def _place_offers(self) -> None:
        left = scaled(_OFFERS * self._magnified)
        wide = self.width() - left - scaled(MARGIN / 2 * self._magnified)
        self._offers.setGeometry(left, scaled(27 * self._magnified), wide, scaled(66 * self._magnified))


@cache
def _worded() -> float:
    """The width from which on any title and any provenance stand side by side: cards of one row say it alike."""
    with natural():
        return 2 * MARGIN + _longest_title() + 8 + max(map(provenance_width, PROVENANCES))


@cache
def _longest_title() -> float:
    with natural():
        title = QFontMetricsF(font(14, 600)).horizontalAdvance
        return max(title(each) for each in (*(value.title for value in EMPTY), tr("Machine power")))


def wrapped(text: str, metrics: QFontMetricsF, room: float) -> list[str]:
    """The text in one line or two, broken between words; only what two lines do not hold is left out, with dots."""
    if metrics.horizontalAdvance(text) <= room:
        return [text]
    words = text.split(" ")
    fitting = (n for n in range(len(words) - 1, 1, -1) if metrics.horizontalAdvance(" ".join(words[:n])) <= room)
    cut = next(fitting, 1)
    rest = metrics.elidedText(" ".join(words[cut:]), Qt.TextElideMode.ElideRight, room)
    return [" ".join(words[:cut]), rest]


def _runs(samples: Sequence[float | None], box: QRectF, top: float) -> list[list[QPointF]]:
    """The samples as points in `box`, oldest at the left, one list for each stretch without a gap."""
    step = box.width() / max(1, len(samples) - 1)
    placed = [
        None
        if sample is None or not math.isfinite(sample)
        else QPointF(box.left() + place * step, box.bottom() - sample / top * box.height())
        for place, sample in enumerate(samples)
    ]
    stretches = groupby(placed, key=lambda point: point is None)
    return [[point for point in stretch if point is not None] for gap, stretch in stretches if not gap]
