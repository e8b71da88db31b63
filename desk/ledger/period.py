"""What the ledger settles: a period of half a second, and the accounts of a whole run."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from desk.facts.histogram import count_into, percentile
from desk.facts.metered import DeviceReading, Quality, Source
from desk.ledger.energy import Flow

PERIOD_S = 0.5

EventKind = Literal["run", "tier", "tariff", "note", "trouble", "pause", "child", "load", "alarm", "cleared"]


@dataclass(slots=True, frozen=True)
class Event:
    """A mark for the event lane: `at` seconds since the run started, `text` one short line."""

    at: float
    kind: EventKind
    text: str
    tier: str = ""


@dataclass(slots=True)
class TierPeriod:
    """One tier in one period (or, added up, in a whole run). Joules are `None` where no source of watts exists.

    `emitted` counts output tokens, `prompt` the input tokens of requests whose first token came in the period and
    `cached` those among them that the KV cache already held, `prefill` the prompt tokens processed (work, not sales).
    `revenue` is implied: tokens delivered at list price; `on_time_revenue` is booked at the end of requests that kept
    every promise. `joules` are loaded (active energy plus the share of the floor while busy), `active_joules` without
    the floor. `metered` counts the output tokens of the time that `joules` covers, so that their ratio compares like
    with like across gaps of the meter. `gaps` and `ttfts` are histograms of seconds. `finished_s` sums the seconds of
    finished requests from submission to end.
    """

    busy: float = 0.0
    steps: int = 0
    prefill: int = 0
    emitted: int = 0
    prompt: int = 0
    cached: int = 0
    revenue: float = 0.0
    on_time_revenue: float = 0.0
    on_time_tokens: int = 0
    finished: int = 0
    on_time_requests: int = 0
    finished_tokens: int = 0
    cancelled: int = 0
    joules: float | None = None
    active_joules: float | None = None
    energy_cost: float | None = None
    queue: int = 0
    slots_used: int = 0
    gaps: dict[int, int] = field(default_factory=dict)
    ttfts: dict[int, int] = field(default_factory=dict)
    metered: int = 0
    finished_s: float = 0.0

    def add(self, period: "TierPeriod") -> None:
        """Count a period in, energy excepted: a run's energy starts at its first token, not at a period's edge."""
        self.busy += period.busy
        self.steps += period.steps
        self.prefill += period.prefill
        self.emitted += period.emitted
        self.revenue += period.revenue
        self.metered += period.metered
        self.cancelled += period.cancelled
        self.queue = period.queue
        self.slots_used = period.slots_used
        if period.gaps:
            count_into(self.gaps, period.gaps)
        if period.ttfts:
            count_into(self.ttfts, period.ttfts)
            self.prompt += period.prompt
            self.cached += period.cached
        if period.finished:
            self.finished += period.finished
            self.finished_tokens += period.finished_tokens
            self.finished_s += period.finished_s
            self.on_time_requests += period.on_time_requests
            self.on_time_tokens += period.on_time_tokens
            self.on_time_revenue += period.on_time_revenue

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return replace(self, gaps=self.gaps.copy(), ttfts=self.ttfts.copy())  # numbers alone, and many

    def ttft(self, fraction: float) -> float | None:
        """The percentile of the time to first token, in seconds from submission."""
        return percentile(self.ttfts, fraction)

    def itl(self, fraction: float) -> float | None:
        """The percentile of the inter-token latency in seconds, one sample a token, first tokens excluded."""
        return percentile(self.gaps, fraction)

    @property
    def tokens_per_second_per_user(self) -> float | None:
        """1 / ITL p50: what one reader sees while an answer streams."""
        median = self.itl(0.5)
        return None if median is None else 1.0 / median

    @property
    def tokens_per_second_end_to_end(self) -> float | None:
        """Output tokens of finished requests per second of theirs from submission: what NIM calls tokens/s per user."""
        return self.finished_tokens / self.finished_s if self.finished_s > 0.0 else None

    @property
    def attainment(self) -> float | None:
        """The part of the finished requests that kept every promise."""
        return self.on_time_requests / self.finished if self.finished else None

    @property
    def tokens_per_joule(self) -> float | None:
        """Output tokens per loaded joule."""
        return self.metered / self.joules if self.joules else None


@dataclass(slots=True)
class Period:
    """A settled half-second. `start` and `end` are seconds since the run started.

    `joules` is the difference of the energy counter over the period = tiers' loaded joules + `standby_joules` +
    `other_joules`, to rounding; all of them `None` where no source of watts covers the period. `floor_joules` is the
    part that flows with no lane running. `late` names the children that the period closed without.

    `covered` is the seconds that `joules` stands for: less than the period where the meter had a gap, more where it
    came back and its counter told of periods already closed. `worked` is the same for the engine's counts. `edges`
    counts the counter's changes. `counted` names the devices whose energy is in `joules`. A run that stops inside a
    period ends it there, so the last one is shorter.
    """

    index: int
    start: float
    end: float
    tiers: dict[str, TierPeriod]
    joules: float | None = None
    standby_joules: float | None = None
    other_joules: float | None = None
    floor_joules: float | None = None
    energy_cost: float | None = None
    devices: dict[str, DeviceReading] = field(default_factory=dict)
    late: tuple[str, ...] = ()
    covered: float = 0.0
    worked: float = 0.0
    edges: int = 0
    quality: Quality = "unavailable"
    uncalibrated: bool = False
    counted: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)

    def tier(self, name: str) -> TierPeriod:
        """The account of a tier, opened where there is none yet."""
        account = self.tiers.get(name)
        if account is None:
            account = self.tiers[name] = TierPeriod()
        return account


@dataclass(slots=True)
class Totals:
    """The accounts of a run: its closed periods until it stopped, energy from its first token on.

    `seconds` runs from the first token to the stop (while running: to the last closed period), `None` before it. With a
    warm-up all accounts begin with the first period after it. `since` is that moment, in seconds since the run started.
    Time that was not recorded does not count.
    `covered` is the part of them with a known energy. Energy accounts are `None` where no source of watts exists.
    """

    tiers: dict[str, TierPeriod] = field(default_factory=dict)
    seconds: float | None = None
    joules: float | None = None
    standby_joules: float | None = None
    other_joules: float | None = None
    floor_joules: float | None = None
    energy_cost: float | None = None
    covered: float = 0.0
    uncalibrated: bool = False
    source: Source = "none"
    quality: Quality = "unavailable"
    exclusive_joules: float = 0.0
    since: float | None = None

    def tier(self, name: str) -> TierPeriod:
        """The account of a tier, opened where there is none yet."""
        account = self.tiers.get(name)
        if account is None:
            account = self.tiers[name] = TierPeriod()
        return account

    def add_energy(self, flow: Flow, dollars_per_joule: float | None, quality: Quality, tiers: Iterable[str]) -> None:
        """Count in the energy of the time that follows; `tiers` have an account also where none of it is theirs."""
        if flow.covered <= 0.0:
            return
        self.joules = (self.joules or 0.0) + flow.joules
        self.standby_joules = (self.standby_joules or 0.0) + flow.standby
        self.other_joules = (self.other_joules or 0.0) + flow.other
        self.floor_joules = (self.floor_joules or 0.0) + flow.floor
        self.covered += flow.covered
        self.exclusive_joules += flow.exclusive
        self.uncalibrated = self.uncalibrated or flow.uncalibrated
        # One estimated period makes the sum an estimate.
        self.quality = "estimated" if self.quality == "estimated" else quality
        if dollars_per_joule is not None:
            self.energy_cost = (self.energy_cost or 0.0) + flow.joules * dollars_per_joule
        loaded, active = flow.loaded.get, flow.active.get
        for name in dict.fromkeys([*tiers, *flow.loaded]):
            tier = self.tiers.get(name) or self.tier(name)
            joules = loaded(name, 0.0)
            tier.joules = (tier.joules or 0.0) + joules
            tier.active_joules = (tier.active_joules or 0.0) + active(name, 0.0)
            if dollars_per_joule is not None:
                tier.energy_cost = (tier.energy_cost or 0.0) + joules * dollars_per_joule

    @property
    def exclusive_share(self) -> float | None:
        """The part of the tiers' active joules that fell while one of them was alone: what did not have to be split."""
        active = sum(tier.active_joules or 0.0 for tier in self.tiers.values())
        return self.exclusive_joules / active if active > 0.0 else None

    @property
    def tokens_in(self) -> int:
        return sum(tier.prompt for tier in self.tiers.values())

    @property
    def tokens_out(self) -> int:
        return sum(tier.emitted for tier in self.tiers.values())

    @property
    def revenue(self) -> float:
        return sum(tier.revenue for tier in self.tiers.values())

    @property
    def on_time_revenue(self) -> float:
        return sum(tier.on_time_revenue for tier in self.tiers.values())

    @property
    def tokens_per_joule(self) -> float | None:
        """All output tokens per joule of all accounts, standby included."""
        return sum(tier.metered for tier in self.tiers.values()) / self.joules if self.joules else None

    def tokens_per_second(self, tier: str | None = None) -> float | None:
        """Output tokens over the run's seconds, of one tier or of all; `None`, too, for a tier without an account."""
        if not self.seconds or (tier is not None and tier not in self.tiers):
            return None
        return (self.tokens_out if tier is None else self.tiers[tier].emitted) / self.seconds
