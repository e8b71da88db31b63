"""The views of the window: which there are, what each may use, and how one is opened on its first visit.

The Floor stands from the first paint. Every other view is a module of its own with a class `Page(View)`, imported when
it is visited for the first time, so that a window starts without all that it may come to show.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from desk.panel.numbers import Numbers
from desk.panel.shown import Shown
from desk.panel.theme import Theme
from desk.panel.words import tr

if TYPE_CHECKING:  # numpy, the ledger and the plant come after the first paint
    from desk.facts.happened import AnyFact
    from desk.panel.books import Books
    from desk.panel.runs.story import Compared
    from desk.panel.tiers.edits import Edits
    from desk.panel.window import Window
    from desk.plant.plant import Plant
    from desk.plant.replay import Replay


@dataclass(frozen=True, slots=True)
class Entry:
    """One view on the rail: its key, its word, its icon, and the module it is in (none: it is there from the start).

    The `kiosk` visits it in turn with the others that say so.
    """

    name: str
    title: str
    icon: str
    module: str = ""
    kiosk: bool = False


VIEWS: tuple[Entry, ...] = (
    Entry("floor", tr("Floor"), "activity", kiosk=True),
    Entry("tiers", tr("Tiers"), "layers", "desk.panel.tiers.view"),
    Entry("models", tr("Models"), "cpu", "desk.panel.models.view"),
    Entry("runs", tr("Runs"), "timer", "desk.panel.runs.view"),
    Entry("frontier", tr("Frontier"), "chart-scatter", "desk.panel.frontier.view", kiosk=True),
    Entry("system", tr("System"), "settings", "desk.panel.system.view"),
)
"""The rail from top to bottom; the n-th opens with the key n. A view is listed when it works."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a view may use. `order` carries one out and shows the trouble it meets; views read facts from `books`.

    What is changed in tiers goes through `edits`. Who has to see each fact of the factory as it comes, before it is
    folded, and may be out of sight, is among the `listeners`.
    """

    window: Window
    books: Books
    source: Plant | Replay
    order: Callable[[Callable[[], Any]], None]
    edits: Edits | None = None
    listeners: list[Callable[[AnyFact], object]] = field(default_factory=list)

    @property
    def theme(self) -> Theme:
        return self.window.theme

    @property
    def numbers(self) -> Numbers:
        return self.window.numbers


class View(QWidget):
    """One page of the window. It reads the desk, gives orders, and decides nothing."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk

    def refresh(self, shown: Shown) -> None:
        """Show a moment: at the visit, then twice a second while seen."""

    def beat(self) -> None:
        """One tick of the heartbeat while seen and not frozen: for what moves."""

    def turn_to(self, subject: str) -> None:
        """Bring the part in front that is about a tier, a model or a run of that name."""

    def compared(self) -> Compared | None:
        """The runs that stand beside each other here, for a picture of them."""
        return None

    def leave(self) -> None:
        """The window closes: end what the view started."""


def opened(entry: Entry, desk: Desk) -> View:
    """Make the view that `entry` names."""
    return importlib.import_module(entry.module).Page(desk)
