"""A tier: a promise and a price, and the operating point of the lane that keeps it."""

from typing import Literal

from desk.facts.currency import USD
from desk.facts.frozen import Frozen
from desk.facts.numbers import Real, Whole, in_words

TIER_NAMES = ("Free", "Medium", "High", "Premium", "Ultra")
"""From the cheapest service to the dearest. Views list them the other way round, Ultra on top."""

Provider = Literal["auto", "cuda", "cpu"]


class Price(Frozen, frozen=True, kw_only=True):
    """List prices in dollars per million tokens, as hosted services quote them."""

    input: float = 0.0
    cached: float = 0.0
    output: float = 0.0


class Promise(Frozen, frozen=True, kw_only=True):
    """What a request of the tier must meet to count as on time; `None` promises nothing."""

    ttft_s: float | None = None
    tokens_per_second_per_user: float | None = None


class Sampling(Frozen, frozen=True, kw_only=True):
    """How the next token is drawn, and the texts that end an answer (`stop`). A temperature of 0 is greedy."""

    temperature: float = 0.0
    top_k: Whole = 40
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()


class Tier(Frozen, frozen=True, kw_only=True):
    """One service tier and the lane behind it.

    `context` is in tokens (prompt and answer together), `slots` the sequences in the KV cache at once, `share` the
    part of the device's step seconds relative to the other tiers, `users` the virtual clients that keep asking,
    `think_s` the seconds each of them pauses between an answer and the next request, `mix` the kind of prompts they
    send (a name under `assets/prompts`), `answer_tokens` the longest answer they ask for.

    With `arrivals_per_second` passers-by ask instead of users (an open loop); the gaps between them are gamma
    distributed with the shape `burstiness` (1: Poisson, less: bursts, more: evenly). `lengths` names the mix that the
    lengths of prompts and answers are drawn from (`desk.scenario.lengths`); empty, they are those of the texts.
    """

    name: str
    model: str
    precision: str = ""
    provider: Provider = "auto"
    context: Whole = 1024
    slots: Whole = 4
    share: float = 1.0
    users: Whole = 4
    think_s: float = 0.0
    mix: str = "chat"
    answer_tokens: Whole = 128
    sampling: Sampling = Sampling()
    price: Price = Price()
    promise: Promise = Promise()
    arrivals_per_second: float | None = None
    burstiness: float = 1.0
    lengths: str = ""

    def __post_init__(self) -> None:
        """Refuse a setting that no lane can run, in words that name the field (msgspec reports them as its own)."""
        limits = {
            "context": (self.context, 16, 1_048_576),
            "slots": (self.slots, 1, 256),
            "share": (self.share, 0.01, 100.0),
            "users": (self.users, 0, 10_000),
            "think_s": (self.think_s, 0.0, 3600.0),
            "arrivals_per_second": (1.0 if self.arrivals_per_second is None else self.arrivals_per_second, 1e-3, 1e4),
            "burstiness": (self.burstiness, 0.01, 1e3),
            "answer_tokens": (self.answer_tokens, 1, 1_048_576),
            "price.input": (self.price.input, 0.0, 1e6),
            "price.cached": (self.price.cached, 0.0, 1e6),
            "price.output": (self.price.output, 0.0, 1e6),
            "sampling.temperature": (self.sampling.temperature, 0.0, 10.0),
            "sampling.top_p": (self.sampling.top_p, 1e-6, 1.0),
            "sampling.top_k": (self.sampling.top_k, 0, 64),
            "sampling.repetition_penalty": (self.sampling.repetition_penalty, 0.1, 10.0),
        }
        for field, (value, low, high) in limits.items():
            if not low <= value <= high:
                raise ValueError(
                    f"{field} of tier {self.name} is {in_words(value)}, but must lie between {low:g} and {high:g}"
                )
        if "" in self.sampling.stop:
            raise ValueError(f"sampling.stop of tier {self.name} has an empty text, which would end every answer")
        for field, value in (
            ("promise.ttft_s", self.promise.ttft_s),
            ("promise.tokens_per_second_per_user", self.promise.tokens_per_second_per_user),
        ):
            if value is not None and not 0 < value < 1e6:
                raise ValueError(f"{field} of tier {self.name} is {in_words(value)}, but must be above 0")


class Tariff(Frozen, frozen=True, kw_only=True):
    """What a kilowatt-hour and an hour of the machine cost.

    `pue` is site power over IT power (1.0 for a machine in a room), `wall_factor` wall power over measured power
    (power-supply loss), `dollars_per_hour` the all-in cost of the machine, energy included, `None` where the user
    declared none. `dollars_per_kwh_by_hour` are 24 prices for the hours of the day, local time, in place of the one.
    `currency` is the ISO 4217 code of the unit that these prices and the tiers' list prices are given in; whatever it
    is, amounts are called dollars inside, and nothing is converted.
    """

    dollars_per_kwh: Real = 0.31
    pue: Real = 1.0
    wall_factor: Real = 1.0
    dollars_per_hour: Real | None = None
    currency: str = USD
    dollars_per_kwh_by_hour: tuple[Real, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a day that has not 24 hours, in words that name the field."""
        if len(self.dollars_per_kwh_by_hour) not in (0, 24):
            raise ValueError(f"dollars_per_kwh_by_hour has {len(self.dollars_per_kwh_by_hour)} prices, but needs 24")


class Budget(Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """What a run may use before it is stopped: joules, dollars of energy, seconds; `None` sets no limit.

    Counted as the totals are: from the first token on, after the warm-up where there is one.
    """

    joules: Real | None = None
    dollars: Real | None = None
    seconds: Real | None = None
