"""The editor orders and mirrors: a value is in force when its fact has come back, and not before."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit
from scripted import tiers

from desk.facts.tiers import Price
from desk.panel.furniture import Elided, Label
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme
from desk.panel.tieredit import FIELDS, PATIENCE, TierEdit


@pytest.fixture
def tier():
    return tiers()[-1]


@pytest.fixture
def editor(application, qtbot, tier):
    made = TierEdit(Theme("dark"), Numbers())
    qtbot.addWidget(made)
    made.set_models(["smollm2-135m", "other"])
    made.edit(tier)
    made.show()
    return made


def field(editor, path):
    kind = QComboBox if path == "model" else QLineEdit
    return next(widget for widget in editor.findChildren(kind) if widget.property("path") == path)


def type_in(qtbot, editor, path, text):
    line = field(editor, path)
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    return line


def message(editor):
    return editor._message.text()


def test_every_field_shows_what_is_in_force(editor, tier):
    for one in FIELDS:
        widget = field(editor, one.path)
        text = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
        assert text == (one.of(tier) if one.path == "model" else one.write(one.of(tier)))
        assert widget.accessibleName()


def test_an_edit_orders_the_whole_tier(qtbot, editor, tier):
    with qtbot.waitSignal(editor.changed) as ordered:
        type_in(qtbot, editor, "price.output", "7.5")
    assert ordered.args[0] == msgspec.structs.replace(tier, price=msgspec.structs.replace(tier.price, output=7.5))


def test_an_order_is_shown_as_such_until_its_fact_comes(qtbot, editor, tier):
    line = type_in(qtbot, editor, "price.output", "7.5")
    editor.show_tier(tier)  # a beat later, nothing has come back
    assert line.property("waiting")
    assert line.text() == "7.5"
    editor.show_tier(msgspec.structs.replace(tier, price=msgspec.structs.replace(tier.price, output=7.5)))
    assert not line.property("waiting")
    assert line.text() == "7.50"
    assert message(editor) == ""


def test_an_order_that_never_comes_back_is_given_up(qtbot, editor, tier):
    line = type_in(qtbot, editor, "slots", "200")
    for _ in range(3 * PATIENCE):
        editor.show_tier(tier, "draining")  # a lane that is busy with it is waited for
    assert line.property("waiting")
    for _ in range(PATIENCE + 1):
        editor.show_tier(tier)
    assert not line.property("waiting")
    assert line.text() == "1"
    assert "did not take" in message(editor)


def test_what_needs_a_drained_lane_says_so(qtbot, editor):
    type_in(qtbot, editor, "slots", "3")
    assert "drained" in message(editor)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("slots", "0", "between 1 and 256"),
        ("slots", "two", "not a whole number"),
        ("price.output", "cheap", "not a number"),
        ("price.output", "-1", "between 0"),
        ("price.output", "nan", "between 0"),
        ("promise.ttft_s", "0", "above 0"),
        ("context", "8", "between 16"),
        ("share", "0", "between 0.01"),
    ],
)
def test_a_value_that_no_lane_can_run_is_refused_in_place(qtbot, editor, tier, path, text, words):
    with qtbot.assertNotEmitted(editor.changed):
        line = type_in(qtbot, editor, path, text)
    assert line.property("refused")
    assert words in message(editor)
    kept = next(one for one in FIELDS if one.path == path)
    assert f"keeps {kept.write(kept.of(tier))}" in message(editor)


def test_escape_takes_a_refused_value_back_and_then_closes(qtbot, editor):
    line = type_in(qtbot, editor, "slots", "0")
    with qtbot.assertNotEmitted(editor.closed):
        qtbot.keyClick(line, Qt.Key.Key_Escape)
    assert line.text() == "1"
    assert not line.property("refused")
    assert message(editor) == ""
    with qtbot.waitSignal(editor.closed):
        qtbot.keyClick(line, Qt.Key.Key_Escape)


def test_two_quick_edits_do_not_undo_each_other(qtbot, editor, tier):
    orders = []
    editor.changed.connect(orders.append)
    type_in(qtbot, editor, "price.output", "7.5")
    type_in(qtbot, editor, "users", "3")
    assert (orders[-1].price.output, orders[-1].users) == (7.5, 3)


def test_an_empty_promise_promises_nothing(qtbot, editor):
    with qtbot.waitSignal(editor.changed) as ordered:
        line = field(editor, "promise.ttft_s")
        line.setFocus()
        line.selectAll()
        qtbot.keyClick(line, Qt.Key.Key_Delete)
        qtbot.keyClick(line, Qt.Key.Key_Return)
    assert ordered.args[0].promise.ttft_s is None


def test_a_fact_from_elsewhere_moves_the_knob(editor, tier):
    editor.show_tier(msgspec.structs.replace(tier, price=Price(output=9.0)))
    assert field(editor, "price.output").text() == "9.00"


def test_what_is_being_typed_is_not_overwritten(qtbot, editor, tier):
    line = field(editor, "users")
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, "12")
    editor.show_tier(tier)
    assert line.text() == "12"


def test_a_model_is_chosen_from_the_list(qtbot, editor):
    box = field(editor, "model")
    with qtbot.waitSignal(editor.changed) as ordered:
        box.setCurrentText("other")
        box.activated.emit(box.currentIndex())
    assert ordered.args[0].model == "other"


def test_in_a_replay_the_knobs_only_follow(qtbot, editor, tier):
    editor.set_read_only(True)
    with qtbot.assertNotEmitted(editor.changed):
        type_in(qtbot, editor, "users", "9")
    editor.show_tier(msgspec.structs.replace(tier, users=5))
    assert field(editor, "users").text() == "5"


def test_a_change_of_the_text_size_reaches_every_word(editor):
    try:
        before = {label: label.font().pixelSize() for label in editor.findChildren(QLabel)}
        assert len(before) > 2 * len(FIELDS) - 2
        editor.theme.choose(text_size=200)
        assert all(label.font().pixelSize() == 2 * was for label, was in before.items())
    finally:
        editor.theme.choose(text_size=100)


def test_a_label_without_room_ends_in_dots_and_its_tool_tip_has_it_whole(application, qtbot):
    whole = "A setting with a long name"
    label, cut = Elided(Theme("dark"), whole, 13, least=60), Label(Theme("dark"), "", 13)
    for widget in (label, cut):
        qtbot.addWidget(widget)
    label.show()
    label.resize(label.sizeHint())
    assert (label.toolTip(), label.minimumSizeHint().width()) == ("", 60)
    label.resize(90, label.height())
    cut.resize(label.size())
    cut.setText(cut.fontMetrics().elidedText(whole, Qt.TextElideMode.ElideRight, 90))
    assert label.toolTip() == whole
    assert label.grab().toImage() == cut.grab().toImage()
    label.setText("Short")
    assert not label.toolTip()
