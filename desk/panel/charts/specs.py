"""Which strips the Floor has, which curves each of them draws, and how wide a young run is shown."""

from desk.panel.charts.setting import StripSpec, Trace
from desk.panel.words import tr

NOW = tr("now")
"""What the whole is called where it has no better name."""
SHORTEST_SPAN_S = 30.0
SPANS_S = (SHORTEST_SPAN_S, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0)
"""The spans that a young run grows through: it fills two thirds of the plot, and the axis seldom moves."""

FLOOR = (
    StripSpec(
        "tokens_per_second", tr("Tokens per second by tier"), "tok/s", tr("stacked, {smooth}"), 168, stacked=True
    ),
    StripSpec("watts", tr("Power"), "W", "{smooth}", 104),
    StripSpec(
        "tokens_per_joule",
        tr("Tokens per watt"),
        "tok/J",
        tr("{smooth}; bold: the whole; tiers: their own joules"),
        144,
    ),
    StripSpec(
        "revenue_per_hour",
        tr("Implied revenue by tier"),
        "$/h",
        tr("stacked, at list price, {smooth}"),
        128,
        stacked=True,
    ),
)


def fitting_span(window_s: float, elapsed_s: float) -> float:
    """The seconds to show of a run that may be shorter than the window that was chosen."""
    return min(window_s, next((span for span in SPANS_S if span >= elapsed_s), window_s))


def traces_of(spec: StripSpec, tiers: tuple[str, ...]) -> list[Trace]:
    """The curves of one of the Floor's strips, drawn in this order."""
    if spec.stacked:
        return [Trace(spec.figure, name, spec.unit, name) for name in tiers]
    if spec.figure == "watts":
        busy = Trace("utilization", tr("busy"), "%", token="mut", width=1.0, full=1.0)
        return [busy, Trace(spec.figure, NOW, spec.unit, bold=True)]
    thin = [Trace(spec.figure, name, spec.unit, name, width=1.25) for name in tiers]
    return [*thin, Trace(spec.figure, tr("Whole"), spec.unit, width=2.25, bold=True)]
