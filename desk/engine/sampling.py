"""The next token of every row, drawn on the host from the candidates that the graph hands out.

A graph gives the 64 (`Manifest.candidates`) largest logits of a row in falling order, so top-k, top-p and temperature
act on those; what lies beyond them is never drawn. The repetition penalty, too, reorders only among them.
"""

import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from desk.facts.tiers import Sampling

_COLDEST = 1e-6
"""A temperature below this one draws as greedily as it does."""


class Chooser:
    """How one request draws: its sampling, its own chain of random numbers, and the tokens it has already seen.

    `known` is the request's own list, prompt and answer, which grows as tokens come.
    """

    def __init__(self, sampling: Sampling, seed: int, known: Sequence[int] = ()) -> None:
        self.sampling = sampling
        self.random = random.Random(seed).random
        self._known = known
        self._seen: set[int] = set()
        self._read = 0

    def repeated(self, ids: list[int]) -> list[bool]:
        """Which of the candidates were seen before; none matters where nothing is penalised."""
        if self.sampling.repetition_penalty == 1.0:
            return [False] * len(ids)
        self._seen.update(self._known[self._read :])
        self._read = len(self._known)
        return [token in self._seen for token in ids]


class Sampler:
    """Draws for the rows of one batch, step after step.

    What depends on the rows' settings alone is worked out once and kept for as long as they stay the same.
    """

    def __init__(self) -> None:
        self._adopt([], 1)

    def choose(self, logits: np.ndarray, ids: np.ndarray, rows: Sequence[Chooser]) -> list[int]:
        """One token id per row from `logits` [rows, candidates] in falling order and their `ids`.

        A temperature of 0 takes the largest. Otherwise: repetition penalty (as in the CTRL paper: positive logits are
        divided by it, negative ones multiplied), temperature, the `top_k` largest (0: all candidates), then the
        smallest set whose probability reaches `top_p`. A row draws one random number exactly where its temperature is
        above 0 and its `top_k` is not 1.
        """
        settings = [row.sampling for row in rows]
        if settings != self._settings:
            self._adopt(settings, logits.shape[1])
        if self._greedy:
            return ids[:, 0].tolist()
        if self._penalised:
            logits, ids = _penalised(logits.astype(np.float32, copy=False), ids, rows)
        if logits is not self._logits:
            self._logits, self._considered, self._largest = logits, logits[:, : self._width], logits[:, :1]
        # Few numpy calls, none of them per row, and no list of all the sums: after a run the processor's caches are
        # cold, where a call costs several times its usual and so does every object.
        weights, sums = self._weights, self._sums
        np.subtract(self._considered, self._largest, out=weights, dtype=np.float32)
        np.multiply(weights, self._coldness, out=weights)
        np.exp(weights, out=weights)
        np.add.accumulate(weights, axis=1, out=weights)
        drawn = []
        for row, (index, first, last, top_p) in zip(rows, self._limits, strict=True):
            pick = first
            if last > first:
                if top_p < 1.0:
                    last = bisect_left(sums, top_p * sums[last], first, last)
                pick = bisect_right(sums, row.random() * sums[last], first, last)
            drawn.append(ids.item(index, pick - first))
        return drawn

    def _adopt(self, settings: list[Sampling], candidates: int) -> None:
        self._settings = settings
        self._logits = None
        self._penalised = any(s.repetition_penalty != 1.0 for s in settings)
        self._greedy = not self._penalised and all(s.temperature == 0.0 for s in settings)
        widths = [min(s.top_k or candidates, candidates) if s.temperature else 1 for s in settings]
        self._width = max(widths, default=1)
        self._weights = np.empty((len(settings), self._width), np.float32)
        self._sums = self._weights.reshape(-1).data
        starts = range(0, self._weights.size, self._width)
        self._limits = [
            (index, start, start + width - 1, s.top_p)
            for index, (start, width, s) in enumerate(zip(starts, widths, settings, strict=True))
        ]
        self._coldness = np.array([[1.0 / max(s.temperature, _COLDEST)] for s in settings], np.float32)


def _penalised(values: np.ndarray, ids: np.ndarray, rows: Sequence[Chooser]) -> tuple[np.ndarray, np.ndarray]:
    """Values and ids, both in falling order again, after every row's penalty on what it has seen."""
    seen = np.array([row.repeated(candidates) for row, candidates in zip(rows, ids.tolist(), strict=True)])
    penalty = np.array([[row.sampling.repetition_penalty] for row in rows], np.float32)
    values = np.where(seen, np.where(values > 0.0, values / penalty, values * penalty), values)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(values, order, axis=1), np.take_along_axis(ids, order, axis=1)
