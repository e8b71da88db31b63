"""A process of its own, for the language is fixed when it starts: a recording, and a factory that has not opened, each
in a window that is visited all over. Prints as JSON what is `said` there, each text with where it was met, and what the
floors `below` the panel say of the same models and this machine.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QComboBox, QMenu, QTableView, QWidget

from desk.facts import places
from desk.panel.app import dressed_application
from desk.panel.heartbeat import Heartbeat
from desk.panel.runs.work import Worker
from desk.panel.theme import Theme
from desk.panel.views import VIEWS
from desk.panel.window import Window
from desk.plant.machine import this_machine
from desk.plant.plant import Plant
from desk.plant.replay import Replay

PATIENCE_S = 200.0
ASKED = ("text", "placeholderText", "toolTip", "accessibleName", "accessibleDescription", "windowTitle")
CELL = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
ROWS = 30
SHEETS = ("keys", "palette", "log", "export")

said: dict[str, str] = {}
below: set[str] = set()
draw = QPainter.drawText


class Visit:
    """One window, and what is heard of it at `place`."""

    def __init__(self, window: Window, mode: str) -> None:
        self.window, self.mode, self.place = window, mode, ""

    def hear(self, *texts: object, by: object) -> None:
        for text in texts:
            if isinstance(text, str):
                said.setdefault(text, f"{self.mode}, {self.place}, {type(by).__name__}")

    def everywhere(self) -> None:
        """Each view with its parts, then what opens over them."""
        window = self.window
        for entry in VIEWS:
            self.look_around(entry.name, lambda name=entry.name: window.visit(name))
            if entry.name == "models":
                for row in window.view.table.listing.rows:
                    fit, condition = row.condition.fit, row.condition
                    below.update((condition.cause, condition.remedy))
                    below.update((fit.words(), fit.override()) if fit else ())
            for part in window.view.parts if entry.name == "system" else ():
                self.look_around(f"system, {part}", lambda part=part: window.view.turn_to(part))
        window.visit("floor")
        known = {action.name: action for action in window.actions_known}
        for name in SHEETS:
            self.look_around(name, lambda name=name: window.perform(known[name]))
            window.perform(known[name])

    def look_around(self, place: str, go: Callable[[], object]) -> None:
        """Go there, and hear all that stands in the window then, and all that is painted."""
        self.place = place
        go()
        workers = self.window.findChildren(Worker) if self.mode == "replay" else ()
        deadline = time.monotonic() + PATIENCE_S
        while not all(worker.idle for worker in workers) and time.monotonic() < deadline:
            application.processEvents()
            time.sleep(0.005)
        for _ in range(3):
            application.processEvents()
        QPainter.drawText = lambda painter, *about: self.hear(*about, by=painter) or draw(painter, *about)
        self.window.grab()
        QPainter.drawText = draw
        for widget in (self.window, *self.window.findChildren(QWidget)):
            if widget.isVisible() or isinstance(widget, QMenu):
                self.ask(widget)

    def ask(self, widget: QWidget) -> None:
        asked = (getattr(widget, name, None) for name in ASKED)
        self.hear(*(each() if callable(each) else each for each in asked), by=widget)
        self.hear(*(action.text() for action in widget.actions()), by=widget)
        if isinstance(widget, QComboBox):
            self.hear(*map(widget.itemText, range(widget.count())), by=widget)
        if isinstance(widget, QTableView):
            model = widget.model()
            for column in range(model.columnCount()):
                self.hear(*(model.headerData(column, Qt.Orientation.Horizontal, role) for role in CELL), by=widget)
                for row in range(min(model.rowCount(), ROWS)):
                    self.hear(*(model.index(row, column).data(role) for role in CELL), by=widget)


def visit(mode: Literal["live", "replay"], source: Plant | Replay) -> None:
    window = Window(mode, Theme("dark"))
    heartbeat = Heartbeat(window, source)
    window.resize(1440, 900)
    window.show()
    if isinstance(source, Replay):
        source.play()
        deadline = time.monotonic() + PATIENCE_S
        while not source.ended and time.monotonic() < deadline:
            heartbeat.beat()
        heartbeat.refresh()
    Visit(window, mode).everywhere()
    window.close()


if __name__ == "__main__":
    recording = Path(sys.argv[1])
    application = dressed_application()
    shutil.copy(recording, places.runs_dir())
    below.update((this_machine().system, this_machine().processor))
    visit("replay", Replay(recording, speed=float("inf")))
    visit("live", Plant(()))
    json.dump({"said": said, "below": sorted(below)}, sys.stdout)
