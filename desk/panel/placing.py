"""Where a window stands: where it stood the last time, and with its edges on the screen."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

SIZE = (1440, 900)
SMALLEST = (1024, 700)
TITLE = 40
"""What a window manager may put above a window, where it has not told yet."""
Place = tuple[int, int, int, int]
"""Left, top, width and height in logical pixels."""


def stand(window: QWidget, place: Place | None = None, maximized: bool = False) -> None:
    """Take the place of last time, or the usual size; nothing of it is off the screen. Call it before `show`."""
    screen = place and QGuiApplication.screenAt(QRect(*place).center())
    room = (screen or window.screen()).availableGeometry()
    size = QSize(*place[2:]) if place else QSize(*SIZE)
    window.resize(size.boundedTo(QSize(room.width(), room.height() - TITLE)).expandedTo(QSize(*SMALLEST)))
    if place and screen:
        window.move(QPoint(*place[:2]))
    if maximized:
        window.setWindowState(Qt.WindowState.WindowMaximized)


def keep_on_screen(window: QWidget) -> None:
    """Shrink and move a window whose frame is known so far that its edges can be seen."""
    if window.isMaximized() or window.isFullScreen():
        return
    room, frame = window.screen().availableGeometry(), window.frameGeometry()
    if not room.contains(frame):
        most = room.size() - (frame.size() - window.size())
        window.resize(window.size().boundedTo(most))
        frame = window.frameGeometry()
        left = max(room.left(), min(frame.left(), room.right() + 1 - frame.width()))
        top = max(room.top(), min(frame.top(), room.bottom() + 1 - frame.height()))
        window.move(left, top)


def place_of(window: QWidget) -> Place:
    """Where it stands when it does not fill its screen."""
    box = window.normalGeometry() if window.isMaximized() or window.isFullScreen() else window.geometry()
    return box.left(), box.top(), box.width(), box.height()
