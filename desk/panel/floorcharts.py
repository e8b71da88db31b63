"""The two charts of the Floor under one hand: that of a run, and that of the machine at rest until the first one."""

from PySide6.QtCore import QObject, Signal

from desk.board import Board
from desk.panel.books import Books
from desk.panel.charts.actions import actions as chart_actions
from desk.panel.charts.setting import Stretch
from desk.panel.look import setting_of
from desk.panel.pictures.scene import whole_span
from desk.panel.shown import Shown
from desk.panel.strips import FLOOR, StripChart, fitting_span
from desk.panel.window import Window


class FloorCharts(QObject):
    """Both follow, or are held, together; the footer of the window chooses what they show of the past.

    `chosen` tells that the window or the smoothing is another one, `noted` carries a note that was written.
    """

    chosen = Signal()
    noted = Signal(str)

    def __init__(self, window: Window, board: Board, *, takes_notes: bool) -> None:
        super().__init__(window)
        self._board = board
        self.run = StripChart(window.theme, window.numbers)
        self.resting = StripChart(window.theme, window.numbers, tuple(spec for spec in FLOOR if spec.figure == "watts"))
        window.floor.furnish(self.run, self.resting)
        footer = window.footer
        self.span_s, self.smooth_s = footer.span_s, footer.smooth_s
        self._fits = True
        """They begin with the run while it is shorter than the window, until a window is chosen."""
        footer.span_chosen.connect(self._choose_span)
        footer.smoothing_chosen.connect(self._choose_smoothing)
        for chart in self._both:
            chart.follow(board)
            chart.takes_notes = takes_notes
            chart.followed.connect(footer.follow.setChecked)
            footer.follow_chosen.connect(chart.follow_now)
            chart.noted.connect(self.noted)
        window.learn(*chart_actions(lambda: self.seen))

    @property
    def _both(self) -> tuple[StripChart, StripChart]:
        return self.run, self.resting

    @property
    def seen(self) -> StripChart:
        """The one that is on the Floor."""
        return self.run if self.run.isVisible() else self.resting

    @property
    def stretch(self) -> Stretch:
        """The time that they show: all of a run that is shorter."""
        seen = self.run.stretch
        if seen.held or not self._board.end:
            return seen
        return Stretch(self._board.end, min(seen.span, whole_span(self._board.end)))

    def show(self, books: Books, shown: Shown) -> None:
        """Tell them what they are told besides their data."""
        span = fitting_span(self.span_s, self._board.end) if self._fits else self.span_s
        setting = setting_of(books, shown, span, self.smooth_s)
        for chart in self._both:
            chart.show_setting(setting)

    def follow_now(self) -> None:
        """Go back to now, and stay there."""
        for chart in self._both:
            chart.follow_now()

    def _choose_span(self, seconds: float) -> None:
        self.span_s = seconds
        self._fits = False
        for chart in self._both:
            chart.choose_window(seconds)
        self.chosen.emit()

    def _choose_smoothing(self, seconds: float) -> None:
        self.smooth_s = seconds
        self.chosen.emit()
