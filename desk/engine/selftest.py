"""What a freshly loaded graph must prove before it serves anybody."""

import numpy as np

from desk.engine.batch import Batch, Row
from desk.engine.feeds import open_cache
from desk.engine.runtime import Network
from desk.engine.sampling import Chooser
from desk.facts.tiers import Sampling
from desk.facts.trouble import Trouble

_TOKENS = 4
_CUTS = (19, 29)
_TIE = {"float32": 1e-3, "float16": 5e-2}
"""Logits closer than this are a tie, which rounding may break either way."""

_ROUNDED = {"float32": 0.0, "float16": 1e-2}
"""And so are those closer than this part of the best one: a card multiplies one row and two with different kernels, and
16-bit floats were off by up to 0.0024 of it on a processor."""


def check_rows(network: Network) -> None:
    """A row must give the same greedy tokens alone and beside another one; raises `Trouble` where it does not.

    It runs the very code that serves requests, on a cache of two short rows: chunk, ragged decode, slot reuse. It also
    finds out whether prompts are `seamless`.
    """
    if network.tested:
        return
    vocabulary = network.manifest.vocabulary
    first, second = (
        [1 + 7919 * (k + start) % (vocabulary - 1) for k in range(count)] for start, count in ((0, 9), (50, 5))
    )
    batch = Batch(network, slots=2, context=32)
    alone = _greedy(batch, [second])[0]
    beside = _greedy(batch, [first, second])[1]
    tie, rounded = _TIE[network.kv_dtype.name], _ROUNDED[network.kv_dtype.name]
    for (token, best, second_best), (other, _, _) in zip(alone, beside, strict=True):
        if token != other:
            if best - second_best > max(tie, rounded * best):
                raise Trouble(
                    f"Model {network.manifest.name} gives a request other tokens when it is not alone, "
                    f"so its answers on {network.provider} cannot be trusted.",
                    "Choose another precision or provider, and report the model.",
                )
            break
    network.tested, network.seamless = True, _seamless(network)


def _seamless(network: Network) -> bool:
    """Whether a prompt gives the same logits, to the bit, whole and in chunks of odd sizes.

    Asked on the CPU alone: its kernels sum a position's numbers in an order that the chunk's size does not change,
    while those of a device pick their tiles by it, which so short a prompt need not show.
    """
    if network.provider != "cpu":
        return False
    length = sum(_CUTS)
    ids = [1 + 7919 * k % (network.manifest.vocabulary - 1) for k in range(length)]
    cache = open_cache(network, 2, length)
    whole, cut = cache.feed(0, 1, length), cache.feed(1, 1, length)
    whole.chunk(ids, 0)
    whole.run()
    begin = 0
    for tokens in _CUTS:
        cut.chunk(ids[begin : begin + tokens], begin)
        cut.run()
        begin += tokens
    return np.array_equal(whole.top_v, cut.top_v) and np.array_equal(whole.top_i, cut.top_i)


def _greedy(batch: Batch, prompts: list[list[int]]) -> list[list[tuple[int, float, float]]]:
    """For each prompt, the greedy tokens side by side, each with its logit and the second best one."""
    rows = [Row(list(prompt), Chooser(Sampling(), seed=0)) for prompt in prompts]
    drawn: dict[Row, list[tuple[int, float, float]]] = {row: [] for row in rows}
    for row in rows:
        batch.join(row)
    while any(len(tokens) < _TOKENS for tokens in drawn.values()):
        run = batch.next_run()
        assert run is not None
        run.feed.run()
        for row, token in batch.settle(run).tokens:
            best, second = run.feed.top_v[run.rows.index(row), :2].tolist()
            drawn[row].append((token, best, second))
            row.take(token)
    for row in rows:
        batch.leave(row)
    return [tokens[:_TOKENS] for tokens in drawn.values()]
