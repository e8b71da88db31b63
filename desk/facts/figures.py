"""The figures: the one table of what is shown, exported and explained, with its words."""

from dataclasses import dataclass
from typing import Literal

from desk.facts.metered import Source

Kind = Literal["measured", "derived", "assumed"]

LATE_S = 0.05
"""A lag of the generator, by which requests come after they were due, is in no figure to be seen below this."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `unit` short for a label, `definition` a sentence, `formula` in words.

    Values are in that unit, except that shares (`%`) are fractions, as everywhere inside.
    `kind` is how it comes about: read off an instrument or counted, computed from such, or resting on something that a
    person set (prices, tariff). A figure of watts that were declared is *estimated*, whatever stands here. `window`
    says over which time it is formed; `tiers` and `total` say whether it exists for each tier and for the factory.
    """

    key: str
    title: str
    unit: str
    definition: str
    formula: str
    kind: Kind
    window: str = "2 s at least"
    tiers: bool = True
    total: bool = True

    @property
    def of_energy(self) -> bool:
        """Whether it rests on joules, and so on the source of watts."""
        return self.window == _WATTS_WINDOW


_WATTS_WINDOW = "2 s and 20 changes of the energy counter at least"
_ITL_WINDOW = "the last 10 s"
_TTFT_WINDOW = "the last 30 s"
_REQUESTS_WINDOW = "30 s at least"

_ALL = (
    Figure(
        "tokens_per_second",
        "Tokens per second",
        "tok/s",
        "Output tokens handed to users in each second, each request's first token included.",
        "output tokens ÷ seconds",
        "measured",
    ),
    Figure(
        "tokens_per_second_per_user",
        "Speed per user",
        "tok/s/user",
        "How fast one answer streams for its reader, once it has begun.",
        "1 ÷ median ITL",
        "measured",
        _ITL_WINDOW,
    ),
    Figure(
        "prefill_per_second",
        "Prefill",
        "tok/s",
        "Prompt tokens processed in each second, recomputation included.",
        "prompt tokens processed ÷ seconds",
        "measured",
    ),
    Figure(
        "watts",
        "Power",
        "W",
        "What the metered device draws, and of a tier: what is attributed to it, its share of the floor included.",
        "joules ÷ seconds, joules as differences of the energy counter",
        "measured",
        _WATTS_WINDOW,
    ),
    Figure(
        "active_watts",
        "Active power",
        "W",
        "What a tier draws above the floor.",
        "(joules − floor) split by busy seconds × solo watts, ÷ seconds",
        "derived",
        _WATTS_WINDOW,
    ),
    Figure(
        "standby_watts",
        "Standby power",
        "W",
        "What flows while no lane is busy, spread over all the time.",
        "joules with no lane busy ÷ seconds",
        "derived",
        _WATTS_WINDOW,
        tiers=False,
    ),
    Figure(
        "other_watts",
        "Other programs",
        "W",
        "What programs other than this factory draw from the metered device.",
        "joules of foreign programs ÷ seconds",
        "derived",
        _WATTS_WINDOW,
        tiers=False,
    ),
    Figure(
        "tokens_per_joule",
        "Tokens per watt",
        "tok/J",
        "Output tokens per second and watt, which is tokens per joule. The total bears standby and other programs too.",
        "output tokens ÷ joules of the same time",
        "derived",
        _WATTS_WINDOW,
    ),
    Figure(
        "joules_per_token",
        "Energy per token",
        "J/tok",
        "Joules spent for one output token.",
        "joules ÷ output tokens of the same time",
        "derived",
        _WATTS_WINDOW,
    ),
    Figure(
        "idle_tax",
        "Idle tax",
        "%",
        "The part of all energy that flowed while no lane was busy.",
        "standby joules ÷ joules",
        "derived",
        _WATTS_WINDOW,
        tiers=False,
    ),
    Figure(
        "energy_cost_per_mtok",
        "Energy cost",
        "$/Mtok",
        "What the energy of a million output tokens costs.",
        "joules × price per kWh ÷ 3.6 MJ × PUE × wall factor ÷ output tokens × 1,000,000",
        "assumed",
        _WATTS_WINDOW,
    ),
    Figure(
        "energy_cost_per_hour",
        "Energy cost per hour",
        "$/h",
        "What an hour at this power costs.",
        "joules × price per kWh ÷ 3.6 MJ × PUE × wall factor ÷ seconds × 3600",
        "assumed",
        _WATTS_WINDOW,
    ),
    Figure(
        "revenue_per_hour",
        "Implied revenue",
        "$/h",
        "What an hour of these tokens is worth at the tiers' list prices, booked as they are delivered.",
        "(output × its price + input × its price + cached input × its price) ÷ seconds × 3600",
        "assumed",
    ),
    Figure(
        "on_time_revenue_per_hour",
        "On-time revenue",
        "$/h",
        "The part of implied revenue from requests that kept every promise, booked when they end.",
        "list price of on-time requests ÷ seconds × 3600",
        "assumed",
        _REQUESTS_WINDOW,
    ),
    Figure(
        "on_time_share",
        "On-time tokens",
        "%",
        "Of the output tokens of requests that ended, the part from requests that kept every promise.",
        "output tokens of on-time requests ÷ output tokens of finished requests",
        "derived",
        _REQUESTS_WINDOW,
    ),
    Figure(
        "busy_share",
        "Busy",
        "%",
        "The part of the time in which a lane runs its model.",
        "busy seconds ÷ seconds",
        "measured",
    ),
    Figure(
        "utilization",
        "Utilization",
        "%",
        "What the driver reports as the part of the time in which the device computed something.",
        "mean of the readings",
        "measured",
        tiers=False,
    ),
    Figure(
        "memory_used",
        "Memory in use",
        "B",
        "Memory of the device that is in use, by this factory and all others.",
        "mean of the readings",
        "measured",
        tiers=False,
    ),
    Figure(
        "celsius",
        "Temperature",
        "°C",
        "Temperature of the device, of the hottest where several are in use.",
        "mean of the readings",
        "measured",
        tiers=False,
    ),
    Figure(
        "power_limit",
        "Power limit",
        "W",
        "The power limit that the driver enforces.",
        "mean of the readings",
        "measured",
        tiers=False,
    ),
    Figure(
        "queue",
        "Queue",
        "requests",
        "Requests that wait for a slot.",
        "requests waiting at each beat of the engine, mean over the window",
        "measured",
    ),
    Figure(
        "slots_used",
        "Slots in use",
        "slots",
        "Sequences that hold a place in the KV cache.",
        "slots held at each beat of the engine, mean over the window",
        "measured",
    ),
    Figure(
        "ttft_p50",
        "TTFT, median",
        "s",
        "Time to first token from submission, waiting included: half of the requests were served sooner.",
        "50th percentile",
        "measured",
        _TTFT_WINDOW,
    ),
    Figure(
        "ttft_p95",
        "TTFT, p95",
        "s",
        "Time to first token from submission, waiting included: 95 % of the requests were served sooner.",
        "95th percentile",
        "measured",
        _TTFT_WINDOW,
    ),
    Figure(
        "itl_p50",
        "ITL, median",
        "s",
        "Inter-token latency: the time between two tokens of an answer, its first token excluded.",
        "50th percentile, one sample a token",
        "measured",
        _ITL_WINDOW,
    ),
    Figure(
        "itl_p99",
        "ITL, p99",
        "s",
        "Inter-token latency that 1 % of the tokens exceed.",
        "99th percentile, one sample a token",
        "measured",
        _ITL_WINDOW,
    ),
)

FIGURES: dict[str, Figure] = {figure.key: figure for figure in _ALL}

_NOW = "the last reading"

_READINGS = (
    Figure(
        "power_now",
        "Power now",
        "W",
        "What the device draws by its driver, for the needle only.",
        "as read",
        "measured",
        _NOW,
    ),
    Figure("celsius_now", "Temperature now", "°C", "Temperature of the device.", "as read", "measured", _NOW),
    Figure(
        "memory_now",
        "Memory in use now",
        "B",
        "Memory in use, by this factory and all others.",
        "as read",
        "measured",
        _NOW,
    ),
    Figure(
        "utilization_now",
        "Busy now",
        "%",
        "What the driver reports as the part of the time in which the device computed something.",
        "as read",
        "measured",
        _NOW,
    ),
    Figure("clock_now", "Clock now", "Hz", "Clock of the processor of the device.", "as read", "measured", _NOW),
    Figure("queue_now", "Queue now", "requests", "Requests that wait for a slot.", "as counted", "measured", _NOW),
)

READINGS: dict[str, Figure] = {figure.key: figure for figure in _READINGS}
"""Figures that are one reading: the pointers of a device and the queue of a lane as they stand."""

INSTRUMENTS: dict[Source, str] = {
    "nvml-counter": "NVML energy counter",
    "nvml-power": "NVML power, integrated",
    "amd": "AMD energy counter",
    "rapl": "RAPL package counter",
    "battery": "battery discharge",
    "declared": "watts declared by the user",
    "none": "no source of watts",
}
"""What the joules are read from."""
