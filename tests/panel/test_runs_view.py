"""The Runs view on recordings of a scripted factory: listed, found, marked, removed, carried, compared and offered."""

import itertools
import json
from typing import get_args, get_type_hints

import msgspec
import pytest
from PySide6.QtCore import QItemSelectionModel, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QImage
from PySide6.QtWidgets import QLabel, QLineEdit
from scripted import WALL, facts

from desk import journal
from desk.facts import places
from desk.facts.codec import encode
from desk.facts.happened import RunStarted, RunStopped
from desk.facts.tiers import Tariff
from desk.panel.heartbeat import Heartbeat
from desk.panel.numbers import Numbers
from desk.panel.pictures.sheet import ExportSheet
from desk.panel.runs import recovery as closing
from desk.panel.runs import rows, story
from desk.panel.runs.about import ENDS
from desk.panel.runs.beside import CLAIMS, NO_CLAIMS
from desk.panel.runs.course import STAGE_WORDS, Course, Line
from desk.panel.runs.detail import TIER_COLUMNS
from desk.panel.runs.recovery import KEEP, OPEN, Recovery
from desk.panel.runs.table import Lines
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant.replay import Replay
from desk.runs import search
from desk.runs.comparison import FIGURES
from desk.runs.store import Marks, Run, Runs
from desk.runs.summary import Stage, Summary

PATIENCE_MS = 20_000


@pytest.fixture(scope="session")
def lines():
    """The facts of a scripted run by its script: made once, for they do not change."""
    made = {}

    def of(**script):
        key = repr(sorted(script.items()))
        if key not in made:
            made[key] = list(facts(**script))
        return made[key]

    return of


@pytest.fixture
def keep(lines):
    """Writes a run into the folder of runs, closed unless its end is `cut`."""

    def kept(name, seconds=40.0, source="nvml-counter", cut=False, hours=0, **about):
        path = places.runs_dir() / f"{name}.jsonl"
        with open(path, "wb") as file:
            for fact in lines(seconds=seconds, source=source, stopped=not cut):
                if isinstance(fact, RunStarted):
                    fact = msgspec.structs.replace(fact, run=name, wall=WALL + 3600 * hours, **about)
                file.write(encode(fact))
        return path if cut else journal.compress(path)

    return kept


@pytest.fixture
def page(application, record, qtbot):
    """Opens the view, once everything in the folder has been summed up."""
    windows = []

    def opened():
        window = Window("replay", Theme("dark"))
        heartbeat = Heartbeat(window, Replay(record(seconds=2.0)))
        heartbeat.start()
        window.show()
        windows.append(window)
        window.visit("runs")
        view = window.view
        qtbot.waitUntil(lambda: not view.worker.busy("list"), timeout=PATIENCE_MS)
        return view

    yield opened
    for window in windows:
        window.close()
        window.deleteLater()


def names(page):
    return [run.name for run in page.table.lines.runs]


def settled(qtbot, page, *keys):
    qtbot.waitUntil(
        lambda: not any(page.worker.busy(key) for key in (*keys, "list")) and not page.reader.busy("story"),
        timeout=PATIENCE_MS,
    )


def mark(page, *wanted):
    """As Ctrl and a click on each would."""
    page.table.clearSelection()
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for name in wanted:
        page.table.selectionModel().select(page.table.lines.index(names(page).index(name), 0), flags)


def words(widget):
    return " ".join(label.text() for label in widget.findChildren(QLabel))


def test_runs_are_listed_found_renamed_tagged_and_brought_back_by_keys(page, keep, qtbot):
    for hour, name in enumerate(("first", "second", "third")):
        tariff = Tariff(currency="EUR" if name == "first" else "USD")
        keep(name, hours=hour, scenario="rush-hour" if name == "second" else "steady", tariff=tariff)
    view = page()
    assert names(view) == ["third", "second", "first"]
    shown = {column.name: column.text(view.table.lines.runs[0], Numbers()) for column in rows.COLUMNS}
    assert (shown["device"], shown["provider"], shown["length"]) == ("Example GPU", "cuda", "00:00:40")
    assert float(shown["speed"].replace(",", "")) > 100
    assert float(shown["efficiency"]) > 0
    values = [rows._money(run, Numbers()) for run in view.table.lines.runs]
    assert [value[0] for value in values] == ["$", "$", "€"]
    assert rows.ordered(reversed(view.table.lines.runs), "value")[0].name == "first"

    view.search.setText("RUSH gpu")
    assert names(view) == ["second"]
    view.search.clear()

    view.table.go_to("second")
    view.table.setFocus()
    qtbot.keyClick(view.table, Qt.Key.Key_F2)
    editor = view.table.findChildren(QLineEdit)[-1]
    editor.selectAll()
    qtbot.keyClicks(editor, "Rehearsal")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    settled(qtbot, view)
    assert Runs().find("Rehearsal").name == "second"
    assert view.table.current.title == "Rehearsal"

    about = view.detail._about
    about.tags.setText("demo, keynote, demo")
    about.tags.editingFinished.emit()
    settled(qtbot, view)
    assert Runs().find("second").marks.tags == ("demo", "keynote")
    view.tag.setCurrentIndex(view.tag.findData("demo"))
    view.tag.activated.emit(view.tag.currentIndex())
    assert names(view) == ["second"]

    qtbot.keyClick(view.table, Qt.Key.Key_Delete)
    settled(qtbot, view)
    assert [run.name for run in Runs().all()] == ["third", "first"]
    view.tag.setCurrentIndex(0)
    view._list()
    qtbot.keyClick(view.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settled(qtbot, view)
    assert names(view) == ["third", "second", "first"], "the list takes Ctrl+Z while there is a run to bring back"


def test_a_run_tells_its_course_its_tiers_and_what_happened(page, keep, qtbot):
    keep("only", tariff=Tariff(currency="EUR"))
    view = page()
    settled(qtbot, view)
    detail = view.detail
    told = [detail._events.item(row).text() for row in range(detail._events.count())]
    assert any("running" in line for line in told)
    assert any("Long prompts" in line for line in told)
    assert [detail._tiers.item(row, 0).text() for row in range(5)] == ["Ultra", "Premium", "High", "Medium", "Free"]
    tokens = sum(int(detail._tiers.item(row, 1).text().replace(",", "")) for row in range(5))
    assert tokens == view.table.current.summary.tokens_out
    (value,) = detail.course.values(None)
    assert value is not None
    assert value > 100
    assert "Example GPU" in words(detail)
    heads = [detail._tiers.horizontalHeaderItem(place).text() for place in range(len(TIER_COLUMNS))]
    assert "Implied €" in heads
    assert detail._about._values["Energy cost"].text().startswith("€")
    assert "$" not in words(detail) + " ".join(heads)
    table, places = detail._tiers, range(len(TIER_COLUMNS))
    table.setHorizontalHeaderLabels([f"{head}, much longer in another language" for head in heads])
    table.share_out()
    assert sum(map(table.columnWidth, places)) == table.viewport().width()
    assert all(table.columnWidth(place) >= table.sizeHintForColumn(place) for place in places), "figures stay whole"
    with qtbot.waitSignal(view.desk.window.recording_asked) as asked:
        qtbot.keyClick(view.table, Qt.Key.Key_Return)
    assert asked.args == [str(view.table.current.path)]


def test_there_are_words_for_all_that_is_recorded_of_a_run():
    assert set(STAGE_WORDS) == set(get_args(Stage))
    assert set(ENDS) == set(get_args(get_type_hints(RunStopped)["reason"]))
    assert list(CLAIMS) == [claim for _, _, *claims in FIGURES for claim in claims]
    assert list(NO_CLAIMS) == [name for name, *_ in FIGURES]
    bad = {"quality": "estimated", "uncalibrated": True, "shared": True, "unrecorded_s": 1.0, "broken": 1}
    worst = Summary(run="x", desk="", started=0.0, seconds=1.0, **bad)
    assert set(worst.badges) | {"recording", "cannot be read", "being summed up"} == set(rows.MARKS)


def test_runs_are_compared_and_none_is_called_faster_without_reason(page, keep, qtbot, tmp_path, monkeypatch):
    keep("gpu", seconds=60.0)
    keep("cpu", seconds=60.0, source="none", hours=1)
    keep("rush", seconds=60.0, hours=2, scenario="rush-hour", tariff=Tariff(currency="EUR"))
    view = page()
    mark(view, "gpu", "cpu", "rush")
    settled(qtbot, view)
    assert [view.table.number_of(run) for run in view.table.marked] == [1, 2, 3]
    assert len(view.beside.course.values(10.0)) == 3
    said = words(view.beside)
    assert "✓ cpu is slower than gpu" in said
    assert "Neither rush nor gpu may be called faster. The scenarios differ: steady and rush-hour." in said
    assert "The prices are in USD and EUR, so money is not compared." in said

    view.beside.figures.setCurrentIndex(1)
    view.export.click()
    sheet = view.desk.window.findChild(ExportSheet)
    assert (sheet.chosen.what, sheet.chosen.figure) == ("compare", "watts")
    monkeypatch.setattr(sheet, "ask_path", lambda name, _ending: tmp_path / name)
    sheet.choose(msgspec.structs.replace(sheet.chosen, preset="docs", style="light"))
    sheet.carry_out()
    (drawn,) = tmp_path.glob("*_compare_*.png")
    told = json.loads(QImage(str(drawn)).text("Description"))
    assert [each["run"] for each in told["runs"]] == ["gpu", "cpu", "rush"]
    assert (told["preset"], told["style"], told["figure"]) == ("docs", "light", "watts")
    mark(view, "gpu")
    settled(qtbot, view)
    assert view._below.currentWidget() is view.detail
    sheet.open()
    assert sheet.chosen.what == "floor", "where nothing is compared, the sheet knows what it did before"


def test_a_recording_is_dropped_in_and_a_bad_one_is_told(page, keep, tmp_path, qtbot):
    path = keep("elsewhere")
    good, bad = tmp_path / path.name, tmp_path / "bad.jsonl"
    path.rename(good)
    bad.write_text("no facts\n")
    view = page()
    assert names(view) == []
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(each)) for each in (bad, good, tmp_path / "else.txt")])
    told = []
    view.desk.window.show_trouble = told.append
    drop = QDropEvent(
        QPointF(9, 9),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    view.dropEvent(drop)
    settled(qtbot, view, "import")
    assert [trouble.cause for trouble in told] == ["bad.jsonl is not a recording of Token Desk."]
    assert names(view) == ["elsewhere"]
    view.files.ask_save = lambda run: tmp_path / "out.jsonl.gz"
    view.export_marked()
    settled(qtbot, view, "export")
    sent = b"".join(journal.read(tmp_path / "out.jsonl.gz").raw())
    assert b"GPU-0000" not in sent
    assert b"gpu0" in sent


def test_what_a_crash_has_left_is_offered_and_kept(application, keep, qtbot, monkeypatch):
    keep("cut", cut=True)
    monkeypatch.setattr(closing, "WAIT_MS", 0)
    window = Window("live", Theme("dark"))
    asked = []
    window.recording_asked.connect(asked.append)
    recovery = Recovery(window)
    try:
        qtbot.waitUntil(lambda: window.notices.lines[0].accessibleName() != "", timeout=PATIENCE_MS)
        line = window.notices.lines[0]
        assert line.accessibleName().startswith("Recovered run of ")
        assert (line._act.text(), line._shelve.text()) == (OPEN, KEEP)
        (run,) = Runs().all()
        assert (run.state, run.summary.badges[0]) == ("closed", "recovered")
        line._act.click()
        assert asked == [str(run.path)]
        assert line.isHidden(), "what was answered is gone, and the run is kept"
    finally:
        recovery.close()
        window.close()
        window.deleteLater()


def test_a_thousand_runs_are_ordered_and_painted_without_a_search_for_each(application):
    runs = [
        Run(name=f"run-{n}", path=places.runs_dir() / f"run-{n}.jsonl.gz", bytes=1, state="closed", trouble="torn")
        for n in range(1000)
    ]
    tagged = [
        msgspec.structs.replace(run, marks=Marks(tags=("even",) if n % 2 == 0 else ())) for n, run in enumerate(runs)
    ]
    assert len(search.found(tagged, "run-9 even")) == sum(
        1 for n in range(1000) if str(n).startswith("9") and n % 2 == 0
    )
    model = Lines(Numbers())
    resets, changes = [], []
    model.modelReset.connect(lambda: resets.append(1))
    model.dataChanged.connect(lambda first, _last: changes.append(first.row()))
    model.show_runs(tagged)
    model.show_runs([*tagged[:5], msgspec.structs.replace(tagged[5], trouble=""), *tagged[6:]])
    assert (len(resets), changes) == (1, [5]), "what changed in a run repaints its line alone"


def test_the_course_of_a_long_run_is_that_of_its_stretches(keep, monkeypatch):
    """Taken in pieces from a board that forgets, the curve is the one taken from a board that has it all."""
    keep("long", seconds=60.0)
    (run,) = Runs().all()
    whole = next(each for each in story.told(run.name, journal.read(run.path)) if each is not None)
    monkeypatch.setattr(story, "STRETCH_S", 20.0)
    pieces = next(each for each in story.told(run.name, journal.read(run.path)) if each is not None)
    x, y = whole.courses["tokens_per_second"]
    px, py = pieces.courses["tokens_per_second"]
    assert px[-1] == x[-1]
    assert all(b > a for a, b in itertools.pairwise(px))
    known = dict(zip(px.round(3), py, strict=True))
    same = [(value, known[at]) for at, value in zip(x.round(3), y, strict=True) if at in known and 12 < at < 59]
    assert len(same) > 20
    assert all(a == pytest.approx(b) for a, b in same)


def test_the_cursor_of_a_course_reads_every_curve_at_one_moment(application, qtbot):
    import numpy as np

    course = Course(Theme("dark"), Numbers())
    qtbot.addWidget(course)
    x = np.arange(0.0, 100.0, 2.0)
    course.resize(600, 240)
    course.show_lines("Tokens out", "tok/s", [Line("one", x, x * 0 + 7.0), Line("two", x[:20], x[:20] * 0 + 5.0)])
    assert course.values(10.0) == [7.0, 5.0]
    assert course.values(90.0) == [7.0, None], "a run that is over has no value"
    qtbot.keyClick(course, Qt.Key.Key_Right)
    assert "two at 00:00:00: 5.00 tokens per second" in course.accessibleDescription()
    course.grab()
