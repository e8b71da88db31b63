"""Decode steps recorded as CUDA graphs, by the engine's own lane code."""

from itertools import pairwise

import numpy as np
import pytest

from desk.engine.recording import MOST, PROOFS, STEADY, Recorder, bucket
from desk.facts.trouble import Trouble

CANDIDATE_BYTES = 64 * (4 + 8)


@pytest.fixture(scope="module")
def seen(drill):
    return drill("recorded")


def work(cost):
    return cost["launches"], cost["gemms"], cost["graph_launches"]


@pytest.mark.parametrize(("kind", "rows"), [("three", 4), ("one", 1), ("again", 1)])
def test_a_steady_step_is_recorded_and_then_costs_a_single_launch(seen, kind, rows):
    """The third kind is another lane's: other addresses, so a recording of its own."""
    costs = seen[kind]
    begin = next(place for place, cost in enumerate(costs) if cost["graph_launches"])
    plain, first, *proofs, replayed = costs[0], *costs[begin : begin + PROOFS + 1]
    assert plain["launches"] > 0
    assert {cost["rows"] for cost in costs} == {rows}
    assert STEADY - 2 <= begin <= STEADY  # one row or two decoded before, while the others' prompts went in
    assert {work(cost) for cost in costs[:begin]} == {(plain["launches"], plain["gemms"], 0)}
    assert first["launches"] > 2 * plain["launches"]  # plainly, twice to warm up, and while it is recorded
    assert first["graph_launches"] == 1
    assert len(proofs) == PROOFS - 1
    assert {work(cost) for cost in proofs} == {(plain["launches"], plain["gemms"], 1)}  # both ways
    assert work(replayed) == (0, 0, 1)
    assert replayed["replayed"] == plain["launches"] + plain["gemms"]
    assert (replayed["allocations"], replayed["d2d"], replayed["refused_copies"]) == (0, 0, 0)
    assert (replayed["h2d"], replayed["d2h"]) == (3, 2)
    assert replayed["d2h_bytes"] == rows * CANDIDATE_BYTES


def test_rows_that_come_and_go_within_a_bucket_share_its_recording(seen):
    assert (seen["prefill"]["tokens"], seen["prefill"]["graph_launches"]) == (40, 0)  # a chunk is never recorded
    assert work(seen["four"]) == (0, 0, 1)
    assert seen["unrecorded"] == ""


def test_a_recorded_step_costs_the_host_the_same_whatever_its_rows(seen):
    assert [step["rows"] for step in seen["many"]] == [8, 16]
    for step in seen["many"]:
        assert work(step) == (0, 0, 1)
        assert (step["h2d"], step["d2h"], step["allocations"], step["refused_copies"]) == (3, 2, 0, 0)
        assert step["d2h_bytes"] == step["rows"] * CANDIDATE_BYTES


def test_a_replay_reads_its_row_anew_and_gives_what_stands_on_the_device(seen):
    told = seen["told"]
    assert told["inputs"] == {"input_ids": [told["known"]], "seqlens_k": [told["cached"]], "last_idx": [0]}
    assert told["came_back"]


@pytest.mark.parametrize(("how", "words"), [("memory", "out of memory"), ("error", "illegal memory access")])
def test_a_recording_that_fails_leaves_the_lane_decoding_plainly(drill, how, words):
    seen = drill("unrecordable", lane={"how": how})
    assert set(map(str, seen["troubles"])) == {"None"}
    assert words in seen["unrecorded"]
    plain, _, *after = seen["costs"]
    assert {work(cost) for cost in after} == {work(plain)}
    assert work(plain)[2] == 0


def test_a_device_lost_while_recording_is_a_lost_device(drill):
    seen = drill("unrecordable", lane={"how": "lost"})
    lost = next(trouble for trouble in seen["troubles"] if trouble is not None)
    assert lost[0] == "DeviceLost"


def test_rows_are_rounded_up_to_a_power_of_two_or_to_all_slots():
    assert [bucket(rows, 12) for rows in (1, 2, 3, 5, 8, 9, 12)] == [1, 2, 4, 8, 8, 12, 12]
    widths = [bucket(rows, 100) for rows in range(1, 101)]
    assert all(rows <= width for rows, width in enumerate(widths, 1))
    assert all(a <= b for a, b in pairwise(widths))


class Device:
    """A network and its binding in one. A plain run gives how many of them there were, a recorded one what `replay`
    makes of that; an exception in its place is raised."""

    def __init__(self, replay, recordings=1):
        self.unrecorded, self.values, self.ways = "", np.zeros((1, 3), np.float32), []
        self._replay, self._numbers = replay, iter(range(1, recordings + 1))

    def next_recording(self):
        return next(self._numbers, None)

    def run(self, number=None):
        self.ways.append("plain" if number is None else "replay")
        value = float(len([way for way in self.ways if way == "plain"]))
        if number is not None:
            value = self._replay(value)
            if isinstance(value, Exception):
                raise value
        self.values[:] = value


def driven(replay, runs=STEADY + PROOFS + 2, recordings=1):
    device = Device(replay, recordings)
    recorder = Recorder(device, device, device.values)
    for _ in range(runs):
        recorder.run()
    return device


def test_a_recording_that_gives_the_same_takes_the_place_of_plain_runs():
    ways = driven(lambda value: value * 1.001).ways
    assert ways == ["plain"] * STEADY + ["plain", "replay"] * PROOFS + ["replay"] * 2


@pytest.mark.parametrize(
    ("replay", "why"),
    [
        (lambda value: value + 1, "off by 1"),
        (lambda value: float("nan"), "off by nan"),
        (lambda value: Trouble("It broke.", "Go on."), "It broke"),
        (lambda value: value if value == STEADY + 1 else STEADY + 1.0, "off by 1"),  # reads the inputs it was made on
    ],
)
def test_a_recording_that_gives_anything_else_is_never_believed(replay, why):
    device = driven(replay)
    assert why in device.unrecorded
    assert device.ways[-3:] == ["plain"] * 3
    assert device.values[0, 0] == device.ways.count("plain")  # what stands there is a plain run's


def test_there_are_no_more_recordings_than_may_be():
    device = driven(lambda value: value, recordings=0)
    assert set(device.ways) == {"plain"}
    assert MOST >= 32
