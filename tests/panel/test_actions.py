"""The table of actions: each key is bound once, is in the sheet and does something; the palette finds all of them."""

from collections import Counter

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QScrollArea
from scripted import facts

from desk.panel.actions import ACTIONS, IN_PARTS, cap
from desk.panel.books import Books
from desk.panel.charts.actions import actions as chart_actions
from desk.panel.look import explained, look, setting_of
from desk.panel.placing import SMALLEST
from desk.panel.player import Player
from desk.panel.player import actions as player_actions
from desk.panel.strips import StripChart
from desk.panel.theme import Theme
from desk.panel.views import VIEWS, View
from desk.panel.window import Window

FAR = QPoint(-500, -500)


@pytest.fixture(scope="module")
def folded():
    made = Books()
    for fact in facts(seconds=90.0, source="nvml-counter", stopped=False):
        made.post(fact)
    return made


@pytest.fixture
def window(application, qtbot, folded):
    """A window of a scripted run without a heart, so that only a key can change it."""
    made = Window("live", Theme("dark"), SMALLEST)
    qtbot.addWidget(made)
    chart = StripChart(made.theme, made.numbers)
    chart.takes_notes = True
    made.floor.furnish(chart)
    made.learn(*chart_actions(lambda: chart))
    made.explain_with(lambda key, tier: explained(folded, key, tier, 300.0, folded.moment))
    shown = look(folded, made.numbers)
    made.show_all(shown)
    chart.follow(folded.board)
    chart.show_setting(setting_of(folded, shown, 60.0, 3.0))
    made.show()
    with qtbot.waitActive(made):
        made.activateWindow()
    QCursor.setPos(FAR)
    chart.refresh_all()
    return made


def keyed(window):
    return [action for action in window.actions_known if action.keys]


def press(window, key):
    QTest.keySequence(window.focusWidget() or window, QKeySequence(key))


# What must be true before, for those that take something back.
BEFORE = {"later": ["earlier", "earlier"], "reset": ["zoom-in"], "resume": []}


def test_every_key_does_something(window, monkeypatch):
    told = Counter()
    for part, names in (
        (window, ["halted"]),
        (window.runbar, ["start", "stop", "pause", "resume", "calibrate"]),
        (window.notices, ["shelved"]),
    ):
        for name in names:
            getattr(part, name).connect(lambda *_, name=name: told.update([name]))
    monkeypatch.setattr(window, "ask_path", lambda _: told.update(["path"]))
    monkeypatch.setattr(window, "visit", lambda name: told.update([name]))
    by_name = {action.name: action for action in keyed(window)}

    def seen():
        QApplication.processEvents()
        image = window.grab().toImage()  # its bits last as long as it does
        return bytes(image.constBits())

    for action in by_name.values():
        for key in action.keys:
            for name in BEFORE.get(action.name, ()):
                window.perform(by_name[name])
            assert action.when(window), f"{action.name} cannot be tried"
            before, heard = seen(), told.copy()
            press(window, key)
            assert told != heard or seen() != before, f"{key} ({action.words}) did nothing"
            press(window, "Esc")
            if window.frozen:
                window.toggle_frozen()


def test_no_key_is_bound_twice_and_all_stand_in_the_sheet(factory):
    window, _ = factory
    keys = Counter(QKeySequence(key).toString() for action in keyed(window) for key in action.keys)
    assert "" not in keys
    assert [key for key, count in keys.items() if count > 1] == []
    names = Counter(action.name for action in window.actions_known)
    assert [name for name, count in names.items() if count > 1] == []
    window.sheet.toggle()
    said = {label.text() for label in window.sheet.findChildren(QLabel)}
    for action in keyed(window):
        assert {action.cap, action.words} <= said
    assert {key for key, _ in IN_PARTS} <= said
    assert window.sheet.width() <= window.minimumWidth()
    assert window.sheet.height() <= window.minimumHeight()
    # With those of a recording beside them, no key of a usual window needs scrolling.
    window.resize(1440, 900)
    player = Player(window.theme, window.numbers)
    player.setParent(window)
    window.learn(*player_actions(player))
    window.sheet.toggle()
    bar = window.sheet.findChild(QScrollArea).verticalScrollBar()
    assert bar.maximum() == 0
    assert window.sheet.width() < window.width()
    window.resize(*SMALLEST)
    assert bar.maximum() > 0
    # What is offered by boxes and buttons can be had from the palette, too.
    words = [action.words for action in window._offered()]
    assert {"Go to Floor", "Theme: light", "Window: 15 min", "Preset: This machine"} <= set(words)
    assert any(each.startswith("Scenario: ") for each in words)


def test_letters_go_into_a_field_and_not_to_the_keys(window, qtbot):
    field = QLineEdit(window)
    field.show()
    field.setFocus()
    qtbot.keyClicks(field, "fi n[0")
    assert field.text() == "fi n[0"
    assert window.footer.follow.isChecked()
    assert not window.frozen


def test_every_view_has_its_number(window):
    window.open_views_with(lambda _: View(None))
    for number, entry in reversed(list(enumerate(VIEWS, start=1))):
        press(window, str(number))
        assert window.visited == entry.name


def test_the_palette_finds_marks_and_runs(window, qtbot):
    press(window, "Ctrl+K")
    palette = window.commands
    assert palette.line.hasFocus()
    everything = palette.list.count()
    qtbot.keyClicks(palette.line, "light the")
    assert [palette.list.item(row).text() for row in range(palette.list.count())] == ["Theme: light"]
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert not palette.isVisible()
    assert window.theme.scheme == "light"
    press(window, "Ctrl+K")
    assert palette.list.count() == everything
    qtbot.keyClicks(palette.line, "window:")
    for _ in range(3):
        qtbot.keyClick(palette.line, Qt.Key.Key_Down)
    qtbot.keyClick(palette.line, Qt.Key.Key_Up)
    qtbot.keyClick(palette.line, Qt.Key.Key_Return)
    assert window.footer.span.currentIndex() == 2


def test_enter_in_the_palette_presses_nothing_below_it(window, qtbot):
    halted = []
    window.runbar.stop.connect(lambda: halted.append(True))
    window.runbar.halt.setFocus()
    press(window, "Ctrl+K")
    qtbot.keyClicks(window.commands.line, "no such thing")
    qtbot.keyClick(window.commands.line, Qt.Key.Key_Return)
    assert window.commands.isVisible()
    qtbot.keyClick(window.commands.line, Qt.Key.Key_Escape)
    assert not window.commands.isVisible()
    assert window.runbar.halt.hasFocus()
    assert not halted


def test_what_cannot_be_done_is_not_offered_and_its_key_is_silent(application, qtbot, record):
    window = Window("replay", Theme("dark"))
    qtbot.addWidget(window)
    words = [action.words for action in window._offered()]
    assert not any("stop: cut" in each or each.startswith("Scenario") for each in words)
    halted = []
    window.halted.connect(lambda: halted.append(True))
    window.perform(next(action for action in ACTIONS if action.name == "halt"))
    assert not halted


def test_caps_are_those_of_a_keyboard():
    assert [cap(key) for key in ("Ctrl+Return", "Shift+Left", "-", "+", "?")] == [
        "Ctrl+Enter",
        "Shift+←",
        "−",
        "+",
        "?",
    ]
