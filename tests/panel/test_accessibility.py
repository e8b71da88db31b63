"""Without a mouse and without eyes: all can be reached by Tab, shows that it has the focus, and says its name."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QWidget

from desk.panel.look import look, setting_of
from desk.panel.strips import StripChart
from desk.panel.theme import Theme
from desk.panel.window import Window


@pytest.fixture(params=["dark", "light"])
def window(application, qtbot, books, request):
    folded = books(seconds=45.0, source="nvml-counter", stopped=False)
    made = Window("live", Theme(request.param))
    qtbot.addWidget(made)
    chart = StripChart(made.theme, made.numbers)
    made.floor.furnish(chart)
    shown = look(folded, made.numbers)
    made.show_all(shown)
    chart.follow(folded.board)
    chart.show_setting(setting_of(folded, shown, 60.0, 3.0))
    made.show()
    with qtbot.waitActive(made):
        made.activateWindow()
    QCursor.setPos(QPoint(-500, -500))
    chart.refresh_all()
    QApplication.processEvents()
    return made


def reachable(window):
    """What takes the focus by Tab: visible, enabled, and no part of another such."""
    tab = Qt.FocusPolicy.TabFocus
    found = [w for w in window.findChildren(QWidget) if w.isVisible() and w.isEnabled() and w.focusPolicy() & tab]
    return [w for w in found if w.focusProxy() is None]


def visited(window, qtbot):
    """Who has the focus, one Tab after the other, until it comes round."""
    order = []
    for _ in range(200):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        focused = window.focusWidget()
        if focused in order:
            return order
        order.append(focused)
    raise AssertionError("Tab never comes round")


def test_tab_reaches_everything(window, qtbot):
    assert set(map(id, reachable(window))) <= set(map(id, visited(window, qtbot)))


def test_whoever_has_the_focus_shows_it_and_says_its_name(window):
    for widget in reachable(window):
        said = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        assert said, f"{widget} has no name"
        if isinstance(widget, QComboBox):
            assert widget.accessibleName()
        window.setFocus()
        QApplication.processEvents()
        before = widget.grab().toImage()
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        assert widget.grab().toImage() != before, f"{said} looks the same with the focus"
        widget.clearFocus()


def test_headline_figures_say_value_unit_and_provenance(window):
    said = [card.accessibleName() for card in window.floor.cards if card.isVisible()]
    assert len(said) == 5
    for words, unit in zip(
        said,
        ("tokens per second", "watts", "tokens per joule", "dollars per million tokens", "dollars per hour"),
        strict=True,
    ):
        assert unit in words
        assert words.rpartition(", ")[2] in ("measured", "derived", "assumed")
    assert all(card.accessibleDescription() for card in window.floor.cards if card.isVisible())


def test_notices_are_said_as_sentences(window):
    said = window.notices.accessibleDescription()
    assert said.startswith("Free ")
    assert said.endswith(".")
    assert [line.accessibleName() for line in window.notices.lines if line.isVisible()]
