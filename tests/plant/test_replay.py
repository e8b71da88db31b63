"""Replay: the same facts again, when their time has come."""

import time
from math import inf

import pytest

from desk.board import Board
from desk.facts import places
from desk.facts.codec import encode
from desk.facts.happened import Machine, Noted, RunStarted, RunStopped
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.panel.books import Books
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


def test_a_loop_begins_again(replay, facts, clock):
    replay.loop = (2.0, 4.0)
    replay.play()
    clock.now += 4.5
    told = replay.drain()
    assert told[0] == facts[0]  # told again from the beginning, up to where the loop starts
    assert (replay.position, replay.playing) == (2.0, True)
    clock.now += 1.0
    replay.drain()
    assert replay.position == 3.0
    replay.loop = (0.0, inf)
    clock.now += 100.0
    replay.drain()
    assert replay.ended
    replay.drain()
    assert (replay.position, replay.playing) == (0.0, True)


def test_steps_go_to_the_next_half_second_and_to_the_next_event(replay, facts):
    replay.step()
    assert (replay.position, replay.playing) == (0.5, False)
    replay.step()
    assert replay.position == 1.0
    assert replay.drain() == facts[:2]
    replay.step("event")
    assert replay.position == 2.0
    replay.drain()
    replay.step("event")
    assert replay.position == 4.0  # the third second's note stands behind it
    for _ in range(9):
        replay.drain()
        replay.step("event")
    replay.drain()
    assert replay.position == 10.0
    assert replay.ended
    replay.step("event")


# ---- jumps from marks


class Fold:
    """Folds a replay as a window does, a few facts at a time, and hands it marks."""

    def __init__(self, path, marks=True):
        self.replay = Replay(path)
        self.books = Books()
        self.marks = marks
        self.folded = 0

    def go(self, seconds):
        self.replay.seek(seconds)
        while True:
            if (state := self.replay.restored()) is not None:
                self.books.back_to(state)
            if self.marks and self.replay.mark_due:
                self.replay.keep(self.books.mark())
            facts = self.replay.drain(40)
            if not facts:
                return self
            self.folded += len(facts)
            for fact in facts:
                self.books.post(fact)

    def seen(self):
        """What a view could ask of the books."""
        board, ledger = self.books.board, self.books.ledger
        curves = [
            board.curve(figure, tier, 60.0, 200)
            for figure in ("tokens_per_second", "watts", "itl_p99", "ttft_p95")
            for tier in (None, "Ultra")
        ]
        values = [board.value(figure) for figure in ("revenue_per_hour", "tokens_per_joule", "busy_share", "ttft_p50")]
        arrays = [[axis.tobytes() for axis in curve] for curve in curves]
        standing = (ledger.standing.readings, ledger.standing.lanes, self.books.moment)
        return arrays, values, ledger.totals(), board.end, list(board.events), standing


@pytest.mark.parametrize("hours", [1.0, 0.004])
def test_a_jump_from_a_mark_shows_what_a_straight_way_shows(monkeypatch, hours):
    recording = places.shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz")
    monkeypatch.setattr("desk.plant.replay.MARK_S", 5.0)
    monkeypatch.setattr("desk.plant.replay.MARKS", 9)  # so that they are thinned out, too
    fold = Fold(recording)
    fold.books.board = Board(hours)
    fold.go(70.0)
    assert fold.replay._spacing > 5.0
    for seconds in (66.0, 40.25, 69.9, 55.5, 3.0, 60.0):
        straight = Fold(recording, marks=False)
        straight.books.board = Board(hours)
        straight.go(seconds)
        before = fold.folded
        fold.go(seconds)
        if hours == 1.0:
            assert fold.seen() == straight.seen()
        assert fold.books.ledger.totals() == straight.books.ledger.totals()
        assert fold.books.board.end == straight.books.board.end
        assert fold.books.board.value("tokens_per_second") == straight.books.board.value("tokens_per_second")
        if seconds > 50.0:
            assert fold.folded - before < straight.folded
        straight.replay.close()
    fold.replay.close()
