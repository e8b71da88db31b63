"""CUDA graphs: a decode step of one kind recorded once, then started by the host with a single call.

A recording holds what ran with all its addresses and sizes. So it serves runs whose arrays stay where they are: decode
over a shared cache, one recording for each number of rows, which are rounded up to powers of two to keep them few. It
serves nothing else, least of all a cache that grows.

No recording is believed. Each takes its place only after its first runs gave what a plain run gives on the same
inputs, which costs nothing but time: a decode step may run twice, since it writes the same keys to the same places.
Whatever goes wrong on the way ends recording for that session, and the plain run that follows tells how the device is.
"""

from typing import TYPE_CHECKING

import numpy as np

from desk.facts.trouble import Trouble

if TYPE_CHECKING:
    from desk.engine.runtime import Binding, Network

STEADY = 16
"""Plain runs of a kind before it is recorded: to record takes three runs, which a kind that comes by rarely never
earns back."""

PROOFS = 3
"""Runs made both ways: the first one records, the others show that a replay reads its inputs anew."""

MOST = 64
"""Recordings of one session. The runtime keeps each of them, and what it takes on the card, as long as the session."""

CLOSE = 2e-2
"""Largest difference of a candidate's logit, as a part of the largest: a library may sum in another order where it is
recorded. It is what 16-bit floats are allowed against numpy (`desk.engine.checks`)."""


def bucket(rows: int, slots: int) -> int:
    """How many rows a recorded step of `rows` rows computes: the next power of two, or all `slots`."""
    return min(1 << (rows - 1).bit_length(), slots)


class Recorder:
    """The runs of one binding, plain ones at first. `values` are the logits of the candidates that they give."""

    def __init__(self, network: "Network", binding: "Binding", values: np.ndarray) -> None:
        self._network, self._binding, self._values = network, binding, values
        self._plain_runs = self._proven = 0
        self._number: int | None = None

    def run(self) -> None:
        """Run on what was written last, by whichever way is due."""
        if self._number is None or self._network.unrecorded:
            self._binding.run()
            self._plain_runs += 1
            if self._plain_runs == STEADY and not self._network.unrecorded:
                self._number = self._network.next_recording()
        elif self._proven == PROOFS:
            self._binding.run(self._number)
        else:
            self._prove(self._number)

    def _prove(self, number: int) -> None:
        self._binding.run()
        expected = self._values.copy()
        try:
            self._binding.run(number)
        except Trouble as trouble:
            self._network.unrecorded = trouble.cause
        else:
            off = np.abs(self._values - expected).max()
            if off <= CLOSE * np.abs(expected).max():  # not so for a NaN
                self._proven += 1
                return
            self._network.unrecorded = f"A replay was off by {off:.1g} of what a plain run gives."
        self._binding.run()
