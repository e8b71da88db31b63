"""How long prompts and answers are: lognormal mixes fitted to published traces, at sizes that a small model can take.

The shape of a mix (p90 over median) is that of its trace, and so is its mean to within a quarter; its medians are the
trace's, some divided by four, because a small local model cannot take prompts of twelve thousand tokens at speed. Where
a tier's context is shorter than the one a mix is meant for, all its lengths shrink with it.
"""

import math
import random
from dataclasses import dataclass

from desk.facts.trouble import Trouble

_Z90 = 1.2815515655446004
"""The 90th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lognormal lengths in tokens, by their median and 90th percentile."""

    median: float
    p90: float

    @property
    def mean(self) -> float:
        return self.median * math.exp(self._sigma**2 / 2)

    @property
    def _sigma(self) -> float:
        return math.log(self.p90 / self.median) / _Z90

    def draw(self, chance: random.Random, scale: float = 1.0) -> int:
        """A length of at least one token, all lengths multiplied by `scale`."""
        return max(1, round(scale * self.median * math.exp(chance.gauss(0.0, self._sigma))))


@dataclass(frozen=True, slots=True)
class Mix:
    """Prompts and answers of one kind of service, for a context of that many tokens or more."""

    prompt: Lengths
    answer: Lengths
    context: int
    source: str

    def draw(self, context: int, chance: random.Random) -> tuple[int, int]:
        """Tokens of a prompt and of its answer in a context of that many tokens."""
        scale = min(1.0, context / self.context)
        return self.prompt.draw(chance, scale), self.answer.draw(chance, scale)


MIXES = {
    "chat": Mix(
        Lengths(256, 686), Lengths(128, 421), 2048, "Azure LLM inference trace 2023, conversation (CC-BY), prompts / 4"
    ),
    "code": Mix(Lengths(384, 1356), Lengths(13, 55), 2048, "Azure LLM inference trace 2023, code (CC-BY), prompts / 4"),
    "agent": Mix(
        Lengths(1700, 6734),
        Lengths(85, 145),
        8192,
        "Mooncake trace, FAST 2025, conversation / 4",
    ),
    "reasoning": Mix(Lengths(128, 192), Lengths(1024, 1536), 2048, "InferenceX 1k/8k / 8; the spread is assumed"),
}


def mix(name: str) -> Mix:
    """The mix of that name; raises `Trouble` where there is none."""
    if name not in MIXES:
        raise Trouble(f"There is no mix of lengths {name}.", f"Choose one of: {', '.join(MIXES)}.")
    return MIXES[name]
