"""The sheet of Ctrl+E on a recording: quick, remembered, and one sentence where something is wrong."""

import csv
import io
from math import inf

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage

from desk.panel.heartbeat import Heartbeat
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant.replay import Replay
from desk.plant.settings import Carried, load

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def replayed(application, home, record, qtbot):
    """A window on a recording that has been told to its end."""
    source = Replay(record(seconds=40.0, source="nvml-counter"))
    source.speed = inf
    window = Window("replay", Theme("dark"))
    heartbeat = Heartbeat(window, source)
    heartbeat.start()
    window.show()
    source.play()
    qtbot.waitUntil(lambda: window.shown.state == "stopped" and source.duration is not None, timeout=30_000)
    yield window, heartbeat
    window.close()
    window.deleteLater()


def test_ctrl_e_and_enter_write_the_floor_and_remember_it(replayed, qtbot, tmp_path, monkeypatch):
    window, heartbeat = replayed
    qtbot.keyClick(window, Qt.Key.Key_E, CTRL)
    sheet = heartbeat.carrying
    assert sheet.isVisible()
    asked = []
    monkeypatch.setattr(sheet, "ask_path", lambda name, _ending: asked.append(name) or tmp_path / name)
    sheet.choose(Carried(what="floor", preset="docs", style="light"))
    qtbot.keyClick(sheet, Qt.Key.Key_Return)
    assert not sheet.isVisible()
    assert asked[0].endswith("_7f3a91c2_replay.png")
    image = QImage(str(tmp_path / asked[0]))
    assert (image.width(), image.height()) == (1600, 900)
    assert load()[0].carried == Carried(what="floor", preset="docs", style="light")


def test_it_offers_what_goes_together(replayed):
    _, heartbeat = replayed
    sheet = heartbeat.carrying
    sheet.open()
    sheet.choose(Carried(what="chart"))
    assert sheet.chosen.figure == "tokens_per_second"
    offered = [sheet._boxes["preset"].itemData(place) for place in range(sheet._boxes["preset"].count())]
    assert "slide" in offered
    assert "link" not in offered
    sheet.choose(Carried(what="rows"))
    assert sheet.chosen.form == "csv"
    assert not sheet._boxes["style"].isVisible()


def test_the_clipboard_gets_picture_and_caption(replayed):
    _, heartbeat = replayed
    sheet = heartbeat.carrying
    sheet.choose(Carried(what="value", preset="link", figure="watts", form="clipboard"))
    sheet.carry_out()
    clipboard = QGuiApplication.clipboard()
    assert clipboard.image().width() == 1200
    assert "Board power" in clipboard.text()
    assert "REPLAY 22 Nov 2026" in clipboard.text()
    clipboard.clear()


def test_data_and_receipt_are_written_beside_the_window(replayed, qtbot, tmp_path, monkeypatch):
    _, heartbeat = replayed
    sheet = heartbeat.carrying
    monkeypatch.setattr(sheet, "ask_path", lambda name, _ending: tmp_path / name)
    for carried, ending in ((Carried(what="rows", form="csv"), ".csv"), (Carried(what="receipt", form="pdf"), ".pdf")):
        sheet.open()
        sheet.choose(carried)
        sheet.carry_out()
        qtbot.waitUntil(lambda: not sheet.isVisible(), timeout=30_000)
        assert [path.suffix for path in tmp_path.iterdir() if path.suffix == ending] == [ending]
    (table,) = tmp_path.glob("*.csv")
    told = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    emitted = sum(int(row["output_tokens"]) for row in told if row["output_tokens"])
    assert emitted == heartbeat.books.ledger.totals().tokens_out


def test_what_cannot_be_written_is_said_on_the_sheet(replayed, tmp_path, monkeypatch):
    _, heartbeat = replayed
    sheet = heartbeat.carrying
    monkeypatch.setattr(sheet, "ask_path", lambda name, _ending: tmp_path / "nowhere" / name)
    sheet.open()
    sheet.choose(Carried())
    sheet.carry_out()
    assert sheet.isVisible()
    assert "cannot be written" in sheet._message.text()
    assert list(tmp_path.iterdir()) == []
