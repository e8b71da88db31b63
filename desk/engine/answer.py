"""One answer to one prompt, by the code that serves the lanes: the child of `desk generate`.

The one order is `Generate`, a line on stdin; the end of stdin cancels the answer. Each line on stdout is a JSON object:
`text` as it comes, then the whole with `finish`; or `missing`, the precision of a catalogue model that must be built
first; or a `Trouble` by its `cause` and `remedy`.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from desk.engine.batch import Batch
from desk.engine.ending import Ending
from desk.engine.lane import Lane, Outfit, Request
from desk.engine.prompts import Fitter
from desk.engine.runtime import Runtime
from desk.engine.selftest import check_rows
from desk.engine.watch import Watcher
from desk.facts.codec import decode_order
from desk.facts.happened import AnyFact, Finished, now
from desk.facts.orders import Generate
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.models.catalogue import catalogue
from desk.models.fit import plan
from desk.models.store import open_model, precision_for, ready
from desk.models.text import Text
from desk.scenario import Ask, Prompt

SHORTEST_CONTEXT = 16


def main() -> int:
    """Answer, and give the exit code: 1 where there was trouble."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a native library prints must not spoil a line

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    try:
        order = decode_order(sys.stdin.buffer.readline())
        if not isinstance(order, Generate):
            raise Trouble("The order is not one to generate.", "Update both sides.")
        cancelled = threading.Event()
        threading.Thread(target=_await_end, args=(cancelled,), daemon=True).start()
        for what in answer(order, cancelled):
            tell(**what)
    except Trouble as trouble:
        tell(cause=trouble.cause, remedy=trouble.remedy)
        return 1
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    return 0


def _await_end(cancelled: threading.Event) -> None:
    while sys.stdin.buffer.readline():
        pass
    cancelled.set()


def answer(order: Generate, cancelled: threading.Event) -> Iterator[dict[str, Any]]:
    """What there is to tell, as it comes; raises `Trouble` where the model or the prompt cannot be had."""
    runtime = Runtime(order.provider)
    provider = runtime.provider_for("auto")
    if order.model in catalogue() and not ready(order.model, "", provider):
        yield {"missing": precision_for(order.model, "", provider)}
        return
    folder, manifest = open_model(order.model, "", provider)
    # A raw prompt gets no token in front, whatever the model would like.
    text = Text(folder, msgspec.structs.replace(manifest, bos=None) if order.raw else manifest)
    ids = text.encode(order.prompt) if order.raw else text.chat(Prompt(user=order.prompt).messages())
    if not ids:
        raise Trouble("The prompt is empty, so there is nothing to go on from.", "Write a prompt, or leave out --raw.")
    if len(ids) >= manifest.context:
        cause = f"The prompt takes {len(ids)} tokens, and {manifest.title} holds {manifest.context} with the answer."
        raise Trouble(cause, "Shorten the prompt, or choose a model with a longer context.")
    context = min(manifest.context, max(SHORTEST_CONTEXT, len(ids) + order.max_tokens))
    plan(manifest, provider, 1, context, loaded=False).require(runtime.free(provider), f"An answer of {manifest.title}")
    network = runtime.load(folder, manifest, provider)
    check_rows(network)
    tier = Tier(name="answer", model=order.model, context=context, slots=1, sampling=order.sampling)
    told: list[AnyFact] = []
    lane = Lane(tier, told.append, Watcher(told.append))
    lane.equip(Outfit(tier, Batch(network, 1, context), _Exactly(text, ids), 0.0))
    start = now()
    ask = Ask(when=start, user=0, prompt=Prompt(user=""), answer_tokens=order.max_tokens, seed=order.seed)
    request = Request(number=1, ask=ask, submitted=start)
    lane.submit(request)
    lane.admit(now())
    ending = request.ending = request.ending or Ending(text.stream())
    shown = 0
    while (run := lane.next_run()) is not None and not cancelled.is_set():
        run.feed.run()
        lane.settle(run, now())
        if (sure := ending.sure) > shown:
            yield {"text": ending.text[shown:sure]}
            shown = sure
    lane.cancel_all(now())
    (finished,) = (fact for fact in told if isinstance(fact, Finished))
    whole = ending.finish()
    if len(whole) > shown:
        yield {"text": whole[shown:]}
    tokens, first = request.answer, finished.first
    yield {
        "prompt_ids": ids,
        "token_ids": tokens,
        "text": whole,
        "ttft_s": None if first is None else first - start,
        "itl_s": (request.latest - first) / (len(tokens) - 1) if first is not None and len(tokens) > 1 else None,
        "provider": provider,
        "finish": finished.reason,
    }


class _Exactly(Fitter):
    """The one prompt, as it is."""

    def __init__(self, text: Text, ids: list[int]) -> None:
        self.text = text
        self.vocabulary = ""
        self._ids = ids

    def fit(self, prompt: Prompt, answer_tokens: int) -> list[int]:
        return self._ids
