"""What a tier can be run at: the measured points that fit its model and its traffic, as candidates for a mix.

A point tells what its own work brings. The traffic of a tier is its prompts and answers; where a point was measured
with answers of another length, its seconds are taken apart, into those of a decoded token (the median ITL over the
rows) and those of a prompt (what is left of each request), and put together again for the tier's traffic. Prompts of
a kind that nobody measured are no business of a point, so that such a tier has no candidates.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt

import msgspec

from desk.facts.tiers import Price, Promise, Tier
from desk.frontier.points import BOARD, Denominator, Point, setting
from desk.ledger import money
from desk.ledger.period import TierPeriod

TELLING = 20
"""Of so many finished requests at least the means of a tier's traffic are believed."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a tier's requests are on average: tokens of the prompt, those of them that the cache held, of the answer."""

    prompt: float
    cached: float
    answer: float

    @classmethod
    def of(cls, account: TierPeriod, fewest: int = 1) -> "Traffic | None":
        """The traffic that an account tells of; `None` where fewer than `fewest` requests began or ended in it."""
        begun = sum(account.ttfts.values())
        if min(begun, account.finished) < fewest or not account.finished_tokens:
            return None
        return cls(account.prompt / begun, account.cached / begun, account.finished_tokens / account.finished)

    def dollars_per_token(self, price: Price) -> float:
        """What an output token brings at list price, its part of the prompt included."""
        return money.output_value(price, 1) + money.input_value(price, self.prompt, self.cached) / self.answer


@dataclass(frozen=True, slots=True)
class Option:
    """A measured point as a candidate for a tier, with the device for itself.

    `slots` is how many of them are taken. `speed` in tokens/s/user is 1 / mean ITL, as promises are judged, `ttft_s`
    the 95th percentile. `rate` is in tokens/s, `deviation` the standard deviation of its mean (`None`: measured once).
    `dollars_per_token` is what one output token of it brings at the tier's prices, its part of the prompt included,
    `answer` the tokens of a mean answer. `corrected` says that the point was measured with other work.
    """

    tier: str
    slots: int
    speed: float
    rate: float
    dollars_per_token: float
    ttft_s: float | None = None
    deviation: float | None = None
    watts: float | None = None
    point: Point | None = None
    answer: float = 1.0
    corrected: bool = False

    def least(self, promise: Promise) -> float:
        """The part of a device that keeps the promise: above 1 where it cannot be kept."""
        need = 0.0
        if promise.tokens_per_second_per_user is not None:
            need = promise.tokens_per_second_per_user / self.speed
        if promise.ttft_s is not None:
            need = max(need, inf if self.ttft_s is None else self.ttft_s / promise.ttft_s)
        return need

    @property
    def measured_at(self) -> Hashable:
        """What the candidate was measured at, whichever tier it is for."""
        return (self.tier, self.slots) if self.point is None else setting(self.point.tier)


@dataclass(frozen=True, slots=True)
class Offer:
    """A tier as the mix sees it: what it promises, its measured points, what can be sold of it in tokens/s, and how
    many slots its users can fill at most.

    `asking` are its users where they do not keep all its slots taken: those who pause, and passers-by.
    """

    tier: str
    promise: Promise
    options: tuple[Option, ...]
    demand: float | None = None
    most_slots: int | None = None
    asking: Tier | None = None

    @property
    def candidates(self) -> tuple[Option, ...]:
        """The points that its users can fill."""
        return tuple(one for one in self.options if self.most_slots is None or one.slots <= self.most_slots)

    @property
    def corrected(self) -> bool:
        """Whether its points were measured with other work."""
        return any(one.corrected for one in self.options)

    def promising(self, speed: float) -> "Offer":
        """The same tier with another promise of speed."""
        return replace(self, promise=msgspec.structs.replace(self.promise, tokens_per_second_per_user=speed))


def offer(
    tier: Tier,
    points: Iterable[Point],
    demand: float | None = None,
    denominator: Denominator = BOARD,
    traffic: Traffic | None = None,
) -> Offer:
    """A tier with the points that were measured for its model and precision, of its own work where there are any.

    Otherwise points of the same prompts are corrected for its answers; where its `traffic` is known, points of any
    work are. Users fill no more slots than there are of them, and ask for no more than they can while they pause.
    """
    fitting = [each for each in points if each.tier.model == tier.model and tier.precision in ("", each.precision)]
    usable = [each for each in fitting if traffic is not None or _same_prompts(each.tier, tier)]
    kinds = sorted({(_strangeness(each.tier, tier), each.precision) for each in usable})
    chosen = [each for each in usable if (_strangeness(each.tier, tier), each.precision) == kinds[0]]
    account = TierPeriod()
    for each in chosen:
        account.add(each.total.tier)
    measured = Traffic.of(account)  # of all points together: a single one has seen few requests
    found = [option(tier, each, denominator, measured, traffic) for each in chosen]
    options = tuple(each for each in found if each is not None)
    pausing = tier.think_s > 0.0 or tier.arrivals_per_second is not None
    return Offer(
        tier.name,
        tier.promise,
        options,
        _asked(tier, options, demand),
        tier.users if tier.arrivals_per_second is None else None,
        tier if pausing else None,
    )


def _work(tier: Tier) -> tuple[str, str, int, int]:
    """What decides how long prompts and answers are."""
    return tier.mix, tier.lengths, tier.answer_tokens, tier.context


def _same_prompts(measured: Tier, tier: Tier) -> bool:
    """Whether the prompts are the same: lengths that are drawn shrink with the context, texts do not."""
    same = (measured.mix, measured.lengths) == (tier.mix, tier.lengths)
    return same and (not tier.lengths or measured.context == tier.context)


def _strangeness(measured: Tier, tier: Tier) -> tuple[bool, int, int]:
    """How far the work that was measured is from what the tier is asked for: 0 in all places is the same."""
    other = (measured.mix, measured.lengths) != (tier.mix, tier.lengths)
    return other, abs(measured.answer_tokens - tier.answer_tokens), abs(measured.context - tier.context)


def _asked(tier: Tier, options: Sequence[Option], demand: float | None) -> float | None:
    """What can be sold in tokens/s: no more than is asked for."""
    answer = max((one.answer for one in options), default=0.0)
    if tier.arrivals_per_second is not None:
        asked = tier.arrivals_per_second * answer
    elif tier.think_s > 0.0 and options:
        asked = tier.users * answer / (tier.think_s + answer / max(one.speed for one in options))
    else:
        return demand
    return asked if demand is None else min(demand, asked)


def option(
    tier: Tier,
    point: Point,
    denominator: Denominator = BOARD,
    measured: Traffic | None = None,
    traffic: Traffic | None = None,
) -> Option | None:
    """A point as a candidate for a tier; `None` where it has no speed.

    `measured` is the traffic of points with this work, where another one tells it better than the point alone. The
    tier's own is `traffic`; where it is not known, its prompts are those of the point, and its answers as much longer
    as its limit is.
    """
    speed, rate, account = point.pace(), point.height("tokens_per_second"), point.total.tier
    measured = measured or Traffic.of(account)
    same = _work(point.tier) == _work(tier)
    if speed is None or rate is None or (measured is None and not same):
        return None
    prompts = money.input_value(tier.price, account.prompt, account.cached) / account.emitted
    ttft, watts = point.ttft(0.95), point.watts(denominator)
    found = Option(
        tier=tier.name,
        slots=taken(point.tier),
        speed=speed.value,
        rate=rate.value,
        dollars_per_token=(
            measured.dollars_per_token(tier.price) if measured else money.output_value(tier.price, 1) + prompts
        ),
        ttft_s=None if ttft is None else ttft.value,
        deviation=None if rate.deviation is None else rate.deviation / sqrt(rate.windows),
        watts=None if watts is None else watts.value,
        point=point,
        answer=measured.answer if measured else tier.answer_tokens,  # as long as they may be: none has ended yet
    )
    if same or measured is None:
        return found
    longer = tier.answer_tokens / point.tier.answer_tokens
    asked = traffic or replace(measured, answer=measured.answer * longer)
    return _corrected(found, tier, account, measured, asked)


def taken(tier: Tier) -> int:
    """How many slots of a lane are taken while its users never pause."""
    return tier.slots if tier.arrivals_per_second is not None else min(tier.slots, tier.users)


def _corrected(found: Option, tier: Tier, account: TierPeriod, measured: Traffic, asked: Traffic) -> Option:
    """A candidate for other traffic than that which was measured.

    A request of the point took answer / rate seconds of the lane; of these, decoding took the median ITL / rows for
    each token, which no prompt lies in, and the prompt took the rest. Longer sequences are read more slowly, but no
    point of one length says by how much: that stays out.
    """
    gap = account.itl(0.5)
    request_s = measured.answer / found.rate
    decode_s = min(request_s, measured.answer * gap / found.slots) if gap is not None else request_s
    fresh = max(1.0, measured.prompt - measured.cached)
    longer = max(0.0, asked.prompt - asked.cached) / fresh
    prompt_s = (request_s - decode_s) * longer
    rate = asked.answer / (decode_s * asked.answer / measured.answer + prompt_s)
    # A reader's gaps hold the prompts of the others in the lane, whose number in an answer's time stays the same.
    gaps_s = found.slots / rate
    before_s = found.slots / found.rate
    return replace(
        found,
        rate=rate,
        speed=found.speed * before_s / gaps_s,
        ttft_s=None if found.ttft_s is None else found.ttft_s * max(1.0, longer),
        deviation=None if found.deviation is None else found.deviation * rate / found.rate,
        dollars_per_token=asked.dollars_per_token(tier.price),
        answer=asked.answer,
        corrected=True,
    )


def between(options: Sequence[Option], slots: int) -> Option | None:
    """The candidate with so many slots, between its neighbours; `None` outside of the measured.

    On a straight line over the slots lie the seconds in which each of them gets a token, and all that is a mean over
    tokens: exact where a step costs so much, and so much more for each row.
    """
    ranked = sorted(options, key=lambda one: one.slots)
    lower = [one for one in ranked if one.slots <= slots]
    upper = [one for one in ranked if one.slots >= slots]
    if not lower or not upper:
        return None
    left, right = lower[-1], upper[0]
    if left.slots == right.slots:
        return left
    along = (slots - left.slots) / (right.slots - left.slots)

    def mean(low: float, high: float) -> float:
        return low + along * (high - low)

    def known(low: float | None, high: float | None) -> float | None:
        return None if low is None or high is None else mean(low, high)

    return Option(
        tier=left.tier,
        slots=slots,
        speed=1.0 / mean(1.0 / left.speed, 1.0 / right.speed),
        rate=slots / mean(left.slots / left.rate, right.slots / right.rate),
        dollars_per_token=mean(left.dollars_per_token, right.dollars_per_token),
        ttft_s=known(left.ttft_s, right.ttft_s),
        deviation=known(left.deviation, right.deviation),
        watts=known(left.watts, right.watts),
        answer=mean(left.answer, right.answer),
        corrected=left.corrected or right.corrected,
    )


def under(tier: Tier, load: float) -> Tier:
    """The tier with `load` times as many who ask, as a load that is set by hand has it."""
    if load == 1.0:
        return tier
    users, arrivals = round(tier.users * load), tier.arrivals_per_second
    if arrivals is not None and arrivals * load < 1e-3:  # fewer passers-by than a tier can have are none
        users, arrivals = 0, None
    return msgspec.structs.replace(tier, users=users, arrivals_per_second=arrivals and arrivals * load)
