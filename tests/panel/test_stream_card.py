"""The text of a request is read where it is made: chosen by its slot or its tier, with its TTFT and its speed."""

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from scripted import T0, tiers

from desk.facts.happened import (
    ChildEnded,
    Finished,
    FirstToken,
    LaneReady,
    LaneWork,
    Machine,
    RunStarted,
    Said,
    Slot,
    Worked,
)
from desk.facts.tiers import Tariff
from desk.ledger.stream import LONGEST, Streams
from desk.panel.books import Books
from desk.panel.look import look
from desk.panel.numbers import Numbers
from desk.panel.stream import RECORDED
from desk.panel.theme import Theme
from desk.panel.tiertable import HEAD, PAD, ROW
from desk.panel.window import Window


def said(text, request=7, tier="High", t=T0 + 1.0):
    return Said(t=t, tier=tier, request=request, text=text)


def first(request=7, t=T0 + 0.5, tier="High"):
    return FirstToken(tier=tier, request=request, t=t, submitted=t - 0.4, admitted=t - 0.2, prompt=9)


def worked(t, emitted, request=7, tier="High"):
    slots = (Slot(request, 9, 9, emitted), Slot(request + 1, 9, 4, 0))
    return Worked(t=t, span=0.1, lanes=(LaneWork(tier=tier, busy=0.01, emitted=1, steps=1, slots=slots),))


def ended(request=7, t=T0 + 3.0, tier="High"):
    about = {"submitted": T0 + 0.1, "first": T0 + 0.5, "prompt": 9, "emitted": 51}
    return Finished(tier=tier, request=request, t=t, reason="length", **about)


def read(*facts):
    streams = Streams()
    for fact in facts:
        streams.see(fact)
    return streams


# ---- the fold


def test_a_stream_has_its_ttft_and_its_speed_though_it_was_watched_late():
    streams = read(
        first(), worked(T0 + 1.4, 10), said("One ", t=T0 + 1.5), worked(T0 + 2.5, 41), said("two", t=T0 + 2.5)
    )
    assert streams.text == "One two"
    assert streams.ttft == pytest.approx(0.4)
    assert streams.rate == pytest.approx(40 / 2.0)
    streams.see(ended())
    assert (streams.tokens, streams.ended, streams.rate) == (51, "length", pytest.approx(50 / 2.5))


def test_another_request_begins_anew_and_the_same_told_again_is_not_doubled():
    streams = read(first(), said("A long beginning of an answer"), said("A long beginning of an answer, and more"))
    assert streams.text == "A long beginning of an answer, and more"
    streams.see(said("Other", request=8))
    assert (streams.request, streams.text, streams.ttft, streams.rate) == (8, "Other", None, None)


def test_an_engine_that_ends_cancels_what_was_read_and_long_answers_keep_their_end():
    streams = read(first(), said("x" * LONGEST), said("end"), ChildEnded(t=T0 + 2, child="engine", exit=0))
    assert streams.ended == "cancelled"
    assert len(streams.text) == LONGEST
    assert streams.text.endswith("xend")


# ---- the card


@pytest.fixture
def books():
    made = Books()
    machine = Machine(system="Linux", processor="Example CPU", cores=8, memory_bytes=8 * 10**9)
    about = {"run": "7f3a91c2", "wall": 1.8e9, "desk": "0.1.0", "machine": machine}
    made.post(RunStarted(t=T0, tiers=tiers(), tariff=Tariff(), **about))
    for tier in tiers():
        held = {"weights_bytes": 10, "kv_bytes": 10, "load_s": 0.1, "context": 1024, "slots": tier.slots}
        made.post(LaneReady(t=T0, tier=tier.name, model="m", precision="q8", provider="cpu", **held))
    for fact in (first(), worked(T0 + 1.4, 10), worked(T0 + 2.5, 41)):
        made.post(fact)
    return made


@pytest.fixture
def window(application, qtbot, books):
    made = Window("live", Theme("dark"), (1920, 1080))
    qtbot.addWidget(made)
    made.asked = []
    made.floor.watched.connect(lambda tier, request: made.asked.append((tier, request)))
    made.show_all(look(books, Numbers()))
    made.show()
    application.processEvents()
    return made


def show(window, books, *facts):
    for fact in facts:
        books.post(fact)
    window.show_all(look(books, Numbers()))


def test_a_click_on_a_slot_reads_its_request(window, books, qtbot):
    floor = window.floor
    size = floor.slots.size()
    row = {name: lane for line, lane in floor.slots._lanes(size.width(), size.height()) for name in [line.tier.name]}
    top, high = floor.slots._cells_at(row["High"])
    qtbot.mouseClick(floor.slots, Qt.MouseButton.LeftButton, pos=QPoint(PAD + 20, round(top + high / 2)))
    assert window.asked == [("High", 7)]
    assert floor.stream.isVisible()
    assert floor.stream.text.toPlainText() == ""
    show(window, books, said("Once upon a time", t=T0 + 2.6), worked(T0 + 4.5, 81))
    assert floor.stream.text.toPlainText() == "Once upon a time"
    spoken = floor.stream.accessibleDescription()
    assert "TTFT 0.40 s" in spoken
    assert "20.0 tok/s" in spoken
    assert "81 of 128 tokens" in spoken
    show(window, books, said(" there was", t=T0 + 4.7), ended(t=T0 + 5.0))
    assert floor.stream.text.toPlainText() == "Once upon a time there was"
    assert "ended at its limit" in floor.stream.accessibleDescription()
    qtbot.mouseClick(floor.stream.close_button, Qt.MouseButton.LeftButton)
    assert window.asked[-1] == (None, None)
    assert not floor.stream.isVisible()


def test_the_eye_of_a_row_the_key_r_and_the_next_slot_read_too(window, books, qtbot):
    floor = window.floor
    place = QPoint(PAD + 4, HEAD + 2 * ROW + 20)
    qtbot.mouseClick(floor.table, Qt.MouseButton.LeftButton, pos=place)
    assert window.asked == [("High", 7)]
    floor.stream.next.click()
    assert window.asked[-1] == ("High", 8)
    floor.stream.next.click()
    assert window.asked[-1] == ("High", 7)
    floor.close_stream()
    floor.table.setFocus()
    qtbot.keyClick(floor.table, Qt.Key.Key_R)
    assert window.asked[-1] == ("High", 7)
    qtbot.keyClick(floor.stream, Qt.Key.Key_Escape)
    assert window.asked[-1] == (None, None)
    assert not floor.editor.isVisible()


def test_the_card_goes_on_when_an_answer_is_over(window, books, qtbot, monkeypatch):
    monkeypatch.setattr("desk.panel.stream.READ_MS", 1)
    window.floor.read("High", 7)
    show(window, books, said("Once"), ended(), worked(T0 + 3.2, 1, request=20))
    qtbot.waitUntil(lambda: window.asked[-1] == ("High", 20), timeout=10_000)


def test_the_slot_floor_stands_still_while_nothing_flows(window, books, qtbot):
    slots = window.floor.slots
    painted = []
    slots.update = lambda: painted.append(1)
    show(window, books, worked(T0 + 2.6, 41))
    assert not painted
    show(window, books, worked(T0 + 2.7, 42))
    assert painted


def test_arrows_and_enter_choose_a_slot(window, qtbot):
    slots = window.floor.slots
    slots.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Return):
        qtbot.keyClick(slots, key)
    assert window.asked == [("High", 8)]
    assert slots.accessibleDescription().startswith("Ultra 0 of 1")


def test_a_recording_tells_what_was_read_and_asks_nobody(application, qtbot, books):
    window = Window("replay", Theme("dark"), (1920, 1080))
    qtbot.addWidget(window)
    window.floor.stream.set_read_only(True)
    asked = []
    window.floor.watched.connect(lambda *what: asked.append(what))
    window.show_all(look(books, Numbers(), mode="replay"))
    window.show()
    window.floor.read("High", 8)
    assert window.floor.stream.accessibleDescription() == RECORDED
    books.post(said("Then"))
    window.show_all(look(books, Numbers(), mode="replay"))
    assert window.floor.stream.text.toPlainText() == "Then"
    assert not asked
    assert not window.floor.stream.next.isEnabled()


# ---- what else is known of a slot and of a device


def test_what_was_cancelled_and_what_came_late_is_told_of_its_tier(window, books):
    gone = msgspec.structs.replace(ended(request=9), reason="cancelled")
    late = Worked(t=T0 + 3.4, span=0.1, lanes=(LaneWork(tier="High", lag=0.31),))
    show(window, books, gone, late)
    for second in range(4, 8):
        show(window, books, worked(T0 + second, 41))
    line = next(line for line in window.shown.tiers if line.tier.name == "High")
    assert (line.cancelled, line.lag) == (1, 0.31)
    told = window.floor.table._about(2)
    assert "1 cancelled" in told
    assert "0.31 s late" in told
