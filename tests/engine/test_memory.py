"""The memory plan: every byte that a lane takes is asked for before it loads, and refusals name the numbers."""

import msgspec
import pytest
import tiny_decoder

from desk.engine.feeds import open_cache
from desk.engine.runtime import Runtime
from desk.facts.happened import Finished, LaneFailed, LaneReady
from desk.facts.trouble import Trouble
from desk.models.fit import MIB, plan
from desk.models.manifest import read_manifest


@pytest.fixture
def manifest(tiny):
    return read_manifest(tiny)


def test_the_cache_of_a_plan_is_the_cache_that_is_made(network, manifest):
    planned = plan(manifest, "cpu", slots=3, context=200, loaded=True)
    by_hand = 2 * 2 * 3 * 200 * tiny_decoder.KV_HEADS * tiny_decoder.SIZE * 4
    assert planned.kv == open_cache(network, 3, 200).bytes == by_hand
    assert planned.weights == 0
    assert planned.total == planned.kv + planned.activations + planned.margin


def test_weights_count_once_and_wider_where_they_are_computed_with_in_32_bits(manifest):
    half = msgspec.structs.replace(manifest, kv_type="float16", weights_bytes=1000 * MIB)
    assert plan(half, "cuda", 1, 64, loaded=False).weights == 1000 * MIB
    assert plan(half, "cpu", 1, 64, loaded=False).weights > 2000 * MIB
    assert plan(half, "cpu", 1, 64, loaded=True).weights == 0


def test_graphs_that_give_all_logits_plan_room_for_them(manifest):
    large = msgspec.structs.replace(manifest, vocabulary=100_000)
    every = msgspec.structs.replace(large.wiring, logits="logits", narrowed="logits")
    foreign = msgspec.structs.replace(large, wiring=every)
    assert plan(foreign, "cpu", 1, 64, loaded=True).activations > 10 * plan(large, "cpu", 1, 64, True).activations


@pytest.mark.parametrize(
    ("short", "remedy"), [(1, "fewer slots or a shorter context"), (10**9, "smaller model or close other programs")]
)
def test_what_does_not_fit_is_refused_with_the_numbers_and_what_to_do(manifest, short, remedy):
    planned = plan(msgspec.structs.replace(manifest, weights_bytes=900 * MIB), "cpu", 64, 10_000, loaded=False)
    planned.require(planned.total, "It")
    planned.require(None, "It")
    with pytest.raises(Trouble) as refused:
        planned.require(planned.total - short, "It")
    for number in (planned.total, planned.weights, planned.kv, planned.total - short):
        assert f"{number / 2**30:.2f} GiB" in refused.value.cause
    assert remedy in refused.value.remedy


def test_a_lane_without_room_says_so_and_the_others_run(running, tier, manifest, monkeypatch):
    modest = plan(manifest, "cpu", 2, 64, loaded=False)
    monkeypatch.setattr(Runtime, "free", lambda self, provider, cache=0: modest.total + MIB)
    run = running().open(tier("Free", slots=250, context=512), tier("High", slots=2, context=64))
    failed = run.until(LaneFailed)
    assert failed.tier == "Free"
    assert "250 slots of 512 tokens" in failed.cause
    ready = run.until(LaneReady)
    assert (ready.planned_bytes, ready.free_bytes) == (modest.total, modest.total + MIB)
    run.until(Finished)
