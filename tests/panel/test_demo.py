"""The demo on a real plant with scripted children: each cue does what its caption says, and the end restores all."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from desk.facts.happened import ChildEnded, EngineOpened
from desk.panel.demo import DEARER, PLAY, RECORDED, RUSH, Demo

PATIENCE_MS = 20_000


@pytest.fixture
def demo(factory, qtbot):
    window, heartbeat = factory
    with qtbot.waitExposed(window):
        window.show()
    played = Demo(heartbeat)
    yield played
    played.timer.stop()


def press(window, key):
    QApplication.sendEvent(window.windowHandle(), QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def test_the_play_runs_breaks_mends_and_restores_the_factory(demo, factory, qtbot):
    window, heartbeat = factory
    ledger = heartbeat.books.ledger
    seen = []
    post = heartbeat.books.post
    heartbeat.books.post = lambda fact: (seen.append(fact), post(fact))

    def until(true):
        qtbot.waitUntil(true, timeout=PATIENCE_MS)

    until(lambda: window.shown.state == "running")
    before = {name: tier.price.output for name, tier in ledger.standing.tiers.items()}
    dearest = max(before, key=before.__getitem__)
    assert [cue.act.__name__ for cue in PLAY if cue.act] == ["begin", "rush", "raise_price", "fail", "restore"]
    for _ in range(2):
        press(window, Qt.Key.Key_Right)
    until(lambda: ledger.standing.load == RUSH)
    press(window, Qt.Key.Key_PageDown)
    until(lambda: ledger.standing.tiers[dearest].price.output == DEARER * before[dearest])
    press(window, Qt.Key.Key_Right)
    until(lambda: any(isinstance(fact, ChildEnded) and fact.child == "engine" for fact in seen))
    died = len(seen)
    until(lambda: any(isinstance(fact, EngineOpened) for fact in seen[died:]))
    assert ledger.standing.tiers[dearest].price.output == DEARER * before[dearest]
    for _ in range(2):
        press(window, Qt.Key.Key_Right)
    assert demo.at == len(PLAY) - 1
    until(
        lambda: (
            {name: tier.price.output for name, tier in ledger.standing.tiers.items()} == before
            and ledger.standing.load == 1.0
        )
    )
    # Left alone it goes on by itself, and begins anew.
    demo.timer.timeout.emit()
    assert demo.at == 0
    assert demo.caption.isVisible()
    assert demo.caption.accessibleName() == PLAY[0].caption


def test_left_shows_the_caption_before_and_undoes_nothing(demo, factory, qtbot):
    window, _ = factory
    press(window, Qt.Key.Key_Right)
    press(window, Qt.Key.Key_Left)
    press(window, Qt.Key.Key_Left)
    assert demo.at == 0
    press(window, Qt.Key.Key_A)
    assert demo.at == 0


def test_a_sheet_over_the_window_keeps_its_keys(demo, factory, qtbot):
    window, _ = factory
    window.sheet.toggle()
    press(window, Qt.Key.Key_Right)
    assert demo.at == 0
    window.sheet.toggle()


def test_a_recording_is_played_with_captions_of_its_own(application, record, qtbot):
    from desk.panel.heartbeat import Heartbeat
    from desk.panel.window import Window
    from desk.plant.replay import Replay

    window = Window("replay")
    heartbeat = Heartbeat(window, Replay(record(seconds=15.0)))
    window.show()
    demo = Demo(heartbeat)
    try:
        assert demo.cues is RECORDED
        heartbeat.source.play()
        heartbeat.source.seek(heartbeat.source.duration)

        def at_the_end():
            heartbeat.beat()
            return heartbeat.source.ended

        qtbot.waitUntil(at_the_end, timeout=PATIENCE_MS)
        demo.go_on()
        assert not heartbeat.source.ended
    finally:
        demo.timer.stop()
        window.close()
        window.deleteLater()
