"""The editor of one tier: it orders, and shows a value as set only when the fact of it has come back."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QSpacerItem, QWidget

from desk.facts.tiers import Tier
from desk.panel.bars import paint_swatch
from desk.panel.cards import Card
from desk.panel.furniture import Elided, Label
from desk.panel.numbers import Numbers
from desk.panel.shown import LANE_WORDS
from desk.panel.theme import Theme, canvas, scaled, zoom
from desk.panel.tiers.fields import BY_PATH, Field, as_sentence
from desk.panel.words import tr

FIELDS = tuple(
    BY_PATH[path]
    for path in (
        "price.input",
        "price.cached",
        "price.output",
        "users",
        "share",
        "promise.tokens_per_second_per_user",
        "promise.ttft_s",
        "context",
        "slots",
        "model",
    )
)
"""What is changed most, in two columns; all the rest is edited in the Tiers view."""
ROWS = 5
LABEL = 84
"""A longer label ends in dots where the card is narrow."""
PATIENCE = 6
"""An order is off when its fact has not come after so many looks (two a second) at a lane that is free to obey."""


class TierEdit(Card):
    """A card with the ten settings of one tier. `changed` carries the tier as ordered, never yet as in force."""

    changed = Signal(object)
    closed = Signal()
    more = Signal(str)
    """All settings of this tier are asked for."""

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(theme, parent)
        self.setAccessibleName(tr("Tier settings"))
        self._numbers = numbers
        self._units: dict[str, Label] = {}
        self._tier: Tier | None = None
        self._state = ""
        self._ordered: dict[str, Any] = {}
        self._patience = 0
        self._inputs: dict[str, QLineEdit | QComboBox] = {}
        self._read_only = False
        self._title = Label(theme, size=14, weight=600)
        self._hint = Label(theme, size=11)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._message = Label(theme)
        self._message.setWordWrap(True)
        close = QPushButton(tr("Close"))
        close.setProperty("quiet", True)
        close.setAccessibleName(tr("Close the tier settings"))
        close.clicked.connect(self.closed)
        more = QPushButton(tr("All settings"))
        more.setProperty("quiet", True)
        more.setAccessibleName(tr("All settings of this tier, in the Tiers view"))
        more.clicked.connect(lambda _=False: self.more.emit(self.tier))
        self._head = head = QHBoxLayout()
        self._swatch_room = QSpacerItem(0, 0)
        head.addSpacerItem(self._swatch_room)
        head.addWidget(self._title)
        head.addWidget(self._hint, 1)
        head.addWidget(more)
        head.addWidget(close)
        self._grid = grid = QGridLayout(self)
        grid.addLayout(head, 0, 0, 1, 7)
        for index, field in enumerate(FIELDS):
            self._place(grid, field, 1 + index % ROWS, 4 * (index // ROWS))
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(5, 1)
        grid.addWidget(self._message, 1 + ROWS, 0, 1, 7)
        grid.setRowStretch(2 + ROWS, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def _place(self, grid: QGridLayout, field: Field, row: int, column: int) -> None:
        grid.addWidget(Elided(self.theme, field.label, 13, least=LABEL), row, column)
        if field.path == "model":
            box = QComboBox()
            box.activated.connect(lambda _index: self._commit(field))
            self._inputs[field.path] = box
            grid.addWidget(box, row, column + 1, 1, 2)
        else:
            line = QLineEdit()
            line.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            line.editingFinished.connect(lambda: self._commit(field))
            line.installEventFilter(self)
            line.setPlaceholderText(field.blank)
            self._inputs[field.path] = line
            grid.addWidget(line, row, column + 1)
            self._units[field.path] = Label(self.theme, size=11)
            grid.addWidget(self._units[field.path], row, column + 2)
        self._inputs[field.path].setProperty("path", field.path)

    def _name_unit(self, field: Field) -> None:
        unit = self._numbers.unit(field.unit)
        if field.path in self._units:
            self._units[field.path].setText(unit)
        self._inputs[field.path].setAccessibleName(f"{field.label} {unit}".strip())

    def _dress(self) -> None:
        """Take the colours of the theme and the measures of the text size."""
        self._grid.setContentsMargins(scaled(16), scaled(8), scaled(16), scaled(8))
        self._grid.setHorizontalSpacing(scaled(8))
        self._grid.setVerticalSpacing(scaled(6))
        self._grid.setColumnMinimumWidth(3, scaled(16))
        self._head.setSpacing(scaled(8))
        self._swatch_room.changeSize(scaled(18), 0)
        tokens = self.theme.palette
        self.setStyleSheet(
            f"QLabel {{ color: {tokens.soft}; }}"
            f'QLabel[refused="true"] {{ color: {tokens.text}; font-weight: 600; }}'
            f'QLineEdit[refused="true"] {{ border-color: {tokens.warn}; background: {tokens.warnbg}; }}'
            "QComboBox { padding: 0 2px 0 8px; }"
            f'QLineEdit[waiting="true"], QComboBox[waiting="true"] {{ color: {tokens.mut}; font-style: italic; }}'
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._tier:
            middle = self._title.geometry().center().y() / zoom() + 1
            with canvas(self) as (painter, _):
                paint_swatch(painter, self.theme, self._tier.name, QPointF(21, middle))

    # ---- what is in force

    @property
    def tier(self) -> str:
        """The name of the tier being edited, empty before the first."""
        return self._tier.name if self._tier else ""

    def set_models(self, names: Sequence[str]) -> None:
        """The models that the user may choose from."""
        box = self._inputs["model"]
        assert isinstance(box, QComboBox)
        chosen = box.currentText()
        box.clear()
        box.addItems(list(names))
        if chosen:
            self._write(FIELDS[-1], chosen)

    def set_read_only(self, read_only: bool) -> None:
        """In a replay the knobs follow the recording and take no orders."""
        self._read_only = read_only
        for widget in self._inputs.values():
            if isinstance(widget, QLineEdit):
                widget.setReadOnly(read_only)
            else:
                widget.setEnabled(not read_only)

    def edit(self, tier: Tier, state: str = "") -> None:
        """Turn to a tier, dropping what was typed for another."""
        if self.tier != tier.name:
            self._ordered.clear()
            self._say("")
        self._tier = None
        self._mirror(tier, state)

    def begin(self) -> None:
        """Have the output price ready to be typed over: it is what is changed most."""
        line = self._inputs["price.output"]
        assert isinstance(line, QLineEdit)
        line.setFocus(Qt.FocusReason.OtherFocusReason)
        line.selectAll()

    def show_tier(self, tier: Tier, state: str = "") -> None:
        """The settings now in force: each field follows, but for the one being typed in and those still on the way.

        `state` is what the lane is busy with, empty for nothing.
        """
        if self._ordered and state not in ("draining", "loading"):
            self._patience -= 1
            if self._patience < 0:
                self._ordered.clear()
                self._mirror(tier, state)
                self._say(tr("▲ The factory did not take this; it keeps what it has."), kind="refused")
                return
        self._mirror(tier, state)

    def _mirror(self, tier: Tier, state: str) -> None:
        fresh = self._tier is None
        self._tier, self._state = tier, state
        self._title.setText(tier.name)
        self.update()
        hint = LANE_WORDS.get(state, state)
        self._hint.setText(hint or (tr("follows the recording") if self._read_only else ""))
        for field in FIELDS:
            self._name_unit(field)
            value = field.of(tier)
            if self._ordered.get(field.path, _NONE) == value:
                del self._ordered[field.path]
            widget = self._inputs[field.path]
            typing = isinstance(widget, QLineEdit) and widget.hasFocus() and widget.isModified()
            waiting = field.path in self._ordered
            _mark(widget, "waiting", waiting)
            if fresh or not (typing or waiting):
                self._write(field, value)
        if self._ordered:
            drains = any(field.drains for field in FIELDS if field.path in self._ordered)
            self._say(tr("Ordered; takes hold when the lane has drained.") if drains else tr("Ordered."))
        elif self._message.property("kind") == "ordered":
            self._say("")

    # ---- what is ordered

    def _commit(self, field: Field) -> None:
        if self._tier is None or self._read_only:
            return
        widget = self._inputs[field.path]
        text = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
        if isinstance(widget, QLineEdit) and not widget.isModified():
            return
        try:
            value = text if field.path == "model" else field.read(text)
            # Orders on the way are kept: two quick edits must not undo each other.
            wanted = self._tier
            for other in FIELDS:
                if other.path in self._ordered:
                    wanted = other.into(wanted, self._ordered[other.path])
            wanted = field.into(wanted, value)
        except ValueError as error:
            self._refuse(field, as_sentence(str(error)))
            return
        _mark(widget, "refused", False)
        if isinstance(widget, QLineEdit):
            widget.setModified(False)
        if value == field.of(self._tier):
            self._ordered.pop(field.path, None)
            self._write(field, value)
            self._say("")
            return
        self._ordered[field.path] = value
        self._patience = PATIENCE
        self.changed.emit(wanted)
        self._mirror(self._tier, self._state)

    def _refuse(self, field: Field, why: str) -> None:
        assert self._tier is not None
        _mark(self._inputs[field.path], "refused", True)
        kept = field.show(field.of(self._tier))
        self._say(tr("▲ {why} The factory keeps {kept}. Esc takes it back.", why=why, kept=kept), kind="refused")

    def _say(self, text: str, kind: str = "ordered") -> None:
        self._message.setText(text)
        _mark(self._message, "refused", bool(text) and kind == "refused")
        self._message.setProperty("kind", kind if text else "")

    def _write(self, field: Field, value: Any) -> None:
        widget = self._inputs[field.path]
        text = field.write(value) if field.path != "model" else value
        if isinstance(widget, QComboBox):
            if widget.findText(text) < 0:
                widget.addItem(text)
            widget.setCurrentText(text)
        elif widget.text() != text:
            widget.setText(text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self._escape(watched)
            return True
        return super().eventFilter(watched, event)

    def _escape(self, watched: QObject) -> None:
        """The first Esc takes back what was typed, the next closes the editor."""
        field = next((f for f in FIELDS if self._inputs[f.path] is watched), None)
        line = self._inputs[field.path] if field else None
        if self._tier and field and isinstance(line, QLineEdit) and line.text() != field.write(field.of(self._tier)):
            self._ordered.pop(field.path, None)
            line.setModified(False)
            _mark(line, "refused", False)
            self._write(field, field.of(self._tier))
            self._say("")
        else:
            self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


_NONE = object()


def _mark(widget: QWidget, name: str, on: bool) -> None:
    """Set a state that the style sheet draws; restyling is dear, so only when it changes."""
    if bool(widget.property(name)) != on:
        widget.setProperty(name, on)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
