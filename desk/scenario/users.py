"""The virtual users of one tier: a closed loop of people who wait for their answers, or an open one of passers-by."""

import heapq
import random
from dataclasses import dataclass

from desk.facts.tiers import Tier
from desk.scenario.curve import Scenario
from desk.scenario.lengths import mix
from desk.scenario.texts import Prompt, at_least, prompts

LOOK_S = 0.25
"""How often a closed loop under a changing load looks how many users there should be."""

STEADY = Scenario(title="Steady")


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of one user: the prompt, the longest answer it wants in tokens, and the seed to draw it with.

    `when` is the moment it was due, in the seconds of whoever asks for what is due. A `prompt_tokens` above 0 is how
    many tokens the prompt is to be cut to, its template included. Passers-by have numbers below 0.
    """

    when: float
    user: int
    prompt: Prompt
    answer_tokens: int
    seed: int
    prompt_tokens: int = 0


class Users:
    """Those who ask a tier for tokens, under the load of a scenario that began at `now`, times a load set by hand.

    Closed loop: `users` people, times the load; each asks, waits for its answer, pauses `think_s` seconds, and asks
    again. Where they pause, they start spread over one pause. Open loop, where the tier has `arrivals_per_second`:
    passers-by come at that rate, times the load, whether or not anybody has been answered. The gaps between them are
    drawn from a gamma distribution of the shape `burstiness`: 1 is a Poisson process, less comes in bursts (the gaps'
    standard deviation is their mean over the root of it), more comes evenly.

    Whoever asks picks a prompt at random from the tier's `mix`. Lengths are those of the texts, and an answer of at
    most `answer_tokens` drawn evenly from the upper half of that range, so that answers do not end in step; where the
    tier has `lengths`, both are drawn from that mix (`desk.scenario.lengths`). Raises `Trouble` for a mix without
    prompts and for lengths that there are none of.
    """

    def __init__(self, tier: Tier, seed: int, now: float, scenario: Scenario = STEADY, load: float = 1.0) -> None:
        self._seed = seed
        self._load = load
        self._scenario = scenario
        self._started = now
        self._asked: dict[int, int] = {}  # requests so far, of every user there ever was
        self._waiting: set[int] = set()
        self._pausing: list[tuple[float, int]] = []  # a heap of (until, user)
        self._passed = 0  # passers-by so far
        self._next: float | None = None  # when the next of them comes
        self._users = 0
        self._look = None if scenario.constant else now  # when to look how many users there should be
        self._tier = tier
        self.retune(tier, now)

    def retune(self, tier: Tier, now: float) -> None:
        """Take over new settings. Users beyond the new number leave: at once if they pause, else after their answer."""
        texts, lengths = prompts(tier.mix), mix(tier.lengths) if tier.lengths else None
        self._prompts, self._lengths = texts, lengths
        before, self._tier = self._tier, tier
        if tier.arrivals_per_second is None:
            self._next = None
        elif self._next is None or before.arrivals_per_second != tier.arrivals_per_second:
            self._next = self._arrival(now)
        self._gather(now)

    def multiply(self, load: float, now: float) -> None:
        """Have `load` times as many users or passers-by as the tier and the scenario ask for, from now on."""
        self._load = load
        if self._tier.arrivals_per_second is not None:
            self._next = self._arrival(now)
        self._gather(now)

    def next_due(self) -> float | None:
        """When somebody asks next or must be looked for; `None` while all users wait for answers."""
        asks = self._pausing[0][0] if self._pausing else None
        other = self._next if self._next is not None else self._look
        if other is None or asks is None:
            return asks if other is None else other
        return min(asks, other)

    def due(self, now: float) -> list[Ask]:
        """The requests of all users whose pause is over, and of all passers-by who have come."""
        if self._look is not None and now >= self._look:
            self._look = now + LOOK_S
            self._gather(now)
        asks = []
        while self._pausing and self._pausing[0][0] <= now:
            when, user = heapq.heappop(self._pausing)
            self._waiting.add(user)
            asks.append(self._ask(user, when))
        while self._next is not None and self._next <= now:
            self._passed += 1
            asks.append(self._ask(-self._passed, self._next))
            self._next = self._arrival(self._next)
        return asks

    def leaving(self, user: int) -> bool:
        """Whether the user is one too many by now."""
        return user >= self._users

    def answered(self, user: int, now: float) -> None:
        """The user's request is over, one way or another: it pauses, or leaves."""
        self._waiting.discard(user)
        if user >= 0 and not self.leaving(user):
            heapq.heappush(self._pausing, (now + self._tier.think_s, user))

    def skip(self, seconds: float) -> None:
        """Leave a pause of the whole factory out of the scenario, of what users think about, and of who comes."""
        self._started += seconds
        if self._look is not None:
            self._look += seconds
        self._pausing = [(until + seconds, user) for until, user in self._pausing]
        if self._next is not None:
            self._next += seconds

    def _gather(self, now: float) -> None:
        """Have as many users as the load of the moment asks for."""
        open_loop = self._tier.arrivals_per_second is not None
        load = 0.0 if open_loop else self._scenario.load(max(0.0, now - self._started))
        self._users = round(self._tier.users * load * self._load)
        self._pausing = [(until, user) for until, user in self._pausing if user < self._users]
        heapq.heapify(self._pausing)
        here = self._waiting | {user for _, user in self._pausing}
        for user in range(self._users):
            if user not in here:
                late = self._random(user, "start").random() * self._tier.think_s
                heapq.heappush(self._pausing, (now + late, user))

    def _arrival(self, now: float) -> float | None:
        """When the next passer-by comes after one at `now`: the load stretches and shrinks the gaps."""
        assert self._tier.arrivals_per_second is not None
        if self._load == 0.0:
            return None
        shape = self._tier.burstiness
        gap = self._random(-1 - self._passed, "gap").gammavariate(shape, 1.0 / shape)
        after = self._scenario.after(max(0.0, now - self._started), gap / (self._tier.arrivals_per_second * self._load))
        return None if after is None else self._started + after

    def _ask(self, user: int, when: float) -> Ask:
        number = 0
        if user >= 0:
            number = self._asked.get(user, 0)
            self._asked[user] = number + 1
        chance = self._random(user, str(number))
        longest = self._tier.answer_tokens
        if self._lengths is None:
            prompt, asked = chance.choice(self._prompts), 0
            answer = chance.randint((longest + 1) // 2, longest)
        else:
            asked, answer = self._lengths.draw(self._tier.context, chance)
            asked = min(asked, self._tier.context)
            prompt = at_least(asked, self._prompts, chance)
        return Ask(
            when=when,
            user=user,
            prompt=prompt,
            answer_tokens=min(answer, longest),
            seed=chance.getrandbits(63),
            prompt_tokens=asked,
        )

    def _random(self, user: int, what: str) -> random.Random:
        return random.Random(f"{self._seed}/{self._tier.name}/{user}/{what}")
