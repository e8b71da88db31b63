"""Pictures of a recording without a display: the same fold, the same painters, the same pixels each time."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Literal, cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from desk import journal
from desk.exports.files import put, require_name
from desk.exports.receipt import Digest
from desk.facts.happened import RunStarted
from desk.facts.palette import PALETTES
from desk.facts.trouble import Trouble
from desk.panel import minifrontier
from desk.panel.app import dressed_application
from desk.panel.books import Books
from desk.panel.capture import MARKS, picture_of, png_of, texts_of
from desk.panel.furniture import WINDOWS_MIN
from desk.panel.look import look, setting_of
from desk.panel.numbers import Numbers
from desk.panel.pictures.composing import Wish
from desk.panel.pictures.making import Picture
from desk.panel.pictures.presets import palette_of, preset_of
from desk.panel.pictures.scene import whole_span
from desk.panel.runs.story import compared
from desk.panel.runs.work import Worker
from desk.panel.shown import Shown
from desk.panel.strips import StripChart
from desk.panel.theme import Theme
from desk.panel.tiers.edits import Edits
from desk.panel.views import VIEWS as KNOWN
from desk.panel.views import Desk, opened
from desk.panel.window import Window
from desk.plant.replay import Replay

SIZES = {"1440x900": (1440, 900), "1920x1080": (1920, 1080), "slide": (960, 540)}
VIEWS = ("floor", "tiers", "models", "frontier")
"""The views of a factory: of the recording that is shown, with the models and the sweeps that are on this machine."""
READ_S = 60.0
"""What a view reads beside the window, such as sweeps, is waited for so long."""
REST_S = 0.01
"""A wait rests between its looks: one that spins keeps the interpreter from the threads that it waits for."""
SETTLING = 4
"""What was read last is laid out in at most so many rounds of events: column, card, page, and one to spare."""
SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
SCALES = ("QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS", "QT_FONT_DPI")
"""How large a desktop wants everything: a picture has a size of its own."""
FORMATS = (".png", ".pdf")


def shoot(
    recording: Path,
    out: Path,
    view: str = "floor",
    size: str = "1440x900",
    scale: float = 1.0,
    theme: str = "dark",
    at: float | None = None,
) -> Path:
    """Draw a moment of a recording, as a window shows it, into a PNG; gives its path.

    `at` is seconds since the run started (default: its end), `scale` device pixels per logical pixel; a slide is a
    composed picture of the Floor at 960x540 logical pixels. Neither the clock, the locale nor the screen has a say: two
    calls give identical bytes, where nothing has changed on the disk that the view is about. Raises `Trouble` for what
    cannot be read or written.
    """
    _check(view, size, scale, theme)
    if size == "slide":
        return compose([recording], out, Wish("floor", "slide", theme), at, scale)
    require_name(out, FORMATS[:1], "picture of a view")
    application = _application()
    books, _ = _books_until(recording, at)
    window_s = _span(books.board.end)
    numbers = Numbers()
    shown = look(books, numbers, mode="replay", window_s=window_s, recording_bytes=recording.stat().st_size)
    window = _window(recording, books, shown, window_s, SIZES[size], theme, view)
    try:
        image = _drawn(application, window, scale)
    finally:
        window.close()
        window.deleteLater()
    for key, text in texts_of(shown).items():
        image.setText(key, text)
    put(out, png_of(image), "picture", MARKS)
    return out


def compose(
    recordings: Sequence[Path], out: Path, wish: Wish, at: float | None = None, scale: float | None = None
) -> Path:
    """Compose a picture of a recording, or of several where they are compared, into a PNG or a PDF; gives its path.

    `at` is seconds since the run started (default: its end), `scale` replaces that of the preset. Two calls give
    identical bytes. Raises `Trouble` as `shoot` does.
    """
    require_name(out, FORMATS, "picture")
    preset_of(wish.kind, wish.preset)
    palette_of(wish.style)
    _application()
    picture = _picture(recordings, wish, at)
    if scale is not None:
        picture = replace(picture, preset=replace(picture.preset, scale=scale))
    put(out, picture.pdf() if out.suffix.lower() == ".pdf" else png_of(picture.image()), "picture", MARKS)
    return out


def _picture(recordings: Sequence[Path], wish: Wish, at: float | None) -> Picture:
    if wish.kind == "compare":
        return wish.beside(compared(recordings))
    if len(recordings) != 1:
        raise Trouble(f"{len(recordings)} runs are too many for one picture.", "Name one, or compare them.")
    books, digest = _books_until(recordings[0], at)
    return wish.of(books, digest=digest)


def _application() -> QApplication:
    if QApplication.instance() is None:
        for wish in SCALES:
            os.environ.pop(wish, None)
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    return dressed_application()


def _check(view: str, size: str, scale: float, theme: str) -> None:
    for what, value, known in (("view", view, VIEWS), ("size", size, tuple(SIZES)), ("theme", theme, SCHEMES)):
        if value not in known:
            raise Trouble(f"There is no {what} {value}.", f"Choose {' or '.join(known)}.")
    if not 0.5 <= scale <= 4:
        raise Trouble(f"A scale of {scale:g} is out of range.", "Choose a scale between 0.5 and 4.")


def _books_until(recording: Path, at: float | None) -> tuple[Books, str]:
    """The books of a recording up to a moment, and the digest of the facts in them."""
    books, digest = Books(), Digest()
    origin: float | None = None
    for fact in journal.read(recording):
        if origin is None or isinstance(fact, RunStarted):
            origin = fact.t
        if at is not None and fact.t - origin > at:
            break
        books.post(fact)
        digest.add(fact)
    if origin is None:
        raise Trouble(f"The recording {recording} is empty.", "Choose another recording.")
    return books, digest.hexadecimal()


def _span(seconds: float) -> float:
    """The shortest window of the charts that holds the run."""
    return next((60.0 * minutes for minutes in WINDOWS_MIN if 60 * minutes >= seconds), 60.0 * WINDOWS_MIN[-1])


@dataclass(frozen=True)
class _Still:
    """A replay that stands where the picture was taken."""

    path: Path
    position: float
    duration: float
    playing: bool = False
    mode: Literal["replay"] = "replay"


def _window(
    recording: Path, books: Books, shown: Shown, window_s: float, size: tuple[int, int], theme: str, view: str
) -> Window:
    scheme: Literal["dark", "light"] = "light" if theme == "light" else "dark"
    window = Window("replay", Theme(scheme, fixed=PALETTES[scheme]), size)
    window.footer.choose_span(window_s)
    chart = StripChart(window.theme, window.numbers)
    window.floor.furnish(chart)
    still = _Still(recording, books.board.end, books.board.end)
    window.runbar.show_player(still)
    window.show_all(replace(shown, watts_wanted=False))
    minifrontier.add_to(window)
    chart.follow(books.board)
    span = min(window_s, whole_span(books.board.end))
    chart.show_setting(setting_of(books, shown, span, window.footer.smooth_s))
    if view != KNOWN[0].name:
        # What a view asks of a replay is where it stands, which this one tells; it begins no thread to tell it.
        source = cast(Replay, still)
        edits = Edits(source)
        standing = books.ledger.standing
        edits.see(standing.tiers, running=standing.running, preset=standing.run.preset if standing.run else "")
        desk = Desk(window, books, source, lambda _order: None, edits)
        window.open_views_with(lambda entry: opened(entry, desk))
        window.visit(view)
    return window


def _drawn(application: QApplication, widget: QWidget, scale: float) -> QImage:
    widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    widget.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    widget.show()
    application.processEvents()
    deadline = monotonic() + READ_S
    while not all(worker.idle for worker in widget.findChildren(Worker)) and monotonic() < deadline:
        sleep(REST_S)
        application.processEvents()
    for _ in range(SETTLING):
        application.processEvents()
    for chart in widget.findChildren(StripChart):
        chart.refresh_all()
    if (focused := widget.focusWidget()) is not None:
        focused.clearFocus()
    return picture_of(widget, scale)
