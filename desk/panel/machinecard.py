"""The device card: the device behind the factory on its scales, its state in words, and the other devices beside it."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desk.panel.bars import Badge, PointerBar, paint_rule, paint_warning
from desk.panel.cards import WordyCard
from desk.panel.furniture import Label
from desk.panel.shown import Machine, Peer
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.words import tr

SOURCES = {
    "nvml-counter": tr("NVIDIA energy counter"),
    "nvml-power": tr("NVIDIA power"),
    "amd": "AMD",
    "rapl": tr("CPU RAPL counter"),
    "battery": tr("Battery"),
    "declared": tr("Declared watts"),
    "none": tr("None"),
}
"""The sources of watts in words."""

LEGEND = tr("shaded = normal range, line = limit")
SHORT = 22
"""Words up to this length stand two to a row."""
WIDE_ROWS = 3
"""More devices than this stand two to a row."""
PEER = 20


class MachineCard(WordyCard):
    """The device behind the factory: its readings on their scales, or why there are none.

    `opened` asks for all there is to know about it, `slots_wanted` for the slot floor in its place.
    """

    slots_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, invites=True)
        self._machine = Machine()
        self._shape: tuple[object, ...] = ()
        """What the height and the head of the card depend on."""
        self._pointers: list[PointerBar] = []
        self._title = Label(theme, "", 14, 600)
        self._name = Label(theme, "", 11, token="mut")
        self._used = Badge(theme, tr("in use"), "outlined")
        self._used.hide()
        self._note = Label(theme, LEGEND, 11, token="mut")
        self._note.hide()
        self._bars = QVBoxLayout()
        self._bars.setSpacing(0)
        self._words = QGridLayout()
        self._peers = _Peers(theme)
        self.slots_button = QPushButton(tr("Slots"))
        self.slots_button.setProperty("quiet", True)
        self.slots_button.setAccessibleName(tr("Show the slot floor here"))
        self.slots_button.setToolTip(tr("Show the slot floor here"))
        self.slots_button.clicked.connect(self.slots_wanted)
        self._head = head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self._title)
        head.addWidget(self._name)
        head.addWidget(self._used)
        head.addStretch(1)
        head.addWidget(self._note)
        head.addWidget(self.slots_button)
        self._page = page = QVBoxLayout(self)
        page.addLayout(head)
        page.addLayout(self._bars)
        page.addLayout(self._words)
        page.addWidget(self._peers)
        page.addStretch(1)

        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self._page.setContentsMargins(scaled(16), scaled(10), scaled(16), scaled(10))
        self._page.setSpacing(scaled(4))
        self._words.setHorizontalSpacing(scaled(12))
        self._words.setVerticalSpacing(scaled(3))
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_legend()

    def _fit_legend(self) -> None:
        """Where the head has much to tell, or little room, the legend has been read before."""
        has_scales = any(p.limit is not None or p.normal is not None for p in self._machine.pointers)
        others = (self._title, self._name, self._used, self.slots_button)
        told = sum(part.sizeHint().width() + self._head.spacing() for part in others if not part.isHidden())
        room = self.width() - 2 * scaled(16) - told
        self._note.setVisible(has_scales and self._note.sizeHint().width() + self._head.spacing() <= room)

    def show_machine(self, machine: Machine) -> None:
        if machine == self._machine:
            return
        before, self._machine = self._machine, machine
        self._title.setText(machine.title)
        self._name.setText(machine.name)
        self._used.setVisible(machine.used)
        if len(machine.pointers) != len(before.pointers):
            _clear(self._bars)
            self._pointers = [PointerBar(self.theme) for _ in machine.pointers]
            for bar in self._pointers:
                self._bars.addWidget(bar)
        for bar, pointer in zip(self._pointers, machine.pointers, strict=True):
            bar.show_pointer(pointer)
        if (machine.state, machine.words, machine.tried) != (before.state, before.words, before.tried):
            self._show_words(machine)
        self._peers.show_peers(machine.peers)
        self.setAccessibleName(f"{machine.title} {machine.name}".strip())
        self.setAccessibleDescription(_sentence(machine))
        shape = (machine.title, machine.name, machine.used, len(machine.pointers), machine.words, len(machine.peers))
        if shape != self._shape:
            self._shape = shape
            self._fit_legend()
            self.setToolTip(tr("Everything about this device") if machine.pointers else "")
            self.updateGeometry()

    def _show_words(self, machine: Machine) -> None:
        _clear(self._words)
        row = 0
        if machine.state:
            self._add(row, 0, tr("State"), machine.state, token="text", wide=True)
            row += 1
        for pairs in _rows(machine.words):
            for place, pair in enumerate(pairs):
                self._add(row, 2 * place, *pair, wide=len(pairs) == 1)
            row += 1
        if machine.tried and not any(head == tr("Watts") for head, _ in machine.words):
            self._words.addWidget(Label(self.theme, tr("No source of watts here"), 12, 600), row, 0, 1, 4)
            row += 1
        for tried in machine.tried:
            self._add(row, 0, SOURCES.get(tried.source, tried.source), tried.cause, wide=True)
            row += 1
        self._words.setColumnStretch(1, 1)
        self._words.setColumnStretch(3, 1)

    def _add(self, row: int, column: int, head: str, rest: str, token: str = "soft", *, wide: bool = False) -> None:
        left, right = Label(self.theme, head, token="mut"), Label(self.theme, rest, token=token)
        left.setAlignment(Qt.AlignmentFlag.AlignTop)
        right.setWordWrap(True)
        self._words.addWidget(left, row, column)
        self._words.addWidget(right, row, column + 1, 1, 3 if wide else 1)


class _Peers(QWidget):
    """One line for each of the other devices; two to a line where there are many."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._peers: tuple[Peer, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self.hide()

    def _measure(self) -> None:
        self.setFixedHeight(scaled(9 + PEER * -(-len(self._peers) // self._columns)))
        self.update()

    def show_peers(self, peers: tuple[Peer, ...]) -> None:
        if peers == self._peers:
            return
        self._peers = peers
        self.setVisible(bool(peers))
        self._measure()
        self.setToolTip("\n".join(_line(peer) for peer in peers))

    @property
    def _columns(self) -> int:
        return 1 if len(self._peers) <= WIDE_ROWS else 2

    def paintEvent(self, _event: QPaintEvent) -> None:
        columns = self._columns
        with canvas(self) as (painter, size):
            paint_rule(painter, self._theme, 0, 4, size.width())
            wide = (size.width() - 24 * (columns - 1)) / columns
            for place, peer in enumerate(self._peers):
                left = place % columns * (wide + 24)
                self._paint_peer(painter, QRectF(left, 9 + place // columns * PEER, wide, PEER), peer)

    def _paint_peer(self, painter: QPainter, box: QRectF, peer: Peer) -> None:
        theme, base = self._theme, box.top() + 14
        x = self._say(painter, box.left(), base, peer.title, font(12, 600), "text") + 8
        said = peer.brief if self._columns > 1 else peer.state or peer.readings
        face = font(12, 500)
        wide = QFontMetricsF(face).horizontalAdvance(said)
        self._say(painter, box.right() - wide, base, said, face, "text" if peer.troubled else "soft")
        end = box.right() - wide - 10
        if peer.troubled:
            paint_warning(painter, theme, QPointF(end - 2, base - 4))
            end -= 16
        if peer.used:
            x = self._say(painter, x, base, tr("in use"), font(11, 600), "soft") + 8
        if self._columns == 1:
            self._say(painter, x, base, peer.name, font(11), "mut", end - x)

    def _say(
        self, painter: QPainter, x: float, base: float, text: str, face: QFont, token: str, room: float = 1e6
    ) -> float:
        metrics = QFontMetricsF(face)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(room, 0.0))
        painter.setFont(face)
        painter.setPen(self._theme.colour(token))
        painter.drawText(QPointF(x, base), text)
        return x + metrics.horizontalAdvance(text)


def _rows(words: tuple[tuple[str, str], ...]) -> list[list[tuple[str, str]]]:
    """The words in rows: two short ones that follow each other share one."""
    rows: list[list[tuple[str, str]]] = []
    for pair in words:
        if rows and len(rows[-1]) == 1 and max(len(rows[-1][0][1]), len(pair[1])) <= SHORT:
            rows[-1].append(pair)
        else:
            rows.append([pair])
    return rows


def _line(peer: Peer) -> str:
    said = peer.state or peer.readings or tr("no readings")
    if peer.used:
        return tr("{device} {name}, in use: {said}", device=peer.title, name=peer.name, said=said)
    return f"{peer.title} {peer.name}: {said}"


def _sentence(machine: Machine) -> str:
    """The card in words, for a screen reader."""
    parts = [tr("in use")] if machine.used else []
    parts += [machine.state] if machine.state else []
    parts += [f"{pointer.label} {pointer.value} {pointer.note}".strip() for pointer in machine.pointers]
    parts += [f"{head}: {rest}" for head, rest in machine.words]
    parts += [f"{SOURCES.get(tried.source, tried.source)}: {tried.cause}" for tried in machine.tried]
    return ". ".join([*parts, *(_line(peer) for peer in machine.peers)])


def _clear(layout: QLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.setParent(None)
            widget.deleteLater()
