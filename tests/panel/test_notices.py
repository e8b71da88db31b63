"""Notices and alarms in the window: at most three, each with its way out, and shelved through the plant."""

import pytest
from PySide6.QtWidgets import QPushButton

from desk.facts.alarmed import AlarmCleared, AlarmRaised, AlarmShelved
from desk.facts.happened import RunStopped, now
from desk.facts.tiers import Budget
from desk.panel.complaints import EXTEND_BUDGET
from desk.panel.look import look, setting_of
from desk.panel.notices import NoticeStrip
from desk.panel.numbers import Numbers
from desk.panel.shown import Notice
from desk.panel.theme import Theme

HOT = Notice("GPU 0 is at 84 °C.", "Lower the load.", alarm=("hot", "gpu0"), short="GPU 0 hot")
CUT = Notice("Heat cuts the clocks of GPU 0.", "Improve the airflow.", "critical", alarm=("slowdown", "gpu0"))
SPENT = Notice("80 % is used.", "Extend it.", "notice", action=EXTEND_BUDGET, alarm=("budget", "joules"))
LATE = Notice("Free is late.", "Lower its load.", tier="Free", action="Open Free", alarm=("late", "Free"))
FULL = Notice("The disk is full.", "Make room.")


def raised(alarm, subject="", t=1060.0, severity="warning"):
    words = f"{alarm} is on."
    return AlarmRaised(t=t, alarm=alarm, subject=subject, title=alarm, cause=words, remedy="Do.", severity=severity)


@pytest.fixture
def strip(application, qtbot):
    made = NoticeStrip(Theme("dark"))
    made.resize(1340, 32)
    qtbot.addWidget(made)
    made.show()
    return made


def seen(strip):
    return [line.accessibleName() for line in strip.lines if line.isVisible()]


def buttons(strip):
    return [button for button in strip.findChildren(QPushButton) if button.isVisible()]


def test_three_are_shown_the_rest_is_counted_and_all_are_told(strip, qtbot):
    assert strip.accessibleDescription() == "No alarms"
    strip.show_notices((CUT, HOT, LATE, SPENT, FULL))
    assert seen(strip) == [CUT.cause, HOT.cause, LATE.cause]
    assert strip.lines[-1]._more == "+2"
    for notice in (CUT, HOT, LATE, SPENT, FULL):
        assert f"{notice.cause} {notice.remedy}" in strip.toolTip()
        assert notice.cause in strip.accessibleDescription()
    strip.show_notices((FULL,))
    assert seen(strip) == [FULL.cause]
    qtbot.waitUntil(lambda: strip.lines[0].width() == strip.width())
    strip.show_notices(())
    assert seen(strip) == []
    assert strip.height() == 32


def test_each_has_its_buttons_with_names_of_their_own(strip, qtbot):
    strip.show_notices((LATE, SPENT, FULL))
    names = [button.accessibleName() for button in buttons(strip)]
    assert len(names) == len(set(names)) == 4
    assert all(button.x() + button.width() <= button.parent().width() for button in buttons(strip))
    acted, shelved = [], []
    strip.acted.connect(acted.append)
    strip.shelved.connect(lambda notice, seconds: shelved.append((notice, seconds)))
    next(button for button in buttons(strip) if button.text() == EXTEND_BUDGET).click()
    assert acted == [SPENT]
    line = strip.lines[0]
    line._shelve.click()
    assert line._menu.isVisible()
    for action in line._menu.actions():
        action.trigger()
    line._menu.close()
    assert shelved == [(LATE, 600.0), (LATE, None)]


def test_the_signs_differ_in_shape_and_colour(strip):
    drawn = set()
    for notice in (CUT, FULL, SPENT):
        strip.show_notices((Notice("The same.", severity=notice.severity),))
        drawn.add(bytes(strip.grab().toImage().copy(8, 0, 20, 32).constBits()))
    assert len(drawn) == 3


def test_alarms_are_shown_by_urgency_while_they_are_on(books):
    folded = books(seconds=10.0, stopped=False)
    facts = [
        raised("budget", "joules", severity="notice"),
        raised("late", "Free"),
        raised("slowdown", severity="critical"),
    ]
    for fact in facts:
        folded.post(fact)
    shown = look(folded, Numbers())
    assert [notice.severity for notice in shown.notices] == ["critical", "warning", "notice"]
    assert [notice.action for notice in shown.notices] == ["", "Open Free", EXTEND_BUDGET]
    folded.post(AlarmCleared(t=1061.0, alarm="late", subject="Free", title="Free in time"))
    assert [notice.alarm for notice in look(folded, Numbers()).notices] == [("slowdown", ""), ("budget", "joules")]
    replayed = look(folded, Numbers(), mode="replay").notices
    assert [(notice.action, notice.alarm) for notice in replayed] == [("", None)] * 2
    folded.post(RunStopped(t=1062.0, reason="budget"))
    assert [notice.cause for notice in look(folded, Numbers()).notices] == [
        "The run has used up its budget and was stopped."
    ]


def test_a_shelved_alarm_comes_back_when_its_time_is_up(books):
    folded = books(seconds=10.0, stopped=False)
    folded.post(raised("late", "Free", t=1010.0))
    folded.post(AlarmShelved(t=1011.0, alarm="late", subject="Free", until=1611.0))
    assert not look(folded, Numbers(), now=1600.0).notices
    assert look(folded, Numbers(), now=1612.0).notices
    folded.post(AlarmShelved(t=1613.0, alarm="late", subject="Free"))
    assert not look(folded, Numbers(), now=9e9).notices


def test_what_was_raised_and_cleared_stands_on_the_event_lane(books):
    folded = books(seconds=10.0, stopped=False)
    folded.post(raised("hot", "gpu0", t=1010.0))
    folded.post(AlarmCleared(t=1010.2, alarm="hot", subject="gpu0", title="GPU 0 cool"))
    marks = [(event.kind, event.text) for event in folded.ledger._cells[folded.ledger._cell].events]
    assert marks == [("alarm", "hot"), ("cleared", "GPU 0 cool")]
    late = books(seconds=60.0, stopped=False)
    events = setting_of(late, look(late, Numbers()), 300.0, 3.0).events
    assert [event.late for event in events if event.text == "Free late"] == [True]


def test_a_button_of_the_strip_goes_through_the_plant_and_back(factory, qtbot):
    window, heartbeat = factory
    books = heartbeat.books
    heartbeat.source.limit(Budget(joules=100.0))
    qtbot.waitUntil(lambda: books.ledger.standing.budget.joules == 100.0, timeout=15_000)
    for fact in (raised("budget", "joules", now()), raised("late", "Free", now())):
        books.post(fact)
    heartbeat.refresh()
    visible = {button.text(): button for button in buttons(window.notices)}
    visible[EXTEND_BUDGET].click()
    qtbot.waitUntil(lambda: books.ledger.standing.budget.joules == 150.0, timeout=15_000)
    window.notices.shelve_all(None)
    qtbot.waitUntil(lambda: not window.shown.notices, timeout=15_000)
    assert set(books.ledger.standing.shelved) == {("budget", "joules"), ("late", "Free")}
    assert window.notices.accessibleDescription() == "No alarms"
