"""The strip of notices: what asks for attention, each with what can be done about it there and then."""

from functools import partial

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from desk.panel.bars import paint_warning
from desk.panel.shown import Notice
from desk.panel.theme import RADIUS, Theme, canvas, font, scaled, zoom
from desk.panel.words import tr

SHOWN = 3
"""No more than this can be attended to at once; the rest is counted, and told in the tool tip."""
HEIGHT = 32
SHELVES = ((tr("10 minutes"), 600.0), (tr("Until the run ends"), None))
"""How long an alarm can be put away, in words and seconds."""
NONE, SHELVE = tr("No alarms"), tr("Shelve")
ROOM = 120
"""A remedy stands beside its cause where it has as much room; else the tool tip has it."""


class NoticeStrip(QWidget):
    """The most pressing notices side by side, so that the strip never grows; its place is kept when there is none.

    What came of the last order stands first, then the offers, then what stands against the factory. `acted` is emitted
    with the notice whose own button is pressed, `shelved` with one that is put away and for how many seconds (`None`:
    until the run ends), `taken` with an offer.
    """

    acted = Signal(object)
    shelved = Signal(object, object)
    taken = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.own: Notice | None = None
        """What came of the last order."""
        self._offers: tuple[Notice, ...] = ()
        self._told: tuple[Notice, ...] = ()
        self._notices: tuple[Notice, ...] = ()
        self.lines = tuple(_Line(theme) for _ in range(SHOWN))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for line in self.lines:
            row.addWidget(line, 1)
            line.acted.connect(self.acted)
            line.shelved.connect(self.shelved)
            line.hide()
        self.acted.connect(self._take)
        self.shelved.connect(lambda notice, _seconds: self._put_away(notice))
        self.setAccessibleName(tr("Notices"))
        self.setAccessibleDescription(NONE)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedHeight(scaled(HEIGHT))
        self.update()

    def show_notices(self, notices: tuple[Notice, ...]) -> None:
        """Show these of the factory, the most pressing first."""
        self._told = notices
        self._show()

    def say(self, notice: Notice | None) -> None:
        """Show what came of an order in place of what came of the one before."""
        self.own = notice
        self._show()

    def offer(self, notice: Notice) -> None:
        """Show a notice until it is put away, or taken."""
        self._offers += (notice,)
        self._show()

    def _take(self, notice: Notice) -> None:
        if notice in self._offers:
            self._put_away(notice)
            self.taken.emit(notice)

    def _put_away(self, notice: Notice) -> None:
        self._offers = tuple(offer for offer in self._offers if offer != notice)
        self._show()

    def _show(self) -> None:
        notices = (*([self.own] if self.own else []), *self._offers, *self._told)
        if notices == self._notices:
            return
        self._notices = notices
        said = [_sentence(notice) for notice in notices]
        self.setAccessibleDescription(" ".join(said) or NONE)
        self.setToolTip("\n".join(said))
        more = len(notices) - SHOWN
        for place, line in enumerate(self.lines):
            last = place == SHOWN - 1 and more > 0
            line.show_notice(notices[place] if place < len(notices) else None, f"+{more}" if last else "")
        self.update()

    @property
    def shelvable(self) -> bool:
        """Whether there is an alarm that can be put away."""
        return any(notice.alarm for notice in self._notices)

    def shelve_all(self, seconds: float | None) -> None:
        """Put every alarm away for so long."""
        for notice in self._notices:
            if notice.alarm:
                self.shelved.emit(notice, seconds)

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._notices:
            return
        with canvas(self) as (painter, size):
            middle = size.height() / 2
            painter.setPen(QPen(self._theme.colour("mut"), 1))
            painter.drawEllipse(QPointF(18, middle), 3.5, 3.5)
            painter.setFont(font(12))
            painter.drawText(QRectF(34, 0, 400, size.height()), Qt.AlignmentFlag.AlignVCenter, NONE)


class _Line(QWidget):
    """One notice: its sign, its cause, its remedy where there is room, and its buttons."""

    acted = Signal(object)
    shelved = Signal(object, object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._notice: Notice | None = None
        self._more = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._act, self._shelve = QPushButton(self), QPushButton(SHELVE, self)
        self._act.setAccessibleName(tr("Do what the notice offers"))
        self._menu = QMenu(self)
        for words, seconds in SHELVES:
            self._menu.addAction(words, partial(self._put_away, seconds))
        self._act.clicked.connect(lambda: self.acted.emit(self._notice))
        self._shelve.clicked.connect(self._open_menu)
        for button in (self._act, self._shelve):
            button.setProperty("quiet", True)
            button.hide()
        theme.changed.connect(self._place)

    def sizeHint(self) -> QSize:
        return QSize(scaled(240), scaled(HEIGHT))

    def show_notice(self, notice: Notice | None, more: str) -> None:
        self.setVisible(notice is not None)
        if notice is None or (notice, more) == (self._notice, self._more):
            self._notice = notice
            return
        self._notice, self._more = notice, more
        self.setAccessibleName(notice.cause)
        self.setAccessibleDescription(notice.remedy)
        self._act.setText(notice.action)
        self._act.setAccessibleName(f"{notice.action}: {notice.cause}")
        self._act.setVisible(bool(notice.action))
        self._shelve.setText(notice.put_away or SHELVE)
        self._shelve.setAccessibleName(f"{self._shelve.text()}: {notice.cause}")
        self._shelve.setVisible(notice.alarm is not None or bool(notice.put_away))
        self._place()

    def _put_away(self, seconds: float | None) -> None:
        if self._notice is not None:
            self.shelved.emit(self._notice, seconds)

    def _open_menu(self) -> None:
        if self._notice is not None and self._notice.put_away:
            self._put_away(None)
            return
        above = self._shelve.mapToGlobal(QPoint(0, -self._menu.sizeHint().height()))
        self._menu.popup(above)

    def resizeEvent(self, _event: object) -> None:
        self._place()

    def _place(self) -> None:
        right = self.width() - 4
        for button in (self._shelve, self._act):
            if not button.isHidden():
                button.adjustSize()
                right -= button.width()
                button.move(right, (self.height() - button.height()) // 2)
                right -= 6
        self._right = right / zoom()
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        notice, theme = self._notice, self._theme
        if notice is None:
            return
        with canvas(self) as (painter, size):
            middle, right = size.height() / 2, self._right - 6
            neutral = notice.severity == "notice"
            token = "mut" if neutral else "bad" if notice.severity == "critical" else "warn"
            painter.setPen(QPen(theme.colour(token), 1))
            painter.setBrush(theme.colour("raised" if neutral else "warnbg"))
            frame = QRectF(QPointF(0, 0), size).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(frame, RADIUS - 2, RADIUS - 2)
            if neutral:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.colour("soft"))
                painter.drawEllipse(QPointF(18, middle), 4, 4)
            else:
                paint_warning(painter, theme, QPointF(18, middle), severe=notice.severity == "critical")
            if self._more:
                right = self._say(painter, right, self._more) - 8
            painter.setFont(font(13, 600))
            painter.setPen(theme.colour("text"))
            cause = notice.cause
            if notice.short and QFontMetricsF(painter.font()).horizontalAdvance(cause) > right - 34:
                cause = notice.short
            end = self._fit(painter, 34, right, cause)
            painter.setFont(font(13))
            painter.setPen(theme.colour("soft"))
            wide = QFontMetricsF(painter.font()).horizontalAdvance(notice.remedy)
            if right - end - 12 >= min(ROOM, wide):
                self._fit(painter, end + 12, right, notice.remedy)

    def _say(self, painter: QPainter, right: float, text: str) -> float:
        """How many more there are, ending at `right`; gives where it begins."""
        painter.setFont(font(12, 600))
        painter.setPen(self._theme.colour("soft"))
        left = right - painter.fontMetrics().horizontalAdvance(text)
        painter.drawText(QRectF(left, 0, 80, HEIGHT), Qt.AlignmentFlag.AlignVCenter, text)
        return left

    def _fit(self, painter: QPainter, left: float, right: float, text: str) -> float:
        """As much of the text as there is room for; gives where it ends."""
        metrics = QFontMetricsF(painter.font())
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(right - left, 0.0))
        painter.drawText(QRectF(left, 0, right - left + 4, HEIGHT), Qt.AlignmentFlag.AlignVCenter, text)
        return left + metrics.horizontalAdvance(text)


def _sentence(notice: Notice) -> str:
    return f"{notice.cause} {notice.remedy}".strip()
