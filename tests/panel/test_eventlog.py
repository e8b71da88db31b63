"""The log tells the events of the lane with their times, and C puts a chart with its caption on the clipboard."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from desk.panel.heartbeat import Heartbeat
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant.replay import Replay


@pytest.fixture
def seen(application, record):
    """A window on half a minute of a recorded run."""
    clock = [0.0]
    replay = Replay(record(seconds=30.0, source="nvml-counter"), clock=lambda: clock[0])
    window = Window("replay", Theme("dark"))
    heartbeat = Heartbeat(window, replay)
    window.show()
    replay.play()
    clock[0] = 1e6
    while not replay.ended:
        heartbeat.beat()
    heartbeat.refresh()
    yield window, heartbeat
    window.close()
    window.deleteLater()


def press(window, key):
    """Do what the key does; that it reaches the window is tried for all keys at once elsewhere."""
    window.perform(next(action for action in window.actions_known if key in action.keys))


def test_the_log_has_every_event_newest_first_and_gives_it_to_the_clipboard(seen, qtbot):
    window, heartbeat = seen
    press(window, "L")
    log = heartbeat.log
    assert log.isVisible()
    events = heartbeat.charts.run.setting.events
    lines = log.text().splitlines()
    assert len(lines) == len(events) > 3
    assert lines[-1] == "00:00:00\tRun started"
    assert any("\t▲ " in line for line in lines), "alarms are marked by a sign, not by colour alone"
    assert lines == sorted(lines, key=lambda line: line.split("\t")[0], reverse=True)
    log.table.selectRow(0)
    qtbot.keyClick(log.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().splitlines() == lines[:1]
    qtbot.keyClick(log.table, Qt.Key.Key_Escape)
    assert not log.isVisible()


def test_c_copies_the_chart_in_hand_with_its_caption(seen):
    window, heartbeat = seen
    heartbeat.charts.run.strips[1].hovered = True
    press(window, "C")
    told = QGuiApplication.clipboard().mimeData()
    assert told.hasImage()
    assert told.imageData().width() > 1000
    assert "Power" in told.text()
    assert "on the clipboard" in window.notices.accessibleDescription()
