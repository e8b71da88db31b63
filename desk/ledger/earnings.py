"""What a run earned and cost: the accounts of its totals as a statement of money, and what follows from them.

Formulas: gross margin = (revenue - cost) / revenue; break-even = cost per hour / revenue per hour at full load;
$/s/MW = revenue per second / watts x 1,000,000, of the metered device. List prices and tariffs are set by people, so
all of it is assumed as far as they are; what is not known is `None`, never 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from desk.facts.histogram import told
from desk.facts.tiers import Tariff
from desk.ledger import money
from desk.ledger.period import TierPeriod, Totals


@dataclass(frozen=True, slots=True)
class Service:
    """One tier: dollars of the run, requests that kept every promise, and latencies with their number of observations.

    `goodput` is in requests/s that kept every promise, `attainment` their part of all finished ones. A percentile that
    too few observations stand behind is `None`.
    """

    revenue: float
    on_time_revenue: float
    energy_cost: float | None
    tokens_out: int
    goodput: float | None
    attainment: float | None
    finished: int
    ttft_p50: float | None
    ttft_p95: float | None
    ttfts: int
    itl_p50: float | None
    itl_p99: float | None
    itls: int


@dataclass(frozen=True, slots=True)
class Earnings:
    """A whole run, in dollars of its `seconds`.

    `all_in_cost` is the declared hourly rate over that time, energy included; `standby_cost` the part of the energy
    cost that flowed with no lane busy: the idle tax in dollars. `joules` are of the metered device.
    """

    seconds: float
    tiers: Mapping[str, Service]
    energy_cost: float | None
    all_in_cost: float | None
    standby_cost: float | None
    busy_share: float
    tokens_out: int
    joules: float | None
    covered: float

    @property
    def revenue(self) -> float:
        return sum(service.revenue for service in self.tiers.values())

    @property
    def on_time_revenue(self) -> float:
        return sum(service.on_time_revenue for service in self.tiers.values())

    @property
    def cost(self) -> float | None:
        """All-in where an hourly rate was declared, else the energy alone; `None` where neither is known."""
        return self.energy_cost if self.all_in_cost is None else self.all_in_cost

    @property
    def margin(self) -> float | None:
        """The part of implied revenue that is left after cost."""
        return None if self.cost is None else money.gross_margin(self.revenue, self.cost)

    @property
    def on_time_margin(self) -> float | None:
        """The same of the revenue from requests that kept every promise."""
        return None if self.cost is None else money.gross_margin(self.on_time_revenue, self.cost)

    @property
    def break_even(self) -> float | None:
        """The busy share at which revenue at list price covers the hourly rate; above 1: never, at these prices.

        `None` without an hourly rate: what energy costs rises with the busy share itself.
        """
        if self.all_in_cost is None or self.revenue <= 0.0:
            return None
        return self.all_in_cost * self.busy_share / self.revenue

    @property
    def dollars_per_mtok(self) -> float | None:
        """What a million output tokens cost, of whatever `cost` is made of."""
        return self.cost / self.tokens_out / money.PER_TOKEN if self.cost is not None and self.tokens_out else None

    @property
    def revenue_per_second_per_mw(self) -> float | None:
        """Implied revenue per second and megawatt of the metered device, over its mean power."""
        if not self.joules or self.covered <= 0.0:
            return None
        return self.revenue / self.seconds / (self.joules / self.covered) * money.WATTS_PER_MW


def earnings(totals: Totals, tariff: Tariff | None) -> Earnings | None:
    """The statement of a run by its totals; `None` before its first token."""
    seconds = totals.seconds
    if not seconds:
        return None
    hourly = tariff.dollars_per_hour if tariff is not None else None
    standby = None
    if totals.energy_cost is not None and totals.standby_joules is not None and totals.joules:
        standby = totals.energy_cost * totals.standby_joules / totals.joules
    return Earnings(
        seconds=seconds,
        tiers={name: _service(tier, seconds) for name, tier in totals.tiers.items()},
        energy_cost=totals.energy_cost,
        all_in_cost=None if hourly is None else hourly * seconds / money.SECONDS_PER_HOUR,
        standby_cost=standby,
        busy_share=sum(tier.busy for tier in totals.tiers.values()) / seconds,
        tokens_out=totals.tokens_out,
        joules=totals.joules,
        covered=totals.covered,
    )


def _service(tier: TierPeriod, seconds: float) -> Service:
    return Service(
        revenue=tier.revenue,
        on_time_revenue=tier.on_time_revenue,
        energy_cost=tier.energy_cost,
        tokens_out=tier.emitted,
        goodput=tier.on_time_requests / seconds if tier.finished else None,
        attainment=tier.attainment,
        finished=tier.finished,
        ttft_p50=told(tier.ttfts, 0.5),
        ttft_p95=told(tier.ttfts, 0.95),
        ttfts=sum(tier.ttfts.values()),
        itl_p50=told(tier.gaps, 0.5),
        itl_p99=told(tier.gaps, 0.99),
        itls=sum(tier.gaps.values()),
    )
