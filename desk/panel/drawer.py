"""The drawer of a device: everything that is known of it, line by line, over the right side of the Floor."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desk.panel.bars import Badge
from desk.panel.cards import Card, paint_card
from desk.panel.furniture import Label
from desk.panel.icons import icon
from desk.panel.shown import Sheet
from desk.panel.theme import Theme, scaled
from desk.panel.words import tr

WIDE = 520


class DeviceDrawer(Card):
    """Shows the sheets of the devices one at a time. It belongs to the widget that it lies over, at its right edge."""

    closed = Signal()

    def __init__(self, theme: Theme, over: QWidget) -> None:
        super().__init__(theme, over)
        self._over = over
        self._sheets: tuple[Sheet, ...] = ()
        self._at = 0
        self._values: list[tuple[Label, Label, Label]] = []
        self._heads: tuple[object, ...] = ()
        self._title = Label(theme, "", 18, 600)
        self._name = Label(theme, "", 12, token="mut")
        self._state = Badge(theme, "", "outlined")
        self.next = QPushButton(tr("Next device"))
        self.next.setProperty("slim", True)
        self.next.clicked.connect(self._go_on)
        self.close_button = QPushButton()
        self.close_button.setProperty("slim", True)
        self.close_button.setIcon(icon(theme, "x"))
        self.close_button.setAccessibleName(tr("Close"))
        self.close_button.setToolTip(tr("Close  Esc"))
        self.close_button.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title)
        head.addWidget(self._state)
        head.addStretch(1)
        head.addWidget(self.next)
        head.addWidget(self.close_button)
        self._scroll = scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.viewport().setAutoFillBackground(False)
        self._page = page = QVBoxLayout(self)
        page.addLayout(head)
        page.addWidget(self._name)
        page.addWidget(scroll, 1)
        theme.changed.connect(self._measure)
        self._measure()
        self.hide()

    def _measure(self) -> None:
        self._page.setContentsMargins(scaled(24), scaled(16), scaled(16), scaled(16))
        self._page.setSpacing(scaled(8))
        self.close_button.setFixedSize(scaled(32), scaled(32))
        self.close_button.setIconSize(QSize(scaled(14), scaled(14)))
        self._heads = ()
        self._show()
        self.place()

    def place(self) -> None:
        """Take the right side of what it lies over."""
        wide = min(scaled(WIDE), self._over.width())
        self.setGeometry(self._over.width() - wide, 0, wide, self._over.height())

    def open(self, title: str) -> None:
        """Come up with the sheet of the device that is called so."""
        self._at = next((at for at, sheet in enumerate(self._sheets) if sheet.title == title), 0)
        self._show()
        self.place()
        self.show()
        self.raise_()
        self.close_button.setFocus(Qt.FocusReason.PopupFocusReason)

    def show_sheets(self, sheets: tuple[Sheet, ...]) -> None:
        if sheets == self._sheets:
            return
        self._sheets = sheets
        if self.isVisible():
            self._show()

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Heads, values and notes as they stand."""
        return [(head.text(), value.text(), note.text()) for head, value, note in self._values]

    def _go_on(self) -> None:
        self._at += 1
        self._show()

    def _show(self) -> None:
        if not self._sheets:
            return
        self._at %= len(self._sheets)
        sheet = self._sheets[self._at]
        self._title.setText(sheet.title)
        self._name.setText(sheet.name)
        self._state.show_word(sheet.state)
        self._state.setVisible(bool(sheet.state))
        self.next.setVisible(len(self._sheets) > 1)
        heads = tuple((group, tuple(row.head for row in rows)) for group, rows in sheet.groups)
        if heads != self._heads:
            self._heads = heads
            self._build(sheet)
        rows = [row for _, group in sheet.groups for row in group]
        for (_, value, note), row in zip(self._values, rows, strict=True):
            value.setText(row.value)
            note.setText(row.note)
        self.setAccessibleName(f"{sheet.title} {sheet.name}".strip())
        said = (f"{row.head}: {row.value} {row.note}".strip() for row in rows)
        self.setAccessibleDescription(". ".join([*([sheet.state] if sheet.state else []), *said]))

    def _build(self, sheet: Sheet) -> None:
        theme, body = self.theme, QWidget()
        body.setAutoFillBackground(False)
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, scaled(8), 0)
        grid.setHorizontalSpacing(scaled(16))
        grid.setVerticalSpacing(scaled(7))
        self._values = []
        line = 0
        for group, rows in sheet.groups:
            title = Label(theme, group, 13, 600)
            title.setContentsMargins(0, scaled(12 if line else 4), 0, 0)
            grid.addWidget(title, line, 0, 1, 3)
            line += 1
            for row in rows:
                texts = (
                    Label(theme, row.head, 13, token="soft"),
                    Label(theme, "", 13, 600),
                    Label(theme, "", 11, token="mut"),
                )
                for column, text in enumerate(texts):
                    text.setWordWrap(column > 0)
                    text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
                    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                    grid.addWidget(text, line, column)
                self._values.append(texts)
                line += 1
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 3)
        grid.setRowStretch(line, 1)
        self._scroll.setWidget(body)
        body.setAutoFillBackground(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.theme.colour("bg"))
        paint_card(painter, self.theme, self.rect().toRectF(), "raised", "band")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)
