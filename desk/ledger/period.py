"""What the ledger settles: a period of half a second, and the accounts of a whole run."""

from dataclasses import dataclass, field

from desk.facts.happened import DeviceReading

PERIOD_S = 0.5


@dataclass(slots=True)
class TierPeriod:
    """One tier in one period (or, added up, in a whole run). Joules are `None` where no source of watts exists.

    `emitted` counts output tokens, `prompt` and `cached` the input tokens of requests whose first token came in the
    period, `prefill` the prompt tokens processed (work, not sales). `revenue` is implied: tokens delivered at list
    price; `on_time_revenue` is booked at the end of requests that kept every promise. `joules` are loaded (active
    energy plus the share of the floor while busy), `active_joules` without the floor. `gaps` and `ttfts` are
    histograms of seconds.
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


@dataclass(slots=True)
class Period:
    """A settled half-second. `start` and `end` are seconds since the run started.

    `joules` is the difference of the energy counter over the period = tiers' loaded joules + `standby_joules` +
    `other_joules`, to rounding; all of them `None` where no source of watts covers the period. `floor_joules` is the
    part that flows with no lane running. `late` names the children that the period closed without.
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
