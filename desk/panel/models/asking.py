"""The strip above the list: it asks before something is lost, takes the name of an import, and tells what happened."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desk.models.store import RUNS_ON
from desk.panel.bars import paint_warning
from desk.panel.cards import paint_card
from desk.panel.furniture import Label
from desk.panel.theme import Theme, canvas, scaled
from desk.panel.words import tr

GGUF_DEFAULT = "q8"


class Asking(QWidget):
    """Hidden while there is nothing to say. Esc, or its last button, puts it away; then `closed` is emitted."""

    closed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._warns = False
        self._do: Callable[[], object] = lambda: None
        self._words = Label(theme, "", 13, 600)
        self._more = Label(theme, "", 12, token="soft")
        for label in (self._words, self._more):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.name = QLineEdit()
        self.name.setAccessibleName(tr("Name of the import"))
        self.name.returnPressed.connect(self._act)
        self.precision = QComboBox()
        self.precision.setAccessibleName(tr("Precision to build in"))
        self.precision.addItems(list(RUNS_ON))
        self.yes, self.no = QPushButton(), QPushButton()
        self.yes.clicked.connect(self._act)
        self.no.clicked.connect(self.put_away)
        self._arrange()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self._measure()
        self.hide()

    def _arrange(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._words)
        words.addWidget(self._more)
        self._row = QHBoxLayout(self)
        self._row.setSpacing(8)
        self._row.addLayout(words, 1)
        for part in (self.name, self.precision, self.yes, self.no):
            self._row.addWidget(part)

    def _measure(self) -> None:
        self._row.setContentsMargins(scaled(34 if self._warns else 14), scaled(6), scaled(8), scaled(6))
        self.name.setFixedWidth(scaled(200))
        self.update()

    @property
    def text(self) -> str:
        """What it says now."""
        return " ".join(filter(None, (self._words.text(), self._more.text())))

    @property
    def waits(self) -> bool:
        """Whether an answer is waited for, which nothing else must push away."""
        return not self.isHidden() and bool(self.yes.text())

    def say(self, cause: str, remedy: str = "", *, warns: bool = True) -> None:
        """Tell what went wrong and what to do, or (`warns` false) what went well."""
        self._show(cause, remedy, "", tr("Close"), warns=warns)

    def ask(self, question: str, consequence: str, yes: str, do: Callable[[], object]) -> None:
        """Do something only when it is said again; whoever presses Enter at once keeps what there is."""
        self._do = do
        self._show(question, consequence, yes, tr("Keep"), warns=True)
        self.no.setFocus(Qt.FocusReason.PopupFocusReason)

    def ask_import(self, path: Path, name: str, note: str, do: Callable[[str, str], object]) -> None:
        """Have a name given to what is at `path`, and for a GGUF file a precision; `do` gets both."""
        gguf = path.suffix.lower() == ".gguf"
        self._do = lambda: do(self.name.text(), self.precision.currentText() if gguf else "")
        self.name.setText(name)
        self.precision.setCurrentText(GGUF_DEFAULT)
        words = tr("Import {file} as", file=path.name)
        self._show(words, note, tr("Import"), tr("Cancel"), warns=bool(note), named=True, gguf=gguf)
        self.name.setFocus(Qt.FocusReason.PopupFocusReason)
        self.name.selectAll()

    def put_away(self) -> None:
        """Nothing more to say."""
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    def _show(
        self, words: str, more: str, yes: str, no: str, *, warns: bool, named: bool = False, gguf: bool = False
    ) -> None:
        self._warns = warns
        self._words.setText(words)
        self._more.setText(more)
        self._more.setVisible(bool(more))
        self.name.setVisible(named)
        self.precision.setVisible(gguf)
        self.yes.setVisible(bool(yes))
        self.yes.setText(yes)
        self.no.setText(no)
        self.setAccessibleName(self.text)
        self._measure()
        self.show()

    def _act(self) -> None:
        do = self._do
        self.put_away()
        do()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.put_away()
        else:
            super().keyPressEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(scaled(320), self._row.minimumHeightForWidth(self.width()) if self._row.hasHeightForWidth() else 0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        token = "warnbg" if self._warns else "raised"
        painter = QPainter(self)
        paint_card(painter, self._theme, QRectF(self.rect()), token, "band")
        painter.end()
        if self._warns:
            with canvas(self) as (painter, _):
                paint_warning(painter, self._theme, QPointF(18, 21))
