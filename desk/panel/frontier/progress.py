"""A sweep under way: how far it is, what it measures, the time that is left, and the button that ends it."""

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, Theme, scaled
from desk.panel.words import plural, tr
from desk.plant.sweep import Progress

STAGES = {
    "starting": tr("the engine starts"),
    "loading": tr("loading"),
    "filling": tr("waiting for full slots"),
    "settling": tr("settling"),
    "measuring": tr("measuring"),
    "resting": tr("resting"),
    "over": tr("ended"),
}


class SweepBar(QWidget):
    """`stopped` asks for the end of the sweep."""

    stopped = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._share = 0.0
        self._words = Label(theme, "", 12)
        self._words.setWordWrap(True)
        stop = QPushButton(tr("Stop the sweep"))
        stop.setProperty("quiet", True)
        stop.setToolTip(tr("What was measured is kept"))
        stop.clicked.connect(self.stopped)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 4, 12, 8)
        row.addWidget(self._words, 1)
        row.addWidget(stop)
        theme.changed.connect(self.update)
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text()

    def show_progress(self, progress: Progress | None) -> None:
        """Tell where it stands; `None` hides it."""
        self.setVisible(progress is not None)
        if progress is None:
            return
        tier, numbers = progress.tier, self._numbers
        what = ""
        if tier is not None:
            what = plural(
                "{n} slot, context {context}, answers up to {answers}: {stage}",
                "{n} slots, context {context}, answers up to {answers}: {stage}",
                tier.slots,
                context=tier.context,
                answers=tier.answer_tokens,
                stage=STAGES[progress.stage],
            )
        left = progress.seconds_left
        time = f"{numbers.fixed(left / 60)} min" if left >= 90 else f"{numbers.fixed(left)} s"
        self._words.setText(
            tr(
                "Point {point} of {count} · {what} · {time} left",
                point=min(progress.done + 1, progress.count),
                count=progress.count,
                what=what,
                time=time,
            )
        )
        self._share = progress.done / progress.count
        self.setAccessibleName(self._words.text())
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        track = QRectF(MARGIN, self.height() - scaled(4), self.width() - MARGIN - 12, scaled(3))
        painter.fillRect(track, self._theme.colour("track"))
        done = QRectF(track)
        done.setWidth(track.width() * self._share)
        painter.fillRect(done, self._theme.colour("text"))
        painter.end()
