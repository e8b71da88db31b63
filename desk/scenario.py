"""Who asks for what and when: the virtual users of a tier.

Pure and seeded: what a user asks depends on the seed, the tier's name, the user and how often it has asked before,
never on timing; so the same seed gives the same requests on any machine. Time is passed in, in seconds.
"""

import heapq
import random
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from desk.facts.places import shipped
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble

SCENARIOS = ("steady",)
"""`steady`: every tier keeps its users, each of which asks again after its pause."""


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of `assets/prompts/KIND.jsonl`: what a user says, and optionally the instruction before it."""

    user: str
    system: str = ""

    def messages(self) -> list[dict[str, str]]:
        """The prompt as a conversation, ready for a chat template."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        return [*before, {"role": "user", "content": self.user}]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of one user: the prompt, the longest answer it wants in tokens, and the seed to draw it with.

    `when` is the moment it was due, in the seconds of whoever asks for what is due.
    """

    when: float
    user: int
    prompt: Prompt
    answer_tokens: int
    seed: int


@lru_cache(maxsize=16)
def prompts(kind: str) -> tuple[Prompt, ...]:
    """The prompts of a kind (the `mix` of a tier), in the order of their file; raises `Trouble` if there are none."""
    path = shipped("assets", "prompts", f"{kind}.jsonl")
    try:
        lines = path.read_bytes().splitlines()
        found = tuple(msgspec.json.decode(line, type=Prompt) for line in lines if line.strip())
    except FileNotFoundError as error:
        offered = ", ".join(sorted(file.stem for file in path.parent.glob("*.jsonl"))) or "none"
        raise Trouble(f"There are no prompts of the kind {kind}.", f"Choose one of: {offered}.") from error
    except (OSError, msgspec.DecodeError) as error:
        raise Trouble(
            f"The prompts of the kind {kind} cannot be read: {error}.", "Install Token Desk again."
        ) from error
    if not found:
        raise Trouble(f"The prompts of the kind {kind} are an empty file.", "Install Token Desk again.")
    return found


class ClosedLoop:
    """The users of one tier: each asks, waits for its answer, pauses `think_s` seconds, and asks again.

    A user picks its prompts at random from the tier's mix and wants an answer of at most `answer_tokens` tokens, drawn
    evenly from the upper half of that range, so that answers do not end in step. Where users pause, they start spread
    over one pause. Raises `Trouble` for a mix without prompts.
    """

    def __init__(self, tier: Tier, seed: int, now: float) -> None:
        self._seed = seed
        self._asked: dict[int, int] = {}  # requests so far, of every user there ever was
        self._waiting: set[int] = set()
        self._pausing: list[tuple[float, int]] = []  # a heap of (until, user)
        self.retune(tier, now)

    def retune(self, tier: Tier, now: float) -> None:
        """Take over new settings. Users beyond the new number leave: at once if they pause, else after their answer."""
        self._prompts = prompts(tier.mix)
        self._tier = tier
        self._pausing = [(until, user) for until, user in self._pausing if user < tier.users]
        heapq.heapify(self._pausing)
        here = self._waiting | {user for _, user in self._pausing}
        for user in range(tier.users):
            if user not in here:
                late = self._random(user, "start").random() * tier.think_s
                heapq.heappush(self._pausing, (now + late, user))

    def next_due(self) -> float | None:
        """When the next user asks; `None` while all of them wait for answers."""
        return self._pausing[0][0] if self._pausing else None

    def due(self, now: float) -> list[Ask]:
        """The requests of all users whose pause is over."""
        asks = []
        while self._pausing and self._pausing[0][0] <= now:
            when, user = heapq.heappop(self._pausing)
            self._waiting.add(user)
            asks.append(self._ask(user, when))
        return asks

    def leaving(self, user: int) -> bool:
        """Whether the user is one too many by now."""
        return user >= self._tier.users

    def answered(self, user: int, now: float) -> None:
        """The user's request is over, one way or another: it pauses, or leaves."""
        self._waiting.discard(user)
        if not self.leaving(user):
            heapq.heappush(self._pausing, (now + self._tier.think_s, user))

    def _ask(self, user: int, when: float) -> Ask:
        number = self._asked.get(user, 0)
        self._asked[user] = number + 1
        chance = self._random(user, str(number))
        longest = self._tier.answer_tokens
        return Ask(
            when=when,
            user=user,
            prompt=chance.choice(self._prompts),
            answer_tokens=chance.randint((longest + 1) // 2, longest),
            seed=chance.getrandbits(63),
        )

    def _random(self, user: int, what: str) -> random.Random:
        return random.Random(f"{self._seed}/{self._tier.name}/{user}/{what}")
