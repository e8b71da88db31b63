"""The drawer of a device: every reading with its source, every reason for lower clocks in words, the plan of memory."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from scripted import T0

from desk.facts.happened import LaneReady
from desk.facts.metered import Compared, DeviceReading, Read
from desk.panel.look import look
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme
from desk.panel.window import Window


@pytest.fixture
def planned(books):
    folded = books(seconds=15.0, source="two-gpus", stopped=False)
    lane = folded.ledger.standing.lanes["Ultra"].opened
    memory = {"t": T0 + 15.1, "planned_bytes": 2_100_000_000, "free_bytes": 9_800_000_000}
    assert isinstance(lane, LaneReady)
    folded.post(msgspec.structs.replace(lane, **memory))
    return folded


@pytest.fixture
def window(application, qtbot, planned):
    made = Window("live", Theme("dark"))
    qtbot.addWidget(made)
    made.show_all(look(planned, Numbers()))
    made.show()
    return made


def rows(window):
    return {head: (value, note) for head, value, note in window.floor.drawer.rows}


def test_every_reading_names_its_source(window, qtbot):
    qtbot.mouseClick(window.floor.machine, Qt.MouseButton.LeftButton)
    drawer = window.floor.drawer
    assert drawer.isVisible()
    seen = rows(window)
    assert seen["Source of joules"] == ("NVML energy counter", "fresh")
    assert seen["Power limit"] == ("350 W", "enforced now, NVML")
    assert seen["Counts for this run"] == ("yes", "GPU board only")
    assert seen["Clock"] == ("2,520 MHz", "of at most 2,610 MHz")
    assert seen["Temperature"] == ("67 °C", "slows at 88 °C")
    assert seen["Other processes"][0] == "1.2 GB"
    assert seen["Limiter"][0] == "at the power limit"
    assert "normal at full load" in seen["Limiter"][1]
    assert drawer.accessibleName() == "GPU 0 Example GPU"
    assert "Power limit: 350 W" in drawer.accessibleDescription()


def test_the_plan_of_memory_stands_beside_what_was_free(window):
    window.floor.open_device()
    value, note = rows(window)["Ultra"]
    assert value == "2.1 GB planned"
    assert note == "150.0 MB weights, 20.0 MB KV cache; 9.8 GB were free then"
    assert rows(window)["Free"][0] == "310.0 MB"


def test_how_the_counter_agrees_with_power_is_shown_once_a_minute_of_load_told_it(window, planned):
    window.floor.open_device()
    assert "Counter ÷ power" not in rows(window)
    planned.post(Compared(t=T0 + 15.3, device="gpu0", ratio=1.012, seconds=60.0))
    window.show_all(look(planned, Numbers()))
    assert rows(window)["Counter ÷ power"] == ("1.01 ×", "joules of each over the last 60 s of load")


def test_several_reasons_are_several_lines(window, planned):
    window.floor.open_device()
    heat = DeviceReading(device="gpu0", limiter="too hot (hardware), power brake", watts=120.0)
    planned.post(Read(t=T0 + 15.3, devices=(heat,)))
    window.show_all(look(planned, Numbers()))
    limits = [(value, note) for head, value, note in window.floor.drawer.rows if head == "Limiter"]
    assert [value for value, _ in limits] == ["clocks cut by heat, in hardware", "clocks cut by the power brake"]
    assert all(note for _, note in limits)


def test_the_next_device_and_the_way_back(window, qtbot):
    floor = window.floor
    floor.machine.setFocus()
    qtbot.keyClick(floor.machine, Qt.Key.Key_Return)
    floor.drawer.next.click()
    assert floor.drawer.accessibleName() == "GPU 1 Other GPU"
    assert rows(window)["Counts for this run"][0] == "no"
    assert "Ultra" not in rows(window)
    qtbot.keyClick(floor.drawer, Qt.Key.Key_Escape)
    assert floor.drawer.isHidden()
    assert floor.machine.hasFocus()


def test_a_lost_device_keeps_its_sheet_and_says_so(application, qtbot, books):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    window.show_all(look(books(seconds=15.0, source="two-gpus", stopped=False), Numbers()))
    sheet = window.shown.sheets[1]
    assert sheet.state.startswith("lost")
    assert ("Power now", "–") in [(row.head, row.value) for _, group in sheet.groups for row in group]
