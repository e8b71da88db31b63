"""The card beside the list: all about one model, how it fits, whom it takes to get it, and its buttons."""

from html import escape

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desk.facts.tiers import Tier
from desk.models.fit import Fit
from desk.panel.bars import paint_fill, paint_tick
from desk.panel.cards import Card, paint_focus
from desk.panel.furniture import Label
from desk.panel.models.lines import ink_of, paint_sign
from desk.panel.models.rows import (
    AT_WORK,
    WORDS,
    Deed,
    Row,
    lane_words,
    memory_words,
    progress_words,
    share_of,
    sizes_words,
    state_words,
)
from desk.panel.models.told import File, Told, fit_words
from desk.panel.numbers import DASH, Numbers
from desk.panel.theme import MARGIN, Theme, canvas, font, scaled
from desk.panel.words import tr

ACROSS = 3
"""Buttons side by side."""
GAP = 16


class Detail(Card):
    """Shows one `Row` with all that is told about it; `asked` carries what a button of it is for."""

    asked = Signal(str)

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__(theme)
        self._numbers = numbers
        self._deeds: tuple[Deed, ...] = ()
        self._files: tuple[File, ...] = ()
        self._title = Label(theme, "", 16, 600)
        self._figures = self._words("mut")
        self._state = _State(theme, numbers)
        self._cause = self._words("soft")
        self._row = QWidget()
        self._buttons = QGridLayout(self._row)
        self._buttons.setContentsMargins(0, 0, 0, 0)
        self._buttons.setSpacing(6)
        self._fit_head = Label(theme, "", 13, 600)
        self._range = _Range(theme, numbers)
        self._fit, self._consequence = self._words("soft"), self._words("soft")
        self._quality, self._source = self._words("soft"), self._words("soft")
        self._contacted, self._list, self._note = self._words("soft"), self._words("soft"), self._words("mut")
        self._arrange()
        theme.changed.connect(self._dress)

    def _words(self, token: str) -> Label:
        label = Label(self.theme, "", 12, token=token)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return label

    def _arrange(self) -> None:
        self._title.setWordWrap(True)
        about = (self._title, self._figures, self._state, self._cause, self._row)
        lane = (self._fit_head, self._range, self._fit, self._consequence)
        first = self._column(("", about), ("", lane))
        sources = (tr("Where it comes from"), (self._source, self._contacted))
        quality, files = (tr("Quality"), (self._quality,)), (tr("Files"), (self._list, self._note))
        second = self._column(quality, sources, files)
        inside = QWidget()
        self._columns = QBoxLayout(QBoxLayout.Direction.TopToBottom, inside)
        self._columns.setContentsMargins(0, 0, 8, 0)
        self._columns.setSpacing(GAP)
        self._columns.addLayout(first, 1)
        self._columns.addLayout(second, 1)
        self._columns.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setStyleSheet("QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; }")
        # With the focus, arrows and page keys scroll it.
        self._scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._scroll.setAccessibleName(tr("About this model"))
        self._scroll.installEventFilter(self)
        self._scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(MARGIN, 12, 8, 12)
        whole.addWidget(self._scroll)

    def _column(self, *sections: tuple[str, tuple[QWidget, ...]]) -> QVBoxLayout:
        """Sections one below the other, each with its head."""
        column = QVBoxLayout()
        column.setSpacing(6)
        for place, (head, parts) in enumerate(sections):
            if place:
                column.addSpacing(GAP - 6)
            if head:
                column.addWidget(Label(self.theme, head, 13, 600))
            for part in parts:
                column.addWidget(part)
        column.addStretch(1)
        return column

    def stand(self, *, beside: bool) -> None:
        """Stand beside the list in one column, or below it in two."""
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._columns.setDirection(down if beside else across)
        self._columns.setSpacing(GAP if beside else 2 * GAP)
        self._columns.setStretch(0, 0 if beside else 1)
        self._columns.setStretch(1, 0 if beside else 1)
        self._columns.setStretch(2, 1 if beside else 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._scroll.hasFocus():
            paint_focus(QPainter(self), self.theme, QRectF(self.rect()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.update()
        return super().eventFilter(watched, event)

    def _dress(self) -> None:
        self._show_files(self._files)

    # ---- mirroring

    def show_row(self, row: Row, told: Told, tier: Tier | None, *, fixed: bool) -> None:
        """Show all about a line, at the context and slots of the tier."""
        numbers, condition = self._numbers, row.condition
        self._title.setText(row.name)
        figures = (
            *sizes_words(row, numbers),
            numbers.bytes(condition.bytes) if condition.bytes else "",
            condition.licence,
        )
        _say(self._figures, ", ".join(filter(None, figures)))
        self._state.show_row(row)
        _say(self._cause, "" if condition.state == "does not fit" else f"{condition.cause} {condition.remedy}".strip())
        self._offer(() if fixed else row.deeds, row)
        self._show_fit(row, tier)
        _say(self._quality, told.quality or DASH)
        source, revision = f"{told.source}.", told.revision[:12]
        if revision:
            source = tr("{source}, revision {revision}.", source=told.source, revision=revision)
        _say(self._source, source)
        self._source.setToolTip(f"{told.revision}\n{told.place}".strip())
        _say(self._contacted, told.contacted)
        self._show_files(told.files)
        _say(self._note, told.files_note)

    def _show_fit(self, row: Row, tier: Tier | None) -> None:
        words, consequence = fit_words(row, tier)
        fit = row.condition.fit
        self._fit_head.setText(tr("A lane of {lane}", lane=lane_words(tier, self._numbers)) if tier else tr("A lane"))
        self._fit_head.setWordWrap(True)
        self._range.setVisible(fit is not None)
        if fit is not None:
            self._range.show_fit(fit, memory_words(row, self._numbers))
        _say(self._fit, words)
        _say(self._consequence, consequence)

    def _show_files(self, files: tuple[File, ...]) -> None:
        self._files = files
        quiet, bad = self.theme.palette.mut, self.theme.palette.bad
        lines = []
        for file in files:
            hashed = f"SHA-256 {file.sha256[:16]}…" if file.sha256 else tr("hash not known yet")
            wrong = f' <span style="color:{bad}">■ {tr("other content")}</span>' if file.wrong else ""
            size = self._numbers.bytes(file.bytes)
            lines.append(f'{escape(file.name)} &nbsp;{size}{wrong}<br><span style="color:{quiet}">{hashed}</span>')
        _say(self._list, "<br>".join(lines))
        self._list.setToolTip("\n".join(f"{file.name}  {file.sha256}" for file in files if file.sha256))

    def _offer(self, deeds: tuple[Deed, ...], row: Row) -> None:
        """Put these buttons on the card."""
        if deeds != self._deeds:
            self._deeds = deeds
            while (item := self._buttons.takeAt(0)) is not None:
                if (old := item.widget()) is not None:
                    old.setParent(None)
                    old.deleteLater()
            for place, deed in enumerate(deeds):
                button = QPushButton(WORDS[deed])
                button.setProperty("slim", True)
                button.setProperty("strong", place == 0)
                button.clicked.connect(lambda _=False, deed=deed: self.asked.emit(deed))
                self._buttons.addWidget(button, *divmod(place, ACROSS))
        self._row.setVisible(bool(deeds))
        for button, deed in zip(self.buttons, deeds, strict=True):
            button.setAccessibleName(f"{WORDS[deed]}: {row.name}")

    @property
    def buttons(self) -> list[QPushButton]:
        """The buttons as they stand."""
        return self._row.findChildren(QPushButton)

    @property
    def text(self) -> str:
        """All that is told, as it stands."""
        parts = (self._figures, self._cause, self._fit_head, self._fit, self._consequence, self._quality, self._source)
        return "\n".join(part.text() for part in (*parts, self._contacted, self._list, self._note) if part.text())


def _say(label: Label, text: str) -> None:
    """Words that come and go with what there is to say."""
    if label.text() != text:
        label.setText(text)
    label.setVisible(bool(text))


class _State(QWidget):
    """The state with its sign, and a bar with how far it is."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._row: Row | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)

    def _measure(self) -> None:
        grows = self._row is not None and share_of(self._row.condition) is not None
        self.setFixedHeight(scaled(52 if grows else 22))
        self.update()

    def show_row(self, row: Row) -> None:
        self._row = row
        progress = progress_words(row.condition, self._numbers)
        self.setAccessibleName(", ".join(filter(None, (state_words(row, self._numbers), progress))))
        self._measure()

    def paintEvent(self, _event: QPaintEvent) -> None:
        row, theme = self._row, self._theme
        if row is None:
            return
        with canvas(self) as (painter, size):
            paint_sign(painter, theme, QRectF(0, 4, 14, 14), row)
            painter.setFont(font(13, 600))
            painter.setPen(theme.colour("text" if row.here or row.condition.state in AT_WORK else "soft"))
            if ink_of(row) == "mut":
                painter.setPen(theme.colour("soft"))
            left = 0 if row.condition.state == "available" else 22
            painter.drawText(QPointF(left, 16), state_words(row, self._numbers))
            share = share_of(row.condition)
            if share is not None:
                paint_fill(painter, theme, QRectF(0, 25, size.width(), 6), share, token="soft")
                painter.setFont(font(12))
                painter.setPen(theme.colour("soft"))
                words = progress_words(row.condition, self._numbers)
                fitting = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, int(size.width()))
                painter.drawText(QPointF(0, 47), fitting)


class _Range(QWidget):
    """What a lane takes as a range on the memory that is free: certain up to the low end, possible up to the high one.

    The tick is what is free now.
    """

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._fit: Fit | None = None
        self._words = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedHeight(scaled(40))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(scaled(200), scaled(40))

    def show_fit(self, fit: Fit, words: str) -> None:
        self._fit, self._words = fit, words
        self.setAccessibleName(tr("Memory {range}, {free}", range=words, free=self._free()))
        self.update()

    def _free(self) -> str:
        assert self._fit is not None
        if self._fit.free is None:
            return tr("free: not known")
        return tr("{size} GiB free", size=self._numbers.fixed(self._fit.free / 2**30, 1))

    def paintEvent(self, _event: QPaintEvent) -> None:
        fit, theme = self._fit, self._theme
        if fit is None:
            return
        with canvas(self) as (painter, size):
            scale = 1.06 * max(fit.high, fit.free or 0)
            track = QRectF(0, 24, size.width(), 8)
            short = fit.verdict in ("tight", "does not fit")
            paint_fill(painter, theme, track, fit.high / scale, token="band")
            low = QRectF(track)
            low.setWidth(track.width() * fit.low / scale)
            painter.fillRect(low, theme.colour("warn" if short else "mut"))
            if fit.free is not None:
                paint_tick(painter, theme, track, fit.free / scale)
            painter.setFont(font(12, 600))
            painter.setPen(theme.colour("text"))
            painter.drawText(QPointF(0, 15), self._words)
            painter.setFont(font(12))
            painter.setPen(theme.colour("mut"))
            painter.drawText(QRectF(0, 2, size.width(), 16), Qt.AlignmentFlag.AlignRight, self._free())
