"""Who asks, played against the lanes: what users who pause and passers-by take of a shared device.

Lanes whose slots are always taken have their shares of the device, and nothing needs to be played. A lane that runs
out of requests now and then leaves its share to the others meanwhile, and how often depends on how fast it is served.
So requests come, wait for a slot and progress here as they do in the factory, with the device flowing to all lanes
that have work in the proportion of their shares (generalised processor sharing: A. K. Parekh and R. G. Gallager, 1993,
which stride scheduling follows step by step).
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

FEWEST, MOST = 300, 8000
"""Played until every lane has answered so many requests, or all of them together so many: once unseen, once counted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A lane and who asks it. `rate` gives the tokens/s that it makes with so many slots taken and the device for
    itself, `answer` is the mean length of its answers.

    `users` ask again `think_s` after each answer; with `arrivals` a second passers-by come in their place, in gaps of
    the shape `burstiness`.
    """

    share: float
    slots: int
    answer: float
    rate: Callable[[int], float]
    users: int = 0
    think_s: float = 0.0
    arrivals: float | None = None
    burstiness: float = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """What a lane made in tokens/s, and which part of the device it had while it had work."""

    rate: float
    part: float


@dataclass(slots=True)
class _Lane:
    """A lane while it is played. `reached` are the tokens that each row which was there from the beginning would have
    got by now: a row ends at a value of it, so that one heap holds the order of their ends."""

    of: Asked
    reached: float = 0.0
    rows: list[float] = field(default_factory=list)
    queue: int = 0
    answered: int = 0
    tokens: float = 0.0
    active_s: float = 0.0
    device_s: float = 0.0

    @property
    def pace(self) -> float:
        """Tokens/s of a row with the device for itself."""
        return self.of.rate(len(self.rows)) / len(self.rows)

    def turn(self, seconds: float, part: float) -> None:
        """Go on for so long with this part of the device."""
        grown = self.pace * part * seconds
        self.reached += grown
        self.tokens += grown * len(self.rows)
        self.active_s += seconds
        self.device_s += part * seconds

    def admit(self, chance: random.Random) -> None:
        """Give those who wait the free slots."""
        while self.queue and len(self.rows) < self.of.slots:
            self.queue -= 1
            # As users ask: evenly from the upper half of the longest answer of the tier.
            heapq.heappush(self.rows, self.reached + self.of.answer * chance.uniform(2 / 3, 4 / 3))

    def forget(self) -> None:
        """Count from now on."""
        self.answered, self.tokens, self.active_s, self.device_s = 0, 0.0, 0.0, 0.0


def play(lanes: Sequence[Asked], seed: int = 0) -> list[Served]:
    """What each lane makes in the long run."""
    chance = random.Random(seed)
    played = [_Lane(lane) for lane in lanes]
    due = [(_gap(lane, chance), number) for number, lane in enumerate(lanes) for _ in range(_askers(lane))]
    heapq.heapify(due)
    now, since = 0.0, 0.0
    while due or any(lane.rows for lane in played):
        working = [lane for lane in played if lane.rows]
        whole = sum(lane.of.share for lane in working)
        ends = [(lane.rows[0] - lane.reached) / lane.pace * whole / lane.of.share for lane in working]
        step = min([*ends, due[0][0] - now if due else inf])
        for lane in working:
            lane.turn(step, lane.of.share / whole)
        now += step
        for lane, end in zip(working, ends, strict=True):
            if end <= step:
                heapq.heappop(lane.rows)
                lane.answered += 1
                if lane.of.arrivals is None:
                    heapq.heappush(due, (now + lane.of.think_s, played.index(lane)))
        while due and due[0][0] <= now:
            _, number = heapq.heappop(due)
            lane = played[number]
            lane.queue += 1
            if lane.of.arrivals is not None:
                heapq.heappush(due, (now + _gap(lane.of, chance), number))
        for lane in played:
            lane.admit(chance)
        answered = [lane.answered for lane in played]
        if min(answered) >= FEWEST or sum(answered) >= MOST:
            if since:
                break
            since = now
            for lane in played:
                lane.forget()
    return [_served(lane, now - since) for lane in played]


def _askers(lane: Asked) -> int:
    """How many ask of their own accord: a passer-by is followed by the next one."""
    return lane.users if lane.arrivals is None else 1


def _gap(lane: Asked, chance: random.Random) -> float:
    """Seconds to the next request: of a user at the start, somewhere in a pause."""
    if lane.arrivals is None:
        return chance.random() * lane.think_s
    return chance.gammavariate(lane.burstiness, 1.0 / lane.burstiness) / lane.arrivals


def _served(lane: _Lane, seconds: float) -> Served:
    part = lane.device_s / lane.active_s if lane.active_s else 0.0
    if lane.of.arrivals is not None and lane.queue < lane.of.slots:
        return Served(lane.of.arrivals * lane.of.answer, part)  # who keeps up sells all that is asked for
    return Served(lane.tokens / seconds if seconds else 0.0, part)
