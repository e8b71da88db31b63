"""The player: steps, loops, jumps and speeds reach the replay by buttons and by keys."""

import itertools

import pytest

from desk.panel import heartbeat as beating
from desk.panel.heartbeat import Heartbeat
from desk.panel.player import SPEEDS
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant import replay as telling
from desk.plant.replay import Replay

PATIENCE_MS = 20_000


@pytest.fixture
def playing(application, record, qtbot):
    """(window, replay) of a recording that is held at its beginning."""
    window = Window("replay", Theme("dark"))
    replay = Replay(record(seconds=20.0))
    heartbeat = Heartbeat(window, replay)
    heartbeat.start()
    window.show()
    qtbot.waitUntil(lambda: replay.duration is not None, timeout=PATIENCE_MS)
    heartbeat.refresh()
    yield window, replay
    window.close()
    window.deleteLater()


def act(window, name):
    window.perform(next(action for action in window.actions_known if action.name == name))


def test_keys_step_jump_loop_and_change_the_speed(playing, qtbot):
    window, replay = playing
    player = window.runbar.player
    assert telling.SPEEDS == SPEEDS
    act(window, "step")
    assert (replay.playing, replay.position) == (False, 0.5)
    act(window, "leap")
    assert replay.position == pytest.approx(10.0), "the note of the script"
    window.runbar.show_player(replay)
    assert player.clock.text().startswith("00:00:10")
    act(window, "jump-on")
    assert replay.position == 20.0
    window.runbar.show_player(replay)
    act(window, "jump-back")
    assert replay.position == 10.0
    for _ in SPEEDS:
        act(window, "slower")
    assert (replay.speed, player.speed.currentText()) == (0.25, "0.25 ×")
    for _ in SPEEDS:
        act(window, "faster")
    assert replay.speed == 60.0
    act(window, "loop")
    assert player.looping.isChecked()
    assert replay.loop is not None
    act(window, "loop")
    assert replay.loop is None


def test_a_loop_begins_again_and_the_way_back_asks_for_the_factory(playing, qtbot):
    window, replay = playing
    asked = []
    window.recording_asked.connect(asked.append)
    act(window, "loop")
    replay.speed = 60.0
    replay.seek(19.0)
    replay.play()
    qtbot.waitUntil(lambda: replay.position < 15.0, timeout=PATIENCE_MS)
    assert replay.playing
    replay.hold()
    act(window, "factory")
    assert asked == [""]


def test_a_jump_goes_on_in_slices_at_once_and_is_looked_at_now_and_then(playing, monkeypatch):
    window, replay = playing
    heartbeat = window.findChild(Heartbeat)
    heartbeat._timer.stop()
    clock = itertools.count(step=2)
    monkeypatch.setattr(beating, "perf_counter", lambda: 1e6 + next(clock) / 1000)

    def jump(seconds):
        """How many slices it took, and how often something was shown on the way."""
        window.runbar.player.seek.emit(seconds)
        looks, slices = heartbeat.beats, 0
        while True:
            heartbeat.beat()
            slices += 1
            if heartbeat._timer.interval():
                return slices, heartbeat.beats - looks

    slices, looks = jump(replay.duration)
    assert heartbeat.books.board.end == pytest.approx(replay.duration, abs=0.5)
    assert slices >= 4
    assert looks <= slices / 2
    # One that is on its way for long goes on in longer slices.
    jump(0.0)
    monkeypatch.setattr(beating, "FAR_S", 0.0)
    assert jump(replay.duration)[0] < slices
