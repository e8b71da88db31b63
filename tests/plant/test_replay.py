"""Replay: the same facts again, when their time has come."""

import time
from math import inf

import pytest

from desk.facts.codec import encode
from desk.facts.happened import Machine, Noted, RunStarted, RunStopped
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.plant.replay import BURST, Replay

MACHINE = Machine(system="Linux", processor="", cores=2, memory_bytes=1)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def facts():
    """A run of ten seconds with a note a second, one of which arrived late."""
    common = {"wall": 0.0, "desk": "0", "machine": MACHINE, "tiers": (), "tariff": Tariff()}
    notes = [Noted(t=1000.0 + second, text=str(second)) for second in (1, 2, 4, 3, 5, 6, 7, 8, 9)]
    return [RunStarted(t=1000.0, run="r", **common), *notes, RunStopped(t=1010.0, reason="stopped")]


@pytest.fixture
def replay(tmp_path, facts, clock):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"".join(map(encode, facts)))
    replay = Replay(path, clock=clock)
    yield replay
    replay.close()


def test_facts_come_when_their_time_has_come_in_the_order_of_the_file(replay, facts, clock):
    assert replay.drain() == facts[:1]
    replay.play()
    clock.now += 2.5
    assert replay.drain() == facts[1:3]
    clock.now += 1.0
    assert replay.drain() == []  # the third second's note stands behind the fourth's
    clock.now += 0.5
    assert replay.drain() == facts[3:5]
    assert replay.position == 4.0


def test_twice_the_speed_tells_twice_as_much(replay, facts, clock):
    replay.speed = 2.0
    replay.play()
    clock.now += 2.5
    assert replay.drain() == facts[:6]


def test_a_change_of_speed_does_not_move_the_position(replay, clock):
    replay.play()
    clock.now += 3.0
    replay.speed = 8.0
    assert replay.position == 3.0
    clock.now += 0.5
    assert replay.position == 7.0


def test_hold_stands_still(replay, facts, clock):
    replay.play()
    clock.now += 1.5
    replay.hold()
    clock.now += 100.0
    assert replay.drain() == facts[:2]
    assert replay.position == 1.5
    assert not replay.playing


def test_everything_at_once(replay, facts):
    replay.speed = inf
    replay.play()
    assert replay.drain() == facts
    assert replay.ended
    assert not replay.playing
    assert replay.position == 10.0


def test_a_jump_forward_tells_what_lies_between(replay, facts):
    replay.drain()
    replay.seek(6.0)
    assert replay.drain() == facts[1:7]


def test_a_jump_backward_begins_again_with_the_first_line(replay, facts):
    replay.seek(8.0)
    replay.drain()
    replay.seek(2.0)
    assert replay.drain() == facts[:3]


def test_play_after_the_end_begins_again(replay, facts, clock):
    replay.seek(10.0)
    replay.drain()
    assert replay.ended
    replay.play()
    clock.now += 1.0
    assert replay.drain() == facts[:2]


def test_the_duration_is_known_soon(replay):
    deadline = time.monotonic() + 10
    while replay.duration is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert replay.duration == 10.0


def test_a_long_recording_comes_in_bursts(tmp_path, facts, clock):
    path = tmp_path / "long.jsonl"
    path.write_bytes(encode(facts[0]) + encode(facts[1]) * (BURST + 5))
    replay = Replay(path, speed=inf, clock=clock)
    replay.play()
    assert len(replay.drain()) == BURST
    assert len(replay.drain()) == 6
    assert replay.ended


def test_a_torn_tail_is_left_out(tmp_path, facts, clock):
    path = tmp_path / "torn.jsonl"
    path.write_bytes(b"".join(map(encode, facts[:4])) + encode(facts[4])[:-9])
    replay = Replay(path, speed=inf, clock=clock)
    replay.play()
    assert replay.drain() == facts[:4]


@pytest.mark.parametrize("content", [b"", b"no facts\n", None])
def test_what_is_no_recording_is_refused_at_once(tmp_path, content):
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Trouble):
        Replay(path)
