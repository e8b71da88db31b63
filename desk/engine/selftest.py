"""What a freshly loaded graph must prove before it serves anybody."""

from desk.engine.batch import Batch, Row
from desk.engine.runtime import Network
from desk.engine.sampling import Chooser
from desk.facts.tiers import Sampling
from desk.facts.trouble import Trouble

_TOKENS = 4
_TIE = {"float32": 1e-3, "float16": 5e-2}
"""Logits closer than this are a tie, which rounding may break either way."""


def check_rows(network: Network) -> None:
    """A row must give the same greedy tokens alone and beside another one; raises `Trouble` where it does not.

    It runs the very code that serves requests, on a cache of two short rows: chunk, ragged decode, slot reuse.
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
    for (token, lead), (other, _) in zip(alone, beside, strict=True):
        if token != other:
            if lead > _TIE[network.kv_dtype.name]:
                raise Trouble(
                    f"Model {network.manifest.name} gives a request other tokens when it is not alone, "
                    f"so its answers on {network.provider} cannot be trusted.",
                    "Choose another precision or provider, and report the model.",
                )
            break
    network.tested = True


def _greedy(batch: Batch, prompts: list[list[int]]) -> list[list[tuple[int, float]]]:
    """For each prompt, the greedy tokens side by side, each with its logit's lead over the second best."""
    rows = [Row(list(prompt), Chooser(Sampling(), seed=0)) for prompt in prompts]
    drawn: dict[Row, list[tuple[int, float]]] = {row: [] for row in rows}
    for row in rows:
        batch.join(row)
    while any(len(tokens) < _TOKENS for tokens in drawn.values()):
        run = batch.next_run()
        assert run is not None
        run.feed.run()
        for row, token in batch.settle(run).tokens:
            best, second = run.feed.top_v[run.rows.index(row), :2].tolist()
            drawn[row].append((token, best - second))
            row.take(token)
    for row in rows:
        batch.leave(row)
    return [tokens[:_TOKENS] for tokens in drawn.values()]
