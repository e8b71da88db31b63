"""The upright lines that run through all strips: events, and the cursor."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from desk.panel.charts.setting import Event, Stretch
from desk.panel.theme import Theme


def paint_hairlines(
    painter: QPainter,
    theme: Theme,
    rect: QRectF,
    plot: QRectF,
    events: Sequence[Event],
    stretch: Stretch,
    reading: float | None,
) -> None:
    """The upright lines of events and of the cursor, from the top of a plot through to the next strip's heading."""
    drawn = -np.inf
    scale = plot.width() / stretch.span
    for since in sorted(event.t - stretch.end for event in events if stretch.start <= event.t <= stretch.end):
        # Inside the plot also at its right edge, and one line where two would touch.
        x = min(round(plot.right() + since * scale), round(plot.right()) - 1)
        if x > drawn + 2:
            painter.fillRect(QRectF(x, plot.top(), 1, rect.bottom() - plot.top()), theme.colour("band"))
            drawn = x
    if reading is not None:
        x = round(plot.right() + reading * scale)
        painter.fillRect(QRectF(x, plot.top(), 1, rect.bottom() - plot.top()), theme.colour("soft"))
