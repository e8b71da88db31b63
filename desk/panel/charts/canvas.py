"""The canvas of the charts: strips over one lane of events, kept up to date and painted at the least cost.

One `pyqtgraph.GraphicsView` holds a `Strip` for each figure and the lane. Everything that seldom changes is a cached
background; a tick repaints one strip only.
"""

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRect, QRectF, QSizeF
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap, QResizeEvent, QTransform
from PySide6.QtWidgets import QGraphicsView, QWidget

from desk.panel.cards import paint_card
from desk.panel.charts.lane import HEIGHT as LANE
from desk.panel.charts.lane import Lane
from desk.panel.charts.setting import Board, Setting, Stretch, StripSpec
from desk.panel.charts.specs import traces_of
from desk.panel.charts.strip import Strip
from desk.panel.charts.timeview import TimeView
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme, natural, zoom


class Canvas(pg.GraphicsView):
    """Linked strips under one cursor. It pulls: `follow` a board, `show_setting`, then refresh.

    `refresh_next` repaints at most one strip that the board has moved past, for a heartbeat; `refresh_all` takes and
    paints everything, for the first sight, a frozen display and for pictures.

    Everything on it is laid out and painted in pixels of the design; the view magnifies them to the text size.
    """

    def __init__(self, theme: Theme, numbers: Numbers, specs: tuple[StripSpec, ...], parent: QWidget | None) -> None:
        super().__init__(parent, background=None)
        self._theme, self._numbers = theme, numbers
        self._board: Board | None = None
        self._setting = Setting()
        self._view = TimeView()
        self._strips = [Strip(spec, theme, numbers) for spec in specs]
        self._lane = Lane(theme, numbers)
        self._seen: list[Stretch | None] = [None] * len(self._strips)
        self._turn = 0
        self._ground: tuple[float, QPixmap] | None = None
        self._zoom = 1.0
        self._design = QRectF(0, 0, 1, 1)
        for item in (*self._strips, self._lane):
            self.addItem(item)
        # Qt's own cache of the background would hold it at the screen's pixel ratio and blur larger pictures.
        self.setCacheMode(pg.GraphicsView.CacheModeFlag.CacheNone)
        # Nothing is drawn beyond its bounds, so a strip that is painted need not draw its neighbours in.
        self.setOptimizationFlag(QGraphicsView.OptimizationFlag.DontAdjustForAntialiasing)
        self.setAccessibleName(", ".join(spec.title for spec in specs))
        theme.changed.connect(self._dress)

    @property
    def strips(self) -> list[Strip]:
        return self._strips

    @property
    def setting(self) -> Setting:
        return self._setting

    @property
    def stretch(self) -> Stretch:
        """The time that is shown."""
        return self._lane.stretch

    def follow(self, board: Board) -> None:
        """Show this board from now on; the scales are taken anew."""
        self._board = board
        self._seen = [None] * len(self._strips)
        for strip in self._strips:
            strip.forget()

    def show_setting(self, setting: Setting) -> None:
        """Take another window, mode, levels or events; strips follow at their next refresh."""
        if setting == self._setting:
            return
        self._setting = setting
        self._lane.setting = setting
        self._seen = [None] * len(self._strips)

    def refresh_next(self) -> bool:
        """Bring the next strip up to date, in turn; False where all of them already show what there is."""
        if self._board is None:
            return False
        stretch = self._wanted(self._board)
        for _ in self._strips:
            place = self._turn
            self._turn = (self._turn + 1) % len(self._strips)
            if self._seen[place] != stretch:
                self._refresh(place, self._board, stretch)
                if self._turn == 0:
                    self._finish_round(self._board, stretch)
                return True
        return False

    def refresh_all(self) -> None:
        """Bring every strip up to date at once."""
        if self._board is None:
            return
        stretch = self._wanted(self._board)
        for place in range(len(self._strips)):
            self._refresh(place, self._board, stretch)
        self._turn = 0
        self._finish_round(self._board, stretch)

    def read_at(self, cursor: float | None) -> None:
        """Put the cursor at so many seconds before the right edge (0 or less), or take it away."""
        if cursor is not None:
            cursor = min(0.0, max(-self.stretch.span, cursor))
        for item in (*self._strips, self._lane):
            if item.reading != cursor:
                item.reading = cursor
                item.update()

    # ---- Qt

    def resizeEvent(self, ev: QResizeEvent | None) -> None:
        super().resizeEvent(ev)
        # The base class resizes while it is being made, before there are strips.
        if getattr(self, "_strips", None):
            self._arrange()

    def paintEvent(self, ev: QPaintEvent) -> None:
        with natural():
            super().paintEvent(ev)

    def close(self) -> bool:
        """Close as any widget does: pyqtgraph's own way takes the viewport away and crashes under PySide."""
        return QGraphicsView.close(self)

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """The card with headings, grids and axes: painted once for a size and a pixel ratio, then copied."""
        scale = painter.deviceTransform().m11()
        if self._ground is None or self._ground[0] != scale:
            pixmap = QPixmap((self._design.size() * scale).toSize())
            pixmap.setDevicePixelRatio(scale)
            # Opaque, window colour outside the rounded corners: an opaque copy is the cheap one.
            pixmap.fill(self._theme.colour("bg"))
            inner = QPainter(pixmap)
            self._paint_ground(inner, [*self._strips, self._lane])
            inner.end()
            self._ground = (scale, pixmap)
        pixmap = self._ground[1]
        shown = QRectF(rect)
        painter.drawPixmap(shown, pixmap, QRectF(shown.topLeft() * scale, shown.size() * scale))

    # ---- inside

    def _wanted(self, board: Board) -> Stretch:
        return self._view.stretch(self._setting.window_s, board.end)

    def _refresh(self, place: int, board: Board, stretch: Stretch) -> None:
        strip, setting = self._strips[place], self._setting
        self._seen[place] = stretch
        traces = [trace for trace in traces_of(strip.spec, setting.tiers) if trace.figure not in setting.without]
        if strip.refresh(board, setting, stretch, traces):
            self._repaint_ground(strip)

    def _finish_round(self, board: Board, stretch: Stretch) -> None:
        if self._lane.show_stretch(stretch, board.end):
            self._repaint_ground(self._lane)
        self.setAccessibleDescription(". ".join(strip.sentence() for strip in self._strips))

    def _repaint_ground(self, part: Strip | Lane) -> None:
        if self._ground:
            inner = QPainter(self._ground[1])
            inner.setClipRect(part.rect)
            with natural():
                self._paint_ground(inner, [part])
            inner.end()

    def _dress(self) -> None:
        """Another theme, or another text size, which lays everything out anew."""
        if zoom() != self._zoom:
            self._arrange()
        self._ground = None
        self.viewport().update()

    def _to_design(self, at: QPointF) -> QPointF:
        """A point of the viewport in pixels of the design."""
        return at / self._zoom

    def _on_screen(self, rect: QRectF) -> QRect:
        """A place on the canvas in pixels of the viewport."""
        return QRectF(rect.topLeft() * self._zoom, rect.size() * self._zoom).toRect()

    def _arrange(self) -> None:
        """Lay the strips out by weight above the lane, in whole pixels."""
        self._zoom = zoom()
        self._design = QRectF(QPointF(0, 0), QSizeF(self.viewport().size()) / self._zoom)
        self.setSceneRect(self._design)
        self.setTransform(QTransform.fromScale(self._zoom, self._zoom))
        width, height = round(self._design.width()), round(self._design.height())
        weights = sum(strip.spec.weight for strip in self._strips)
        room = height - LANE
        top, done = 0, 0
        for strip in self._strips:
            done += strip.spec.weight
            bottom = round(room * done / weights)
            strip.place(QRectF(0, top, width, bottom - top))
            top = bottom
        self._lane.place(QRectF(0, top, width, height - top))
        self._seen = [None] * len(self._strips)
        self._ground = None
        self.refresh_all()

    def _paint_ground(self, painter: QPainter, parts: list[Strip | Lane]) -> None:
        paint_card(painter, self._theme, self._design)
        for part in parts:
            part.paint_ground(painter)
            if isinstance(part, Strip):
                bottom = part.rect.bottom()
                painter.fillRect(QRectF(1, bottom - 1, part.rect.width() - 2, 1), self._theme.colour("line"))
