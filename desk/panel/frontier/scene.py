"""What the chart of the frontier draws, as plain values: chosen here, painted in `chart`, listed in its table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log10

from desk.facts.tiers import Tariff
from desk.frontier.edge import Edge, edge
from desk.frontier.edge import Place as EdgePlace
from desk.frontier.points import Axis, Denominator, Interactivity, Measure, Point
from desk.frontier.published import Chart
from desk.ledger import money
from desk.panel.frontier.sweeps import Found
from desk.panel.numbers import Numbers
from desk.panel.shown import TierLine
from desk.panel.words import plural, tr

AXES: dict[Axis, tuple[str, str]] = {
    "tokens_per_second_per_mw": (tr("tokens/s per MW"), "tok/s/MW"),
    "tokens_per_second": (tr("tokens/s"), "tok/s"),
    "tokens_per_joule": (tr("tokens per joule"), "tok/J"),
    "dollars_per_mtok": (tr("$ per million tokens"), "$/Mtok"),
}
"""The title and the unit of each vertical axis, money as `$` whatever its currency."""

SPEEDS: dict[Interactivity, str] = {
    "itl": tr("1 ÷ inter-token latency, median of a lane"),
    "e2e": tr("answer tokens ÷ end-to-end seconds"),
}
"""The two readings of tokens/s per user that the field has."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A measured point in its place; `estimated` where its watts were declared and not measured."""

    x: Measure
    y: Measure
    point: Point
    on_edge: bool = False
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A tier from its promise to the next one's (`None`: no end), with its price and what its readers get now."""

    tier: str
    left: float
    right: float | None
    price: float
    now: float | None
    short: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tier stands: as it runs now, or on the edge at its promise."""

    tier: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn. `line` is the edge, `dashed` where its watts were declared; `wanting` says why all is empty.

    Promises and lanes are speeds by 1 / ITL, and have `lanes` on that axis only; the heights of lanes are those of the
    metered device, and `lanes_rise` where that is what the axis shows.
    """

    axis: Axis
    x_title: str
    y_title: str
    spots: tuple[Spot, ...] = ()
    others: tuple[Spot, ...] = ()
    line: tuple[tuple[float, float], ...] = ()
    bands: tuple[Band, ...] = ()
    live: tuple[Place, ...] = ()
    promised: tuple[Place, ...] = ()
    overlay: Chart | None = None
    dashed: bool = False
    lanes: bool = True
    lanes_rise: bool = True
    wanting: str = ""

    @property
    def better_up(self) -> bool:
        return self.axis != "dollars_per_mtok"

    @property
    def per_joule(self) -> bool:
        """Whether the height is a rate per joule, so that joules per token can stand at its other side."""
        return self.axis in ("tokens_per_second_per_mw", "tokens_per_joule")

    def sentence(self, numbers: Numbers) -> str:
        """The chart in words; without points, why there are none."""
        if not self.spots:
            return self.wanting
        title, unit = map(numbers.unit, AXES[self.axis])
        edge = sorted((spot for spot in self.spots if spot.on_edge), key=lambda spot: spot.x.value)
        speeds = [numbers.figure(spot.x.value) for spot in (edge[0], edge[-1])]
        heights = [f"{short(spot.y.value, numbers)} {unit}" for spot in (edge[0], edge[-1])]
        told = [
            plural(
                "{n} measured point, {edge} on the edge of {axis} against speed per user.",
                "{n} measured points, {edge} on the edge of {axis} against speed per user.",
                len(self.spots),
                edge=len(edge),
                axis=title,
            ),
            tr("The slowest: {speed} tokens per second per user at {height}.", speed=speeds[0], height=heights[0]),
            tr("the fastest: {speed} tokens per second per user at {height}.", speed=speeds[1], height=heights[1]),
        ]
        for place in self.live:
            speed = numbers.figure(place.x)
            told.append(tr("{tier} now: {speed} tokens per second per user.", tier=place.tier, speed=speed))
        return " ".join(told)


def scene(
    found: Found | None,
    others: Sequence[Found],
    axis: Axis,
    by: Interactivity,
    denominator: Denominator,
    tariff: Tariff | None,
    keynote: Chart | None = None,
) -> Scene:
    """The chart of a sweep, with other sweeps behind it. Without watts the vertical axis is tokens/s, whatever is
    asked."""
    measured = found is not None and any(point.watts() for point in found.points)
    hourly = tariff is not None and tariff.dollars_per_hour is not None
    if not measured and not (axis == "dollars_per_mtok" and hourly):
        axis = "tokens_per_second"
    spots = _spots(found, axis, by, denominator, tariff)
    line = edge([(each.x.value, each.y.value) for each in spots], "higher" if axis != "dollars_per_mtok" else "lower")
    kept = {place.index for place in line.places}
    spots = [Spot(each.x, each.y, each.point, number in kept, each.estimated) for number, each in enumerate(spots)]
    rests_on_watts = axis in ("tokens_per_second_per_mw", "tokens_per_joule") or (
        axis == "dollars_per_mtok" and not hourly
    )
    estimated = rests_on_watts and any(each.estimated for each in spots)
    return Scene(
        axis,
        tr("tokens/s per user ({speed})", speed=SPEEDS[by]),
        _height_title(axis, denominator, rests_on_watts, estimated),
        tuple(spots),
        tuple(spot for each in others for spot in _spots(each, axis, by, denominator, tariff)),
        tuple((place.x, place.y) for place in line.places),
        overlay=keynote if axis == "tokens_per_second_per_mw" else None,
        dashed=estimated,
        lanes=by == "itl",
        lanes_rise=denominator.scope == "board" or not rests_on_watts,
        wanting=_wanting(found, spots, denominator),
    )


def with_lanes(made: Scene, lines: Sequence[TierLine]) -> Scene:
    """The chart with the promises of these tiers, and their lanes as they run: all that moves in it."""
    if not made.lanes:
        return made
    bands = _bands(lines)
    line = Edge(tuple(EdgePlace(x, y, number) for number, (x, y) in enumerate(made.line)))
    promised = [(band.tier, line.at(band.left)) for band in bands]
    return replace(
        made,
        bands=bands,
        live=_live(lines, made.axis) if made.lanes_rise else (),
        promised=tuple(Place(tier, place.x, place.y) for tier, place in promised if place is not None),
    )


def _spots(
    found: Found | None, axis: Axis, by: Interactivity, denominator: Denominator, tariff: Tariff | None
) -> list[Spot]:
    made = []
    for point in found.points if found is not None else ():
        x, y = point.speed(by), point.height(axis, denominator, tariff)
        if x is not None and y is not None and x.value > 0 and y.value > 0:
            made.append(Spot(x, y, point, estimated=point.quality == "estimated"))
    return made


def _height_title(axis: Axis, denominator: Denominator, rests_on_watts: bool, estimated: bool) -> str:
    parts = [AXES[axis][0]]
    if axis == "dollars_per_mtok":
        parts.append(tr("energy alone") if rests_on_watts else tr("all-in hourly cost"))
    if rests_on_watts:
        parts.append(_under(denominator))
    if estimated:
        parts.append(tr("estimated"))
    return ", ".join(parts)


def _under(denominator: Denominator) -> str:
    """What the watts of a height stand for, as `Denominator.words` has it for files."""
    if denominator.scope == "board":
        return tr("watts of the metered device")
    if denominator.host_watts is None:
        return tr("watts of the whole machine")
    told = {"watts": f"{denominator.host_watts:g}"}
    if denominator.scope == "host":
        return tr("watts with {watts} W for the rest of the machine", **told)
    told |= {"wall": f"{denominator.wall_factor:g}", "pue": f"{denominator.pue:g}"}
    return tr("watts with {watts} W for the rest of the machine, × wall factor {wall} × PUE {pue}", **told)


def _wanting(found: Found | None, spots: list[Spot], denominator: Denominator) -> str:
    if found is None:
        return ""
    if not found.points:
        return tr("This sweep has no whole point yet.")
    if not spots and denominator.scope != "board" and denominator.host_watts is None:
        return tr("Say what the rest of the machine draws, in watts: the sweep measured the device alone.")
    return "" if spots else tr("Nothing can be drawn on these axes: choose another.")


def _bands(lines: Sequence[TierLine]) -> tuple[Band, ...]:
    promising = sorted(
        ((speed, line) for line in lines if (speed := line.tier.promise.tokens_per_second_per_user) is not None),
        key=lambda each: each[0],
    )
    ends = [*(speed for speed, _ in promising[1:]), None][: len(promising)]
    return tuple(
        Band(line.tier.name, speed, end, line.tier.price.output, line.speed, line.slow)
        for (speed, line), end in zip(promising, ends, strict=True)
    )


def _live(lines: Sequence[TierLine], axis: Axis) -> tuple[Place, ...]:
    places = []
    for line in lines:
        y = line.tokens_per_second if axis == "tokens_per_second" else line.tokens_per_joule
        if axis == "dollars_per_mtok" or not line.speed or not y:
            continue
        y = money.tokens_per_second_per_mw(y) if axis == "tokens_per_second_per_mw" else y
        places.append(Place(line.tier.name, line.speed, y))
    return tuple(places)


@dataclass(frozen=True, slots=True)
class LogAxis:
    """An axis of logarithms from `low` to `high`, both above 0."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float], room: float = 1.25) -> "LogAxis":
        """Round values, with some room at both ends; a decade around 1 for none."""
        known = [value for value in values if value > 0]
        return cls(min(known) / room, max(known) * room) if known else cls(0.3, 3.0)

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        return (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))

    def value(self, place: float) -> float:
        """The value at a place."""
        return self.low * (self.high / self.low) ** place

    def ticks(self) -> list[float]:
        """1, 2 and 5 of each decade; over many decades 1 alone."""
        first, last = floor(log10(self.low)), ceil(log10(self.high))
        steps = (1,) if last - first > 5 else (1, 2, 5)
        found = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        return [value for value in found if self.low <= value <= self.high]


def short(value: float, numbers: Numbers) -> str:
    """`10 M`, `500 k`, `20`, `0.05`: a tick of a logarithmic axis."""
    for size, word in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size * 0.9995:
            return f"{numbers.short(float(f'{value / size:.3g}'))} {word}"
    return numbers.short(float(f"{value:.3g}"))
