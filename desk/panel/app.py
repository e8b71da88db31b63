"""The way in: a window painted first, everything that takes time to import afterwards."""

import contextlib
import gc
import importlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLocale, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from desk.facts.trouble import Trouble
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme, prepare
from desk.panel.window import Window
from desk.plant.settings import keep, load

LATE = "desk.panel.heartbeat"
"""The module that brings in numpy, the charts, the ledger, the board and the plant: imported after the first paint."""

NUMPY_THREADS = "OPENBLAS_NUM_THREADS"
"""The panel multiplies no matrices: while it loads numpy, that need not start a thread on each core. Children may."""


def open_window(replay: Path | None = None) -> int:
    """Open the panel on this machine's factory, or on a recording; gives the exit code when it is closed.

    There must be a screen: Qt aborts the process where there is none.
    """
    # Modules and widgets on the way in are no garbage, and looking for some among them takes a tenth of the time.
    gc.disable()
    application = dressed_application()
    settings, trouble = load()
    theme = Theme(settings.theme)
    theme.choose(
        high_contrast=settings.high_contrast,
        text_size=settings.text_size,
        reduced_motion=settings.reduced_motion,
    )
    window = Window("live" if replay is None else "replay", theme, numbers=Numbers(QLocale.system()))
    window.stand(settings.place, settings.maximized)
    window.footer.choose_span(settings.window_s)
    theme.changed.connect(lambda: _remember_look(theme))
    _close_on_signals(window)
    late = _LateImport(LATE)

    def furnish(module: Any) -> None:
        late.let_go()
        window.ordered(lambda: module.furnish(window, replay, settings, trouble))
        gc.freeze()
        gc.enable()

    late.done.connect(furnish, Qt.ConnectionType.QueuedConnection)
    late.failed.connect(lambda error: _die(application, error), Qt.ConnectionType.QueuedConnection)
    window.painted.connect(late.start)
    window.show()
    code = application.exec()
    late.join()
    with contextlib.suppress(Trouble):  # there is nobody left to tell
        keep(place=window.place, maximized=window.isMaximized())
    return code


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
    application = existing if isinstance(existing, QApplication) else QApplication(["token-desk"])
    application.setApplicationName("Token Desk")
    application.setDesktopFileName("token-desk")
    prepare(application)
    return application


class _LateImport(QObject):
    """Imports a module in a thread, so that the window answers meanwhile, and hands it over in the window's thread."""

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._before: str | None = None
        self._thread = threading.Thread(target=self._run, name=f"import {name}", daemon=True)

    def start(self) -> None:
        self._before = os.environ.get(NUMPY_THREADS)
        os.environ[NUMPY_THREADS] = "1"
        self._thread.start()

    def let_go(self) -> None:
        """Give the surroundings back as they were."""
        if self._before is None:
            os.environ.pop(NUMPY_THREADS, None)
        else:
            os.environ[NUMPY_THREADS] = self._before

    def join(self) -> None:
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            module = importlib.import_module(self._name)
        except BaseException as error:
            self.failed.emit(error)
        else:
            self.done.emit(module)


def _die(application: QApplication, error: BaseException) -> None:
    """A part of the program cannot be loaded: that is a bug, so show where, and do not leave an empty window."""
    sys.excepthook(type(error), error, error.__traceback__)
    application.exit(1)


def _close_on_signals(window: Window) -> None:
    """Let Ctrl+C in the terminal and a polite kill close the window, and with it the run and its recording."""

    def close(_signal: int, _frame: object) -> None:
        QTimer.singleShot(0, window.close)

    for name in ("SIGINT", "SIGTERM"):
        if number := getattr(signal, name, None):
            signal.signal(number, close)
