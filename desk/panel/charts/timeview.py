"""Which stretch of a run the charts show: following now or held in the past, as wide as chosen or zoomed. No Qt."""

from desk.panel.charts.setting import Stretch

SHORTEST_S = 5.0
"""The closest look: ten periods."""
LONGEST_S = 3600.0
"""The widest one: all that a board keeps."""


class TimeView:
    """Follows now until it is moved; every move holds the stretch where it is, until `follow`.

    `begin` and `end` are what there is to see, in seconds since the run began; `shown` is the stretch that a person
    looked at when moving it. A held stretch lies within the run: it ends between the end of the run's first `span`
    seconds and now.
    """

    def __init__(self) -> None:
        self._zoom: float | None = None
        self._held: Stretch | None = None

    @property
    def following(self) -> bool:
        return self._held is None

    @property
    def zoomed(self) -> bool:
        """Whether the span is another than the window that was chosen."""
        return self._zoom is not None

    def stretch(self, window_s: float, end: float) -> Stretch:
        """What to show of a run that reaches to `end`; a recording that has jumped back may end before a held one."""
        if self._held is None:
            return Stretch(end, self._zoom or window_s)
        return Stretch(min(self._held.end, end), self._held.span, held=True)

    def follow(self) -> None:
        """Back to now; a zoom stays."""
        self._held = None

    def hold(self, shown: Stretch) -> None:
        """Stay where it is."""
        self._held = Stretch(shown.end, shown.span, held=True)

    def reset(self) -> None:
        """Back to now, and to the window that was chosen."""
        self._zoom = self._held = None

    def choose_window(self, window_s: float) -> None:
        """Take the window in place of a zoom, at the same end."""
        self._zoom = None
        if self._held is not None:
            self._held = Stretch(self._held.end, window_s, held=True)

    def pan(self, seconds: float, shown: Stretch, begin: float, end: float) -> None:
        """Move by so many seconds, later where they are positive."""
        self.hold(_within(shown.end + seconds, shown.span, begin, end))

    def zoom(self, factor: float, at: float, shown: Stretch, begin: float, end: float) -> None:
        """Show `factor` times the span, with the moment `at` staying where it is on the screen."""
        span = min(LONGEST_S, max(SHORTEST_S, shown.span * factor))
        self._zoom = span
        self.hold(_within(at + (shown.end - at) * span / shown.span, span, begin, end))

    def choose(self, start: float, stop: float, begin: float, end: float) -> None:
        """Show what lies between two moments, in whatever order they come."""
        span = min(LONGEST_S, max(SHORTEST_S, abs(stop - start)))
        self._zoom = span
        self.hold(_within((start + stop + span) / 2, span, begin, end))


def _within(stop: float, span: float, begin: float, end: float) -> Stretch:
    return Stretch(min(end, max(stop, begin + span)), span)
