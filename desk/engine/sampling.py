"""The next token of every row, drawn on the host from the candidates that the graph hands out.

A graph gives the 64 (`Manifest.candidates`) largest logits of a row in falling order, so top-k, top-p and temperature
act on those; what lies beyond them is never drawn. The repetition penalty, too, reorders only among them.
"""

import random
from collections.abc import Iterable, Sequence

import numpy as np

from desk.facts.tiers import Sampling


class Chooser:
    """How one request draws: its sampling, its own chain of random numbers, and the tokens it has already seen."""

    def __init__(self, sampling: Sampling, seed: int) -> None:
        self.sampling = sampling
        self._random = random.Random(seed)
        self._seen: set[int] = set()

    def saw(self, tokens: Iterable[int]) -> None:
        """Note tokens of the prompt or the answer, which the repetition penalty then weighs down."""
        self._seen.update(tokens)

    def uniform(self) -> float:
        """The next random number in [0, 1)."""
        return self._random.random()

    def repeated(self, ids: np.ndarray) -> np.ndarray:
        """Which of the candidates `ids` [candidates] were seen before."""
        seen = self._seen
        return np.fromiter((token in seen for token in ids.tolist()), bool, len(ids))


def choose(logits: np.ndarray, ids: np.ndarray, rows: Sequence[Chooser]) -> list[int]:
    """One token id per row from `logits` [rows, candidates] in falling order and their `ids`.

    A temperature of 0 takes the largest. Otherwise: repetition penalty (as in the CTRL paper: positive logits are
    divided by it, negative ones multiplied), temperature, the `top_k` largest (0: all candidates), then the smallest
    set whose probability reaches `top_p`. A row draws one random number exactly where its temperature is above 0.
    """
    settings = [row.sampling for row in rows]
    if all(s.temperature == 0.0 and s.repetition_penalty == 1.0 for s in settings):
        return ids[:, 0].tolist()
    count, candidates = logits.shape
    values = logits.astype(np.float64)
    for row, (chooser, s) in enumerate(zip(rows, settings, strict=True)):
        if s.repetition_penalty != 1.0:
            values[row], ids = _penalised(values[row], ids, row, chooser)
    greedy = [s.temperature == 0.0 for s in settings]
    temperature = np.array([1.0 if g else s.temperature for s, g in zip(settings, greedy, strict=True)])
    kept = np.array([1 if g else (s.top_k or candidates) for s, g in zip(settings, greedy, strict=True)])
    top_p = np.array([s.top_p for s in settings])
    chance = np.array([0.0 if g else row.uniform() for row, g in zip(rows, greedy, strict=True)])

    weights = np.exp((values - values[:, :1]) / temperature[:, None])
    weights[np.arange(candidates) >= kept[:, None]] = 0.0
    mass = np.cumsum(weights, axis=1)
    # A candidate stays while the mass before it has not reached top_p: the first one always does.
    within = (mass - weights < top_p[:, None] * mass[:, -1:]) & (weights > 0.0)
    total = np.where(within, mass, 0.0).max(axis=1)
    picked = np.minimum((mass <= (chance * total)[:, None]).sum(axis=1), within.sum(axis=1) - 1)
    return ids[np.arange(count), picked].tolist()


def _penalised(values: np.ndarray, ids: np.ndarray, row: int, chooser: Chooser) -> tuple[np.ndarray, np.ndarray]:
    """The row's values in falling order after the penalty, and the ids with that row reordered alike."""
    penalty = chooser.sampling.repetition_penalty
    weighed = np.where(values > 0.0, values / penalty, values * penalty)
    values = np.where(chooser.repeated(ids[row]), weighed, values)
    order = np.argsort(-values, kind="stable")
    ids = ids.copy()
    ids[row] = ids[row][order]
    return values[order], ids
