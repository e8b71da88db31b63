"""Lines of the Models view on paper: every state has a word, a sign, an ink and something to do."""

from dataclasses import replace
from itertools import groupby
from typing import get_args

import msgspec
import pytest

from desk.facts.happened import LaneLoading, LaneReady, Progressed
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.tiers import Tier
from desk.ledger.seeing import see
from desk.ledger.standing import Standing
from desk.models.catalogue import catalogue
from desk.models.condition import Room, Running, State, condition, conditions
from desk.panel.models.lines import SIGNS, ink_of
from desk.panel.models.rows import (
    WORDS,
    by_size,
    chosen,
    given_to,
    left_words,
    memory_words,
    parameters_words,
    progress_words,
    room_for,
    row_of,
    state_words,
)
from desk.panel.models.told import fit_words, told
from desk.panel.numbers import Numbers

NUMBERS = Numbers()
ROOM = Room({"cpu": 4 << 30}, slots=2, context=2048)


def rows(room=ROOM):
    return by_size(row_of(each) for each in conditions({}, room))


def at(model, precision, room=ROOM):
    return next(row for row in rows(room) if row.key == (model, precision))


def test_every_state_but_available_has_a_sign_and_what_is_asked_for_has_words():
    assert set(SIGNS) == set(get_args(State)) - {"available"}
    assert set(WORDS) >= {deed for row in rows() for deed in row.deeds}


def test_the_list_goes_by_size_with_precisions_side_by_side():
    found = rows()
    sizes = [row.parameters for row in found]
    assert sizes == sorted(sizes)
    models = [name for name, _ in groupby(row.condition.model for row in found)]
    assert len(models) == len(set(models))


@pytest.mark.parametrize("model", list(catalogue()))
def test_of_every_model_there_is_told_what_it_is_and_whom_it_takes(model):
    for precision in catalogue()[model].precisions:
        row = at(model, precision)
        about = told(row)
        assert about.quality
        assert about.files
        assert about.revision
        assert "contact" in about.contacted or "pip install" in about.contacted


def test_sixteen_bits_of_four_are_said_to_be_no_more_accurate():
    assert "not more accurate" in told(at("smollm2-135m", "fp16")).quality


def test_what_does_not_fit_says_so_with_its_range_and_asks_for_attention_only_where_it_is_here():
    row = at("llama-3.2-1b", "fp16", Room({"cpu": 1 << 30}))
    assert row.condition.state == "does not fit"
    low, high = row.condition.fit.low / 2**30, row.condition.fit.high / 2**30
    assert memory_words(row, NUMBERS) == f"{low:.1f}–{high:.1f} GiB"
    words, consequence = fit_words(row, Tier(name="Free", model="m", context=1 << 20))
    assert f"It takes {low:.2f} GiB to {high:.2f} GiB" in words
    assert "at most 131,072 tokens, so Free gets that in place of 1,048,576" in words
    assert f"only if {high:.2f} GiB are free" in consequence
    assert ink_of(row) == "mut"
    here = replace(row, condition=replace(row.condition, actions=("verify", "remove")))
    assert (ink_of(here), state_words(here, NUMBERS), here.deeds[0]) == ("warn", "ready, does not fit", "use")


def test_a_download_tells_bytes_speed_and_time_left():
    job = Running("fetch", "smollm2-360m", "q4")
    for second in range(4):
        job.hear(
            Progressed(
                t=float(second),
                job="fetch",
                model="smollm2-360m",
                stage="downloading",
                done=second * 10_000_000,
                total=417_000_000,
            )
        )
    row = row_of(condition(("smollm2-360m", "q4"), job, ROOM))
    assert state_words(row, NUMBERS) == "downloading 7 %"
    assert progress_words(row.condition, NUMBERS) == "30.0 MB of 417.0 MB, 10.0 MB/s, 0:39 left"
    assert (left_words(59.6), left_words(3723)) == ("1:00", "1:02:03")
    # What is at work is on every shelf.
    assert chosen([row], "", "here") == [row]
    assert chosen([row], "phi", "all") == []


@pytest.mark.parametrize(
    ("count", "words"), [(None, "–"), (134_515_008, "135 M"), (1_710_000_000, "1.71 B"), (20_900_000_000, "20.9 B")]
)
def test_parameters_in_words(count, words):
    assert parameters_words(count, NUMBERS) == words


def test_a_tier_keeps_what_the_model_can_run_with_and_only_that():
    tier = Tier(name="Ultra", model="m", provider="cuda", context=16384)
    given = given_to(tier, at("smollm2-360m", "q4"))
    assert (given.model, given.precision) == ("smollm2-360m", "q4")
    assert (given.context, given.provider) == (8192, "auto")
    kept = given_to(msgspec.structs.replace(tier, context=512), at("smollm2-360m", "q4f16"))
    assert (kept.context, kept.provider) == (512, "cuda")


def test_free_memory_is_what_the_meter_sees_now_and_unknown_in_a_recording():
    standing = Standing()
    tier = Tier(name="Free", model="m", slots=3, context=700)
    assert room_for(tier, standing, 5, live=True) == Room({"cpu": 5}, 3, 700)
    board = Device(id="gpu0", kind="gpu", name="GPU", uuid="GPU-0", memory_bytes=24 << 30)
    see(standing, MeterOpened(t=0.0, source="nvml-counter", quality="measured", devices=(board,)))
    assert room_for(tier, standing, 5, live=True).free == {"cpu": 5, "cuda": None}
    see(standing, Read(t=1.0, devices=(DeviceReading(device="gpu0", memory_used=4 << 30),)))
    assert room_for(tier, standing, 5, live=True).free == {"cpu": 5, "cuda": 20 << 30}
    assert room_for(tier, standing, None, live=False).free == {"cpu": None, "cuda": None}


def test_what_lanes_have_in_memory_counts_while_they_run():
    standing, tier = Standing(), Tier(name="Free", model="m", slots=3, context=700)
    graph = {"model": "m", "precision": "q8", "provider": "cpu", "revision": "r1"}
    sizes = {"context": 700, "slots": 3, "weights_bytes": 9, "load_s": 0.1}
    see(standing, LaneReady(t=1.0, tier="Free", kv_bytes=7, **graph, **sizes))
    see(standing, LaneReady(t=1.0, tier="Ultra", kv_bytes=8, **graph, **sizes))
    room = room_for(tier, standing, 5, live=True)
    assert (room.loaded, room.replaced) == ({("r1", "q8", "cpu")}, {"cpu": 7})
    see(standing, LaneLoading(t=2.0, tier="Free", model="m"))  # what it gives back is free by now
    room = room_for(tier, standing, 5, live=True)
    assert (room.loaded, room.replaced) == ({("r1", "q8", "cpu")}, {})
