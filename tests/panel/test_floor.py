"""The Floor shows what the books say, a dash and a reason where they say nothing, and who is late."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit, QPushButton
from scripted import facts

from desk.facts.happened import ChildStarted
from desk.facts.metered import MeterOpened, Read
from desk.panel.books import Books
from desk.panel.floor import ASSUME, DECLARE
from desk.panel.look import look, setting_of
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme
from desk.panel.tiertable import HEAD, ROW
from desk.panel.wattsform import WattsForm
from desk.panel.window import Window


@pytest.fixture
def shown(books):
    def looked(mode="live", **script):
        return look(books(**script), Numbers(), mode=mode)

    return looked


@pytest.fixture
def window(application, qtbot):
    made = Window("live", Theme("dark"))
    qtbot.addWidget(made)
    made.show()
    return made


def value(shown, key):
    return next(value for value in shown.values if value.key == key)


# ---- one look at the books


def test_the_tiers_add_up_to_the_total(shown):
    seen = shown(seconds=40.0, source="nvml-counter", stopped=False)
    total = value(seen, "tokens_per_second").value
    assert sum(line.tokens_per_second for line in seen.tiers) == pytest.approx(total)
    money = value(seen, "revenue_per_hour").value
    assert sum(line.dollars_per_hour for line in seen.tiers) == pytest.approx(money)


def test_a_counter_is_measured_with_its_limit(shown):
    seen = shown(seconds=40.0, source="nvml-counter", stopped=False)
    watts = value(seen, "watts")
    assert (watts.title, watts.provenance, watts.limit) == ("Board power", "measured", 350.0)
    assert value(seen, "tokens_per_joule").provenance == "derived"
    assert seen.provider.startswith("CUDA ✓")
    assert not seen.watts_wanted
    assert [pointer.label for pointer in seen.machine.pointers] == ["Power", "Temp", "Memory", "Busy", "Clock"]


def test_without_a_source_of_watts_the_reasons_stand_on_the_floor(shown):
    seen = shown(seconds=40.0, stopped=False)
    for key in ("watts", "tokens_per_joule", "energy_cost_per_mtok"):
        assert value(seen, key).value is None
        assert value(seen, key).provenance == "unavailable"
        assert value(seen, key).note
    assert seen.watts_wanted
    assert "only root" in [tried.cause for tried in seen.machine.tried][1]
    assert seen.provider == "CPU (no NVIDIA device)"


def test_assumed_watts_are_named_wherever_they_show(books):
    folded = books(seconds=40.0, declared=(20.0, 65.0), stopped=False)
    seen = look(folded, Numbers())
    for key in ("watts", "tokens_per_joule"):
        assert value(seen, key).provenance == "assumed"
    assert "assumed 20 W idle, 65 W busy" in value(seen, "watts").note
    assert seen.meter == "assumed 20 W idle, 65 W busy"
    assert setting_of(folded, seen, 300.0, 3.0).estimated == {"watts", "tokens_per_joule"}
    # The reasons for it stay in sight.
    assert seen.machine.tried


def test_declared_watts_are_estimated(shown):
    seen = shown(seconds=40.0, declared=(30.0, 80.0), stopped=False)
    assert value(seen, "watts").provenance == "estimated"
    assert 30 < value(seen, "watts").value < 80


def test_a_promise_is_missed_long_enough_before_it_is_told(shown):
    assert not shown(seconds=18.0, stopped=False).notices
    seen = shown(seconds=35.0, stopped=False)
    assert [notice.tier for notice in seen.notices] == ["Free"]
    assert [line.tier.name for line in seen.tiers if line.misses] == ["Free"]


def test_the_event_lane_marks_a_late_tier_once(books):
    folded = books(seconds=90.0, stopped=False)
    events = setting_of(folded, look(folded, Numbers()), 300.0, 3.0).events
    assert [event.text for event in events if event.late].count("Free late") == 1
    assert "Long prompts" in [event.text for event in events]


def test_replay_carries_the_date_into_the_charts(books):
    folded = books(seconds=10.0)
    seen = look(folded, Numbers(), mode="replay")
    assert setting_of(folded, seen, 300.0, 3.0).mode == "REPLAY 22 Nov 2026"
    assert seen.clock.endswith("UTC")


def test_before_any_fact_there_are_dashes(books):
    seen = look(Books(), Numbers())
    assert seen.state == "idle"
    assert all(value.value is None and value.note for value in seen.values)


def test_a_measured_machine_without_a_run_has_watts_and_no_tokens_to_divide_by_them():
    made = Books()
    for fact in facts(seconds=20.0, source="nvml-counter", stopped=False):
        if isinstance(fact, ChildStarted | MeterOpened | Read):
            made.post(fact)
    seen = look(made, Numbers())
    assert value(seen, "watts").provenance == "measured"
    per_joule = value(seen, "tokens_per_joule")
    assert (per_joule.value, per_joule.provenance, per_joule.note) == (None, "unavailable", "no run yet")


# ---- the widgets


def test_the_first_page_offers_to_start(window, qtbot):
    assert window.floor.welcome.isVisible()
    assert window.focusWidget() is window.floor.welcome.button
    with qtbot.waitSignal(window.floor.start):
        qtbot.keyClick(window.floor.welcome.button, Qt.Key.Key_Return)


def test_a_run_takes_the_place_of_the_welcome(window, shown):
    window.show_all(shown(seconds=10.0, stopped=False))
    assert not window.floor.welcome.isVisible()


def test_one_click_assumes_watts(window, shown, qtbot):
    window.show_all(shown(seconds=10.0, stopped=False))
    card = window.floor.cards[1]
    button = next(button for button in card.findChildren(QPushButton) if button.text() == ASSUME)
    with qtbot.waitSignal(window.floor.watts_declared) as declared:
        button.click()
    assert declared.args == [20.0, 65.0, True]


def test_watts_are_declared_in_two_fields(window, shown, qtbot):
    window.show_all(shown(seconds=10.0, stopped=False))
    card = window.floor.cards[1]
    next(button for button in card.findChildren(QPushButton) if button.text() == DECLARE).click()
    form = window.findChild(WattsForm)
    idle, busy = form.findChildren(QLineEdit)
    idle.setText("80")
    busy.setText("30")
    with qtbot.assertNotEmitted(window.floor.watts_declared):
        qtbot.keyClick(busy, Qt.Key.Key_Return)
    idle.setText("18.5")
    with qtbot.waitSignal(window.floor.watts_declared) as declared:
        qtbot.keyClick(busy, Qt.Key.Key_Return)
    assert declared.args == [18.5, 30.0, False]
    assert form.isHidden()


def test_a_measured_machine_offers_nothing(window, shown):
    window.show_all(shown(seconds=10.0, source="nvml-counter", stopped=False))
    assert not window.floor.cards[1].findChildren(QPushButton)


def test_a_row_of_the_table_opens_its_tier(window, shown, qtbot):
    window.show_all(shown(seconds=10.0, stopped=False))
    table = window.floor.table
    qtbot.mouseClick(table, Qt.MouseButton.LeftButton, pos=QPoint(40, HEAD + ROW + ROW // 2))
    assert window.floor.editor.tier == "Premium"
    assert window.floor.editor.isVisible()
    assert not window.floor.machine.isVisible()
    qtbot.keyClick(window.floor.editor, Qt.Key.Key_Escape)
    assert window.floor.machine.isVisible()


def test_arrows_and_enter_open_a_tier_from_the_keyboard(window, shown, qtbot):
    window.show_all(shown(seconds=10.0, stopped=False))
    table = window.floor.table
    table.setFocus(Qt.FocusReason.TabFocusReason)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Return):
        qtbot.keyClick(table, key)
    assert window.floor.editor.tier == "Premium"


def test_the_table_reads_aloud(window, shown):
    window.show_all(shown(seconds=40.0, stopped=False))
    said = window.floor.table.accessibleDescription()
    assert said.startswith("Ultra: ")
    assert said.endswith("late.")
    assert "per second per user" in said.partition("Free: ")[2]


def test_the_sixth_card_needs_a_wide_window(window, shown, application):
    window.show_all(shown(seconds=10.0, stopped=False))
    assert not window.floor.cards[5].isVisible()
    window.resize(1920, 1080)
    application.processEvents()
    assert window.floor.cards[5].isVisible()
    assert window.floor.cards[5].width() == 296


def test_the_slot_floor_shows_each_sequence(window, shown, application):
    seen = shown(seconds=10.0, stopped=False)
    window.resize(1920, 1080)
    window.show_all(seen)
    application.processEvents()
    assert window.floor.slots.isVisible()
    assert "Ultra 1 of 1 slots in use" in window.floor.slots.accessibleDescription()
    assert [len(line.cells) for line in seen.tiers] == [8, 4, 4, 2, 1]
    assert all(0 <= cell.filled <= 1 and not cell.prefill for line in seen.tiers for cell in line.cells)


def test_the_measures_of_the_floor(window, shown, application):
    window.show_all(shown(seconds=10.0, source="nvml-counter", stopped=False))
    application.processEvents()
    card = window.floor.cards[0]
    assert card.mapTo(window, QPoint(0, 0)) == QPoint(72, 96)
    assert (card.width(), card.height()) == (264, 120)
    assert window.floor.table.mapTo(window, QPoint(0, 0)) == QPoint(928, 224)
    assert window.floor.table.width() == 496
    assert window.notices.mapTo(window, QPoint(0, 0)).y() == 832


def test_marks_are_in_plain_words(books):
    import msgspec
    from scripted import T0, tiers

    from desk.facts.happened import RunStopped, TierChanged

    folded = books(seconds=20.0, stopped=False)
    dear = tiers()[-1]
    dearer = msgspec.structs.replace(dear, price=msgspec.structs.replace(dear.price, output=7.5))
    folded.post(TierChanged(t=T0 + 20.05, tier=dearer))
    folded.post(RunStopped(t=T0 + 20.2, reason="duration"))
    events = [event.text for event in setting_of(folded, look(folded, Numbers()), 300.0, 3.0).events]
    assert events[0] == "Run started"
    assert "Ultra: output price 6 to 7.5" in events
    assert events[-1] == "Run complete"


def test_the_prices_bear_the_title_of_their_preset(application, qtbot):
    import msgspec
    from scripted import facts

    from desk.panel.books import Books

    folded = Books()
    started = next(iter(facts(seconds=1.0)))
    folded.post(msgspec.structs.replace(started, preset="this-machine"))
    assert look(folded, Numbers()).preset == "This machine"
    folded.post(msgspec.structs.replace(started, preset="my own"))
    assert look(folded, Numbers()).preset == "my own"
