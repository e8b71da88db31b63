"""The kiosk: the window fills its screen, shows what is worth a look in turn, and waits for whoever touches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractAnimation,
    QCoreApplication,
    QEasingCurve,
    QEvent,
    QObject,
    QPoint,
    QPropertyAnimation,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel

from desk.panel.overlay import Overlay
from desk.panel.views import VIEWS, Entry

if TYPE_CHECKING:
    from desk.panel.window import Window

TURN_MS = 12_000
"""A page is seen for so long ..."""
TOUCHED_MS = 60_000
"""... and for so long after the last touch, so that nobody's reading is taken away."""
SLIDE_MS = 350
MAGNIFIED = 1.6
"""How many times as large as usual the headline figures are: they are read from across a room."""

_TOUCHES = {QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.KeyPress, QEvent.Type.Wheel}


class Kiosk(QObject):
    """Enters and leaves; while in, rail and run bar are away and the entries that say so are visited in turn.

    Who entered without `turning` turns the pages himself. `left` tells that it has been left.
    """

    left = Signal()

    def __init__(self, window: Window, entries: tuple[Entry, ...] = VIEWS) -> None:
        super().__init__(window)
        self._window = window
        self._pages = [entry.name for entry in entries if entry.kiosk]
        self._was_full = False
        application = QCoreApplication.instance()
        assert application is not None
        self._application = application
        self.timer = QTimer(self)
        """Its next timeout turns the page."""
        self.timer.timeout.connect(self.turn)
        self._leaving: QLabel | None = None
        self.active = False
        self._turning = True

    def toggle(self) -> None:
        if self.active:
            self.leave()
        else:
            self.enter()

    def enter(self, turning: bool = True) -> None:
        self._turning = turning
        self._wait(TURN_MS)
        if self.active:
            return
        self.active = True
        window = self._window
        self._was_full = window.isFullScreen()
        for part in (window.rail, window.runbar):
            part.hide()
        window.floor.magnify(MAGNIFIED)
        if window.visited not in self._pages:
            window.visit(self._pages[0])
        window.showFullScreen()
        self._application.installEventFilter(self)

    def leave(self) -> None:
        if not self.active:
            return
        self.active = False
        window = self._window
        self._application.removeEventFilter(self)
        self.timer.stop()
        self._put_away()
        window.floor.magnify(1.0)
        for part in (window.rail, window.runbar):
            part.show()
        if not self._was_full:
            window.showNormal()
        self.left.emit()

    def _wait(self, milliseconds: int) -> None:
        """Show this page for so long, or until it is turned by hand."""
        if self._turning:
            self.timer.start(milliseconds)
        else:
            self.timer.stop()

    def turn(self) -> None:
        """Go on to the next page."""
        self._wait(TURN_MS)
        window = self._window
        at = self._pages.index(window.visited) if window.visited in self._pages else -1
        following = self._pages[(at + 1) % len(self._pages)]
        if following == window.visited:
            return
        if window.theme.reduced_motion:
            window.visit(following)
        else:
            self._slide_to(following)

    def _slide_to(self, name: str) -> None:
        """Let the page that was seen slide away over the next one."""
        self._put_away()
        pages = self._window.pages
        self._leaving = label = QLabel(pages)
        label.setPixmap(pages.grab())
        label.resize(pages.size())
        label.show()
        self._window.visit(name)
        label.raise_()
        slide = QPropertyAnimation(label, b"pos", label)
        slide.setEndValue(QPoint(-pages.width(), 0))
        slide.setDuration(SLIDE_MS)
        slide.setEasingCurve(QEasingCurve.Type.InOutCubic)
        slide.finished.connect(self._put_away)
        slide.start(QAbstractAnimation.DeletionPolicy.KeepWhenStopped)

    def _put_away(self) -> None:
        if self._leaving is not None:
            self._leaving.hide()
            self._leaving.deleteLater()
            self._leaving = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() not in _TOUCHES:
            return False
        self._wait(TOUCHED_MS)
        over = any(each.isVisible() for each in self._window.findChildren(Overlay))
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape and not over and self._window.floor.free:
            self.leave()
            return True
        return False
