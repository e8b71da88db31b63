"""The demo on a real plant with scripted children: each cue does what its caption says, and the end restores all."""

from math import inf
from types import SimpleNamespace

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

from desk.facts.happened import ChildEnded, EngineOpened
from desk.panel import app
from desk.panel import demo as play
from desk.panel.demo import DEARER, PLAY, RECORDED, RUSH
from desk.panel.heartbeat import furnish
from desk.panel.instance import Instance
from desk.panel.window import Window
from desk.plant.settings import Settings

PATIENCE_MS = 20_000


def press(window, key):
    QApplication.sendEvent(window.windowHandle(), QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier))


def perform(window, name):
    window.perform(next(action for action in window.actions_known if action.name == name))


def test_the_play_runs_breaks_mends_and_restores_the_factory(factory, qtbot):
    window, heartbeat = factory
    seen = []
    heartbeat.listeners.append(seen.append)

    def until(true):
        qtbot.waitUntil(true, timeout=PATIENCE_MS)

    def prices():
        return {name: tier.price.output for name, tier in heartbeat.books.ledger.standing.tiers.items()}

    def load():
        return heartbeat.books.ledger.standing.load

    until(lambda: bool(prices()))
    heartbeat.source.multiply(1.25)
    until(lambda: load() == 1.25)
    before = prices()
    dearest = max(before, key=before.__getitem__)
    perform(window, "demo")
    demo = heartbeat.demo
    assert window.kiosk.active
    assert not window.kiosk.timer.isActive(), "the play says which page is seen"
    assert [cue.act.__name__ for cue in PLAY if cue.act] == ["begin", "rush", "raise_price", "fail", "restore"]
    assert not demo.stage.makes_tokens
    demo.timer.timeout.emit()
    assert demo.at == 0, "left alone, it waits for a factory that is not ready yet"
    until(lambda: demo.stage.makes_tokens)
    # A sheet over the window keeps its keys, and only the keys of a presenter turn the pages of the play.
    window.sheet.toggle()
    press(window, Qt.Key.Key_Right)
    window.sheet.toggle()
    press(window, Qt.Key.Key_A)
    assert demo.at == 0
    press(window, Qt.Key.Key_Right)
    press(window, Qt.Key.Key_Left)
    press(window, Qt.Key.Key_Left)
    assert demo.at == 0
    for _ in range(2):
        press(window, Qt.Key.Key_Right)
    until(lambda: load() == RUSH * 1.25)
    until(lambda: window.floor.table._users == round(RUSH * 1.25) * len(before))
    press(window, Qt.Key.Key_PageDown)
    until(lambda: prices()[dearest] == DEARER * before[dearest])
    press(window, Qt.Key.Key_Right)
    until(lambda: any(isinstance(fact, ChildEnded) and fact.child == "engine" for fact in seen))
    died = len(seen)
    until(lambda: any(isinstance(fact, EngineOpened) for fact in seen[died:]))
    assert prices()[dearest] == DEARER * before[dearest], "a fault changes no price"
    until(lambda: demo.stage.makes_tokens)
    # Through the rest and round again: what was changed is changed back, and no second fault follows too soon.
    for _ in range(2 + len(PLAY)):
        demo.timer.timeout.emit()
    assert demo.at == len(PLAY) - 1
    assert demo.caption.accessibleName() == PLAY[-1].caption
    until(lambda: prices() == before and load() == 1.25)
    assert sum(isinstance(fact, ChildEnded) for fact in seen) == 1
    for _ in range(4):
        press(window, Qt.Key.Key_Right)
    until(lambda: prices()[dearest] == DEARER * before[dearest])
    # A run that somebody ends begins anew with the play.
    heartbeat.source.stop()
    until(lambda: not heartbeat.books.ledger.standing.running)
    demo.timer.timeout.emit()
    assert demo.at == 0
    until(lambda: demo.stage.makes_tokens and prices() == before and load() == 1.25)
    for _ in range(3):
        press(window, Qt.Key.Key_Right)
    until(lambda: prices()[dearest] == DEARER * before[dearest])
    # Esc ends the show, not the run.
    press(window, Qt.Key.Key_Escape)
    assert not window.kiosk.active
    assert demo.caption.isHidden()
    assert not demo.timer.isActive()
    until(lambda: prices() == before and load() == 1.25)
    press(window, Qt.Key.Key_Right)
    assert not demo.playing
    assert heartbeat.books.ledger.standing.running


def test_a_recording_is_played_with_captions_of_its_own_round_and_round(application, record, qtbot):
    window = Window("replay")
    qtbot.addWidget(window)
    window.show()
    heartbeat = furnish(window, record(seconds=15.0), Settings(), None, staged=True)
    assert heartbeat.demo.cues is RECORDED
    assert heartbeat.source.loop == (0.0, inf)
    assert window.kiosk.active
    for caption in (*RECORDED[1:], RECORDED[0]):
        heartbeat.demo.timer.timeout.emit()
        assert heartbeat.demo.caption.accessibleName() == caption.caption
    perform(window, "demo")
    assert not window.kiosk.active
    window.close()


def test_the_stage_has_the_model_that_is_always_there_and_nothing_that_ends_its_run(application, qtbot, monkeypatch):
    monkeypatch.setattr(play.Demo, "begin", lambda self: None)
    window = Window("live")
    qtbot.addWidget(window)
    remembered = Settings(preset="gtc-2026", scenario="spike", warmup_s=60.0)
    source = furnish(window, None, remembered, None, staged=True).source
    assert (source.preset, source.scenario, source.warmup_s) == ("this-machine", "steady", 0.0)
    window.close()


def test_a_later_start_has_the_demo_played_in_the_window_that_is_there(application, qtbot, monkeypatch, record):
    # What the program does to the collector when it starts would go on in the other tests.
    monkeypatch.setattr(app, "gc", SimpleNamespace(disable=lambda: None, enable=lambda: None, freeze=lambda: None))
    panel, path = app._Panel(Instance(None, None)), str(record(seconds=15.0))
    panel.show(path)
    qtbot.waitUntil(lambda: path in panel._hearts, timeout=PATIENCE_MS)
    demo = panel._hearts[path].demo
    assert not demo.playing
    panel.show(f"{app.DEMO}{path}")
    assert demo.playing
    demo.end()
    panel.show(path)
    assert not demo.playing
    window = panel._windows[path]
    window.close()
    # A window that was closed comes back with the demo on it.
    panel.show(f"{app.DEMO}{path}")
    qtbot.waitUntil(lambda: panel._hearts.get(path) is not None and panel._hearts[path].demo.playing)
    assert panel._windows[path] is not window
    panel._late.join()
    panel._close()
    panel._windows[path].deleteLater()
