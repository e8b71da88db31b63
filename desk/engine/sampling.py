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

    def repeated(self, ids: list[int]) -> list[bool]:
        """Which of the candidates were seen before; none matters where nothing is penalised."""
        if self.sampling.repetition_penalty == 1.0:
            return [False] * len(ids)
        return [token in self._seen for token in ids]

    def draw(self, mass: np.ndarray) -> int:
        """The index of a candidate, given the running sums of the candidates' weights [candidates]."""
        last = min(self.sampling.top_k or len(mass), len(mass)) - 1
        total = mass.item(last)
        if self.sampling.top_p < 1.0:
            last = min(int(mass.searchsorted(self.sampling.top_p * total)), last)
            total = mass.item(last)
        return min(int(mass.searchsorted(self._random.random() * total, "right")), last)


def choose(logits: np.ndarray, ids: np.ndarray, rows: Sequence[Chooser]) -> list[int]:
    """One token id per row from `logits` [rows, candidates] in falling order and their `ids`.

    A temperature of 0 takes the largest. Otherwise: repetition penalty (as in the CTRL paper: positive logits are
    divided by it, negative ones multiplied), temperature, the `top_k` largest (0: all candidates), then the smallest
    set whose probability reaches `top_p`. A row draws one random number exactly where its temperature is above 0.
    """
    settings = [row.sampling for row in rows]
    if all(s.temperature == 0.0 and s.repetition_penalty == 1.0 for s in settings):
        return ids[:, 0].tolist()
    values = logits.astype(np.float32, copy=False)
    if any(s.repetition_penalty != 1.0 for s in settings):
        values, ids = _penalised(values, ids, rows)
    # Few numpy calls: after a run the processor's caches are cold, and a call costs several times its usual.
    warmth = np.array([[s.temperature or 1.0] for s in settings], np.float32)
    mass = np.exp((values - values[:, :1]) / warmth).cumsum(axis=1)
    return [
        row_ids.item(0 if row.sampling.temperature == 0.0 else row.draw(row_mass))
        for row, row_ids, row_mass in zip(rows, ids, mass, strict=True)
    ]


def _penalised(values: np.ndarray, ids: np.ndarray, rows: Sequence[Chooser]) -> tuple[np.ndarray, np.ndarray]:
    """Values and ids, both in falling order again, after every row's penalty on what it has seen."""
    seen = np.array([row.repeated(candidates) for row, candidates in zip(rows, ids.tolist(), strict=True)])
    penalty = np.array([[row.sampling.repetition_penalty] for row in rows], np.float32)
    values = np.where(seen, np.where(values > 0.0, values / penalty, values * penalty), values)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(ids, order, axis=1)
