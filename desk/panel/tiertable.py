"""The tier table: Ultra on top, each value beside what was promised; late is amber, a sign and a tinted row."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desk.facts.figures import FIGURES, LATE_S, READINGS
from desk.panel.bars import TRACK, paint_fill, paint_rule, paint_swatch, paint_warning
from desk.panel.cards import paint_card, paint_focus
from desk.panel.icons import paint_icon
from desk.panel.numbers import DASH, Numbers
from desk.panel.shown import TierLine
from desk.panel.theme import Theme, canvas, font, scaled, zoom
from desk.panel.words import plural, tr

HEAD = 64
ROW = 40
PAD = 16
APART = 4
"""The least distance between the heads of two columns."""
EYE = 34
"""The left part of a row, where its eye can be hit."""
USUAL = 480
"""A card that is less wide has no bars of what came on time."""
NARROWEST = 416
ON_TIME = 0.95
"""Where the tick on the on-time bar stands."""


class TierTable(QWidget):
    """Emits `opened` with the name of a tier when its row is clicked, or chosen with the arrows and Enter.

    `read` asks for the text of a tier: a click on the eye that a row shows in place of its swatch, or R.
    """

    opened = Signal(str)
    read = Signal(str)

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._numbers = numbers
        self._lines: tuple[TierLine, ...] = ()
        self._note = ""
        self._users = 0
        self._currency = numbers.currency
        self._chosen = ""
        self._hover = -1
        self._over_eye = False
        self._edited = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(self.sizeHint().height())
        self.setAccessibleName(tr("Tiers"))
        theme.changed.connect(self._measure)

    def _measure(self) -> None:
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(scaled(NARROWEST), scaled(HEAD + ROW * (max(len(self._lines), 5) + 1)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def show_tiers(self, lines: tuple[TierLine, ...], note: str, users: int) -> None:
        """Show the tiers, cheapest first as everywhere in the program, and how many users they have at this load; the
        table turns them over.
        """
        lines = tuple(reversed(lines))
        told = lines, note, users, self._numbers.currency
        if told == (self._lines, self._note, self._users, self._currency):
            return
        resized = len(lines) != len(self._lines)
        self._lines, self._note, self._users, self._currency = told
        self.setAccessibleDescription(" ".join(self._sentence(line) for line in lines))
        if resized:
            self.setFixedHeight(self.sizeHint().height())
        self.update()

    def mark_edited(self, tier: str) -> None:
        """Keep the row of the tier whose settings are open visible as such; empty for none."""
        self._edited = tier
        self.update()

    def _sentence(self, line: TierLine) -> str:
        numbers = self._numbers
        state = tr("late") if line.misses else line.state_word or tr("in time")
        return (
            f"{line.tier.name}: {numbers.spoken(line.tokens_per_second, 'tok/s')}, "
            f"{numbers.spoken(line.speed, 'tok/s/user')}, {numbers.spoken(line.dollars_per_hour, '$/h')}, {state}."
        )

    # ---- choosing

    def _row_at(self, y: float) -> int:
        y /= zoom()
        row = int((y - HEAD) // ROW)
        return row if y >= HEAD and 0 <= row < len(self._lines) else -1

    def _eye_at(self, row: int, x: float) -> bool:
        """Whether `x` is on the eye of a row: it has one while its lane has something to read."""
        return 0 <= row < len(self._lines) and bool(self._lines[row].cells) and x / zoom() < EYE

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().y())
        over_eye = self._eye_at(row, event.position().x())
        if (row, over_eye) != (self._hover, self._over_eye):
            self._hover, self._over_eye = row, over_eye
            self.setCursor(Qt.CursorShape.PointingHandCursor if row >= 0 else Qt.CursorShape.ArrowCursor)
            self.setToolTip(self._about(row) if row >= 0 else "")
            self.update()
        if row < 0:
            column = self._column_at(event.position().x()) or ""
            figure = FIGURES.get(column) or READINGS.get(column)
            self.setToolTip(tr(figure.definition) if figure else "")

    def _about(self, row: int) -> str:
        """What a click does, and what the row has no column for."""
        line, numbers = self._lines[row], self._numbers
        name = line.tier.name
        words = [tr("Read what {name} writes  R", name=name) if self._over_eye else tr("Edit {name}  Enter", name=name)]
        words.append(tr("Where its figures come from  I"))
        if line.cancelled:
            words.append(tr("{n} cancelled", n=numbers.count(line.cancelled)))
        if line.lag >= LATE_S:
            lag = numbers.with_unit(line.lag, "s")
            words.append(tr("requests came up to {lag} late from the users", lag=lag))
        return "\n".join(words)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = -1
        self.update()
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.position().y())
        if row < 0 or event.button() != Qt.MouseButton.LeftButton:
            return
        if self._eye_at(row, event.position().x()):
            self._chosen = self._lines[row].tier.name
            self.read.emit(self._chosen)
        else:
            self._open(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        names = [line.tier.name for line in self._lines]
        row = names.index(self._chosen) if self._chosen in names else -1
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and names:
            step = 1 if event.key() == Qt.Key.Key_Down else -1
            self._chosen = names[max(0, min(len(names) - 1, row + step))]
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row >= 0 and not event.modifiers():
            self._open(row)
        elif event.key() == Qt.Key.Key_R and row >= 0 and not event.modifiers():
            self.read.emit(self._chosen)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_key and not self._chosen and self._lines:
            self._chosen = self._lines[0].tier.name
        self.update()
        super().focusInEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()
        super().focusOutEvent(event)

    def figure_at(self, at: QPointF | None) -> tuple[str, str | None] | None:
        """The figure of a cell and its tier, of all tiers in the last line; of the chosen tier, its rate."""
        if at is None:
            return ("tokens_per_second", self._chosen) if self._chosen else None
        row = self._row_at(at.y())
        column = self._column_at(at.x())
        foot = int((at.y() / zoom() - HEAD) // ROW) == max(len(self._lines), 5)
        if column is None or not (row >= 0 or foot):
            return None
        return column, None if foot else self._lines[row].tier.name

    def _column_at(self, x: float) -> str | None:
        """The figure of the column at `x`; values are set flush right."""
        page = _Page(QPainter(), self._theme, self._numbers, self.width() / zoom())
        edges = [(edge, key) for edge, key in page.columns if x / zoom() <= edge]
        return edges[0][1] if edges and x / zoom() >= page.bar[0] else None

    def _open(self, row: int) -> None:
        self._chosen = self._lines[row].tier.name
        self.opened.emit(self._chosen)
        self.update()

    # ---- painting

    def paintEvent(self, _event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            paint_card(painter, self._theme, QRectF(QPointF(0, 0), size))
            page = _Page(painter, self._theme, self._numbers, size.width())
            page.head(self._note)
            for row, line in enumerate(self._lines):
                name = line.tier.name
                chosen = self.hasFocus() and name == self._chosen
                lit = row == self._hover or name == self._edited
                eye = bool(line.cells) and (row == self._hover or chosen)
                page.row(HEAD + row * ROW, line, lit=lit, ringed=chosen, eye=eye)
            page.foot(HEAD + max(len(self._lines), 5) * ROW, self._lines, self._users)


class _Page:
    """One painting of the table: columns are right edges measured from the right of the card."""

    def __init__(self, painter: QPainter, theme: Theme, numbers: Numbers, width: float) -> None:
        self._painter = painter
        self._theme = theme
        self._numbers = numbers
        self._width = width
        right = width - PAD
        self.money = right
        self.queue = right - 46
        self.ttft = self.queue - 42
        self.speed = self.ttft - 84
        self.rate = self.speed - 84
        # A wide card has room for a figure that a narrow one leaves to the charts.
        self.joule = self.rate - 48 if width >= 540 else None
        self.bar = (PAD + 94, (self.joule or self.rate) - 42)
        # The least there is leaves the part on time to its card.
        self.timely = width >= USUAL

    @property
    def columns(self) -> tuple[tuple[float, str], ...]:
        """The right edge of each column and its figure, from left to right."""
        joule = ((self.joule, "tokens_per_joule"),) if self.joule else ()
        return (
            *(((self.bar[1], "on_time_share"),) if self.timely else ()),
            *joule,
            (self.rate, "tokens_per_second"),
            (self.speed, "tokens_per_second_per_user"),
            (self.ttft, "ttft_p95"),
            (self.queue, "queue_now"),
            (self.money, "revenue_per_hour"),
        )

    def head(self, note: str) -> None:
        self._say(PAD, 26, tr("Tiers"), font(14, 600), "text", left=True)
        self._say(self._width - PAD, 26, note, font(11), "mut")
        face = font(11)
        self._say(PAD, 52, tr("Tier"), face, "mut", left=True, room=self.bar[0] - PAD - APART)
        if self.timely:
            self._say(self.bar[0], 52, tr("On time"), face, "mut", left=True, room=self.bar[1] - self.bar[0])
        if self.joule:
            self._say(self.joule, 52, "tok/J", face, "mut")
        for start, edge, word in (
            (self.joule or self.bar[1], self.rate, "tok/s"),
            (self.rate, self.speed, "tok/s/user"),
            (self.speed, self.ttft, tr("TTFT p95, s")),
            (self.ttft, self.queue, tr("Queue")),
            (self.queue, self.money, self._numbers.unit("$/h")),
        ):
            self._say(edge, 52, word, face, "mut", room=edge - start - APART)
        self._rule(HEAD)

    def row(self, top: float, line: TierLine, *, lit: bool, ringed: bool, eye: bool) -> None:
        painter, theme, numbers = self._painter, self._theme, self._numbers
        box = QRectF(1, top, self._width - 2, ROW)
        if line.misses:
            painter.fillRect(box, theme.colour("warnbg"))
            painter.fillRect(QRectF(1, top, 3, ROW), theme.colour("warn"))
        elif lit:
            painter.fillRect(box, theme.colour("raised"))
        base = top + 25
        if eye:
            paint_icon(painter, QRectF(PAD - 3, top + 12, 16, 16), "eye", theme.tier(line.tier.name).name())
        else:
            paint_swatch(painter, theme, line.tier.name, QPointF(PAD + 5, top + 20))
        self._say(PAD + 18, base, line.tier.name, font(13, 500), "text", left=True)
        if line.misses:
            paint_warning(painter, theme, QPointF(PAD + 84, top + 20))
        if line.state:
            self._say(self.bar[0] - 4, base, line.state_word, font(11), "mut", left=True)
        elif self.timely:
            self._on_time(top, line.on_time, warn=line.misses and (line.on_time or 0.0) < ON_TIME)
        promise = line.tier.promise
        if self.joule:
            self._say(self.joule, base, numbers.figure(line.tokens_per_joule, "tok/J"), font(13, 600), "text")
        self._say(self.rate, base, numbers.figure(line.tokens_per_second, "tok/s"), font(13, 600), "text")
        self._pair(
            self.speed, base, numbers.figure(line.speed), "≥", promise.tokens_per_second_per_user, line.slow, whole=True
        )
        ttft = numbers.fixed(line.ttft_p95, 1 if (line.ttft_p95 or 0.0) >= 9.995 else 2)
        self._pair(self.ttft, base, ttft, "≤", promise.ttft_s, line.late)
        queue = DASH if line.queue is None else numbers.count(line.queue)
        self._say(self.queue, base, queue, font(13, 500), "text" if line.queue else "mut")
        self._say(self.money, base, numbers.fixed(line.dollars_per_hour, 2), font(13, 600), "text")
        self._rule(top + ROW)
        if ringed:
            paint_focus(painter, theme, box.adjusted(2, 2, -2, -2), 4)

    def foot(self, top: float, lines: tuple[TierLine, ...], users: int) -> None:
        numbers = self._numbers
        base = top + 25
        self._say(PAD, base, tr("All"), font(13, 600), "text", left=True)
        rates = [line.tokens_per_second for line in lines if line.tokens_per_second is not None]
        self._say(self.rate, base, numbers.figure(sum(rates) if rates else None, "tok/s"), font(13, 600), "text")
        said = plural("{n} user", "{n} users", users, n=numbers.count(users)) if users else ""
        self._say(self.speed, base, said, font(11), "mut")
        queues = [line.queue for line in lines if line.queue is not None]
        self._say(self.queue, base, numbers.count(sum(queues) if queues else None), font(13, 500), "text")
        money = [line.dollars_per_hour for line in lines if line.dollars_per_hour is not None]
        self._say(self.money, base, numbers.fixed(sum(money) if money else None, 2), font(13, 600), "text")

    # ---- parts

    def _on_time(self, top: float, share: float | None, *, warn: bool) -> None:
        left, right = self.bar[0], self.bar[1] - 34
        track = QRectF(left, top + 16, max(right - left, 8), TRACK)
        paint_fill(self._painter, self._theme, track, share, tick=ON_TIME, token="warn" if warn else "mut")
        text = DASH if share is None else self._numbers.fixed(100 * share)
        self._say(self.bar[1], top + 25, text, font(13, 600), "warn" if warn and share is not None else "text")

    def _pair(
        self, edge: float, base: float, value: str, sign: str, promised: float | None, bad: bool, *, whole: bool = False
    ) -> None:
        """A value and, smaller beside it, its promise, which keeps its own column so that values align."""
        numbers, text = self._numbers, ""
        if promised is not None:
            text = f"{sign} {numbers.short(promised) if whole or promised >= 10 else numbers.fixed(promised, 2)}"
        self._say(edge, base, text, font(11), "soft")
        self._say(edge - 38, base, value, font(13, 600), "warn" if bad else "text")

    def _rule(self, y: float) -> None:
        paint_rule(self._painter, self._theme, 1, y, self._width - 2)

    def _say(
        self,
        x: float,
        base: float,
        text: str,
        face: QFont,
        token: str,
        *,
        left: bool = False,
        room: float | None = None,
    ) -> None:
        self._painter.setFont(face)
        self._painter.setPen(self._theme.colour(token))
        if room is not None:
            text = self._painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room))
        if not left:
            x -= self._painter.fontMetrics().horizontalAdvance(text)
        self._painter.drawText(QPointF(x, base), text)
