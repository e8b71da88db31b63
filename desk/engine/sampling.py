"""The next token of every row, drawn on the host from the candidates that the graph hands out.

A graph gives the 64 (`Manifest.candidates`) largest logits of a row in falling order, so top-k, top-p and temperature
act on those; what lies beyond them is never drawn. The repetition penalty, too, reorders only among them.

A run of the model leaves the processor's caches cold, and there a kind of numpy call that a step has not made yet takes
about 20 us, whether for one row or for 16: a plain function of arrays of one shape as well as a running sum or a
broadcast. So rows share two calls of the first kind, and all else is plain Python on memory that was looked up once.
"""

import copy
import random
from collections.abc import Sequence
from math import exp
from operator import mul

import numpy as np

from desk.facts.tiers import Sampling

_COLDEST = 1e-6
"""A temperature below this one draws as greedily as it does."""

_REACH = 64.0
"""Rows share their calls as long as their largest logit over the temperature is within this. Then e to that power is
well within a float of 32 bits, and the power's own rounding changes no chance by more than 4e-6 of it."""


class Chooser:
    """How one request draws: its sampling, its own chain of random numbers, and the tokens it has already seen.

    `known` is the request's own list, prompt and answer, which grows as tokens come. The `sampling` of a chooser never
    changes: samplers work it out once.
    """

    def __init__(self, sampling: Sampling, seed: int, known: Sequence[int] = ()) -> None:
        self.sampling = sampling
        self.random = random.Random(seed).random
        self._known = known
        self._seen: set[int] = set()
        self._read = 0

    def retuned(self, sampling: Sampling) -> "Chooser":
        """Who goes on in its place with another sampling, on the same chain of random numbers."""
        other = copy.copy(self)
        other.sampling = sampling
        return other

    def choose(self, logits: Sequence[float], ids: Sequence[int]) -> int:
        """The request's next token, of candidates in falling order."""
        sampling = self.sampling
        if sampling.repetition_penalty != 1.0:
            logits, ids = self._penalised(logits, ids)
        last = (sampling.top_k or len(ids)) - 1
        if sampling.temperature == 0.0 or last == 0:
            return ids[0]
        largest = logits[0]
        weights = [exp((logit - largest) / sampling.temperature) for logit in logits[: last + 1]]
        return ids[_place(weights, sampling.top_p, self.random())]

    def _penalised(self, logits: Sequence[float], ids: Sequence[int]) -> tuple[list[float], list[int]]:
        """Logits and ids, both in falling order again, after the penalty on tokens that were seen before."""
        self._seen.update(self._known[self._read :])
        self._read = len(self._known)
        seen, penalty = self._seen, self.sampling.repetition_penalty
        logits = [
            logit if token not in seen else logit / penalty if logit > 0.0 else logit * penalty
            for logit, token in zip(logits, ids, strict=True)
        ]
        order = sorted(range(len(ids)), key=logits.__getitem__, reverse=True)  # equal ones stay in their order
        return [logits[place] for place in order], [ids[place] for place in order]


class Sampler:
    """Draws for the rows of one kind of run, whose candidates come into the same two arrays at every step: `logits`
    float32 [rows, candidates] in falling order, and their `ids` int64.

    A temperature of 0 takes the largest. Otherwise: repetition penalty (as in the CTRL paper: positive logits are
    divided by it, negative ones multiplied), temperature, the `top_k` largest (0: all candidates), then the smallest
    set whose probability reaches `top_p`. A row draws one random number exactly where its temperature is above 0 and
    its `top_k` is not 1, and what it draws is a matter of its own candidates alone.
    """

    def __init__(self, logits: np.ndarray, ids: np.ndarray) -> None:
        self._logits = logits
        self._width = width = logits.shape[1]
        self._coldness, self._weights = np.zeros_like(logits), np.empty_like(logits)
        assert (logits.dtype, ids.dtype) == (np.float32, np.int64)
        # The arrays' memory, one number after the other: to index it does not take numpy.
        self._values, self._chances = (array.data.cast("B").cast("f") for array in (logits, self._weights))
        self._ids = ids.data.cast("B").cast("q")
        self._largest, self._likeliest = self._values[::width], self._ids[::width]
        self._rows: Sequence[Chooser | None] = ()
        self._together: list[tuple[int, Chooser, memoryview[float], float]] = []
        self._alone: list[tuple[int, Chooser]] = []
        self._colds: list[float] = []

    def choose(self, rows: Sequence[Chooser | None]) -> list[int]:
        """A token for each row; where there is nobody to choose, any."""
        if rows != self._rows:
            self._adopt(rows)
        tokens = self._likeliest.tolist()
        alone = self._draw(tokens) if self._together else self._alone
        for index, row in alone:
            own = slice(index * self._width, (index + 1) * self._width)
            tokens[index] = row.choose(self._values[own].tolist(), self._ids[own].tolist())
        return tokens

    def _draw(self, tokens: list[int]) -> list[tuple[int, Chooser]]:
        """Draw for the rows that can share their calls; gives those that are left."""
        powers = list(map(mul, self._largest.tolist(), self._colds))
        if max(powers) <= _REACH:
            self._weigh()
        else:
            with np.errstate(over="ignore"):
                self._weigh()
        alone = self._alone
        for index, row, chances, top_p in self._together:
            if -_REACH <= powers[index] <= _REACH:
                tokens[index] = self._ids[index * self._width + _place(chances, top_p, row.random())]
            else:
                alone = [*alone, (index, row)]
        return alone

    def _weigh(self) -> None:
        """The chances of all rows' candidates, not normed. Positional arguments spare numpy their parsing."""
        np.multiply(self._logits, self._coldness, self._weights)
        np.exp(self._weights, self._weights)

    def _adopt(self, rows: Sequence[Chooser | None]) -> None:
        """Work out what depends on the rows' settings alone, for as long as they stay the same."""
        self._rows = list(rows)
        self._together, self._alone, self._colds = [], [], [0.0] * len(rows)
        for index, row in enumerate(rows):
            if row is None:
                continue
            sampling = row.sampling
            candidates = min(sampling.top_k or self._width, self._width)
            if sampling.repetition_penalty != 1.0:
                self._alone.append((index, row))
            elif sampling.temperature > 0.0 and candidates > 1:
                self._colds[index] = 1.0 / max(sampling.temperature, _COLDEST)
                first = index * self._width
                self._together.append((index, row, self._chances[first : first + candidates], sampling.top_p))
        self._coldness[:] = np.array(self._colds)[:, None]


def _place(weights: Sequence[float], top_p: float, chance: float) -> int:
    """Where a `chance` of 0 to 1 falls among candidates with falling weights, of which the first few count that have
    `top_p` of their sum. Sums are 64 bits wide and in order, so the last of those few is never passed."""
    total = sum(weights)
    if top_p < 1.0:
        edge, total = top_p * total, 0.0
        for weight in weights:
            total += weight
            if total >= edge:
                break
    target, passed, place = chance * total, 0.0, -1
    for weight in weights:
        passed += weight
        place += 1
        if passed >= target:
            break
    return place
