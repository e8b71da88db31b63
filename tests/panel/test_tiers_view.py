"""The Tiers view on a real plant with scripted children: what is typed is ordered, and shown when its fact comes."""

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QPushButton

from desk.facts.promises import PROMISES
from desk.panel.tiers.fields import FIELDS
from desk.plant import presets, settings

PATIENCE_MS = 20_000


@pytest.fixture
def page(factory, qtbot):
    """The view, opened as its key would, once the tiers are known."""
    window, heartbeat = factory
    qtbot.waitUntil(lambda: len(heartbeat.books.ledger.standing.tiers) == 2, timeout=PATIENCE_MS)
    heartbeat.refresh()
    window.visit("tiers")
    window.view.grid.setFocus()
    return window.view


def cell(page, tier, path):
    row = next(row for row, field in enumerate(FIELDS) if field.path == path)
    return page.grid.settings.index(row, page.grid.settings.columns.index(tier))


def text(page, tier, path):
    return cell(page, tier, path).data()


def in_force(page, tier, path):
    field = next(field for field in FIELDS if field.path == path)
    return field.of(page.desk.books.ledger.standing.tiers[tier])


def type_in(qtbot, page, tier, path, typed):
    """As hands do: Enter opens the editor, Enter orders. Gives the editor."""
    page.grid.setCurrentIndex(cell(page, tier, path))
    qtbot.keyClick(page.grid, Qt.Key.Key_Return)
    editor = page.grid.findChildren(QLineEdit)[-1]
    editor.selectAll()
    qtbot.keyClicks(editor, typed)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    return editor


def until(qtbot, page, tier, path, value):
    qtbot.waitUntil(lambda: in_force(page, tier, path) == value, timeout=PATIENCE_MS)
    page.refresh(page.desk.window.shown)


def act(page, name):
    window = page.desk.window
    window.perform(next(action for action in window.actions_known if action.name == name))


def start(qtbot, page):
    window = page.desk.window
    window.runbar.toggle()
    qtbot.waitUntil(lambda: window.shown.state == "running", timeout=PATIENCE_MS)


def test_an_edit_reaches_the_running_engine_and_undo_reverts_it_there(page, qtbot):
    start(qtbot, page)
    assert page.grid.settings.columns == ("Ultra", "Free")
    type_in(qtbot, page, "Ultra", "price.output", "6.5")
    until(qtbot, page, "Ultra", "price.output", 6.5)
    index = cell(page, "Ultra", "price.output")
    said = index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert said.startswith("Ultra, Output price: 6.50 dollars per million tokens")
    assert "has 2.00; Delete goes back to it" in said
    assert page.undo.isEnabled()
    act(page, "undo")
    until(qtbot, page, "Ultra", "price.output", 2.0)
    act(page, "redo")
    until(qtbot, page, "Ultra", "price.output", 6.5)
    qtbot.keyClick(page.grid, Qt.Key.Key_Delete)
    until(qtbot, page, "Ultra", "price.output", 2.0)
    assert not page.edits.changes()


def test_arrows_walk_and_enter_opens_an_editor_with_what_is_in_force(page, qtbot):
    page.grid.setCurrentIndex(cell(page, "Ultra", "users"))
    qtbot.keyClick(page.grid, Qt.Key.Key_Right)
    qtbot.keyClick(page.grid, Qt.Key.Key_Up)
    assert page.grid.settings.at(page.grid.currentIndex())[0] == "Free"
    assert page.grid.settings.at(page.grid.currentIndex())[1].path == "share"
    qtbot.keyClick(page.grid, Qt.Key.Key_Return)
    (editor,) = page.grid.findChildren(QLineEdit)
    assert (editor.text(), editor.accessibleName()) == ("1", "Free, Share weight")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert not page.edits.history.done


def test_a_value_that_no_lane_can_run_waits_in_its_row_with_a_sentence(page, qtbot):
    before = page.grid.rowHeight(4)
    editor = type_in(qtbot, page, "Free", "slots", "500")
    assert page.grid.rowHeight(4) > before
    assert "between 1 and 256. The factory keeps 1. Esc takes it back." in page.grid._sentence.text()
    assert page.grid._sentence.isVisible()
    assert editor.text() == "500"
    assert in_force(page, "Free", "slots") == 1
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert not page.grid._sentence.isVisible()
    assert (text(page, "Free", "slots"), page.edits.history.done) == ("1", [])


def test_what_is_on_its_way_is_marked_until_it_is_in_force(page, qtbot, monkeypatch):
    held = []
    monkeypatch.setattr(page.desk.source, "change", held.append)
    type_in(qtbot, page, "Free", "users", "7")
    said = cell(page, "Free", "users").data(Qt.ItemDataRole.AccessibleTextRole)
    assert "Ordered; 1 is in force until it is taken." in said
    monkeypatch.undo()
    page.desk.source.change(held[0])
    until(qtbot, page, "Free", "users", 7)
    assert "Ordered" not in cell(page, "Free", "users").data(Qt.ItemDataRole.AccessibleTextRole)


def test_a_name_is_chosen_from_a_box(page, qtbot):
    page.grid.setCurrentIndex(cell(page, "Free", "lengths"))
    qtbot.keyClick(page.grid, Qt.Key.Key_Return)
    box = page.grid.indexWidget(page.grid.currentIndex())
    assert box.itemText(0) == "as the texts"
    place = box.findData("code")
    box.hidePopup()
    box.setCurrentIndex(place)
    box.activated.emit(place)
    until(qtbot, page, "Free", "lengths", "code")


def test_a_change_is_listed_with_its_way_back(page, qtbot):
    type_in(qtbot, page, "Ultra", "share", "3")
    until(qtbot, page, "Ultra", "share", 3.0)
    (back,) = [each for each in page.changes.findChildren(QPushButton) if each.accessibleName().startswith("Revert S")]
    assert back.accessibleName() == "Revert Share of Ultra to 1"
    back.click()
    until(qtbot, page, "Ultra", "share", 1.0)


def test_a_preset_brings_its_tiers_and_its_source_and_is_remembered(page, qtbot):
    place = page.presets.findText("GTC 2026 (illustration)")
    page.presets.setCurrentIndex(place)
    page.presets.activated.emit(place)
    qtbot.waitUntil(lambda: len(page.desk.books.ledger.standing.tiers) == 5, timeout=PATIENCE_MS)
    page.desk.window.show_all(page.desk.window.shown)
    page.refresh(page.desk.window.shown)
    assert "second-hand" in page._count.text()
    assert "GTC San Jose" in page.changes._source.text()
    assert settings.load()[0].preset == "gtc-2026"
    act(page, "undo")
    qtbot.waitUntil(lambda: len(page.desk.books.ledger.standing.tiers) == 2, timeout=PATIENCE_MS)


def test_tiers_are_added_and_removed_between_runs(page, qtbot):
    page._fill_set()
    words = [action.text() for action in page.set_menu.actions()]
    assert words == ["Add Medium", "Add High", "Add Premium", "Remove Ultra", "Remove Free"]
    page.set_menu.actions()[1].trigger()
    qtbot.waitUntil(lambda: page.grid.settings.columns == ("Ultra", "High", "Free"), timeout=PATIENCE_MS)
    start(qtbot, page)
    assert not page._set.isEnabled()


def test_a_published_promise_is_given_to_the_chosen_tier(page):
    page.grid.setCurrentIndex(page.grid.settings.index(0, 0))
    tier = page.grid.settings.columns[0]
    before = page.edits.wanted[tier].promise
    page.promise_menu.aboutToShow.emit()
    head, _, *offered = page.promise_menu.actions()
    assert (head.text(), head.isEnabled()) == (f"{tier}, as published in MLPerf Inference policies, July 2026", False)
    assert len(offered) == len(PROMISES)
    chosen = next(action for action in offered if action.text().startswith("Llama 3.1 8B, interactive"))
    assert chosen.text().endswith("≥ 33.3 tok/s, ≤ 0.5 s")
    chosen.trigger()
    assert page.edits.wanted[tier].promise == PROMISES["Llama 3.1 8B, interactive"] != before
    page.undo.click()
    assert page.edits.wanted[tier].promise == before


def test_the_promises_are_a_part_of_the_menu_beside_them_where_they_have_no_room(page, qapp):
    def offered():
        page.set_menu.aboutToShow.emit()
        return page.promise_menu.menuAction() in page.set_menu.actions()

    assert not offered()
    page.desk.theme.choose(text_size=200)
    page.window().resize(1024, 700)
    qapp.processEvents()
    assert offered()
    page.desk.theme.choose(text_size=100)
    page.window().resize(1440, 900)
    qapp.processEvents()
    assert not offered()


def test_a_file_is_saved_opened_and_told_where_it_is_broken(page, qtbot, tmp_path, monkeypatch):
    path = tmp_path / "my-tiers.toml"
    monkeypatch.setattr(page, "ask_save", lambda: path)
    monkeypatch.setattr(page, "ask_open", lambda: path)
    type_in(qtbot, page, "Ultra", "price.output", "6.5")
    until(qtbot, page, "Ultra", "price.output", 6.5)
    page.save.click()
    saved = presets.preset(str(path))
    assert (saved.title, saved.tiers[-1].price.output) == ("My tiers", 6.5)
    assert page.presets.currentText() == "My tiers"
    assert not page.edits.changes()
    path.write_text(path.read_text().replace("output = 6.5", "output = 7.5"))
    page.open.click()
    until(qtbot, page, "Ultra", "price.output", 7.5)
    path.write_text(path.read_text().replace("output = 7.5", 'output = "much"'))
    page.open.click()
    notice = page.desk.window.notices.own
    assert notice.cause.startswith("my-tiers.toml, line ")
    assert notice.cause.endswith("price.output of tier Ultra must be a number, not text.")
    assert in_force(page, "Ultra", "price.output") == 7.5


def test_an_edit_in_the_drawer_is_undone_by_the_same_key(page, qtbot):
    window = page.desk.window
    free = page.desk.books.ledger.standing.tiers["Free"]
    window.floor.tier_changed.emit(msgspec.structs.replace(free, users=8))
    until(qtbot, page, "Free", "users", 8)
    act(page, "undo")
    until(qtbot, page, "Free", "users", 1)


def test_the_drawer_hands_over_to_the_column_of_its_tier(page, qtbot):
    window = page.desk.window
    window.visit("floor")
    window.floor.open_tier("Free")
    (more,) = [each for each in window.floor.editor.findChildren(QPushButton) if each.text() == "All settings"]
    more.click()
    assert window.visited == "tiers"
    assert page.grid.settings.at(page.grid.currentIndex())[0] == "Free"


def test_a_recording_moves_the_cells_and_takes_no_orders(application, qtbot, record):
    from desk.panel.heartbeat import Heartbeat
    from desk.panel.theme import Theme
    from desk.panel.window import Window
    from desk.plant.replay import Replay

    window = Window("replay", Theme("light"))
    qtbot.addWidget(window)
    heartbeat = Heartbeat(window, Replay(record(seconds=3.0), speed=float("inf")))
    heartbeat.source.play()
    window.show()
    heartbeat.beat()
    heartbeat.refresh()
    window.visit("tiers")
    grid = window.view.grid
    assert grid.settings.columns == ("Ultra", "Premium", "High", "Medium", "Free")
    grid.setCurrentIndex(grid.settings.index(4, 0))
    qtbot.keyClick(grid, Qt.Key.Key_Return)
    assert not grid.findChildren(QLineEdit)
    assert not window.view.undo.isVisible()
    heartbeat.stop()
