"""The way in: a window painted first, everything that takes time to import afterwards."""

import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLocale, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QMessageBox

from desk.facts.trouble import Trouble
from desk.panel import instance
from desk.panel.icons import application_icon
from desk.panel.numbers import Numbers
from desk.panel.placing import keep_on_screen, place_of, stand
from desk.panel.theme import Theme, prepare
from desk.panel.window import Window
from desk.panel.words import tr
from desk.plant.settings import Settings, keep, load

LATE = "desk.panel.heartbeat"
"""The module that brings in numpy, the charts, the ledger, the board and the plant: imported after the first paint."""

NUMPY_THREADS = "OPENBLAS_NUM_THREADS"
"""The panel multiplies no matrices: while it loads numpy, that need not start a thread on each core. Children may."""


DEMO = "demo:"
"""Stands before what is asked for (a recording, or nothing for the factory) where the demo is to be played on it."""


def open_window(replay: Path | None = None, *, demo: bool = False) -> int:
    """Open the panel on this machine's factory, or on a recording; gives the exit code when it is closed.

    With `demo` the play of `desk.panel.demo` begins on it.

    Where the program is open already, its window comes to the front, and this gives 0 at once. There must be a screen:
    Qt aborts the process where there is none. What keeps it from opening is raised, and told in a dialog where nobody
    reads what is written on a terminal.
    """
    try:
        asked = f"{DEMO if demo else ''}{'' if replay is None else _recording(replay)}"
        if (first := instance.first(asked)) is None:
            return 0
        panel = _Panel(first)  # held until all is closed: the application goes with it
        try:
            return panel.run(asked)
        finally:
            first.close()
    except Exception as error:
        tell(error)
        raise


def _recording(path: Path) -> Path:
    """The whole path of a recording: who is asked to open it may stand in another folder."""
    if not path.is_file():
        raise Trouble(
            tr("There is no recording {path}.", path=path), tr("Name a file that ends in .jsonl or .jsonl.gz.")
        )
    return path.resolve()


class _Panel(QObject):
    """The windows of this program: that of the factory, and one for each recording that is looked at.

    All share the look and what takes time to import; the first one opened leaves its place behind.
    """

    def __init__(self, first: instance.Instance) -> None:
        super().__init__()
        # Modules and widgets on the way in are no garbage, and looking for some among them takes a tenth of the time.
        gc.disable()
        self._application = dressed_application()
        settings, _ = load()
        self._theme = dressed_theme(settings)
        self._windows: dict[str, Window] = {}
        self._hearts: dict[str, Any] = {}
        """The heartbeats of those that live; their module is imported late."""
        self._unfurnished: set[str] = set()
        self._staged: set[str] = set()
        """Where the demo is to be played, and does not play yet."""
        self._module: Any = None
        self._late = _LateImport(LATE)
        self._late.done.connect(self._loaded, Qt.ConnectionType.QueuedConnection)
        self._late.failed.connect(self._die, Qt.ConnectionType.QueuedConnection)
        self._fault: BaseException | None = None
        first.asked.connect(self.show)
        first.answer()

    def run(self, asked: str) -> int:
        """Show the window that was asked for, and work until the last one is closed."""
        self.show(asked)
        _close_on_signals(self._close)
        code = self._application.exec()
        self._late.join()
        if self._fault is not None:
            self._close()
            raise self._fault
        window = self._windows[asked.removeprefix(DEMO)]
        with contextlib.suppress(Trouble):  # there is nobody left to tell
            keep(place=place_of(window), maximized=window.isMaximized())
        return code

    def show(self, asked: str) -> None:
        """Bring the window of the factory, or of the recording that is named, to the front; open it where it is not."""
        demo, asked = asked.startswith(DEMO), asked.removeprefix(DEMO)
        if demo:
            self._staged.add(asked)
        window = self._windows.get(asked)
        if window is None or not window.isVisible():
            self._open(asked)
            return
        window.setWindowState((window.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        window.raise_()
        window.activateWindow()
        if asked in self._staged & self._hearts.keys():
            self._staged.remove(asked)
            self._hearts[asked].demo.begin()

    def _open(self, asked: str) -> None:
        settings, _ = load()
        # Two recordings may have money in two currencies.
        numbers = Numbers(QLocale.system(), fahrenheit=settings.fahrenheit, binary=settings.binary_bytes)
        window = Window("replay" if asked else "live", self._theme, numbers=numbers)
        if not self._windows:
            stand(window, settings.place, settings.maximized)
            window.painted.connect(lambda: keep_on_screen(window))  # its frame is known by then
        if asked:
            window.setWindowTitle(f"{Path(asked).name} – Token Desk")
        window.footer.choose_span(settings.window_s)
        window.footer.choose_smoothing(settings.smooth_s)
        if (closed := self._windows.get(asked)) is not None:
            closed.deleteLater()
            self._hearts.pop(asked, None)
        self._windows[asked] = window
        self._unfurnished.add(asked)
        window.painted.connect(lambda: self._furnish(asked))
        window.recording_asked.connect(self.show)
        window.show()

    def _furnish(self, asked: str) -> None:
        """Bring a painted window to life, as soon as all is there that it takes."""
        if self._module is None:
            self._late.start()
            return
        if asked not in self._unfurnished:
            return
        self._unfurnished.remove(asked)
        window, replay = self._windows[asked], Path(asked) if asked else None
        staged = asked in self._staged
        self._staged.discard(asked)

        def furnish() -> None:
            self._hearts[asked] = self._module.furnish(window, replay, *load(), staged)

        try:
            window.ordered(furnish)
        except Exception as error:
            self._die(error)

    def _loaded(self, module: Any) -> None:
        self._late.let_go()
        self._module = module
        for asked in tuple(self._windows):
            self._furnish(asked)
        gc.freeze()
        gc.enable()

    def _die(self, error: BaseException) -> None:
        """A part of the program cannot be loaded: end with it, and do not leave an empty window."""
        self._fault = error
        self._application.exit(1)

    def _close(self) -> None:
        for window in self._windows.values():
            window.close()


def tell(error: Exception) -> None:
    """Say in a dialog why the program does not open, where there is a screen to look at and no terminal to read."""
    if sys.stderr is not None and sys.stderr.isatty():
        return
    application = dressed_application_or_plain()
    if application.platformName() in ("offscreen", "minimal"):
        return
    dialog = QMessageBox()
    Theme().dress(dialog)
    dialog.setWindowTitle(tr("Token Desk does not open"))
    dialog.setWindowIcon(application_icon())
    dialog.setIcon(QMessageBox.Icon.Critical)
    if isinstance(error, Trouble):
        dialog.setText(error.cause)
        dialog.setInformativeText(error.remedy)
    else:
        dialog.setText(tr("Token Desk does not open: a part of it is broken."))
        dialog.setInformativeText(tr("Install it again; if that does not help, report the details."))
        dialog.setDetailedText("".join(traceback.format_exception(error)))
    dialog.exec()


def dressed_application_or_plain() -> QApplication:
    """The application, undressed where it is the dressing that fails."""
    try:
        return dressed_application()
    except Trouble:
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        return application


def dressed_theme(settings: Settings) -> Theme:
    """The look that is remembered; what is chosen of it from now on is remembered, too."""
    theme = Theme(settings.theme)
    theme.choose(
        high_contrast=settings.high_contrast,
        text_size=settings.text_size,
        reduced_motion=settings.reduced_motion,
    )
    theme.changed.connect(lambda: _remember_look(theme))
    return theme


def _remember_look(theme: Theme) -> None:
    """Keep what was chosen of the look; what the desktop changed by itself is no choice."""
    chosen = {
        "theme": theme.choice,
        "high_contrast": theme.high_contrast,
        "text_size": theme.text_size,
        "reduced_motion": theme.reduced_motion,
    }
    settings, _ = load()
    if any(getattr(settings, name) != value for name, value in chosen.items()):
        with contextlib.suppress(Trouble):  # a look that is not remembered is still the look
            keep(**chosen)


def dressed_application() -> QApplication:
    """The one QApplication, in Fusion with our fonts and colours, made on first use."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication) and existing.applicationName() == "Token Desk":
        return existing
    if isinstance(existing, QApplication):
        application = existing
        application.setStyle("Fusion")
    else:
        # Named here, Qt makes the style by itself; for `setStyle`, Python would first make all the types of styles.
        application = QApplication(["token-desk", "-style", "fusion"])
    prepare(application)
    application.setApplicationName("Token Desk")
    application.setDesktopFileName("token-desk")
    return application


class _LateImport(QObject):
    """Imports a module in a thread, so that the window answers meanwhile, and hands it over in the window's thread."""

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._before: str | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; another call changes nothing."""
        if self._thread is not None:
            return
        self._before = os.environ.get(NUMPY_THREADS)
        os.environ[NUMPY_THREADS] = "1"
        self._thread = threading.Thread(target=self._run, name=f"import {self._name}", daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        """Give the surroundings back as they were."""
        if self._before is None:
            os.environ.pop(NUMPY_THREADS, None)
        else:
            os.environ[NUMPY_THREADS] = self._before

    def join(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            module = importlib.import_module(self._name)
        except BaseException as error:
            self.failed.emit(error)
        else:
            self.done.emit(module)


def _close_on_signals(close: Any) -> None:
    """Let Ctrl+C in the terminal and a polite kill close the windows, and with them the run and its recording."""

    def wish(_signal: int, _frame: object) -> None:
        QTimer.singleShot(0, close)

    for name in ("SIGINT", "SIGTERM"):
        if number := getattr(signal, name, None):
            signal.signal(number, wish)
