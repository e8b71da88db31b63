"""The Floor: what the factory is doing, whether it keeps its promises, and what it is worth, on one page."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QDoubleValidator, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desk.panel.cards import Card, ValueCard, paint_card
from desk.panel.furniture import Label
from desk.panel.icons import paint_icon
from desk.panel.machinecard import MachineCard
from desk.panel.numbers import Numbers
from desk.panel.shown import Shown
from desk.panel.slotfloor import SlotFloor
from desk.panel.statusline import badge_words
from desk.panel.theme import GUTTER, Theme, font
from desk.panel.tieredit import TierEdit
from desk.panel.tiertable import TierTable

ASSUMED_WATTS = (20.0, 65.0)
"""What one click assumes a machine without a source of watts to draw idle and busy; named wherever it shows."""
ASSUME = f"Assume {ASSUMED_WATTS[0]:.0f} W idle, {ASSUMED_WATTS[1]:.0f} W busy"
DECLARE = "Declare watts…"
CARDS = 6
WIDE = 1640
"""From this width of the page on, the Floor has a sixth card and the slot floor between charts and table."""


class Floor(QWidget):
    """Shows a `Shown`, and emits what its parts are asked for. The charts come later, with `furnish`."""

    tier_changed = Signal(object)
    watts_declared = Signal(float, float, bool)
    start = Signal()

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = Shown()
        self.cards = [ValueCard(theme, numbers) for _ in range(CARDS)]
        self.table = TierTable(theme, numbers)
        self.slots = SlotFloor(theme, numbers)
        self.slots.setFixedWidth(512)
        self.machine = MachineCard(theme)
        self.editor = TierEdit(theme)
        self.welcome = Welcome(theme)
        self._watts = WattsForm(theme, self)
        self._skeleton: QWidget | None = Skeleton(theme)
        self._charts: QWidget | None = None
        self._first: QWidget | None = None
        self._right = QWidget()
        self._arrange()
        self.editor.hide()
        self.welcome.hide()
        self.table.opened.connect(self.open_tier)
        self.editor.closed.connect(self.close_tier)
        self.editor.changed.connect(self.tier_changed)
        self.welcome.start.connect(self.start)
        self._watts.declared.connect(lambda idle, busy: self.watts_declared.emit(idle, busy, False))
        for card in self.cards:
            card.offered.connect(self._take_offer)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(GUTTER)
        for card in self.cards:
            row.addWidget(card, 1)
        self._left = QVBoxLayout()
        self._left.setSpacing(GUTTER)
        self._left.addWidget(self.welcome)
        if self._skeleton:
            self._left.addWidget(self._skeleton, 1)
        right = QVBoxLayout(self._right)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(GUTTER)
        right.addWidget(self.table)
        right.addWidget(self.editor, 1)
        right.addWidget(self.machine, 1)
        body = QHBoxLayout()
        body.setSpacing(GUTTER)
        body.addLayout(self._left, 1)
        body.addWidget(self.slots)
        body.addWidget(self._right)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(GUTTER)
        page.addLayout(row)
        page.addLayout(body, 1)
        self._fit()

    def resizeEvent(self, _event: object) -> None:
        self._fit()

    def _fit(self) -> None:
        wide = self.width() >= WIDE
        self._right.setFixedWidth(552 if wide else 496)
        self.slots.setVisible(wide)
        self.cards[-1].setVisible(wide and len(self._shown.values) >= CARDS)

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
            self._left.addWidget(first, 1)
        self._turn_page()

    def _turn_page(self) -> None:
        """Before the first run, the welcome and a chart of the machine at rest; from then on, all charts."""
        resting = self._shown.mode == "live" and self._shown.state == "idle"
        self.welcome.setVisible(resting)
        if self._charts is not None:
            self._charts.setVisible(not (resting and self._first is not None))
        if self._first is not None:
            self._first.setVisible(resting)

    # ---- mirroring

    def show_floor(self, shown: Shown) -> None:
        self._shown = shown
        for card, value in zip(self.cards, shown.values, strict=False):
            card.show_value(value)
            wanted = value.key == "watts" and shown.watts_wanted
            card.offer(*((ASSUME, DECLARE) if wanted else ()))
        for card in self.cards[len(shown.values) :]:
            card.hide()
        self._fit()
        self.table.show_tiers(shown.tiers, f"“{shown.preset}” prices" if shown.preset else "")
        self.slots.show_lanes(shown.tiers, badge_words(shown))
        self.machine.show_machine(shown.machine)
        self._turn_page()
        self.welcome.show_place(shown.provider, shown.model, shown.idles_at)
        edited = next((line for line in shown.tiers if line.tier.name == self.editor.tier), None)
        if edited is not None and self.editor.isVisible():
            self.editor.show_tier(edited.tier, edited.state)

    # ---- the editor of a tier, in the place of the machine card

    def open_tier(self, name: str) -> None:
        line = next((line for line in self._shown.tiers if line.tier.name == name), None)
        if line is None:
            return
        self.editor.edit(line.tier, line.state)
        self.machine.hide()
        self.editor.show()
        self.editor.begin()
        self.table.mark_edited(name)

    def close_tier(self) -> None:
        self.editor.hide()
        self.machine.show()
        self.table.mark_edited("")
        self.table.setFocus()

    # ---- watts that the user declares

    def _take_offer(self, text: str) -> None:
        if text == ASSUME:
            self.watts_declared.emit(*ASSUMED_WATTS, True)
        else:
            card = self.sender()
            assert isinstance(card, ValueCard)
            self._watts.open_below(card)


class Skeleton(Card):
    """An empty card where the charts are going to be."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)


class Welcome(Card):
    """The first start: the factory is ready, and one button starts it. It stands in the flow, above the charts."""

    start = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._place = Label(theme, "", 13, token="soft")
        self._place.setWordWrap(True)
        headline = Label(theme, "This machine is ready. Start the factory.", 22, 600)
        self.button = _StartButton(theme)
        self.button.clicked.connect(self.start)
        page = QVBoxLayout(self)
        page.setContentsMargins(32, 28, 32, 28)
        page.setSpacing(10)
        page.addWidget(headline)
        page.addWidget(self._place)
        page.addSpacing(8)
        page.addWidget(self.button)

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_card(QPainter(self), self.theme, QRectF(self.rect()), "raised", "band")

    def show_place(self, provider: str, model: str, idles_at: str) -> None:
        where = f"Tokens are made on the {provider}." if provider else "Tokens are made by a model on this machine."
        what = f" {model} comes with the program; nothing is fetched." if model else ""
        self._place.setText(" ".join(part for part in (f"{where}{what}", idles_at) if part))


class _StartButton(QAbstractButton):
    """The one bright thing on the first page: what it does, what comes of it, and its key."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedHeight(56)
        self.setAccessibleName("Start the factory")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("soft" if self.isDown() else "text"))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        ink = theme.colour("panel")
        paint_icon(painter, QRectF(18, 18, 20, 20), "play", ink.name())
        painter.setPen(ink)
        painter.setFont(font(14, 600))
        painter.drawText(QRectF(56, 8, self.width(), 22), Qt.AlignmentFlag.AlignVCenter, "Start")
        painter.setFont(font(12))
        what = "Five tiers, each with its own lane, price and promise. The first start builds the model, once."
        painter.drawText(QRectF(56, 28, self.width(), 20), Qt.AlignmentFlag.AlignVCenter, what)
        right = QRectF(0, 0, self.width() - 18, self.height())
        painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "Ctrl+Enter")
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("mut"), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(3.5, 3.5, -3.5, -3.5), 4, 4)
        painter.end()


class WattsForm(QFrame):
    """Two fields that say what the machine draws, for a machine that cannot measure it."""

    declared = Signal(float, float)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._fields: list[QLineEdit] = []
        self._message = Label(theme, "Read them from a wall meter.", 11, token="soft")
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 12)
        for column, word in enumerate(("Idle, W", "Busy, W")):
            field = QLineEdit()
            field.setValidator(QDoubleValidator(0.0, 100_000.0, 1))
            field.setAccessibleName(f"{word.split(',')[0]} watts of this machine")
            field.returnPressed.connect(self._declare)
            grid.addWidget(Label(theme, word, token="soft"), 0, column)
            grid.addWidget(field, 1, column)
            self._fields.append(field)
        button = QPushButton("Use")
        button.clicked.connect(self._declare)
        grid.addWidget(button, 1, 2)
        grid.addWidget(self._message, 2, 0, 1, 3)
        self.setFixedWidth(264)
        self.hide()

    def open_below(self, card: QWidget) -> None:
        self.adjustSize()
        self.move(card.x(), card.y() + card.height() + 4)
        self.show()
        self.raise_()
        self._fields[0].setFocus()

    def paintEvent(self, _event: QPaintEvent) -> None:
        paint_card(QPainter(self), self._theme, QRectF(self.rect()), "raised", "band")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def _declare(self) -> None:
        try:
            idle, busy = (float(field.text().replace(",", ".")) for field in self._fields)
        except ValueError:
            self._message.setText("▲ Both are numbers of watts.")
            return
        if not 0 <= idle <= busy or busy <= 0:
            self._message.setText("▲ Busy cannot be below idle.")
            return
        self.declared.emit(idle, busy)
        self.hide()
