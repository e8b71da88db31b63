"""What differs from the preset, a line each with the way back, and where the preset comes from."""

from typing import Any

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desk.panel.bars import paint_swatch
from desk.panel.cards import Card
from desk.panel.furniture import Elided, Label
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, Theme, scaled
from desk.panel.tiers.edits import Edits
from desk.panel.tiers.fields import Field, as_sentence
from desk.panel.words import tr
from desk.plant.presets import Preset

WIDE = 352
BAR = 8
"""Between the words and the edge of the card is the margin, and in it as much room for the scroll bar."""

Change = tuple[str, Field, Any, Any]


class Changes(Card):
    """`reverted` carries tier and path of a change to be taken back; `all_reverted` asks for all of them."""

    reverted = Signal(str, str)
    all_reverted = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__(theme)
        self._numbers = numbers
        self._shown: tuple[object, ...] = ()
        self.setAccessibleName(tr("Changes from the preset"))
        self._title = Label(theme, "", 14, 600)
        self._count = Elided(theme, "", 11, token="mut")
        self._all = QPushButton(tr("Revert all"))
        self._all.setProperty("quiet", True)
        self._all.clicked.connect(self.all_reverted)
        self._source = Label(theme, "", 11, token="mut")
        self._source.setWordWrap(True)
        self._source.setContentsMargins(0, 0, MARGIN - BAR, 0)
        self._source.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setStyleSheet("QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; }")
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, MARGIN - BAR, 0)
        head.addWidget(self._title)
        head.addWidget(self._count, 1)
        head.addWidget(self._all)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, 12, BAR, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._scroll, 1)
        column.addWidget(self._source)
        theme.changed.connect(self._resize)
        self._resize()

    def _resize(self) -> None:
        self.setFixedWidth(scaled(WIDE))

    def show_edits(self, edits: Edits) -> None:
        """Follow what differs now."""
        changes, preset = edits.changes(), edits.origin
        shown = (preset, edits.read_only, self._numbers.currency, *changes)
        if shown == self._shown:
            return
        self._shown = shown
        self._title.setText(tr("Changed"))
        told = tr("{n} from {preset}", n=len(changes), preset=preset.title) if preset else ""
        self._count.setText(told if changes else tr("nothing yet"))
        self._all.setVisible(bool(changes) and not edits.read_only)
        self._source.setText("\n\n".join(_about(preset)))
        rows = QWidget()
        column = QVBoxLayout(rows)
        column.setContentsMargins(0, 0, MARGIN - BAR, 0)
        column.setSpacing(6)
        for change in changes:
            row = _Row(self.theme, self._numbers, change, edits.read_only)
            row.back.clicked.connect(lambda _=False, at=change: self.reverted.emit(at[0], at[1].path))
            column.addWidget(row)
        column.addStretch(1)
        self._scroll.setWidget(rows)


class _Row(QWidget):
    """One change: the tier, the setting, and both values."""

    def __init__(self, theme: Theme, numbers: Numbers, change: Change, read_only: bool) -> None:
        super().__init__()
        tier, field, old, new = change
        self._theme, self._tier = theme, tier
        self.back = QPushButton(tr("Revert"))
        self.back.setProperty("quiet", True)
        name = tr("Revert {setting} of {tier} to {value}", setting=field.label, tier=tier, value=field.show(old))
        self.back.setAccessibleName(name)
        self.back.setVisible(not read_only)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(Label(theme, f"{tier}  {field.label}", 13, 500))
        told = f"{field.show(old)} ▸ <b>{field.show(new)}</b> {numbers.unit(field.unit)}"
        values = Label(theme, told, 13, token="mut")
        values.setTextFormat(Qt.TextFormat.RichText)
        words.addWidget(values)
        row = QHBoxLayout(self)
        row.setContentsMargins(scaled(18), 0, 0, 0)
        row.addLayout(words, 1)
        row.addWidget(self.back)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_swatch(painter, self._theme, self._tier, QPointF(scaled(5), scaled(10)))
        painter.end()


def _about(preset: Preset | None) -> list[str]:
    """Where the preset comes from, and what an edit is."""
    words = []
    if preset is not None:
        if preset.illustration:
            words.append(tr("● Illustration, second-hand: not this machine's prices."))
        source = preset.source.removeprefix("Illustration, second-hand: ")
        words += [as_sentence(text) for text in (preset.note, source) if text]
    return [*words, tr("Every edit is a fact in the recording: a replay moves these cells, too.")]
