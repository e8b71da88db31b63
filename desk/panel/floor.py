"""The Floor: what the factory is doing, whether it keeps its promises, and what it is worth, on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from desk.panel.cards import ValueCard
from desk.panel.drawer import DeviceDrawer
from desk.panel.machinecard import MachineCard
from desk.panel.numbers import Numbers
from desk.panel.shown import Shown
from desk.panel.slotfloor import SlotFloor
from desk.panel.statusline import badge_words
from desk.panel.stream import StreamCard
from desk.panel.theme import GUTTER, Theme, scaled, zoom
from desk.panel.tieredit import TierEdit
from desk.panel.tiertable import TierTable
from desk.panel.wattsform import WattsForm
from desk.panel.welcome import Skeleton, Welcome
from desk.panel.words import tr

if TYPE_CHECKING:  # it reads recordings, and comes after the first paint
    from desk.panel.minifrontier import MiniFrontier

ASSUMED_WATTS = (20.0, 65.0)
"""What one click assumes a machine without a source of watts to draw idle and busy; named wherever it shows."""
ASSUME = tr("Assume {idle:.0f}–{busy:.0f} W", idle=ASSUMED_WATTS[0], busy=ASSUMED_WATTS[1])
DECLARE = tr("Declare watts…")
CARDS = 6
USUAL = 5
"""Cards where there is no room for all of them in one row."""
WIDE = 1640
"""From this width of the page on, the Floor has a sixth card and the slot floor between charts and table."""
NARROW = 1080
"""Below this width, what stands beside the charts goes below them."""
MIDDLE, RIGHT_WIDE, RIGHT = 512, 552, 496
PAIR = 920
"""From this width on, table and device stand side by side below the charts."""
LEAST_CHARTS = 500
"""A page that is less high scrolls rather than to press the charts further. All these are pixels of the design."""

Lower = Literal["machine", "slots", "editor", "stream"]
"""What stands below the table."""


class Floor(QWidget):
    """Shows a `Shown`, and emits what its parts are asked for. The charts come later, with `furnish`, and the small
    frontier with `add_frontier`.

    `watched` asks for the text of a request of a tier, of none where both are `None`. The page follows the room it has
    and the text size: three columns, two, or one; what does not fit is scrolled to and never cut.
    """

    tier_changed = Signal(object)
    watts_declared = Signal(float, float, bool)
    watched = Signal(object, object)
    start = Signal()
    start_on_cpu = Signal()

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = Shown()
        self._columns = 0
        self._shape: tuple[object, ...] = ()
        self.below: Lower = "machine"
        self.cards = [ValueCard(theme, numbers) for _ in range(CARDS)]
        self.table = TierTable(theme, numbers)
        self.slots = SlotFloor(theme, numbers)
        self.machine = MachineCard(theme)
        self.editor = TierEdit(theme, numbers)
        self.stream = StreamCard(theme, numbers)
        self.welcome = Welcome(theme)
        self._skeleton: QWidget | None = Skeleton(theme)
        self._charts: QWidget | None = None
        self._first: QWidget | None = None
        self._drawer: DeviceDrawer | None = None
        self._frontier: MiniFrontier | None = None
        self._arrange()
        self._watts = WattsForm(theme, self)
        self.welcome.hide()
        self._connect()
        theme.changed.connect(self._fit)
        self._fit()

    def _connect(self) -> None:
        self.table.opened.connect(self.open_tier)
        self.table.read.connect(self.read_tier)
        self.editor.closed.connect(self.close_tier)
        self.editor.changed.connect(self.tier_changed)
        self.slots.chosen.connect(self.read)
        self.slots.machine_wanted.connect(lambda: self.turn_lower("machine"))
        self.machine.slots_wanted.connect(lambda: self.turn_lower("slots"))
        self.machine.opened.connect(self.open_device)
        self.stream.watch.connect(self.watched.emit)
        self.stream.closed.connect(self.close_stream)
        self.welcome.start.connect(self.start)
        self.welcome.start_on_cpu.connect(self.start_on_cpu)
        self._watts.declared.connect(lambda idle, busy: self.watts_declared.emit(idle, busy, False))
        for card in self.cards:
            card.offered.connect(self._take_offer)

    def _arrange(self) -> None:
        page = QWidget()
        self._row = QGridLayout()
        self._row.setSpacing(GUTTER)
        self._left = QVBoxLayout()
        self._left.setSpacing(GUTTER)
        self._left.addWidget(self.welcome)
        if self._skeleton:
            self._left.addWidget(self._skeleton, 1)
        self._middle = QVBoxLayout()
        self._middle.setSpacing(GUTTER)
        self._right = QWidget()
        self._pair = QBoxLayout(QBoxLayout.Direction.TopToBottom, self._right)
        self._pair.setContentsMargins(0, 0, 0, 0)
        self._pair.setSpacing(GUTTER)
        self._pair.addWidget(self.table, 0, Qt.AlignmentFlag.AlignTop)
        self._pair.addWidget(self.editor, 1)
        self._pair.addWidget(self.machine, 1)
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._body.setSpacing(GUTTER)
        self._body.addLayout(self._left, 1)
        self._body.addLayout(self._middle)
        self._body.addWidget(self._right)
        self._column = column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GUTTER)
        column.addLayout(self._row)
        column.addLayout(self._body, 1)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        # Its own viewport would fill itself; and to ask for that costs 10 ms before the first paint, as Qt for Python
        # then looks through all kinds of widgets for the one it is.
        self._scroll.setViewport(QWidget())
        self._scroll.setWidget(page)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._keep_clear)
        page.setAutoFillBackground(False)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._scroll)

    def resizeEvent(self, _event: object) -> None:
        self._fit()
        self._show_frontier()
        if self._drawer is not None:
            self._drawer.place()

    # ---- room

    def _keep_clear(self, _low: int, high: int) -> None:
        """Leave a gutter between the page and its scroll bar."""
        self._column.setContentsMargins(0, 0, GUTTER if high else 0, 0)

    @property
    def _wide(self) -> bool:
        return self.width() >= scaled(WIDE)

    @property
    def _narrow(self) -> bool:
        return self.width() < scaled(NARROW)

    def magnify(self, factor: float) -> None:
        """Draw the headline figures so many times as large as usual."""
        for card in self.cards:
            card.magnify(factor)
        self._fit()

    def _fit(self) -> None:
        """Lay the page out for the room there is."""
        self._fit_cards()
        wide, narrow = self._wide, self._narrow
        paired = narrow and self.width() >= scaled(PAIR)
        high = max(scaled(LEAST_CHARTS), self.height() - self._cards_height() - GUTTER if narrow else 0)
        edge = wide and self.below != "editor" and self._frontier_fits
        shape = wide, narrow, paired, self.below, zoom(), high, edge
        if shape == self._shape:
            return
        self._shape = shape
        self._body.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        self._pair.setDirection(across if paired else down)
        aside = scaled(RIGHT_WIDE if wide else RIGHT)
        self._right.setMinimumWidth(0 if narrow else aside)
        self._right.setMaximumWidth(16_777_215 if narrow else aside)
        place = self._middle if wide else self._pair
        for part in (self.slots, self.stream):
            place.addWidget(part, 1)
            part.setMinimumWidth(scaled(MIDDLE) if wide else 0)
            part.setMaximumWidth(scaled(MIDDLE) if wide else 16_777_215)
        self.slots.setVisible(wide or self.below == "slots")
        self.slots.share_place(not wide)
        self.stream.setVisible(self.below == "stream")
        self.editor.setVisible(self.below == "editor")
        self.machine.setVisible(self.below == "machine" or (wide and self.below != "editor"))
        self.machine.slots_button.setVisible(not wide)
        if self._frontier is not None:
            self._frontier.setVisible(edge)
            self._pair.setStretchFactor(self.machine, 0 if edge else 1)
        for part in (self._skeleton, self._charts):
            if part is not None:
                part.setMinimumHeight(high)

    def _fit_cards(self) -> None:
        """As many cards as the width has room for, in one row where that is all of them, else in even rows."""
        narrowest = max(card.narrowest for card in self.cards)
        room = (self.width() + GUTTER) // (narrowest + GUTTER)
        known = len(self._shown.values)
        count = known if self._wide or room < USUAL else min(known, USUAL)
        if self._wide and room < count:
            count = min(known, USUAL)
        rows = -(-count // max(1, room))
        columns = max(1, -(-count // max(1, rows)))
        if columns != self._columns:
            self._columns = columns
            for place, card in enumerate(self.cards):
                self._row.removeWidget(card)
                self._row.addWidget(card, *divmod(place, columns))
            for column in range(CARDS):
                self._row.setColumnStretch(column, 1 if column < columns else 0)
        for place, card in enumerate(self.cards):
            card.setVisible(place < count)

    def _cards_height(self) -> int:
        rows = -(-sum(not card.isHidden() for card in self.cards) // max(1, self._columns))
        return rows * (self.cards[0].height() + GUTTER) - GUTTER

    def turn_lower(self, to: Lower) -> None:
        """Put something else below the table."""
        self.below = to
        self._fit()

    # ---- charts

    def furnish(self, charts: QWidget, first: QWidget | None = None) -> None:
        """Put the charts where the skeleton stands; `first` stands there instead until the first run."""
        if self._skeleton is None:
            return
        self._left.replaceWidget(self._skeleton, charts)
        self._left.setStretchFactor(charts, 1)
        self._skeleton.hide()
        self._skeleton.deleteLater()
        self._skeleton = None
        self._charts, self._first = charts, first
        if first is not None:
            first.setMinimumHeight(scaled(200))
            self._left.addWidget(first, 1)
        self._shape = ()
        self._fit()
        self._turn_page()

    def _turn_page(self) -> None:
        """Before the first tokens, the welcome and a chart of the machine at rest; from then on, all charts."""
        shown = self._shown
        in_vain = shown.state == "stopped" and shown.no_gpu is not None and not shown.totals.tokens
        resting = shown.mode == "live" and (shown.state == "idle" or in_vain)
        self.welcome.setVisible(resting)
        if self._charts is not None:
            self._charts.setVisible(not (resting and self._first is not None))
        if self._first is not None:
            self._first.setVisible(resting)

    # ---- the frontier of this machine

    @property
    def _frontier_fits(self) -> bool:
        """Whether there is one, and room for it below the device without anything being scrolled."""
        if self._frontier is None or not self._frontier.filled:
            return False
        above = self._cards_height() + self.table.height() + self.machine.minimumSizeHint().height() + 3 * GUTTER
        return above + self._frontier.minimumHeight() <= self.height()

    def add_frontier(self, frontier: MiniFrontier) -> None:
        """Have the frontier stand below the device of a page that is large enough, where there is something on it."""
        self._frontier = frontier
        self._pair.addWidget(frontier, 1)
        frontier.turned.connect(self._fit)
        self._shape = ()
        self._fit()
        self._show_frontier()

    def _show_frontier(self) -> None:
        if self._frontier is not None and self._wide:
            self._frontier.show_floor(self._shown)
            self._fit()  # what the device has to tell changes

    def leave(self) -> None:
        """The window closes: end what the page has begun."""
        if self._frontier is not None:
            self._frontier.leave()

    # ---- mirroring

    def show_floor(self, shown: Shown) -> None:
        known = len(self._shown.values), self._shown.watts_wanted
        self._shown = shown
        for card, value in zip(self.cards, shown.values, strict=False):
            card.show_value(value)
            wanted = value.key == "watts" and shown.watts_wanted
            card.offer(*((ASSUME, DECLARE) if wanted else ()))
        if (len(shown.values), shown.watts_wanted) != known:
            self._fit()
        prices = tr("“{preset}” prices", preset=shown.preset) if shown.preset else ""
        self.table.show_tiers(shown.tiers, prices, shown.users)
        self.slots.show_lanes(shown.tiers, badge_words(shown), shown.stream)
        self.machine.show_machine(shown.machine)
        if self._drawer is not None:
            self._drawer.show_sheets(shown.sheets)
        self.stream.show_stream(shown.stream, shown.tiers)
        self._show_frontier()
        self._turn_page()
        self.welcome.show_place(shown.model, shown.idles_at, shown.no_gpu)
        edited = next((line for line in shown.tiers if line.tier.name == self.editor.tier), None)
        if edited is not None and self.editor.isVisible():
            self.editor.show_tier(edited.tier, edited.state)

    # ---- the editor of a tier, in the place of the machine card

    def open_tier(self, name: str) -> None:
        line = next((line for line in self._shown.tiers if line.tier.name == name), None)
        if line is None:
            return
        self.editor.edit(line.tier, line.state)
        self._leave_stream()
        self.turn_lower("editor")
        self.editor.begin()
        self.table.mark_edited(name)

    def close_tier(self) -> None:
        self.turn_lower("machine")
        self.table.mark_edited("")
        self.table.setFocus()

    # ---- the text of a request

    def read(self, tier: str, request: int) -> None:
        """Read the text of a request as it is made."""
        self.table.mark_edited("")
        self.turn_lower("stream")
        self.stream.ask(tier, request)
        self._scroll.ensureWidgetVisible(self.stream)

    def read_tier(self, tier: str) -> None:
        """Read the newest answer of a tier."""
        line = next((line for line in self._shown.tiers if line.tier.name == tier), None)
        if line is not None and line.cells:
            self.table.mark_edited("")
            self.turn_lower("stream")
            self.stream.ask_tier(tier)
            self._scroll.ensureWidgetVisible(self.stream)

    @property
    def free(self) -> bool:
        """Nothing is open that Escape would close."""
        return (self._drawer is None or self._drawer.isHidden()) and self.below not in ("editor", "stream")

    def close_stream(self) -> None:
        self._leave_stream()
        self.turn_lower("machine")
        (self.slots if self.slots.isVisible() else self.table).setFocus()

    def _leave_stream(self) -> None:
        if self.stream.asked is not None:
            self.stream.forget()
            self.watched.emit(None, None)

    # ---- all about a device

    @property
    def drawer(self) -> DeviceDrawer:
        """The drawer of the devices, made when it is first asked for."""
        if self._drawer is None:
            self._drawer = DeviceDrawer(self._theme, self)
            self._drawer.show_sheets(self._shown.sheets)
            self._drawer.closed.connect(self.close_device)
        return self._drawer

    def open_device(self) -> None:
        if self._shown.sheets:
            self.drawer.open(self._shown.machine.title)

    def close_device(self) -> None:
        self.drawer.hide()
        if self.machine.isVisible():
            self.machine.setFocus()

    # ---- watts that the user declares

    def _take_offer(self, text: str) -> None:
        if text == ASSUME:
            self.watts_declared.emit(*ASSUMED_WATTS, True)
        else:
            card = self.sender()
            assert isinstance(card, ValueCard)
            self._watts.open_below(card)
