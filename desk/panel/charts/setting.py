"""What a chart is told, and whom it asks."""

from dataclasses import dataclass, field
from typing import Protocol

from desk.facts.currency import USD
from desk.panel.charts.lines import Array
from desk.panel.words import tr


class Board(Protocol):
    """What the chart asks of `desk.board`. `back_s` seconds before its end a look at the past ends."""

    @property
    def begin(self) -> float:
        """The oldest moment that is kept, in seconds since the run began."""

    @property
    def end(self) -> float:
        """Seconds since the run began, of the newest period's end."""

    def curve(
        self, figure: str, tier: str | None, span_s: float, points: int, smooth_s: float, back_s: float = 0.0
    ) -> tuple[Array, Array]:
        """Seconds (0 or less, from `end - back_s`) and values, NaN in gaps."""

    def value(self, figure: str, tier: str | None = None, window_s: float = 10.0, back_s: float = 0.0) -> float | None:
        """The figure over the last seconds."""


@dataclass(frozen=True)
class Stretch:
    """The time that is shown: `span` seconds up to `end`, which is in seconds since the run began.

    `held` stretches stay where they are in the run, others end now.
    """

    end: float = 0.0
    span: float = 300.0
    held: bool = False

    @property
    def start(self) -> float:
        return self.end - self.span

    def follows(self, before: "Stretch") -> bool:
        """Whether this is the same stretch, moved along with now where it is not held."""
        same = (before.span, before.held) == (self.span, self.held)
        return same and (not self.held or before == self)


@dataclass(frozen=True)
class Trace:
    """One curve. `tier` is `None` for the whole; `token` is a colour of the theme, a tier has its own.

    `full` gives the curve an axis of its own, drawn over the strip's whole height: the value at its top.
    """

    figure: str
    label: str
    unit: str
    tier: str | None = None
    token: str = "text"
    width: float = 1.5
    full: float | None = None
    bold: bool = False


@dataclass(frozen=True)
class Reference:
    """A level drawn across a strip: a limit (solid), or a goal, the idle base or the best so far (dashed)."""

    value: float
    label: str
    solid: bool = False


@dataclass(frozen=True)
class Event:
    """Something at `t` seconds since the run began, until `until` where it lasted. `late` is shown with its sign."""

    t: float
    text: str
    until: float | None = None
    late: bool = False


@dataclass(frozen=True)
class StripSpec:
    """What a strip shows. `weight` is its height in a chart of 600 px; `stacked` lays tiers upon one another.

    `note` is the small print, in which `{smooth}` stands for the mean that every point is (`3 s mean`).
    """

    figure: str
    title: str
    unit: str
    note: str
    weight: int
    stacked: bool = False


@dataclass(frozen=True)
class Setting:
    """All that the chart is told besides the data.

    `mode` is LIVE or REPLAY with its date, written into every strip. `tiers` run from the cheapest to the dearest.
    `notes` replaces the small print of a strip, `reasons` says why a strip is empty, `references` are its levels, each
    by figure. `estimated` figures are dashed, `without` are not drawn at all. `window_s` is what is shown while nobody
    has zoomed, `currency` (ISO 4217) what money is in.
    """

    mode: str = tr("LIVE")
    tiers: tuple[str, ...] = ()
    window_s: float = 300.0
    smooth_s: float = 3.0
    events: tuple[Event, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    references: dict[str, tuple[Reference, ...]] = field(default_factory=dict)
    estimated: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    currency: str = USD
