"""The fit of a lane beforehand: a range that says where it comes from, and agrees with what the engine then does."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.engine import batch
from desk.facts.happened import LaneReady
from desk.models import fit
from desk.models.catalogue import catalogue, entry
from desk.models.condition import Room
from desk.models.fit import Fit, expected, plan
from desk.models.store import variant_of

GIB = 1 << 30


@pytest.fixture
def manifest():
    return expected(entry("smollm2-360m"), "q4")


def loaded(manifest, provider, taken, kv):
    about = {"tier": "Free", "model": "m", "context": 64, "slots": 1, "load_s": 0.1, "weights_bytes": 1}
    return LaneReady(
        t=1.0,
        precision=manifest.precision,
        revision=manifest.revision,
        provider=provider,
        kv_bytes=kv,
        taken_bytes=taken,
        **about,
    )


def test_the_engine_cuts_prompts_as_the_plan_takes_for_granted():
    assert fit.CHUNK == batch.CHUNK


@given(slots=st.integers(1, 64), context=st.integers(16, 8192), free=st.integers(0, 1 << 36))
def test_what_is_said_to_fit_is_what_the_engine_starts(slots, context, free):
    known = expected(entry("smollm2-360m"), "q4")
    found = fit.fit(known, "cpu", slots, context, free)
    assert 0 < found.low <= found.high == plan(known, "cpu", slots, context, loaded=False).total
    assert found.low == known.weights_bytes + known.kv_bytes(slots, context)
    assert (found.verdict == "fits") == (found.high <= free)
    assert (found.verdict == "does not fit") == (free < found.low)
    assert bool(found.override()) == (found.verdict != "fits")
    more = fit.fit(known, "cpu", slots + 1, context, free)
    assert (more.low, more.high) > (found.low, found.high)


def test_the_range_is_told_with_what_is_free_and_where_it_comes_from(manifest):
    fits = Fit(int(0.5 * GIB), GIB, 8 * GIB, "cpu", "Planned.")
    assert fits.words() == "It takes 0.50 GiB to 1.00 GiB, and 8.00 GiB of memory are free. Planned."
    assert fit.fit(manifest, "cpu", 1, 1024, 8 * GIB).words().endswith("Planned from the catalogue.")
    unknown = fit.fit(manifest, "cuda", 1, 1024, None)
    assert unknown.verdict == "unknown"
    assert "how much is free is not known" in unknown.words()
    assert unknown.override() == ""


@pytest.mark.parametrize("provider", ["cpu", "cuda"])
def test_consequences_are_stated_for_each_way_of_not_fitting(provider):
    tight, short = (Fit(2 * GIB, 3 * GIB, free, provider, "") for free in (int(2.5 * GIB), GIB))
    assert (tight.verdict, short.verdict) == ("tight", "does not fit")
    assert tight.override()
    assert short.override()
    assert tight.override() != short.override()
    assert (tight.hopeless, short.hopeless) == (False, provider == "cuda")
    beyond = Fit(1 << 60, 1 << 61, GIB, provider, "")
    assert beyond.hopeless
    assert beyond.override().startswith("It will not load")


def test_what_the_lane_before_gives_back_is_free_for_the_next_one(manifest):
    """As the engine has it: on the CPU every byte of the cache, on CUDA its block for caches that fit into it."""
    cache = manifest.kv_bytes(2, 512)
    key = manifest.revision, manifest.precision
    on_cpu = Room({"cpu": GIB}, 2, 512, frozenset({(*key, "cpu")}), {"cpu": cache - 1})
    assert on_cpu.given_back("cpu", cache) == cache - 1
    assert on_cpu.given_back("cuda", cache) == 0
    assert (on_cpu.holds(manifest, "cpu"), on_cpu.holds(manifest, "cuda")) == (True, False)
    on_cuda = Room({"cuda": GIB}, 2, 512, replaced={"cuda": cache})
    assert on_cuda.given_back("cuda", cache) == cache
    assert on_cuda.given_back("cuda", cache + 1) == 0

    alone = fit.fit(manifest, "cpu", 2, 512, GIB)
    shared = fit.fit(manifest, "cpu", 2, 512, GIB, loaded=True, back=cache)
    assert shared.free == alone.free + cache
    assert shared.low == cache
    assert shared.high == plan(manifest, "cpu", 2, 512, loaded=True).total < alone.high
    assert shared.basis == "Its weights are in memory already: lanes share them."
    assert f"of them given back by the lane that it replaces. {shared.basis}" in shared.words()


@pytest.mark.parametrize("provider", ["cpu", "cuda"])
def test_the_last_load_on_this_machine_corrects_the_range(manifest, provider):
    beside = 900_000_000 - 7
    before = fit.fit(manifest, provider, 2, 512, GIB)
    fit.remember(loaded(manifest, provider, 900_000_000, 7))
    after = fit.fit(manifest, provider, 2, 512, GIB)
    assert after.low == beside + manifest.kv_bytes(2, 512) > before.low
    assert after.high >= before.high
    assert f"it took {beside / GIB:.2f} GiB when last loaded here" in after.basis
    fit.remember(loaded(manifest, provider, None, 7))  # its weights were there already: that tells nothing
    fit.remember(loaded(manifest, provider, 1, 7))
    small = fit.fit(manifest, provider, 2, 512, GIB)
    assert (small.low, small.high) == (before.low, before.high)
    assert (
        fit.fit(manifest, "cpu" if provider == "cuda" else "cuda", 2, 512, GIB).basis == "Planned from the catalogue."
    )


def test_records_that_cannot_be_read_are_none(manifest, home):
    (home / "loads.json").write_text("{")
    assert fit.last_load(manifest, "cpu") is None
    fit.remember(loaded(manifest, "cpu", 5, 1))
    assert fit.last_load(manifest, "cpu").beside == 4


def test_what_the_catalogue_does_not_know_is_not_estimated():
    known = catalogue()["gemma-3-270m"]
    assert variant_of(known, "q4").bytes is None
    assert expected(known, "q4") is None
    assert expected(msgspec.structs.replace(entry("smollm2-360m"), layers=None), "q4") is None
