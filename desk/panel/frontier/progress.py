"""A sweep under way: how far it is, what it measures, the time that is left, and the button that ends it."""

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, Theme, scaled
from desk.plant.sweep import Progress

STAGES = {
    "starting": "the engine starts",
    "loading": "loading",
    "filling": "waiting for full slots",
    "settling": "settling",
    "measuring": "measuring",
    "resting": "resting",
    "over": "ended",
}


class SweepBar(QWidget):
    """`stopped` asks for the end of the sweep."""

    stopped = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._share = 0.0
        self._words = Label(theme, "", 12)
        stop = QPushButton("Stop the sweep")
        stop.setProperty("quiet", True)
        stop.setToolTip("What was measured is kept")
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
            slots = f"{tier.slots} slot{'s' * (tier.slots != 1)}"
            what = f"{slots}, context {tier.context}, answers up to {tier.answer_tokens}: {STAGES[progress.stage]}"
        left = progress.seconds_left
        time = f"{numbers.fixed(left / 60)} min" if left >= 90 else f"{numbers.fixed(left)} s"
        self._words.setText(
            f"Point {min(progress.done + 1, progress.count)} of {progress.count} · {what} · {time} left"
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
