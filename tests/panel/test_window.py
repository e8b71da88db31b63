"""The window on a real plant: orders go up, facts come down, and nothing is left when it closes."""

import json

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QPushButton

from desk.facts.trouble import Trouble
from desk.panel.heartbeat import RATE_HZ, RESTING_MS, Heartbeat
from desk.panel.shown import Shown
from desk.panel.statusline import badge_words
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant.replay import Replay

PATIENCE_MS = 15_000


def until(qtbot, true):
    qtbot.waitUntil(true, timeout=PATIENCE_MS)


def run(qtbot, window):
    """Start the factory and wait for its tokens."""
    window.runbar.toggle()
    until(qtbot, lambda: window.shown.state == "running" and window.shown.values[0].value is not None)


def test_buttons_and_keys_order_and_follow_the_facts(factory, qtbot):
    window, heartbeat = factory
    assert window.runbar.go.text().strip() == "Start"
    place = window.runbar.halt.geometry()
    run(qtbot, window)
    assert window.runbar.go.text().strip() == "Pause"
    window.runbar.go.click()
    until(qtbot, lambda: window.runbar.go.text().strip() == "Resume")
    assert window.shown.state == "paused"
    window.runbar.go.click()
    until(qtbot, lambda: window.shown.state == "running")
    assert window.runbar.halt.geometry() == place
    window.runbar.halt.click()
    until(qtbot, lambda: window.shown.state == "stopped")
    assert not window.runbar.halt.isEnabled()
    assert window.runbar.go.text().strip() == "Start"
    with qtbot.waitActive(window):
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    until(qtbot, lambda: window.shown.state == "running")
    qtbot.keyClick(window, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    until(qtbot, lambda: window.shown.state == "stopped")
    assert heartbeat.books.ledger.standing.stopped.reason == "emergency"


def test_a_window_that_lives_is_edited_frozen_pictured_and_hidden(factory, qtbot, tmp_path, monkeypatch):
    window, heartbeat = factory
    run(qtbot, window)
    # A price that is edited comes back as a fact.
    window.floor.open_tier("Ultra")
    line = next(w for w in window.floor.editor._inputs.values() if w.property("path") == "price.output")
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, "9")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert heartbeat.books.ledger.standing.tiers["Ultra"].price.output == 2.0
    until(qtbot, lambda: not line.property("waiting"))
    assert heartbeat.books.ledger.standing.tiers["Ultra"].price.output == 9.0
    assert line.text() == "9.00"
    qtbot.keyClick(line, Qt.Key.Key_Escape)
    # Space freezes the display and not the books.
    qtbot.keyClick(window, Qt.Key.Key_Space)
    frozen, seconds = window.shown, heartbeat.books.board.end
    until(qtbot, lambda: heartbeat.books.board.end > seconds + 1)
    assert window.shown is frozen
    # A key writes the view as it is shown: what cannot be written is said, and forgotten with the next order.
    out, asked = tmp_path / "floor.png", []
    monkeypatch.setattr(window, "ask_path", lambda name: tmp_path / "nowhere" / name)
    window.save_picture()
    assert "cannot be written" in window.notices.accessibleDescription()
    monkeypatch.setattr(window, "ask_path", lambda name: asked.append(name) or out)
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window, Qt.Key.Key_E, both)
    assert "cannot be written" not in window.notices.accessibleDescription()
    image = QImage(str(out))
    assert (image.width(), image.height()) == (window.width() * 2, window.height() * 2)
    told = json.loads(image.text("Description"))
    assert (told["run"], told["mode"]) == (frozen.run, "live")
    assert asked[0].endswith(f"_{told['run']}_live.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["floor.png"]
    qtbot.keyClick(window, Qt.Key.Key_Space)
    until(qtbot, lambda: window.shown.totals.tokens > frozen.totals.tokens)
    # As many beats as ten seconds have: a binding that loses references dies of fewer.
    for _ in range(10 * RATE_HZ):
        heartbeat.beat()
        QApplication.processEvents()
    assert window.shown.state == "running"
    # Hidden, it takes facts in and draws nothing.
    window.hide()
    beats, seconds = heartbeat.beats, heartbeat.books.board.end
    until(qtbot, lambda: heartbeat.books.board.end > seconds + 1)
    assert heartbeat.beats == beats
    window.show()
    until(qtbot, lambda: heartbeat.beats > beats)


def test_assumed_watts_are_kept_for_the_next_start(factory, qtbot):
    from desk.plant.settings import load

    window, heartbeat = factory
    window.floor.watts_declared.emit(20.0, 65.0, True)
    until(qtbot, lambda: heartbeat.books.ledger.standing.declared is not None)
    settings, trouble = load()
    assert trouble is None
    assert (settings.watts.idle, settings.watts.busy, settings.watts.assumed) == (20.0, 65.0, True)


def test_a_trouble_with_an_order_is_shown(application, qtbot):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)

    def order():
        raise Trouble("The disk is full.", "Make room.")

    window.ordered(order)
    assert window.notices.accessibleDescription() == "The disk is full. Make room."


# ---- a replay goes the same road


@pytest.fixture
def replayed(application, record):
    path = record(seconds=30.0, source="nvml-counter")
    clock = [0.0]
    replay = Replay(path, clock=lambda: clock[0])
    window = Window("replay", Theme("light"))
    heartbeat = Heartbeat(window, replay)
    window.show()
    replay.play()

    def to(seconds):
        clock[0] = seconds
        for _ in range(40):
            heartbeat.beat()
        heartbeat.refresh()

    yield window, heartbeat, to
    replay.play()
    to(1e6)  # told to its end, a recording closes its file
    window.close()
    window.deleteLater()


def test_a_replay_says_so_with_its_date_and_moves_the_knobs(replayed):
    window, heartbeat, to = replayed
    to(15.0)
    assert badge_words(window.shown) == "REPLAY 22 Nov 2026"
    assert heartbeat.charts.run.setting.mode == "REPLAY 22 Nov 2026"
    assert window.shown.values[0].value > 0
    assert not window.runbar.halt.isEnabled()
    window.floor.open_tier("High")
    assert window.floor.editor._read_only


def test_a_replay_jumps_back_to_the_same_figures(replayed):
    window, heartbeat, to = replayed
    to(12.0)
    before = window.shown.values
    to(28.0)
    assert window.shown.values != before
    heartbeat.source.hold()
    window.runbar.player.seek.emit(12.0)
    to(28.0)
    assert window.shown.values == before


def test_a_held_replay_rests_until_it_is_played(replayed):
    window, heartbeat, to = replayed
    to(12.0)
    heartbeat.source.hold()
    for _ in range(9):
        heartbeat.beat()
    assert heartbeat._timer.interval() < RESTING_MS, "what a hand has moved is shown at once"
    heartbeat._eager_until = 0.0
    heartbeat.beat()
    assert heartbeat._timer.interval() == RESTING_MS
    assert not heartbeat.charts.seen.refresh_next(), "it rests only when all shows where it stands"
    looks, at_rest = [], window.show_all
    window.show_all = lambda shown: (looks.append(shown), at_rest(shown))
    for _ in range(8):
        heartbeat.beat()
    assert len(looks) == 4, "once a second"
    window.runbar.play.emit()
    assert heartbeat._timer.interval() < RESTING_MS


# ---- the parts around the Floor


def test_brackets_choose_the_window_and_f_follows(application, qtbot):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    window.show()
    with qtbot.waitActive(window):
        window.activateWindow()
    qtbot.keyClicks(window, "]")
    assert window.footer.span_s == 900
    qtbot.keyClicks(window, "[")
    assert window.footer.span_s == 300
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert not window.footer.follow.isChecked()


def test_the_sheet_of_keys_comes_and_goes(application, qtbot):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    window.show()
    window.rail.help.emit()
    assert window.sheet.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.sheet.isVisible()


def test_every_button_has_a_name(application, qtbot):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    window.show_all(Shown(state="running"))
    assert all(button.accessibleName() or button.text() for button in window.findChildren(QPushButton))
    assert window.status.accessibleDescription()


def test_the_panel_records_the_preset_by_its_name_as_every_other_road_does(application, qtbot):
    from desk.panel.heartbeat import furnish
    from desk.plant.settings import Settings

    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    heartbeat = furnish(window, None, Settings(), None)
    assert heartbeat.source.preset == "this-machine"
    window.close()


def test_closing_a_replay_lets_go_of_its_file(application, qtbot, record):
    window = Window("replay", Theme("dark"))
    qtbot.addWidget(window)
    heartbeat = Heartbeat(window, Replay(record(seconds=10.0)))
    window.close()
    assert heartbeat.source.ended


def test_a_meter_given_up_is_tried_again_by_its_button(factory, qtbot, monkeypatch):
    from desk.facts.happened import ChildGivenUp, now

    window, heartbeat = factory
    asked = []
    monkeypatch.setattr(heartbeat.source, "retry_meter", lambda: asked.append(True))
    heartbeat.books.post(ChildGivenUp(t=now(), child="meter", cause="The meter failed often.", remedy="Wait."))
    heartbeat.refresh()
    button = next(b for b in window.findChildren(QPushButton) if b.text() == "Try the meter again")
    assert button.isVisible()
    button.click()
    assert asked == [True]
