"""What the checks of the doctor share: texts run through the engine's own batch, step times, refusals, and words that
native code prints."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from desk.engine.batch import Batch, Row
from desk.engine.runtime import DeviceLost, Network
from desk.engine.sampling import Chooser
from desk.engine.toy import CONTEXT, Toy
from desk.facts.happened import now
from desk.facts.tiers import Sampling
from desk.facts.trouble import Trouble

STEPS = 12
"""Decode steps whose time is taken."""


class Text(NamedTuple):
    """Token ids, of which the first `prompt` are given and the others are to be guessed."""

    ids: list[int]
    prompt: int


class Guess(NamedTuple):
    """The candidates for the token at `position` of a text, best first."""

    text: Text
    position: int
    logits: np.ndarray
    ids: np.ndarray


def forced(batch: Batch, texts: Sequence[Text]) -> Iterator[Guess]:
    """Run the texts through the engine's own batch, as many side by side as it has slots.

    Whatever is guessed, the text goes on as it stands: a wrong token is one wrong token, not the end of the comparison.
    """
    waiting, live = list(texts), {}
    while waiting or live:
        while waiting and not batch.full:
            text = waiting.pop(0)
            row = Row(text.ids[: text.prompt], Chooser(Sampling(), seed=0))
            batch.join(row)
            live[row] = text
        run = batch.next_run()
        assert run is not None
        run.feed.run()
        for row, _ in batch.settle(run).tokens:
            text, index, position = live[row], run.rows.index(row), len(row.known)
            yield Guess(text, position, run.feed.top_v[index], run.feed.top_i[index])
            if position + 1 < len(text.ids):
                row.take(text.ids[position])
            else:
                batch.leave(row)
                del live[row]


def random_texts(toy: Toy, answer: int) -> list[Text]:
    """Random texts: prompts of several chunks, of one, and of a single token."""
    random = np.random.default_rng(toy.heads)
    lengths = (150, 9, 70, 1, 30)
    return [Text(random.integers(0, toy.architecture.vocabulary, n + answer).tolist(), n) for n in lengths]


def compared(network: Network, toy: Toy) -> tuple[float, int, int]:
    """The largest difference of a candidate's logit to numpy's, as a part of the largest logit; at how many positions
    the likeliest token is the same; and at how many it was asked."""
    texts = random_texts(toy, answer=64)
    expected = {id(text): toy.logits(text.ids) for text in texts}
    errors, same = [], 0
    for guess in forced(Batch(network, 3, CONTEXT), texts):
        logits = expected[id(guess.text)][guess.position - 1]
        best = np.sort(logits)[::-1][: len(guess.logits)]
        off = max(np.abs(guess.logits - best).max(), np.abs(guess.logits - logits[guess.ids]).max())
        errors.append(off / np.abs(logits).max())
        same += int(guess.ids[0] == logits.argmax())
    return float(np.max(errors)), same, len(errors)


def step_seconds(network: Network, rows: int, after: int = 1) -> float:
    """The median time of a decode step of that many rows, after the first so many."""
    batch, vocabulary = Batch(network, rows, CONTEXT), network.manifest.vocabulary
    for row in range(rows):
        batch.join(Row([1 + (31 * row + 7 * k) % (vocabulary - 1) for k in range(16)], Chooser(Sampling(), seed=0)))
    steps: list[float] = []
    while len(steps) < after + STEPS:
        run = batch.next_run()
        assert run is not None
        start = now()
        run.feed.run()
        seconds = now() - start
        drawn = batch.settle(run).tokens
        for row, token in drawn:
            row.take(token)
        if run.tokens == 1 and len(drawn) == rows:
            steps.append(seconds)
    return float(np.median(steps[after:]))  # the very first one makes room


def run_through(network: Network, text: Text) -> None:
    for _ in forced(Batch(network, 1, CONTEXT), [text]):
        pass


def refusal(action: Callable[[], object]) -> Trouble | None:
    """What `action` is refused with, `None` where it goes well. A lost device is no refusal."""
    try:
        action()
    except DeviceLost:
        raise
    except Trouble as trouble:
        return trouble
    return None


@contextlib.contextmanager
def overheard() -> Generator[Callable[[], str]]:
    """What native code prints meanwhile, on either stream."""
    with tempfile.TemporaryFile() as file:
        streams = {stream: os.dup(stream) for stream in (1, 2)}
        for stream in streams:
            os.dup2(file.fileno(), stream)
        said = ""
        try:
            yield lambda: said
        finally:
            for stream, copy in streams.items():
                os.dup2(copy, stream)
                os.close(copy)
            file.seek(0)
            said = file.read().decode(errors="replace")
