"""The form in which a user declares what the machine draws."""

from PySide6.QtCore import QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QDoubleValidator, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLineEdit, QPushButton, QWidget

from desk.panel.cards import paint_card
from desk.panel.furniture import Label
from desk.panel.theme import Theme, scaled
from desk.panel.words import tr


class WattsForm(QFrame):
    """Two fields that say what the machine draws, for a machine that cannot measure it."""

    declared = Signal(float, float)

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._over = parent
        self._fields: list[QLineEdit] = []
        self._message = Label(theme, tr("Read them from a wall meter."), 11, token="soft")
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 12, 16, 12)
        theme.changed.connect(self._measure)
        fields = (
            (tr("Idle, W"), tr("Idle watts of this machine")),
            (tr("Busy, W"), tr("Busy watts of this machine")),
        )
        for column, (word, spoken) in enumerate(fields):
            field = QLineEdit()
            field.setValidator(QDoubleValidator(0.0, 100_000.0, 1))
            field.setAccessibleName(spoken)
            field.returnPressed.connect(self._declare)
            grid.addWidget(Label(theme, word, token="soft"), 0, column)
            grid.addWidget(field, 1, column)
            self._fields.append(field)
        button = QPushButton(tr("Use"))
        button.clicked.connect(self._declare)
        grid.addWidget(button, 1, 2)
        grid.addWidget(self._message, 2, 0, 1, 3)
        self._measure()
        self.hide()

    def _measure(self) -> None:
        self.setFixedWidth(scaled(264))

    def open_below(self, card: QWidget) -> None:
        self.adjustSize()
        below = card.mapTo(self._over, QPoint(0, card.height() + 4))
        self.move(min(below.x(), self._over.width() - self.width()), below.y())
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
            self._message.setText(tr("▲ Both are numbers of watts."))
            return
        if not 0 <= idle <= busy or busy <= 0:
            self._message.setText(tr("▲ Busy cannot be below idle."))
            return
        self.declared.emit(idle, busy)
        self.hide()
