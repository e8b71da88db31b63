"""Pictures of a recording without a display: the same fold, the same painters, the same pixels each time."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from desk import journal
from desk.facts.happened import RunStarted
from desk.facts.trouble import Trouble
from desk.panel.app import dressed_application
from desk.panel.capture import picture_of, texts_of, write_png
from desk.panel.furniture import WINDOWS_MIN
from desk.panel.look import Books, look, setting_of
from desk.panel.numbers import Numbers
from desk.panel.shown import Shown
from desk.panel.slide import Slide
from desk.panel.strips import SHORTEST_SPAN_S, StripChart
from desk.panel.theme import Theme
from desk.panel.window import Window

Scheme = Literal["dark", "light"]
SIZES = {"1440x900": (1440, 900), "1920x1080": (1920, 1080), "slide": (960, 540)}
VIEWS = ("floor",)
SCHEMES = ("dark", "light")


def shoot(
    recording: Path,
    out: Path,
    view: str = "floor",
    size: str = "1440x900",
    scale: float = 1.0,
    theme: str = "dark",
    at: float | None = None,
) -> Path:
    """Draw a moment of a recording into a PNG and return its path.

    `at` is seconds since the run started (default: its end), `scale` device pixels per logical pixel; a slide is
    composed at 960x540 logical pixels. Neither the clock, the locale nor the screen has a say: two calls give
    identical bytes. Raises `Trouble` for a recording that cannot be read or a picture that cannot be written.
    """
    _check(view, size, scale, theme)
    if QApplication.instance() is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = dressed_application()
    books = _books_until(recording, at)
    window_s = _span(books.board.end)
    numbers = Numbers()
    shown = look(books, numbers, mode="replay", window_s=window_s, recording_bytes=recording.stat().st_size)
    scheme: Scheme = "light" if theme == "light" else "dark"
    if size == "slide":
        picture: QWidget = Slide(Theme(scheme), numbers, books, shown, _shown_span(books, window_s))
    else:
        picture = _floor(books, shown, window_s, SIZES[size], scheme)
    try:
        image = _drawn(application, picture, scale)
    finally:
        picture.close()
        picture.deleteLater()
    write_png(image, out, texts_of(shown))
    return out


def _check(view: str, size: str, scale: float, theme: str) -> None:
    for what, value, known in (("view", view, VIEWS), ("size", size, tuple(SIZES)), ("theme", theme, SCHEMES)):
        if value not in known:
            raise Trouble(f"There is no {what} {value}.", f"Choose {' or '.join(known)}.")
    if not 0.5 <= scale <= 4:
        raise Trouble(f"A scale of {scale:g} is out of range.", "Choose a scale between 0.5 and 4.")


def _books_until(recording: Path, at: float | None) -> Books:
    books = Books()
    origin: float | None = None
    for fact in journal.read(recording):
        if origin is None or isinstance(fact, RunStarted):
            origin = fact.t
        if at is not None and fact.t - origin > at:
            break
        books.post(fact)
    if origin is None:
        raise Trouble(f"The recording {recording} is empty.", "Choose another recording.")
    return books


def _span(seconds: float) -> float:
    """The shortest window of the charts that holds the run."""
    return next((60.0 * minutes for minutes in WINDOWS_MIN if 60 * minutes >= seconds), 60.0 * WINDOWS_MIN[-1])


def _shown_span(books: Books, window_s: float) -> float:
    """A picture stands still, so a run that is shorter than the window fills it from edge to edge."""
    return min(window_s, max(SHORTEST_SPAN_S, books.board.end))


@dataclass(frozen=True)
class _Still:
    """A replay that stands where the picture was taken."""

    position: float
    duration: float
    playing: bool = False


def _floor(books: Books, shown: Shown, window_s: float, size: tuple[int, int], scheme: Scheme) -> Window:
    window = Window("replay", Theme(scheme), size)
    window.footer.choose_span(window_s)
    chart = StripChart(window.theme, window.numbers)
    window.floor.furnish(chart)
    window.runbar.show_player(_Still(books.board.end, books.board.end))
    window.show_all(replace(shown, watts_wanted=False))
    chart.follow(books.board)
    chart.show_setting(setting_of(books, shown, _shown_span(books, window_s), window.footer.smooth_s))
    return window


def _drawn(application: QApplication, widget: QWidget, scale: float) -> QImage:
    widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    widget.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    widget.show()
    for _ in range(2):
        application.processEvents()
    for chart in widget.findChildren(StripChart):
        chart.refresh_all()
    if (focused := widget.focusWidget()) is not None:
        focused.clearFocus()
    return picture_of(widget, scale)
