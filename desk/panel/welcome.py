"""What stands where the charts are going to be: their empty card, and the page of the first start."""

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout

from desk.panel.cards import Card, WordyCard, paint_card, paint_focus, wrapped
from desk.panel.furniture import Label
from desk.panel.icons import paint_icon
from desk.panel.shown import Obstacle
from desk.panel.theme import Theme, canvas, font, natural, scaled, zoom
from desk.panel.words import tr

START, START_ON_CPU = tr("Start"), tr("Start on CPU")
READY = tr("This machine is ready. Start the factory.")
NO_GPU = tr("No GPU to run on. The processor makes tokens, too.")


class Skeleton(Card):
    """An empty card where the charts are going to be."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)


class Welcome(WordyCard):
    """The first start: the factory is ready, and one button starts it. It stands in the flow, above the charts."""

    start = Signal()
    start_on_cpu = Signal()
    watch = Signal()
    """A recorded factory is wanted."""
    larger = Signal()
    """Another model than the one that comes with the program is wanted."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._place = Label(theme, "", 13, token="soft")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._obstacle: Obstacle | None = None
        self._headline = Label(theme, READY, 22, 600)
        self._why = Label(theme, "", 13)
        self._why.setTextFormat(Qt.TextFormat.PlainText)
        self._why.hide()
        self.button = _StartButton(theme)
        self.button.clicked.connect(lambda: (self.start_on_cpu if self._obstacle else self.start).emit())
        self._page = page = QVBoxLayout(self)
        for widget in (self._headline, self._why, self._place):
            widget.setWordWrap(True)
            page.addWidget(widget)
        page.addSpacing(8)
        page.addWidget(self.button)
        self.larger_button = QPushButton(tr("A larger model…"))
        self.larger_button.setToolTip(tr("See which models there are, and what fits; nothing is fetched by looking"))
        self.larger_button.clicked.connect(self.larger)
        self.watch_button = QPushButton(tr("Watch a recorded factory"))
        self.watch_button.setToolTip(tr("A real run that comes with the program, in a window of its own"))
        self.watch_button.clicked.connect(self.watch)
        others = QHBoxLayout()
        others.addWidget(self.larger_button)
        others.addWidget(self.watch_button)
        others.addStretch(1)
        page.addLayout(others)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        across, down = scaled(32), scaled(24)
        self._page.setContentsMargins(across, down, across, down)
        self._page.setSpacing(scaled(10))

    def paintEvent(self, event: QPaintEvent) -> None:
        paint_card(QPainter(self), self.theme, QRectF(self.rect()), "raised", "band")

    def show_place(self, model: str, idles_at: str, obstacle: Obstacle | None = None) -> None:
        """What comes with the program, and what keeps a GPU from making the tokens, where there is such an obstacle."""
        where = "" if obstacle else tr("Tokens are made by a model on this machine.")
        what = tr("{model} comes with the program; nothing is fetched.", model=model) if model else ""
        words = " ".join(part for part in (where, what, idles_at) if part)
        if (words, obstacle) == (self._place.text(), self._obstacle):
            return
        self._obstacle = obstacle
        self._headline.setText(NO_GPU if obstacle else READY)
        self._why.setText(f"{obstacle.cause} {obstacle.remedy}" if obstacle else "")
        self._why.setVisible(obstacle is not None)
        self._place.setText(words)
        self._place.setVisible(bool(words))
        self.button.say(START_ON_CPU if obstacle else START)
        self.updateGeometry()


class _StartButton(QAbstractButton):
    """The one bright thing on the first page: what it does, what comes of it, and its key."""

    WORDS = tr("Five tiers, each with its own lane, price and promise. The first start builds the model, once.")

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._word = START
        self.setAccessibleName(tr("Start the factory"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self._measure)
        self._measure()

    def say(self, word: str) -> None:
        """What stands on it."""
        self._word = word
        self.setAccessibleName(tr("{word}: start the factory", word=word))
        self.update()

    def resizeEvent(self, _event: object) -> None:
        self._measure()

    def _lines(self) -> list[str]:
        """What comes of it, in the lines that the width asks for."""
        room = self.width() / zoom() - 56 - 18
        with natural():
            return wrapped(self.WORDS, QFontMetricsF(font(12)), room)

    def _measure(self) -> None:
        self.setFixedHeight(scaled(40 + 16 * len(self._lines())))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        lines = self._lines()
        with canvas(self) as (painter, size):
            whole = QRectF(QPointF(0, 0), size)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("soft" if self.isDown() else "text"))
            painter.drawRoundedRect(whole, 6, 6)
            ink = theme.colour("panel")
            paint_icon(painter, QRectF(18, size.height() / 2 - 10, 20, 20), "play", ink.name())
            painter.setPen(ink)
            painter.setFont(font(14, 600))
            painter.drawText(QPointF(56, 24), self._word)
            painter.setFont(font(12))
            for row, line in enumerate(lines):
                painter.drawText(QPointF(56, 43 + 16 * row), line)
            key = QRectF(0, 8, size.width() - 18, 22)
            keys = "Ctrl+Enter" if self._word == START else "Enter"
            painter.drawText(key, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, keys)
            if self.hasFocus():
                paint_focus(painter, theme, whole.adjusted(3, 3, -3, -3), 4, "mut")
