"""Which columns each figure divides, over what time at least, and where it does not exist."""

from dataclasses import dataclass

SHORTEST_S = 2.0
"""No figure is formed over less time: in less, an energy counter tells more of its own steps than of the device."""

FEWEST_EDGES = 20
"""Nor over fewer changes of the energy counter: a window reaches back until it holds that many, ..."""

LONGEST_S = 30.0
"""... but no further than this."""

NOTHING = 1e-12
"""Seconds, joules or tokens: a smaller sum is what rounding has left, and nothing to divide by."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure: the sum of one column over the sum of another, times `scale`, over at least `least_s` seconds.

    `given` is the column that must grow for the figure to exist at a point: where it stands still the curve has a gap.
    A `settled` figure comes with its own window and is not smoothed again.
    """

    over: str
    under: str
    given: str
    scale: float = 1.0
    least_s: float = SHORTEST_S
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """What a figure was formed from: `whole` of column `over` / `part` of column `under` x `scale`, sums of `seconds`.

    Energy rests on `edges` of the counter, a percentile on `samples` single observations; each is 0 elsewhere.
    """

    over: str
    under: str
    whole: float
    part: float
    scale: float
    seconds: float
    edges: int = 0
    samples: int = 0


def _work(over: str, scale: float = 1.0, under: str = "worked", least_s: float = SHORTEST_S) -> Ratio:
    return Ratio(over, under, "worked", scale, least_s)


def _energy(over: str, under: str = "covered", scale: float = 1.0) -> Ratio:
    return Ratio(over, under, "covered", scale)


def _reading(over: str, under: str) -> Ratio:
    return Ratio(over, under, under)


def _percentile(over: str, under: str) -> Ratio:
    return Ratio(over, under, under, settled=True)


RATIOS = {
    "tokens_per_second": _work("emitted"),
    "tokens_per_second_per_user": Ratio("itls", "itl_p50", "itls", settled=True),
    "prefill_per_second": _work("prefill"),
    "watts": _energy("joules"),
    "active_watts": _energy("active"),
    "standby_watts": _energy("standby"),
    "other_watts": _energy("other"),
    "tokens_per_joule": _energy("metered", "joules"),
    "joules_per_token": _energy("joules", "metered"),
    "idle_tax": _energy("standby", "joules"),
    "energy_cost_per_mtok": _energy("energy_cost", "priced_tokens", 1e6),
    "energy_cost_per_hour": _energy("energy_cost", "priced_s", 3600.0),
    "revenue_per_hour": _work("revenue", 3600.0),
    # Both are booked when a request ends, which is rare beside a token.
    "on_time_revenue_per_hour": _work("on_time_revenue", 3600.0, least_s=30.0),
    "on_time_share": _work("on_time_tokens", under="finished_tokens", least_s=30.0),
    "busy_share": _work("busy"),
    "queue": _work("queue"),
    "slots_used": _work("slots_used"),
    "utilization": _reading("utilization", "utilizations"),
    "memory_used": _reading("memory", "memories"),
    "celsius": _reading("celsius", "temperatures"),
    "power_limit": _reading("limit", "limits"),
    "ttft_p50": _percentile("ttft_p50", "ttfts"),
    "ttft_p95": _percentile("ttft_p95", "ttfts"),
    "itl_p50": _percentile("itl_p50", "itls"),
    "itl_p99": _percentile("itl_p99", "itls"),
}
"""By the keys of `desk.facts.figures.FIGURES`."""
