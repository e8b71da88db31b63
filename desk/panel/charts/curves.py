"""What a strip draws: the curves of one stretch of a run, laid upon one another where they are stacked. No painting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from desk.board import SHORTEST_S
from desk.panel.charts.lines import Array
from desk.panel.charts.setting import Board, Setting, Stretch, StripSpec, Trace
from desk.panel.words import tr

EDGE_S = 1e-6


@dataclass(frozen=True)
class Rows:
    """Curves as a table: seconds since the run began, and for each curve its name, its unit and its values."""

    moments: Array
    columns: tuple[tuple[str, str, Array], ...]


@dataclass(frozen=True)
class Curves:
    """`x` is seconds from the right edge, a little more of it than is seen, so that lines leave the plot at its edges.

    `values` are the figures, `levels` where they are drawn, both with NaN in gaps; tiers in `hidden` have no levels of
    their own. `now` is each figure over the last seconds of the stretch, `total` that of a whole stack.
    """

    spec: StripSpec
    stretch: Stretch = field(default_factory=Stretch)
    traces: tuple[Trace, ...] = ()
    hidden: frozenset[str] = frozenset()
    x: Array = field(default_factory=lambda: np.empty(0))
    values: tuple[Array, ...] = ()
    levels: tuple[Array, ...] = ()
    now: tuple[float | None, ...] = ()
    total: float | None = None
    mean_s: float = SHORTEST_S
    """The seconds that every point is a mean over: the smoothing, or the time between points where that is longer."""

    def __iter__(self) -> Iterator[tuple[Trace, Array, Array, float | None]]:
        """Trace, values, levels and figure of each curve, from the bottom of a stack to its top."""
        return zip(self.traces, self.values, self.levels, self.now, strict=True)

    def drawn(self, trace: Trace) -> bool:
        return trace.tier not in self.hidden

    @cached_property
    def empty(self) -> bool:
        """Whether nothing is known of the strip's own figure."""
        own = (values for trace, values, _, _ in self if not trace.full)
        return not any(np.isfinite(values).any() for values in own)

    @property
    def peak(self) -> float:
        """The highest level on the strip's own axis."""
        own = (level for trace, _, level, _ in self if not trace.full)
        return max((float(np.nanmax(level)) for level in own if np.isfinite(level).any()), default=0.0)

    @property
    def main(self) -> Array | None:
        """The curve that stands for the strip: the top of a stack, or the bold one."""
        if self.spec.stacked:
            return self.levels[-1] if self.levels else None
        return next((values for trace, values, _, _ in self if trace.bold), None)

    def column(self, reading: float, reach: float) -> int | None:
        """The data column at most `reach` seconds from a cursor, `None` where it stands beside all data."""
        if not len(self.x):
            return None
        away = np.abs(self.x - reading)
        column = int(away.argmin())
        return column if away[column] <= reach else None

    def newest(self, level: Array) -> int | None:
        """The last known column that is seen."""
        known = np.flatnonzero(np.isfinite(level) & (self.x <= EDGE_S))
        return int(known[-1]) if len(known) else None

    def rows(self, whole: str) -> Rows:
        """What is seen as a table, hidden tiers too; `whole` is what the bold curve without a tier is called."""
        seen = (self.x >= -self.stretch.span - EDGE_S) & (self.x <= EDGE_S)
        columns = [(whole if trace.bold else trace.label, trace.unit, values[seen]) for trace, values, _, _ in self]
        if self.spec.stacked and columns:
            columns.append((tr("Total"), self.spec.unit, _stacked([values for _, _, values in columns])[-1]))
        return Rows(self.x[seen] + self.stretch.end, tuple(columns))


def take(
    spec: StripSpec,
    board: Board,
    setting: Setting,
    stretch: Stretch,
    traces: Sequence[Trace],
    hidden: frozenset[str],
    points: int,
) -> Curves:
    """The curves of a stretch in about as many points as there are pixels."""
    back = max(0.0, board.end - stretch.end)
    more = 2 * max(0.5, stretch.span / points)
    curves = [
        board.curve(trace.figure, trace.tier, stretch.span + more, points + 4, setting.smooth_s, back_s=back)
        for trace in traces
    ]
    x = max((x for x, _ in curves), key=len, default=np.empty(0))
    # A tier that has not made a token yet has no curve at all: it is one gap.
    gap = np.full(len(x), np.nan)
    values = [y if len(y) == len(x) else gap for _, y in curves]
    drawn = [gap if trace.tier in hidden else y for trace, y in zip(traces, values, strict=True)]
    now = [board.value(trace.figure, trace.tier, back_s=back) for trace in traces]
    total = None
    if spec.stacked and not hidden:
        total = board.value(spec.figure, back_s=back)
    elif spec.stacked:
        known = [each for trace, each in zip(traces, now, strict=True) if trace.tier not in hidden and each is not None]
        total = sum(known) if known else None
    bins = float(np.median(np.diff(x))) if len(x) > 2 else 0.0
    return Curves(
        spec,
        stretch,
        tuple(traces),
        hidden,
        x,
        tuple(values),
        tuple(_stacked(drawn) if spec.stacked else drawn),
        tuple(now),
        total,
        max(setting.smooth_s, SHORTEST_S, bins),
    )


def _stacked(values: Sequence[Array]) -> list[Array]:
    """Running sums from the first trace up; a gap only where no trace has a value."""
    if not values:
        return []
    rows = np.array(values)
    sums = np.cumsum(np.nan_to_num(rows), axis=0)
    sums[:, ~np.isfinite(rows).any(axis=0)] = np.nan
    return list(sums)
