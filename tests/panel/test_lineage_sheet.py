"""Every figure of the Floor answers with its lineage: by key, by click, and from there by arrows to all others."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QCursor, QGuiApplication
from PySide6.QtWidgets import QApplication, QScrollArea

from desk.facts.figures import FIGURES
from desk.panel.bars import PointerBar
from desk.panel.lineage import Shows, amount, figure_under
from desk.panel.look import explained, look
from desk.panel.numbers import DASH, Numbers
from desk.panel.placing import SMALLEST
from desk.panel.theme import Theme
from desk.panel.tiertable import HEAD, ROW
from desk.panel.window import Window

FAR = QPoint(-500, -500)


@pytest.fixture
def window(application, qtbot, books):
    folded = books(seconds=60.0, source="nvml-counter", stopped=False)
    made = Window("live", Theme("dark"), (1920, 1080))
    qtbot.addWidget(made)
    made.explain_with(lambda key, tier: explained(folded, key, tier, 300.0, folded.moment))
    made.show_all(look(folded, made.numbers))
    made.show()
    with qtbot.waitActive(made):
        made.activateWindow()
    QCursor.setPos(FAR)
    QApplication.processEvents()
    return made


def test_every_card_says_what_its_lineage_says(window, qtbot):
    for card in window.floor.cards:
        qtbot.mouseClick(card, Qt.MouseButton.LeftButton, pos=QPoint(20, 50))
        record = window.lineage.record
        assert window.lineage.isVisible()
        assert record.figure.key == card.value.key
        assert record.value == card.value.value
        assert record.kind == card.value.provenance
        assert card.text in window.lineage.text()
        assert FIGURES[card.value.key].definition in card.toolTip()
        qtbot.keyClick(window.lineage, Qt.Key.Key_Escape)
        assert not window.lineage.isVisible()


def test_every_cell_of_the_table_answers_with_its_own_number(window):
    table, numbers = window.floor.table, window.numbers
    shown = {line.tier.name: line for line in window.shown.tiers}
    of = {
        "on_time_share": "on_time",
        "tokens_per_joule": "tokens_per_joule",
        "tokens_per_second": "tokens_per_second",
        "tokens_per_second_per_user": "speed",
        "ttft_p95": "ttft_p95",
        "queue_now": "queue",
        "revenue_per_hour": "dollars_per_hour",
    }
    found = {}
    for row in range(6):
        for x in range(100, table.width(), 3):
            key, tier = table.figure_at(QPointF(x, HEAD + ROW * row + 20)) or ("", None)
            found.setdefault((row, key), tier)
    for row, name in enumerate(reversed(shown)):
        for key, field in of.items():
            assert found[row, key] == name
            window.lineage.show_figure(key, name)
            assert window.lineage.record.value == getattr(shown[name], field)
    for key in ("tokens_per_second", "revenue_per_hour", "queue_now"):
        assert found[5, key] is None
    window.lineage.show_figure("tokens_per_second")
    total = sum(line.tokens_per_second for line in shown.values())
    assert window.lineage.record.value == pytest.approx(total)
    assert numbers.figure(total, "tok/s") in window.lineage.text()


def test_pointers_of_the_machine_name_their_instrument(window):
    bars = window.floor.machine.findChildren(PointerBar)
    assert len(bars) == 5
    for bar in bars:
        assert isinstance(bar, Shows)
        window.lineage.show_figure(*bar.figure_at(None))
        assert window.lineage.record.kind == "measured"
        assert "Example GPU" in window.lineage.text()


def test_the_key_asks_for_what_is_pointed_at_then_for_the_focus_then_for_the_first(window, qtbot):
    card = window.floor.cards[2]
    card.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(card, Qt.Key.Key_I)
    assert window.lineage.record.figure.key == card.value.key
    qtbot.keyClick(window.lineage, Qt.Key.Key_I)
    assert not window.lineage.isVisible()
    assert card.hasFocus()
    card.clearFocus()
    qtbot.keyClick(window, Qt.Key.Key_I)
    assert window.lineage.record.figure.key == window.floor.cards[0].value.key
    qtbot.keyClick(window.lineage, Qt.Key.Key_Escape)
    at = window.floor.cards[1].mapTo(window, QPoint(30, 30))
    assert figure_under(window.childAt(at), window.mapToGlobal(at)) == ("watts", None)
    QApplication.sendEvent(window, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, window.mapToGlobal(at)))
    assert window.lineage.record.figure.key == "watts"


def test_arrows_go_to_every_figure_and_every_tier(window, qtbot):
    sheet = window.lineage
    sheet.show_figure("tokens_per_second")
    seen = {"tokens_per_second"}
    for _ in range(len(FIGURES)):
        qtbot.keyClick(sheet, Qt.Key.Key_Right)
        seen.add(sheet.record.figure.key)
    assert seen == {key for key, figure in FIGURES.items() if figure.total}
    sheet.show_figure("watts")
    tiers = [None]
    for _ in range(6):
        qtbot.keyClick(sheet, Qt.Key.Key_Down)
        tiers.append(sheet.record.tier)
    assert tiers == [None, "Ultra", "Premium", "High", "Medium", "Free", None]
    qtbot.keyClick(sheet, Qt.Key.Key_Up)
    qtbot.keyClick(sheet, Qt.Key.Key_Left)
    assert (sheet.record.tier, sheet.record.figure.key) == ("Free", "prefill_per_second")


def test_after_another_theme_was_chosen_every_word_is_in_its_colours(window):
    window.theme.choose("light")
    window.lineage.show_figure("tokens_per_second")
    head = window.lineage.body.grab().toImage().copy(0, 0, 200, 60)
    seen = {head.pixel(x, y) for x in range(head.width()) for y in range(head.height())}
    assert window.theme.colour("text").rgb() in seen


def test_the_text_can_be_copied(window, qtbot):
    window.lineage.show_figure("energy_cost_per_mtok", "Ultra")
    qtbot.keyClick(window.lineage, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    text = QGuiApplication.clipboard().text()
    assert text.startswith("Energy cost, Ultra: 0.034 $/Mtok, assumed")
    for part in ("Formula: joules × price", "÷ 3,600,000 J/kWh × 0.31 $/kWh × 1 × 1", "Samples: 100 changes", "PUE 1"):
        assert part in text
    assert window.lineage.accessibleDescription() == text


@pytest.mark.parametrize("text_size", [100, 200])
def test_sheets_stand_inside_the_window_at_its_smallest(window, text_size):
    window.theme.choose(text_size=text_size)
    try:
        window.resize(SMALLEST[0], SMALLEST[1])
        sheets = [(window.lineage, key) for key in ("revenue_per_hour", "energy_cost_per_mtok", "ttft_p95")]
        for sheet, key in [*sheets, (window.sheet, ""), (window.commands, "")]:
            if key:
                sheet.show_figure(key)
            else:
                sheet.toggle()
            QApplication.processEvents()
            assert window.rect().contains(sheet.geometry()), (sheet.accessibleName(), key)
            view = sheet.findChild(QScrollArea)
            assert view is None or view.horizontalScrollBar().maximum() == 0, (sheet.accessibleName(), key)
            sheet.close_over()
    finally:
        window.theme.choose(text_size=100)


def test_what_people_set_stands_in_a_line_for_each_tier(window):
    window.lineage.show_figure("revenue_per_hour")
    lines = [line for line in window.lineage.text().splitlines() if line.startswith("Assumed")]
    assert len(lines) == 5
    assert lines[-1] == "Assumed: Ultra: input 1.5, cached input 0.375, output 6 $/Mtok; list price, set by you"


def test_amounts_keep_four_digits_and_no_more_noughts_than_they_need():
    numbers = Numbers()
    said = [
        amount(value, unit, numbers)
        for value, unit in ((10415.0, "tok"), (0.31, "$/kWh"), (5.0563e-05, "$"), (0.5, "%"))
    ]
    assert said == ["10,415 tok", "0.31 $/kWh", "0.00005056 $", "50.0 %"]
    assert DASH not in said
