"""The window: rail, status, run bar, the view that is visited, notices and the footer; keys; and its picture.

It is painted before anything but PySide6 is imported, what opens over it included; the heartbeat brings it to life.
"""

import importlib
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QContextMenuEvent,
    QCursor,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desk.facts.trouble import Trouble
from desk.panel.actions import ACTIONS, Action, choices
from desk.panel.floor import Floor
from desk.panel.furniture import Footer
from desk.panel.icons import application_icon
from desk.panel.notices import NoticeStrip
from desk.panel.numbers import Numbers
from desk.panel.overlay import KeySheet, Overlay
from desk.panel.placing import SIZE, SMALLEST
from desk.panel.rail import Rail
from desk.panel.runbar import RunBar
from desk.panel.shown import Mode, Notice, Shown
from desk.panel.statusline import StatusLine
from desk.panel.theme import GUTTER, MARGIN, Theme, scaled
from desk.panel.views import VIEWS, Entry, View
from desk.panel.words import tr

if TYPE_CHECKING:
    from desk.panel.command import CommandPalette
    from desk.panel.kiosk import Kiosk
    from desk.panel.lineage import Asker, LineageSheet

WIDE = 1800
"""From this width on, the rail is 72 wide instead of 56."""
PICTURE_SCALE = 2.0


class Window(QWidget):
    """Mirrors what it is shown and emits orders; whoever attaches itself answers them."""

    painted = Signal()
    """Once, after the first paint."""
    halted = Signal()
    """Emergency stop was asked for."""
    recording_asked = Signal(str)
    """A recording is to be opened in a window of its own, by its path; an empty one asks for the factory."""

    def __init__(
        self,
        mode: Mode = "live",
        theme: Theme | None = None,
        size: tuple[int, int] = SIZE,
        numbers: Numbers | None = None,
    ) -> None:
        super().__init__()
        self.theme = theme or Theme()
        # Before all that it holds: a new style sheet gives labels back the colours that they had.
        self.theme.changed.connect(self._dress)
        self.numbers = numbers or Numbers()
        self.shown = Shown(mode=mode)
        self.frozen = False
        self._painted = False
        self.actions_known: list[Action] = []
        self._ask: Asker | None = None
        self._on_close: Callable[[], None] | None = None
        self._open_view: Callable[[Entry], View] | None = None
        self._views: dict[str, View] = {}
        self.visited = VIEWS[0].name
        self.setWindowTitle("Token Desk")
        self.setWindowIcon(application_icon())
        self.setMinimumSize(*SMALLEST)
        self.rail = Rail(self.theme, VIEWS)
        self.status = StatusLine(self.theme)
        self.runbar = RunBar(self.theme, mode, self.numbers)
        self.floor = Floor(self.theme, self.numbers)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.floor)
        self.notices = NoticeStrip(self.theme)
        self.footer = Footer(self.theme, self.numbers)
        self._arrange()
        self.learn(*ACTIONS)
        self.rail.help.connect(lambda: self.sheet.toggle())
        self.rail.chosen.connect(self.visit)
        self.notices.taken.connect(lambda offer: self.recording_asked.emit(offer.recording))
        self.theme.changed.connect(self._forget_sheet)
        self._dress()
        self.resize(*size)
        self.show_all(self.shown)
        self.floor.welcome.button.setFocus()

    def _arrange(self) -> None:
        self._page = page = QVBoxLayout()
        page.setContentsMargins(MARGIN, 0, MARGIN, 2)
        page.setSpacing(0)
        page.addWidget(self.status)
        page.addWidget(self.runbar)
        page.addSpacing(GUTTER)
        page.addWidget(self.pages, 1)
        page.addSpacing(GUTTER)
        page.addWidget(self.notices)
        page.addSpacing(2)
        page.addWidget(self.footer)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(page, 1)

    def head(self, widget: QWidget) -> None:
        """Give a widget the whole width between the run bar and the view."""
        self._page.insertWidget(self._page.indexOf(self.runbar) + 1, widget)

    def _dress(self) -> None:
        self.theme.dress(self)
        # Dialogs and lists open in windows of their own, which ask the application.
        QApplication.setPalette(self.palette())
        self.rail.widen(self.width() >= scaled(WIDE))
        self.update()

    # ---- keys and commands

    def learn(self, *actions: Action) -> None:
        """Bind the keys of these actions and offer them in the palette."""
        self._forget_sheet()
        for action in actions:
            self.actions_known.append(action)
            for key in action.keys:
                QShortcut(QKeySequence(key), self, partial(self.perform, action))

    def _forget_sheet(self) -> None:
        """The sheet of keys is made anew when it is asked for again."""
        if "sheet" in self.__dict__:
            self.sheet.deleteLater()
            del self.sheet

    def perform(self, action: Action) -> None:
        """Do it, where it can be done now."""
        if action.when(self):
            action.do(self)

    @cached_property
    def sheet(self) -> KeySheet:
        """The sheet of keys, made when it is first asked for."""
        return KeySheet(self.theme, self, tuple(self.actions_known))

    @cached_property
    def commands(self) -> "CommandPalette":
        """The command palette, made when it is first asked for."""
        made = _late("command").CommandPalette(self.theme, self, self._offered)
        made.chosen.connect(self.perform)
        return made

    def explain_with(self, ask: "Asker") -> None:
        """Who knows the lineage of figures; until then none can be asked for."""
        self._ask = ask
        for card in self.floor.cards:
            card.opened.connect(lambda card=card: self.lineage.show_figure(card.value.key))

    @property
    def explains(self) -> bool:
        """Whether lineages can be asked for."""
        return self._ask is not None

    @cached_property
    def lineage(self) -> "LineageSheet":
        """The sheet with the lineage of a figure, made when it is first asked for."""
        assert self._ask is not None
        return _late("lineage").LineageSheet(self.theme, self.numbers, self, self._ask, self._tier_names)

    def _tier_names(self) -> list[str]:
        """The tiers from top to bottom."""
        return [line.tier.name for line in reversed(self.shown.tiers)]

    def ask_lineage(self) -> None:
        """Of the figure under the pointer, else of the one in focus, else of the first; or close what is open."""
        if self.lineage.isVisible():
            self.lineage.close_over()
            return
        figure_under = _late("lineage").figure_under
        pointed = self.childAt(self.mapFromGlobal(QCursor.pos())) if self.underMouse() else None
        found = figure_under(pointed, QCursor.pos()) or figure_under(self.focusWidget(), None)
        self.lineage.show_figure(*(found or (self.shown.values[0].key, None)))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """A click with the other button asks what a figure is made of."""
        found = _late("lineage").figure_under(self.childAt(event.pos()), event.globalPos())
        if found and self.explains:
            self.lineage.show_figure(*found)

    @cached_property
    def kiosk(self) -> "Kiosk":
        """The kiosk, made when it is first asked for."""
        return _late("kiosk").Kiosk(self)

    def _offered(self) -> list[Action]:
        return [action for action in (*self.actions_known, *choices(self)) if action.when(self)]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        focused = self.focusWidget()
        opened = [each for each in self.findChildren(Overlay) if each.isVisible()]
        if event.key() == Qt.Key.Key_Escape and opened:
            opened[-1].close_over()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focused, QAbstractButton):
            # Space belongs to the display, so Enter presses buttons everywhere.
            focused.click()
        else:
            super().keyPressEvent(event)

    def toggle_frozen(self) -> None:
        """Freeze or release the display; facts are taken in all the same."""
        self.frozen = not self.frozen
        self.status.show_status(self.shown, self.frozen)

    # ---- views

    @property
    def view(self) -> View | None:
        """The view that is visited, `None` on the Floor."""
        return self._views.get(self.visited)

    def open_views_with(self, opener: Callable[[Entry], View]) -> None:
        """Who makes a view at its first visit; until then there is only the Floor."""
        self._open_view = opener

    def visit(self, name: str) -> None:
        """Turn to a view by its name."""
        entry = next(entry for entry in VIEWS if entry.name == name)
        if entry.module and name not in self._views:
            if self._open_view is None:
                return
            self._views[name] = self._open_view(entry)
            self.pages.addWidget(self._views[name])
        self.visited = name
        self.rail.mark(name)
        self.pages.setCurrentWidget(self._views.get(name, self.floor))
        if self.view is not None:
            self.view.refresh(self.shown)

    # ---- mirroring

    def show_all(self, shown: Shown) -> None:
        """Show one moment in every part of the window."""
        renamed = shown.currency != self.shown.currency
        self.shown, self.numbers.currency = shown, shown.currency
        self.status.show_status(shown, self.frozen)
        self.runbar.show_run(shown)
        self.floor.show_floor(shown)
        self.notices.show_notices(shown.notices)
        self.footer.show_totals(shown)
        if self.view is not None:
            self.view.refresh(shown)
        if renamed:
            for part in self.findChildren(QWidget):
                part.update()

    def show_trouble(self, trouble: Trouble) -> None:
        """Say what went wrong with an order, until the next one."""
        self.notices.say(Notice(trouble.cause, trouble.remedy, severity="critical"))

    def tell(self, cause: str, remedy: str = "") -> None:
        """Say what came of an order where it does not show, until the next one."""
        self.notices.say(Notice(cause, remedy, severity="notice"))

    def offer(self, notice: Notice) -> None:
        """Show a notice until it is put away, or what it offers is done."""
        self.notices.offer(notice)

    def ordered(self, order: Callable[[], Any]) -> None:
        """Give an order, and show the trouble it meets in place of the last one."""
        self.notices.say(None)
        try:
            order()
        except Trouble as trouble:
            self.show_trouble(trouble)

    # ---- pictures

    def save_picture(self) -> None:
        """Ask where to, and write a PNG of what was shown when the key was pressed."""
        shown = self.shown
        capture = _late("capture")
        image = capture.picture_of(self, PICTURE_SCALE)
        name = capture.file_name(
            wall=shown.wall,
            view=self.visited,
            device=shown.device,
            model=shown.model,
            run=shown.run,
            mode=shown.mode,
        )
        if path := self.ask_path(name):
            self.ordered(lambda: capture.write_png(image, path, capture.texts_of(shown)))

    def ask_path(self, name: str) -> Path | None:
        """The user's choice of a file, `None` where there was none."""
        title, kind = tr("Picture of this view"), tr("PNG (*.png)")
        chosen, _ = QFileDialog.getSaveFileName(self, title, str(Path.home() / name), kind)
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix else path.with_suffix(".png")

    # ---- life

    def on_close(self, action: Callable[[], None]) -> None:
        """What to end when the window closes."""
        self._on_close = action

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.colour("bg"))
        painter.end()
        if not self._painted:
            self._painted = True
            # The children paint in the same pass; the signal comes when all of them have.
            QTimer.singleShot(0, self.painted.emit)

    def resizeEvent(self, _event: object) -> None:
        self.rail.widen(self.width() >= scaled(WIDE))

    def closeEvent(self, event: QCloseEvent) -> None:
        for page in (self.floor, *self._views.values()):
            page.leave()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None
        event.accept()
        application = QApplication.instance()
        others = [each for each in QApplication.topLevelWidgets() if isinstance(each, Window) and each is not self]
        if application is not None and not any(other.isVisible() for other in others):
            application.quit()


def _late(name: str) -> Any:
    """A module of the panel that nothing at first sight needs, imported when it is asked for."""
    return importlib.import_module(f"desk.panel.{name}")
