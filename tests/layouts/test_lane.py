"""Foreign folders as the models of tiers: a factory loads them and serves its users from them."""

import threading
import time

from answering import DATA

from desk.engine.factory import Factory
from desk.facts.happened import Finished, LaneFailed, LaneReady
from desk.facts.orders import Halt, OpenFactory
from desk.facts.tiers import Tier

PATIENCE_S = 20.0


def test_lanes_of_every_kind_serve_side_by_side():
    layouts = {
        "Free": "genai-llama-int4",
        "Medium": "js-llama",
        "High": "optimum-gemma3",
        "Premium": "genai-gemma3-windowed",
    }
    tiers = tuple(
        Tier(name=name, model=str(DATA / layout), context=128, slots=2, users=2, answer_tokens=6)
        for name, layout in layouts.items()
    )
    facts, news = [], threading.Condition()

    def tell(fact):
        with news:
            facts.append(fact)
            news.notify_all()

    def of(kind, tier):
        return [fact for fact in facts if isinstance(fact, kind) and fact.tier == tier]

    factory = Factory(tell)
    thread = threading.Thread(target=factory.run)
    thread.start()
    try:
        factory.order(OpenFactory(tiers=tiers, provider="cpu"))
        deadline = time.monotonic() + PATIENCE_S
        with news:
            while not (of(LaneFailed, "Premium") and all(len(of(Finished, name)) > 2 for name in list(layouts)[:3])):
                left = deadline - time.monotonic()
                assert left > 0, facts[-5:]
                news.wait(left)
    finally:
        factory.order(Halt())
        thread.join(PATIENCE_S)
    assert [of(LaneReady, name)[0].precision for name in list(layouts)[:3]] == [
        "q4",
        "q4, one row a run",
        "fp32, one row a run",
    ]
    assert "size of its window" in of(LaneFailed, "Premium")[0].cause
    for name in list(layouts)[:3]:
        assert not of(LaneFailed, name)
        assert any(0 < fact.emitted <= 6 for fact in of(Finished, name))
