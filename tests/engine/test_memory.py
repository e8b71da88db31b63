"""The memory plan: every byte that a lane takes is asked for before it loads, and refusals name the numbers."""

import msgspec
import pytest
import tiny_decoder

from desk.engine.feeds import open_cache
from desk.engine.runtime import OutOfMemory, Runtime
from desk.facts.happened import Finished, LaneFailed, LaneLoading, LaneReady, Troubled
from desk.facts.orders import ChangeTier
from desk.facts.trouble import Trouble
from desk.models import fit
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


@pytest.fixture
def room(manifest, monkeypatch):
    """As much free memory as a lane of two slots of 64 tokens is planned to take and a MiB; gives it."""
    free = plan(manifest, "cpu", 2, 64, loaded=False).total + MIB
    monkeypatch.setattr(Runtime, "free", lambda self, provider, cache=0: free)
    return free


def test_a_lane_without_room_says_so_until_it_is_ordered_all_the_same_and_the_others_run(running, tier, room):
    large = tier("Free", slots=250, context=512)
    run = running().open(large, tier("High", slots=2, context=64))
    failed = run.until(LaneFailed)
    assert failed.tier == "Free"
    assert "250 slots of 512 tokens" in failed.cause
    assert "memory moves to the disk" in failed.risk
    ready = run.until(LaneReady)
    assert (ready.planned_bytes, ready.free_bytes) == (room - MIB, room)
    run.until(Finished)

    run.order(ChangeTier(tier=large, overcommit=True))
    told = run.until(Troubled)
    assert "250 slots of 512 tokens" in told.cause
    assert "Tier Free is loaded all the same, as ordered." in told.cause
    assert told.remedy == failed.risk
    ready = run.until(LaneReady, accept=lambda fact: fact.tier == "Free")
    assert ready.planned_bytes > ready.free_bytes == room
    assert [fact.overcommit for fact in run.of(LaneLoading) if fact.tier == "Free"] == [False, True]
    run.until(Finished, accept=lambda fact: fact.tier == "Free")

    run.order(ChangeTier(tier=tier("Free", slots=249, context=512)))  # what was allowed once is not allowed for good
    assert "249 slots" in run.until(LaneFailed, 2).cause
    again = run.until(LaneReady, 2, lambda fact: fact.tier == "Free")
    assert again.slots == 250
    run.halt()


def test_what_no_machine_of_this_size_can_hold_is_refused_whatever_is_ordered(running, tier, room, monkeypatch):
    monkeypatch.setattr(fit, "most_memory", lambda: 4 * MIB)
    large = tier("Free", slots=250, context=512)
    run = running().open(large)
    first = run.until(LaneFailed)
    second = run.order(ChangeTier(tier=large, overcommit=True)).until(LaneFailed, 2)
    assert first.cause == second.cause
    assert first.risk == second.risk == ""
    run.halt()


def test_a_card_has_no_more_than_is_free_on_it(manifest):
    large = msgspec.structs.replace(manifest, weights_bytes=900 * MIB)
    assert fit.fit(large, "cuda", 1, 64, 800 * MIB).hopeless
    assert not fit.fit(large, "cuda", 1, 64, 1000 * MIB).hopeless
    assert not fit.fit(large, "cpu", 1, 64, 800 * MIB).hopeless


def test_memory_that_the_system_does_not_hand_out_is_a_trouble(network):
    with pytest.raises(OutOfMemory, match="out of memory"):
        open_cache(network, 1 << 20, 1 << 24, overcommit=True)
