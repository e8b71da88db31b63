"""The embedded model itself: rows that do not know of each other, and shares of real seconds."""

import json
import time
from pathlib import Path

import pytest
from test_factory import accounts, balance

from desk.engine.batch import Batch, Row
from desk.engine.sampling import Chooser
from desk.engine.selftest import check_rows
from desk.facts.happened import Finished, FirstToken, LaneReady, Said, now
from desk.facts.orders import Watch
from desk.facts.tiers import Sampling, Tier
from desk.models.manifest import read_manifest

pytestmark = pytest.mark.live

REFERENCE = Path(__file__).parents[1] / "data" / "smollm2_reference.json"


@pytest.fixture
def embedded(embedded_model):
    return embedded_model.folder


@pytest.fixture
def prompts():
    return [case["ids"] for case in json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]]


def greedy(batch, prompts, count):
    """The greedy tokens of prompts that come one after the other, as slots allow."""
    waiting = list(enumerate(prompts))
    answers, active = {number: [] for number, _ in waiting}, {}
    while waiting or active:
        while waiting and not batch.full:
            number, prompt = waiting.pop(0)
            row = Row(list(prompt), Chooser(Sampling(), seed=0))
            batch.join(row)
            active[row] = number
        run = batch.next_run()
        run.feed.run()
        for row, token in batch.settle(run).tokens:
            row.take(token)
            answers[active[row]].append(token)
            if len(answers[active[row]]) == count:
                batch.leave(row)
                del active[row]
    return answers


def test_rows_of_the_embedded_model_say_the_same_alone_and_together(embedded, runtime, prompts):
    network = runtime.load(embedded, read_manifest(embedded), "cpu")
    started = time.thread_time()
    check_rows(network)
    assert time.thread_time() - started < 2.0
    prompts = [*prompts, prompts[0] * 30]
    alone = {number: greedy(Batch(network, 1, 512), [prompt], 20)[0] for number, prompt in enumerate(prompts)}
    assert greedy(Batch(network, 3, 512), prompts, 20) == alone


def test_lanes_share_the_machine_as_told_and_their_accounts_balance(embedded, running):
    shares = {"Free": 1.0, "High": 2.0, "Ultra": 0.5}
    tiers = [
        Tier(
            name=name, model=str(embedded), context=512, slots=slots, users=slots, share=shares[name], answer_tokens=48
        )
        for name, slots in (("Free", 4), ("High", 2), ("Ultra", 1))
    ]
    run = running().order(Watch(tier="Ultra")).open(*tiers)
    run.until(LaneReady, 3)
    run.until(FirstToken, 3)
    run.factory.beat()
    before = accounts(run)
    started = now()
    while now() - started < 4.0:
        run.until(Finished, len(run.of(Finished)) + 1)
    run.factory.beat()
    spent = {tier: account["busy"] - before[tier]["busy"] for tier, account in accounts(run).items()}
    run.halt()
    balance(run)
    for tier, share in shares.items():
        assert spent[tier] / sum(spent.values()) == pytest.approx(share / 3.5, abs=0.04)
    assert any(fact.text.strip() for fact in run.of(Said))
