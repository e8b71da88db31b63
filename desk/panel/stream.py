"""The stream card: the text of one request as it is made, with its time to first token and its speed."""

from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desk.panel.bars import SWATCH, Badge, paint_swatch
from desk.panel.cards import WordyCard
from desk.panel.furniture import Label
from desk.panel.icons import icon
from desk.panel.numbers import Numbers
from desk.panel.shown import Cell, Stream, TierLine
from desk.panel.theme import Theme, canvas, scaled
from desk.panel.words import tr

READ_MS = 2500
"""So long an answer stays after its end, before the card goes on to the newest one of the same tier."""
ENDS = {
    "eos": tr("ended by itself"),
    "length": tr("ended at its limit"),
    "stop": tr("ended at a stop text"),
    "cancelled": tr("cancelled"),
    "error": tr("ended by an error"),
}
RECORDED = tr("A recording holds the text only of requests that were read while it was made.")


class StreamCard(WordyCard):
    """Shows a `Stream`. `watch` asks for the text of a request of a tier, `closed` for none any more."""

    watch = Signal(str, int)
    closed = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__(theme)
        self._numbers = numbers
        self._lines: tuple[TierLine, ...] = ()
        self._stream: Stream | None = None
        self._asked: tuple[str, int] | None = None
        self._read_only = False
        self._swatch = _Swatch(theme)
        self._title = Label(theme, "", 14, 600)
        self._request = Label(theme, "", 11, token="mut")
        self._kind = Badge(theme, "", "outlined")
        self._figures = Label(theme, "", 12, 500, token="soft")
        self._figures.setWordWrap(True)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(tr("Text of the request"))
        self.next = QPushButton(tr("Next slot"))
        self.next.setProperty("slim", True)
        self.next.setToolTip(tr("Read the request in the next slot"))
        self.next.clicked.connect(self._go_on)
        self.close_button = QPushButton()
        self.close_button.setProperty("slim", True)
        self.close_button.setIcon(icon(theme, "x"))
        self.close_button.setAccessibleName(tr("Stop reading"))
        self.close_button.setToolTip(tr("Stop reading  Esc"))
        self.close_button.clicked.connect(self.closed)
        head = QHBoxLayout()
        head.setSpacing(8)
        for widget in (self._swatch, self._title, self._request, self._kind):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.next)
        head.addWidget(self.close_button)
        self._page = page = QVBoxLayout(self)
        page.addLayout(head)
        page.addWidget(self._figures)
        page.addWidget(self.text, 1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._linger = QTimer(self, singleShot=True, interval=READ_MS)
        self._linger.timeout.connect(self._follow)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        tokens = self.theme.palette
        self._page.setContentsMargins(scaled(16), scaled(8), scaled(8), scaled(8))
        self._page.setSpacing(scaled(6))
        self.close_button.setFixedSize(scaled(32), scaled(32))
        self.close_button.setIconSize(QSize(scaled(14), scaled(14)))
        self.text.setStyleSheet(
            f"QPlainTextEdit {{ background: {tokens.panel}; color: {tokens.text}; border: none;"
            f" font-size: {scaled(14)}px; selection-background-color: {tokens.track};"
            f" selection-color: {tokens.text}; }}"
            f"QPlainTextEdit:focus {{ border: 2px solid {tokens.soft}; border-radius: 4px; }}"
        )

    def set_read_only(self, recording: bool) -> None:
        """In a recording there is nobody to ask: the card tells what was read then."""
        self._read_only = recording
        self.next.setEnabled(not recording)

    @property
    def asked(self) -> tuple[str, int] | None:
        """Tier and request whose text is wanted."""
        return self._asked

    def ask(self, tier: str, request: int) -> None:
        """Want the text of this request."""
        self._linger.stop()
        if (tier, request) == self._asked:
            return
        self._asked = tier, request
        self._show()
        if not self._read_only:
            self.watch.emit(tier, request)

    def ask_tier(self, tier: str) -> bool:
        """Want the text of the newest answer of a tier, from its beginning; False where it has none."""
        cells = [cell for name, cell in self._places() if name == tier]
        writing = [cell for cell in cells if not cell.prefill] or cells
        if writing:
            self.ask(tier, min(writing, key=lambda cell: cell.filled).request)
        return bool(writing)

    def forget(self) -> None:
        """Want no text."""
        self._linger.stop()
        self._asked = None

    def show_stream(self, stream: Stream | None, lines: tuple[TierLine, ...] | None = None) -> None:
        """Show what was said by now; `lines` tell who else could be read."""
        if lines is not None:
            self._lines = lines
        if stream != self._stream:
            self._stream = stream
            self._show()
        if self._asked is None or self._read_only:
            return
        told = self._told
        gone = all((name, cell.request) != self._asked for name, cell in self._places())
        # Over, or over before a word of it came: then there is nothing to linger over.
        if gone and (told is None or told.ended) and not self._linger.isActive() and self._places():
            self._linger.start(READ_MS if told else 0)

    @property
    def _told(self) -> Stream | None:
        """What was said of the request that is wanted."""
        stream = self._stream
        if stream is None or (not self._read_only and (stream.tier, stream.request) != self._asked):
            return None
        return stream

    def _places(self) -> list[tuple[str, Cell]]:
        """All slots in use, dearest tier first as on the slot floor."""
        return [(line.tier.name, cell) for line in reversed(self._lines) for cell in line.cells]

    def _follow(self) -> None:
        if self._asked is not None and self.isVisible():
            self.ask_tier(self._asked[0])

    def _go_on(self) -> None:
        places = [(name, cell.request) for name, cell in self._places()]
        if places:
            at = places.index(self._asked) if self._asked in places else -1
            self.ask(*places[(at + 1) % len(places)])

    def _show(self) -> None:
        told, numbers = self._told, self._numbers
        tier, request = (told.tier, told.request) if told else self._asked or ("", 0)
        self._swatch.show_tier(tier)
        self._title.setText(tier or tr("No request"))
        self._request.setText(tr("request {n}", n=numbers.count(request)) if tier else "")
        kind = told.kind if told else next((line.tier.mix for line in self._lines if line.tier.name == tier), "")
        self._kind.show_word(tr("{kind} prompt", kind=kind), "outlined")
        self._kind.setVisible(bool(kind))
        self._figures.setText(self._sentence(told))
        name = tr("Text of {tier} request {n}", tier=tier, n=request) if tier else tr("Text of a request")
        self.setAccessibleName(name)
        self.setAccessibleDescription(self._figures.text())
        self._write(told.text if told else "")

    def _sentence(self, told: Stream | None) -> str:
        numbers = self._numbers
        if told is None:
            return RECORDED if self._read_only else tr("Waiting for its first words.")
        parts = [f"TTFT {numbers.with_unit(told.ttft, 's')}", numbers.with_unit(told.rate, "tok/s")]
        if told.rate is None:
            parts.pop()
        parts.append(tr("{n} of {limit} tokens", n=numbers.count(told.tokens), limit=numbers.count(told.limit)))
        parts.append(ENDS.get(told.ended, tr("writing")))
        return "   ".join(parts)

    def _write(self, text: str) -> None:
        """Bring the text up to date, adding where it only grew, and stay at its end unless the reader scrolled back."""
        shown = self.text.toPlainText()
        if text == shown:
            return
        bar = self.text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        if shown and text.startswith(shown):
            cursor = QTextCursor(self.text.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(text[len(shown) :])
        else:
            self.text.setPlainText(text)
        if at_end:
            bar.setValue(bar.maximum())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)


class _Swatch(QWidget):
    """The square of a tier."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._tier = ""
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedSize(scaled(SWATCH + 2), scaled(SWATCH + 2))
        self.update()

    def show_tier(self, tier: str) -> None:
        self._tier = tier
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        if self._tier:
            with canvas(self) as (painter, size):
                paint_swatch(painter, self._theme, self._tier, QPointF(size.width() / 2, size.height() / 2))
