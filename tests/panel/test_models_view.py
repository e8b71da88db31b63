"""The Models view on a real plant and a real worker: what a button asks for happens, and the list says so."""

import hashlib
import shutil
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication

from desk.facts import places
from desk.facts.happened import JobEnded, Progressed, now
from desk.ledger.standing import Lane
from desk.models import fit, store
from desk.models.catalogue import catalogue
from desk.models.contacts import contacts
from desk.panel.models.columns import COLUMNS, DEEDS
from desk.panel.models.rows import Row

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub_standin.server import Fault, Hub

PATIENCE_MS = 30_000
LAYOUT = Path(__file__).resolve().parents[1] / "data" / "layouts" / "js-llama"
REPO, GRAPH, CARD = "someone/tiny", "onnx/model_q4.onnx", "README.md"
TINY = ("tiny", "q4")

CATALOGUE = f"""
[tiny]
title = "Tiny"
licence = "Apache-2.0"
repo = "{REPO}"
[tiny.variants.q4]
providers = ["cpu"]
path = "{GRAPH}"
[huge]
title = "Huge"
licence = "MIT"
repo = "someone/huge"
parameters = 90000000000
context = 4096
layers = 80
kv_heads = 8
head_size = 128
vocabulary = 128000
[huge.variants.fp16]
providers = ["cpu"]
path = "onnx/model.onnx"
bytes = 180000000000
[huge.variants.q4f16]
providers = ["cuda"]
path = "onnx/model_q4f16.onnx"
bytes = 45000000000
"""

CHILD = """
import sys
from pathlib import Path
from desk.facts import places
real, mine = places.shipped, Path(sys.argv[1])
places.shipped = lambda *parts: mine.joinpath(*parts) if parts[-1] == "catalogue.toml" else real(*parts)
from desk.models.worker import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture
def small_catalogue(tmp_path, monkeypatch):
    """Two models, one of which is on the hub of this machine; the worker's children know them, too."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "catalogue.toml").write_text(CATALOGUE)
    real = places.shipped
    monkeypatch.setattr(
        places, "shipped", lambda *parts: tmp_path.joinpath(*parts) if parts[-1] == "catalogue.toml" else real(*parts)
    )
    monkeypatch.setattr(
        "desk.panel.models.work.command", lambda *words: [sys.executable, "-c", CHILD, str(tmp_path), *words]
    )
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


@pytest.fixture
def far(small_catalogue, tmp_path, monkeypatch):
    files = {path.name: path.read_bytes() for path in LAYOUT.iterdir() if path.is_file()}
    files[GRAPH] = (LAYOUT / GRAPH).read_bytes()
    files[CARD] = hashlib.shake_256(b"card").digest(3 << 20)
    with Hub(REPO, files) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield running


@pytest.fixture
def page(small_catalogue, factory, qtbot):
    """The view, opened as its key would, once the tiers are known."""
    window, heartbeat = factory
    qtbot.waitUntil(lambda: len(heartbeat.books.ledger.standing.tiers) == 2, timeout=PATIENCE_MS)
    heartbeat.refresh()
    with qtbot.waitActive(window):
        window.activateWindow()
    window.visit("models")
    window.view.table.setFocus()
    return window.view


def row(page, key=TINY) -> Row:
    return next(row for row in page.table.listing.rows if row.key == key)


def comes(page, qtbot, state, key=TINY):
    """Wait until a line is in a state."""

    def seen():
        page.refresh(page.desk.window.shown)
        return any(row.key == key and row.condition.state == state for row in page.table.listing.rows)

    qtbot.waitUntil(seen, timeout=PATIENCE_MS)
    return row(page, key)


def drop(page, *urls):
    data = QMimeData()
    data.setUrls([url if isinstance(url, QUrl) else QUrl.fromLocalFile(str(url)) for url in urls])
    page.dropEvent(
        QDropEvent(
            QPointF(9, 9),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            QEvent.Type.Drop,
        )
    )


def press(page, qtbot, deed):
    """Click a button of the current line where it is painted."""
    table = page.table
    cell = table.visualRect(table.listing.index(table.currentIndex().row(), DEEDS))
    (box,) = [box for each, box in table.buttons(table.row, cell) if each == deed]
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


def test_from_the_hub_to_a_tier_and_away_again(far, page, qtbot):
    table, window = page.table, page.desk.window
    table.go_to(TINY)
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Down):
        qtbot.keyClick(table, key)
    host = "127.0.0.1"
    assert f"Get contacts {host}, and the host that it names for large files; until then" in page.detail.text
    assert (far.requests, contacts()) == ([], [])

    # Enter gets it, with how far it is in the list, in the card and in the books that every view reads.
    far.fault = Fault(CARD, hold=2_000_000)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: comes(page, qtbot, "downloading").condition.done > 0, timeout=PATIENCE_MS)
    assert far.holding.wait(PATIENCE_MS / 1000)
    said = table.listing.index(table.currentIndex().row(), 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert said.startswith("Tiny q4, downloading")
    assert " of 3.3 MB" in said
    assert said.endswith("Enter: Pause")
    assert row(page).deeds == ("pause", "discard")
    window.visit("floor")
    shown = "Fetching tiny: downloading"
    qtbot.waitUntil(lambda: window.shown.job is not None and window.shown.job.text == shown, timeout=PATIENCE_MS)
    window.visit("models")

    press(page, qtbot, "pause")
    kept = comes(page, qtbot, "paused").condition.done
    assert 0 < kept < row(page).condition.total
    assert page.asking.isHidden()
    told = page.desk.books.ledger.standing.jobs
    qtbot.waitUntil(lambda: isinstance(told[TINY], JobEnded), timeout=PATIENCE_MS)
    assert told[TINY].cause == "Cancelled."

    far.fault = Fault(times=0)
    (resume, _) = page.detail.buttons
    assert resume.accessibleName() == "Resume: Tiny q4"
    resume.click()
    ready = comes(page, qtbot, "ready")
    assert ready.deeds == ("use", "verify", "remove")
    assert far.asked(CARD)[-1] > 0
    assert "revision c0ffeec0ffee" in page.detail.text
    assert f"So far: {host}" in page.detail.text
    assert "GiB" in page.detail._fit.text()

    page.do(TINY, "verify")
    qtbot.waitUntil(lambda: "Every byte of tiny q4 is what it must be." in page.asking.text, timeout=PATIENCE_MS)
    comes(page, qtbot, "ready")
    qtbot.keyClick(table, Qt.Key.Key_Escape)
    assert page.asking.isHidden()

    actions = page.giving.menu(ready, page).actions()
    (free,) = [action for action in actions if action.text().startswith("Free, in place of")]
    free.trigger()
    edits = page.desk.edits
    assert (edits.wanted["Free"].model, edits.wanted["Free"].precision) == TINY
    assert "Ctrl+Z takes it back" in page.asking.text
    edits.undo()
    assert edits.wanted["Free"].model != "tiny"
    page.asking.put_away()

    # Delete asks first and tells what it frees; Enter at once, and Esc, keep it.
    for way in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        table.setFocus()
        qtbot.keyClick(table, Qt.Key.Key_Delete)
        assert page.asking.text.startswith("Remove Tiny q4? This frees 3.")
        qtbot.keyClick(window.focusWidget(), way)
        assert page.asking.isHidden()
        assert row(page).condition.state == "ready"
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    page.asking.yes.click()
    assert comes(page, qtbot, "available").deeds == ("get",)
    assert not store.folder_of(*TINY).exists()


def test_a_fetch_that_is_given_up_asks_and_leaves_nothing(far, page, qtbot):
    far.fault = Fault(CARD, hold=2_000_000)
    page.do(TINY, "get")
    qtbot.waitUntil(lambda: (comes(page, qtbot, "downloading").condition.done or 0) > 0, timeout=PATIENCE_MS)
    page.do(TINY, "discard")
    assert page.asking.text.startswith("Give up Tiny q4?")
    page.asking.yes.click()
    comes(page, qtbot, "available")
    assert not store.part_of(store.folder_of(*TINY)).exists()


def test_what_goes_wrong_at_the_hub_is_told_in_words(far, page, qtbot):
    far.fault = Fault("/revision/main", status=401)
    page.do(TINY, "get")
    qtbot.waitUntil(lambda: "refuses Tiny to this login (HTTP 401)" in page.asking.text, timeout=PATIENCE_MS)
    assert "hf auth login" in page.asking.text

    # A question is not pushed away, and who is elsewhere is told as well.
    page.asking.ask("Remove it?", "", "Remove", lambda: None)
    page.do(TINY, "get")
    window = page.desk.window
    qtbot.waitUntil(lambda: "refuses Tiny" in getattr(window.notices.own, "cause", ""), timeout=PATIENCE_MS)
    assert page.asking.text == "Remove it?"


def test_a_folder_is_dropped_named_taken_in_and_used(page, qtbot, tmp_path):
    source = tmp_path / "My Model"
    shutil.copytree(LAYOUT, source)
    drop(page, source)
    assert page.asking.name.text() == "my-model"
    assert not page.asking.precision.isVisible()
    page.asking.name.setText("tiny")
    qtbot.keyClick(page.asking.name, Qt.Key.Key_Return)
    assert "There is a model tiny already." in page.asking.text
    page.asking.name.setText("mine")
    qtbot.keyClick(page.asking.name, Qt.Key.Key_Return)
    taken = comes(page, qtbot, "ready", ("mine", ""))
    assert page.table.row.key == ("mine", "")
    assert (taken.source, taken.parameters) == ("yours", taken.condition.manifest.parameters)
    assert "Imported from My Model" in page.detail.text
    # A context that the model was not made for is cut to what it was made for, and said.
    ultra = page.desk.edits.wanted["Ultra"]
    page.desk.edits.change(msgspec.structs.replace(ultra, context=taken.context * 2))
    words = [action.text() for action in page.giving.menu(taken, page).actions()]
    assert any(text.endswith(f"at {taken.context:,} tokens") for text in words)


def test_memory_that_another_program_takes_changes_what_fits_at_the_next_refresh(page, monkeypatch):
    monkeypatch.setattr("desk.panel.models.lanes.free_memory", lambda: 1 << 50)
    page.refresh(page.desk.window.shown)
    assert row(page, ("huge", "fp16")).condition.fit.verdict == "fits"
    monkeypatch.setattr("desk.panel.models.lanes.free_memory", lambda: 1 << 30)
    page.refresh(page.desk.window.shown)
    assert row(page, ("huge", "fp16")).condition.fit.verdict == "does not fit"


def test_what_does_not_fit_is_loaded_only_by_whoever_insists(page, monkeypatch):
    huge, edits, plant = row(page, ("huge", "fp16")), page.desk.edits, page.desk.source
    ordered = []
    monkeypatch.setattr(plant, "change", lambda tier, overcommit=False: ordered.append((tier.model, overcommit)))
    edits.running = True

    def give():
        words = "Free, in place of"
        next(each for each in page.giving.menu(huge, page).actions() if each.text().startswith(words)).trigger()

    give()
    assert page.asking.text.startswith("Huge fp16 does not fit as a lane of Free. It takes ")
    assert "It will not load: this computer has less memory" in page.asking.text
    assert not page.asking.waits

    monkeypatch.setattr(fit, "most_memory", lambda: 1 << 60)
    give()
    assert "The system will move memory to the disk and may end this program or others." in page.asking.text
    assert (page.asking.yes.text(), ordered) == ("Load it anyway", [])
    page.asking.no.click()
    assert ordered == []
    give()
    page.asking.yes.click()
    assert ordered == [("huge", False), ("huge", True)]

    # A tier that has it and was refused it can load it anyway; one that has it has it.
    have = {"state": "failed", "risk": "It may be slow."}
    edits.change(msgspec.structs.replace(edits.wanted["Ultra"], model="huge", precision="fp16"))
    page.desk.books.ledger.standing.lanes["Free"] = Lane(**have)
    page.desk.books.ledger.standing.lanes["Ultra"] = Lane(state="ready")
    offered = {action.text(): action.isEnabled() for action in page.giving.menu(huge, page).actions()}
    assert offered == {"Ultra uses it": False, "Free was refused it": True}


def test_the_build_that_a_run_waits_for_is_seen_and_ends_with_the_run(page, monkeypatch):
    told, stopped = page.desk.books.ledger.standing.jobs, []
    monkeypatch.setattr(page.desk.source, "stop", lambda: stopped.append(True))
    job = {"job": "build", "model": "tiny", "precision": "q4"}
    told[TINY] = Progressed(t=now(), stage="writing the graph", done=3, total=12, **job)
    page.refresh(page.desk.window.shown)
    assert row(page).condition.state == "building"
    assert (row(page).condition.done, row(page).condition.total, row(page).deeds) == (3, 12, ("cancel",))
    page.do(TINY, "cancel")
    assert page.asking.text == "Cancel the build of Tiny q4? The run waits for it, and ends with it."
    assert stopped == []
    page.asking.yes.click()
    assert stopped == [True]
    told[TINY] = JobEnded(t=now(), cause="Cancelled.", **job)
    page.refresh(page.desk.window.shown)
    assert row(page).condition.state == "available"


def hostile(path, name, content=b"x"):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)
    return path


def test_what_cannot_be_trusted_or_is_no_model_is_refused_with_the_reason(page, qtbot, tmp_path):
    for name, inside, words in (("bad.zip", "../outside", "outside"), ("old.zip", "pytorch_model.bin", "a pickle")):
        drop(page, hostile(tmp_path / name, inside))
        page.asking.yes.click()
        qtbot.waitUntil(lambda words=words: words in page.asking.text, timeout=PATIENCE_MS)
    page.refresh(page.desk.window.shown)
    assert [row.source for row in page.table.listing.rows if row.source == "yours"] == []

    # Of what is no model nobody is asked anything; nothing was looked at yet of what may be one.
    drop(page, tmp_path / "a", tmp_path / "b")
    assert page.asking.text.startswith("2 things were dropped at once.")
    drop(page, QUrl("https://example.com/model.zip"))
    assert "nothing is fetched from it" in page.asking.text
    drop(page, tmp_path / "weights.Q4_0.gguf")
    assert page.asking.precision.isVisible()
    assert page.asking.precision.currentText() == "q8"


def test_words_and_shelves_choose_and_the_current_line_stays(page, qtbot):
    def keys():
        return [row.key for row in page.table.listing.rows]

    assert keys() == [("huge", "fp16"), ("huge", "q4f16"), TINY]
    assert row(page, ("huge", "fp16")).condition.state == "does not fit"
    assert "a lane of it is started only if" in page.detail.text
    assert row(page, ("huge", "q4f16")).condition.state == "unsupported"
    page.table.go_to(TINY)
    qtbot.keyClicks(page.search, "hub apache")
    assert keys() == [TINY]
    qtbot.keyClick(page.search, Qt.Key.Key_Escape)
    assert len(keys()) == 3
    assert page.table.row.key == TINY
    assert page.table.hasFocus()
    page.shelf.setCurrentIndex(page.shelf.findData("here"))
    page.shelf.activated.emit(1)
    assert keys() == []
    assert page._none.isVisible()


def test_every_button_can_be_reached_by_key_in_a_small_window_with_large_text(page, qtbot):
    window = page.desk.window
    try:
        window.theme.choose(text_size=150)
        window.resize(1024, 700)
        QApplication.processEvents()
        table = page.table
        wide = sum(table.columnWidth(n) for n in range(len(COLUMNS)) if not table.isColumnHidden(n))
        assert wide <= table.viewport().width()
        for place in range(table.listing.rowCount()):
            table.setCurrentIndex(table.listing.index(place, 0))
            cell = table.visualRect(table.listing.index(place, DEEDS))
            assert table.buttons(table.row, cell)
            assert page.detail.buttons
            assert table.viewport().rect().contains(cell.adjusted(0, 0, -1, -1))
    finally:
        window.theme.choose(text_size=100)


def test_the_first_start_leads_here(factory, small_catalogue):
    window, _ = factory
    window.floor.welcome.larger_button.click()
    assert window.visited == "models"


def test_a_recording_can_be_looked_at_and_not_changed(application, small_catalogue, qtbot, record):
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
    window.visit("models")
    page = window.view
    page.table.setFocus()
    assert page._note.isVisible()
    assert not page.bring.isVisible()
    assert not page.acceptDrops()
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    assert page.asking.isHidden()
    assert page.detail.buttons == []
    # Nobody knows how much memory is free where the recording is looked at.
    assert row(page, ("huge", "fp16")).condition.fit.verdict == "unknown"
    heartbeat.stop()
