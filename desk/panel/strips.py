"""The strip chart of the Floor under the hand: read, zoom, pan, pick tiers, read a table, write a note."""

from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QScrollArea, QWidget

from desk.panel.charts.canvas import Canvas
from desk.panel.charts.lane import WORDS, NoteLine
from desk.panel.charts.setting import Board, Event, Reference, Setting, Stretch, StripSpec, Trace
from desk.panel.charts.specs import FLOOR, SHORTEST_SPAN_S, fitting_span
from desk.panel.charts.strip import HEAD
from desk.panel.charts.table import StripTable
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, RADIUS, Theme

__all__ = [
    "FLOOR",
    "SHORTEST_SPAN_S",
    "Board",
    "Event",
    "Reference",
    "Setting",
    "StripChart",
    "StripSpec",
    "Trace",
    "fitting_span",
]

ZOOM = 1.25
"""One step of a wheel, and of the keys."""
PAN_PART = 0.1
LEAST_DRAG = 6
"""A shorter drag is a press of an unsteady hand."""
WHEEL_STEP = 120


@dataclass
class _Drag:
    """A button held down since `x`: it `marks` a stretch to zoom to, or pans the one that was shown then."""

    x: float
    stretch: Stretch
    marks: bool
    until: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.until = self.x


class StripChart(Canvas):
    """A canvas under the hand.

    A wheel zooms about the pointer, a drag marks what to zoom to, a drag of the axis (or with Shift, or the middle
    button) pans; all of them hold the charts where they are until `follow_now`, and `followed` tells which holds. A
    press on a tier's label hides or shows it, a double one or one with Shift shows it alone. `noted` carries a note
    that was written, where the chart `takes_notes`.
    """

    followed = Signal(bool)
    noted = Signal(str)

    def __init__(
        self,
        theme: Theme,
        numbers: Numbers,
        specs: tuple[StripSpec, ...] = FLOOR,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, numbers, specs, parent)
        self._drag: _Drag | None = None
        self._tables: dict[int, StripTable] = {}
        self._ringed = False
        self.takes_notes = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self._note_line = NoteLine(self.viewport())
        self._note_line.written.connect(self.noted)
        self._note_line.closed.connect(lambda: self.setFocus())

    @property
    def following(self) -> bool:
        return self._view.following

    @property
    def hidden(self) -> frozenset[str]:
        """The tiers that are not drawn."""
        return self._strips[0].hidden

    # ---- what is shown, for keys and buttons

    def follow_now(self, on: bool = True) -> None:
        """Go back to now and stay there, or stay where it is."""
        if on == self.following:
            return
        self._view.follow() if on else self._view.hold(self.stretch)
        self._moved(not on)

    def choose_window(self, seconds: float) -> None:
        """Show so many seconds, in place of a zoom; the setting that follows should say the same."""
        self._view.choose_window(seconds)

    def reset(self) -> None:
        """Back to now, and to the window that was chosen."""
        followed = self.following
        self._view.reset()
        self._moved(followed)

    def zoom(self, steps: float) -> None:
        """Closer by so many steps of a wheel, further away where negative, about the cursor or the right edge."""
        reading = self._lane.reading
        self._zoom_about(self.stretch.end + (reading or 0.0), steps)

    def pan(self, parts: float) -> None:
        """Move by a part of what is shown, to the past where negative."""
        self._pan_from(self.stretch, parts * self.stretch.span)

    def toggle_tier(self, tier: str) -> None:
        """Hide a tier in every strip, or show it again; where none would be left, all come back."""
        hidden = self.hidden ^ {tier}
        self._hide(hidden if set(self._setting.tiers) - hidden else frozenset())

    def show_alone(self, tier: str) -> None:
        """Show one tier only; all, where it already is alone."""
        others = frozenset(self._setting.tiers) - {tier}
        self._hide(frozenset() if self.hidden == others else others)

    def toggle_tables(self) -> None:
        """Turn the strip under the pointer into a table or back; without one, all strips."""
        under = [place for place, strip in enumerate(self._strips) if strip.hovered]
        places = under or range(len(self._strips))
        tabled = all(self._strips[place].tabled for place in places)
        for place in places:
            self._show_table(place, not tabled)

    @property
    def figure(self) -> str:
        """The figure of the strip under the pointer, else of the first."""
        return next((strip for strip in self._strips if strip.hovered), self._strips[0]).spec.figure

    def write_note(self) -> None:
        """Open the field for a note, where notes are taken."""
        if self.takes_notes and self.isVisible():
            lane = self._lane.plot
            self._note_line.setGeometry(self._on_screen(QRectF(lane.left(), lane.top() + 1, lane.width(), 32)))
            self._note_line.begin()
            above = self.parentWidget()
            while above is not None and not isinstance(above, QScrollArea):
                above = above.parentWidget()
            if above is not None:  # a note is not written out of sight
                above.ensureWidgetVisible(self._note_line)

    # ---- Qt

    def mousePressEvent(self, ev: QMouseEvent) -> None:
        at, shift = self._to_design(ev.position()), bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if ev.button() == Qt.MouseButton.MiddleButton:
            self._drag = _Drag(at.x(), self.stretch, marks=False)
        elif ev.button() == Qt.MouseButton.LeftButton and not self._pressed(at, shift) and self._inside(at.x()):
            self._drag = _Drag(at.x(), self.stretch, marks=not shift and at.y() < self._lane.rect.top())

    def mouseDoubleClickEvent(self, ev: QMouseEvent) -> None:
        at = self._to_design(ev.position())
        tier = self._tier_at(at)
        if tier is not None:
            self.show_alone(tier)
        elif self._inside(at.x()):
            self.reset()

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        # Not handed on: the scene would look for items under the pointer at every move, and none of them listens.
        at, drag = self._to_design(ev.position()), self._drag
        self._hover(at)
        if drag is not None and not drag.marks:
            self._pan_from(drag.stretch, (drag.x - at.x()) * drag.stretch.span / self._lane.plot.width())
        elif drag is not None:
            drag.until = at.x()
            self.viewport().update()
        plot = self._lane.plot
        inside = self._inside(at.x()) or (drag is not None and drag.marks)
        self.read_at((at.x() - plot.right()) / plot.width() * self.stretch.span if inside else None)

    def mouseReleaseEvent(self, ev: QMouseEvent) -> None:
        drag, self._drag = self._drag, None
        if drag is not None and drag.marks:
            self.viewport().update()
            if self._board is not None and abs(drag.until - drag.x) >= LEAST_DRAG:
                start, stop = self._moment_at(drag.x), self._moment_at(drag.until)
                followed = self.following
                self._view.choose(start, stop, self._board.begin, self._board.end)
                self.read_at(None)
                self._moved(followed)

    def wheelEvent(self, ev: QWheelEvent) -> None:
        ev.accept()
        turned, sideways = ev.angleDelta().y() / WHEEL_STEP, ev.angleDelta().x() / WHEEL_STEP
        if ev.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            sideways, turned = sideways or turned, 0.0
        if sideways:
            self.pan(-sideways * PAN_PART)
        elif turned and self._inside(x := self._to_design(ev.position()).x()):
            self._zoom_about(self._moment_at(x), turned)

    def leaveEvent(self, ev: QEvent) -> None:
        self.read_at(None)
        self._hover(None)
        super().leaveEvent(ev)

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Left and Right move the cursor; Up, Down and Enter pick tiers, with Shift one alone; Escape takes back."""
        key, shift = ev.key(), bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and not shift:
            way = -1 if key == Qt.Key.Key_Left else 1
            self.read_at((self._lane.reading or 0.0) + way * self.stretch.span / 100)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._choose_tier(1 if key == Qt.Key.Key_Up else -1)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._strips[0].chosen and not _commands(ev):
            self.show_alone(self._strips[0].chosen) if shift else self.toggle_tier(self._strips[0].chosen)
        elif key == Qt.Key.Key_Escape and self._take_back():
            pass
        else:
            ev.ignore()

    def focusInEvent(self, ev: QFocusEvent) -> None:
        super().focusInEvent(ev)
        self._ringed = ev.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.viewport().update()

    def focusOutEvent(self, ev: QFocusEvent) -> None:
        super().focusOutEvent(ev)
        self._ringed = False
        self._mark_tier(None)
        self.viewport().update()

    def drawForeground(self, painter: QPainter, _rect: QRectF | QRect) -> None:
        """The stretch that is being marked, and the ring of the focus."""
        drag = self._drag
        if drag is not None and drag.marks and drag.until != drag.x:
            plot = self._lane.plot
            left, right = (min(max(x, plot.left()), plot.right()) for x in sorted((drag.x, drag.until)))
            tint = QColor(self._theme.colour("text"))
            tint.setAlphaF(0.14)
            top = self._strips[0].plot.top()
            painter.fillRect(QRectF(left, top, right - left, self._lane.rect.top() + WORDS - top), tint)
        if self._ringed:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self._theme.colour("soft"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self._design.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)

    # ---- inside: data and time

    def _moved(self, followed: bool) -> None:
        """Show at once what a hand has moved to, also while the display is frozen."""
        self.refresh_all()
        if followed != self.following:
            self.followed.emit(self.following)

    def _zoom_about(self, moment: float, steps: float) -> None:
        if self._board is not None:
            followed = self.following
            self._view.zoom(ZOOM**-steps, moment, self.stretch, self._board.begin, self._board.end)
            self._moved(followed)

    def _pan_from(self, stretch: Stretch, seconds: float) -> None:
        if self._board is not None:
            followed = self.following
            self._view.pan(seconds, stretch, self._board.begin, self._board.end)
            self._moved(followed)

    def _moment_at(self, x: float) -> float:
        """Seconds since the run began, at a pixel of the plots."""
        plot = self._lane.plot
        inside = min(max(x, plot.left()), plot.right())
        return self.stretch.end + (inside - plot.right()) / plot.width() * self.stretch.span

    # ---- inside: hands

    def _inside(self, x: float) -> bool:
        return self._lane.plot.left() - 4 <= x <= self._lane.plot.right() + 4

    def _tier_at(self, at: QPointF) -> str | None:
        return next((tier for strip in self._strips if (tier := strip.tier_at(at)) is not None), None)

    def _button_at(self, at: QPointF) -> int | None:
        return next((place for place, strip in enumerate(self._strips) if strip.button.contains(at)), None)

    def _pressed(self, at: QPointF, shift: bool) -> bool:
        """Do what stands under a press; whether something does."""
        tier, place = self._tier_at(at), self._button_at(at)
        if tier is not None:
            self.show_alone(tier) if shift else self.toggle_tier(tier)
        elif place is not None:
            self._show_table(place, not self._strips[place].tabled)
        elif not self.following and self._lane.way_back.contains(at):
            self.follow_now()
        else:
            return False
        return True

    def _hover(self, at: QPointF | None) -> None:
        for strip in self._strips:
            hovered = at is not None and strip.rect.contains(at)
            if hovered != strip.hovered:
                strip.hovered = hovered
                strip.update()
        presses = at is not None and (
            self._tier_at(at) is not None
            or self._button_at(at) is not None
            or (not self.following and self._lane.way_back.contains(at))
        )
        shape = Qt.CursorShape.PointingHandCursor if presses else Qt.CursorShape.ArrowCursor
        if self.viewport().cursor().shape() != shape:
            self.viewport().setCursor(shape)

    def _hide(self, tiers: frozenset[str]) -> None:
        for strip in self._strips:
            strip.hidden = tiers
            strip.forget()
        self.refresh_all()

    def _choose_tier(self, step: int) -> None:
        tiers = self._setting.tiers
        chosen = self._strips[0].chosen
        if tiers:
            at = tiers.index(chosen) + step if chosen in tiers else len(tiers) - 1
            self._mark_tier(tiers[max(0, min(len(tiers) - 1, at))])

    def _mark_tier(self, tier: str | None) -> None:
        for strip in self._strips:
            if strip.chosen != tier:
                strip.chosen = tier
                strip.update()

    def _take_back(self) -> bool:
        """Take the last thing back: a mark, the cursor, a tier that is stood on, hidden tiers; False for nothing."""
        if self._drag is not None:
            self._drag = None
            self.viewport().update()
        elif self._lane.reading is not None:
            self.read_at(None)
        elif self._strips[0].chosen is not None:
            self._mark_tier(None)
        elif self.hidden:
            self._hide(frozenset())
        else:
            return False
        return True

    # ---- inside: tables

    def _show_table(self, place: int, tabled: bool) -> None:
        strip = self._strips[place]
        strip.tabled = tabled
        if tabled and place not in self._tables:
            self._tables[place] = StripTable(self._theme, self._numbers, strip.spec.title, self.viewport())
        table = self._tables.get(place)
        if table is not None:
            self._place_table(place)
            table.setVisible(tabled)
            if tabled:
                table.show_rows(strip.rows())
        self._repaint_ground(strip)
        strip.update()

    def _place_table(self, place: int) -> None:
        rect = self._strips[place].rect.adjusted(MARGIN, HEAD, -MARGIN, -4)
        self._tables[place].setGeometry(self._on_screen(rect))

    def _refresh(self, place: int, board: Board, stretch: Stretch) -> None:
        super()._refresh(place, board, stretch)
        if self._strips[place].tabled:
            self._tables[place].show_rows(self._strips[place].rows())

    def _arrange(self) -> None:
        super()._arrange()
        for place in self._tables:
            self._place_table(place)


def _commands(ev: QKeyEvent) -> bool:
    return bool(ev.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier))
