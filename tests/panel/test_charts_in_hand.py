"""Charts under the hand: zoom, pan, range, follow, tiers by labels, events, tables, notes; live and in the past."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from scripted import WALL, facts

from desk.panel.books import Books
from desk.panel.charts.setting import Stretch
from desk.panel.charts.table import StripTable
from desk.panel.charts.timeview import LONGEST_S, SHORTEST_S, TimeView
from desk.panel.look import look, setting_of
from desk.panel.numbers import ENGLISH, Numbers
from desk.panel.strips import FLOOR, StripChart
from desk.panel.theme import Theme, prepare

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
PATIENCE_MS = 15_000


def told_until(seconds):
    books = Books()
    for fact in facts(seconds=120.0, source="nvml-counter", stopped=False):
        if fact.t - 1000.0 > seconds:
            break
        books.post(fact)
    return books


@pytest.fixture(scope="module")
def run():
    """Two minutes of a run."""
    return told_until(120.0)


@pytest.fixture
def chart_of(qtbot, qapp):
    prepare(qapp)

    def make(books, window_s=60.0, size=(848, 600), **fields):
        chart = StripChart(Theme("dark"), Numbers(ENGLISH), **fields)
        qtbot.addWidget(chart)
        chart.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        chart.resize(*size)
        chart.follow(books.board)
        chart.show_setting(setting_of(books, look(books, Numbers(ENGLISH)), window_s, 3.0))
        chart.show()
        qapp.processEvents()
        chart.refresh_all()
        return chart

    return make


def mouse(chart, kind, at, button=NONE, held=NONE, modifiers=PLAIN):
    event = QMouseEvent(kind, at, chart.mapToGlobal(at), button, held, modifiers)
    QApplication.sendEvent(chart.viewport(), event)


def press(chart, at, modifiers=PLAIN, kind=QEvent.Type.MouseButtonPress):
    mouse(chart, kind, at, LEFT, LEFT, modifiers)
    mouse(chart, QEvent.Type.MouseButtonRelease, at, LEFT, NONE, modifiers)


def drag(chart, start, stop, modifiers=PLAIN):
    mouse(chart, QEvent.Type.MouseButtonPress, start, LEFT, LEFT, modifiers)
    for part in (0.3, 0.7, 1.0):
        mouse(chart, QEvent.Type.MouseMove, start + (stop - start) * part, NONE, LEFT, modifiers)
    mouse(chart, QEvent.Type.MouseButtonRelease, stop, LEFT, NONE, modifiers)


def wheel(chart, at, steps, modifiers=PLAIN):
    turned = QPoint(0, round(120 * steps))
    still = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(at, chart.mapToGlobal(at), QPoint(), turned, NONE, modifiers, still, False)
    QApplication.sendEvent(chart.viewport(), event)


def at_moment(chart, moment, strip=0):
    """The point of a strip at a moment of the run."""
    plot, stretch = chart.strips[strip].plot, chart.stretch
    return QPointF(plot.right() + (moment - stretch.end) / stretch.span * plot.width(), plot.center().y())


def label_of(chart, tier, strip=0):
    """A point on the direct label of a tier."""
    picture(chart)
    rect, plot = chart.strips[strip].rect, chart.strips[strip].plot
    heights = (QPointF(plot.right() + 60, y) for y in range(round(rect.top()), round(rect.bottom())))
    return next(point for point in heights if chart.strips[strip].tier_at(point) == tier) + QPointF(0, 5)


def picture(chart):
    image = QImage(chart.width(), chart.height(), QImage.Format.Format_RGB32)
    QWidget.render(chart, image, QPoint(0, 0))
    return np.array(image.constBits(), dtype=np.uint8).reshape(image.height(), image.width(), 4)[:, :, :3]


def said(chart, strip):
    return {label.name: label.value for label in chart.strips[strip]._labels()}


# ---- which stretch is shown


moves = st.one_of(
    st.tuples(st.just("zoom"), st.floats(0.05, 20.0), st.floats(0.0, 1.0)),
    st.tuples(st.just("pan"), st.floats(-5000.0, 5000.0), st.none()),
    st.tuples(st.just("choose"), st.floats(-100.0, 5000.0), st.floats(-100.0, 5000.0)),
)


@given(st.floats(0.0, 4000.0), st.floats(0.0, 3600.0), st.lists(moves, min_size=1, max_size=6))
def test_every_move_stays_within_the_run_and_holds(begin, length, made):
    view, end = TimeView(), begin + length
    for kind, first, second in made:
        shown = view.stretch(300.0, end)
        if kind == "zoom":
            view.zoom(first, shown.end - second * shown.span, shown, begin, end)
        elif kind == "pan":
            view.pan(first, shown, begin, end)
        else:
            view.choose(first, second, begin, end)
        after = view.stretch(300.0, end)
        assert after.held
        assert SHORTEST_S <= after.span <= max(LONGEST_S, shown.span)
        assert after.end <= end
        assert after.end == pytest.approx(end) or after.start >= begin - 1e-6
    later = view.stretch(300.0, end + 60.0)
    assert later == after, "the run goes on and the view does not"
    view.reset()
    assert view.stretch(300.0, end) == Stretch(end, 300.0)


@given(st.floats(0.2, 5.0), st.floats(0.2, 0.8))
def test_a_zoom_keeps_its_moment_in_place(factor, part):
    view = TimeView()
    view.choose(1000.0, 1300.0, 0.0, 3600.0)
    before = view.stretch(300.0, 3600.0)
    moment = before.start + part * before.span
    view.zoom(factor, moment, before, 0.0, 3600.0)
    after = view.stretch(300.0, 3600.0)
    assert after.span == pytest.approx(300.0 * factor)
    if after.start > 0.0:
        assert (moment - after.start) / after.span == pytest.approx(part)


def test_a_zoom_survives_the_way_back_to_now_until_a_window_is_chosen():
    view = TimeView()
    view.choose(100.0, 140.0, 0.0, 600.0)
    view.follow()
    assert view.stretch(300.0, 600.0) == Stretch(600.0, 40.0)
    view.choose_window(120.0)
    assert view.stretch(120.0, 600.0) == Stretch(600.0, 120.0)


# ---- by mouse


def test_a_wheel_zooms_about_the_pointer_and_ends_following(chart_of, run):
    chart = chart_of(run)
    followed = []
    chart.followed.connect(followed.append)
    at = chart.strips[1].plot.center()
    moment = chart._moment_at(at.x())
    wheel(chart, at, 3)
    assert chart.stretch.span == pytest.approx(60.0 / 1.25**3)
    assert chart._moment_at(at.x()) == pytest.approx(moment)
    wheel(chart, at, -1)
    assert followed == [False]
    assert not chart.following
    wheel(chart, at, 1, SHIFT)
    assert chart._moment_at(at.x()) < moment
    press(chart, chart._lane.way_back.center())
    assert followed == [False, True]
    assert chart.stretch.end == run.board.end
    assert chart.stretch.span == pytest.approx(60.0 / 1.25**2)
    press(chart, at, kind=QEvent.Type.MouseButtonDblClick)
    assert chart.stretch == Stretch(run.board.end, 60.0)


def test_hands_find_their_mark_at_every_text_size(chart_of, run):
    chart = chart_of(run, size=(1272, 900))
    chart._theme.choose(text_size=150)
    try:
        assert chart.strips[0].rect.width() == pytest.approx(848, abs=1)
        at = chart.strips[1].plot.center()
        mouse(chart, QEvent.Type.MouseMove, at * 1.5)
        assert chart.strips[3].reading == pytest.approx(-30.0, abs=0.2)
        press(chart, label_of(chart, "Ultra") * 1.5)
        assert chart.hidden == {"Ultra"}
        chart.toggle_tables()
        (table,) = chart.findChildren(StripTable)
        assert table.width() == pytest.approx(1.5 * (848 - 32), abs=2)
    finally:
        chart._theme.choose(text_size=100)
    assert chart.strips[0].rect.width() == 1272


def test_a_drag_marks_the_range_to_show(chart_of, run, qtbot):
    chart = chart_of(run)
    drag(chart, at_moment(chart, 80.0), at_moment(chart, 82.0) + QPointF(-20, 0))
    assert chart.following, "an unsteady press is no range"
    start, stop = at_moment(chart, 75.0), at_moment(chart, 95.0)
    mouse(chart, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    bare = picture(chart)
    mouse(chart, QEvent.Type.MouseMove, stop, NONE, LEFT)
    middle = round((start.x() + stop.x()) / 2)
    assert (picture(chart)[:, middle] != bare[:, middle]).any(axis=1).mean() > 0.5, "all strips show the mark"
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    mouse(chart, QEvent.Type.MouseButtonRelease, stop, LEFT)
    assert chart.following, "taken back"
    drag(chart, stop, start)
    assert (chart.stretch.start, chart.stretch.end) == (pytest.approx(75.0), pytest.approx(95.0))


@pytest.mark.parametrize("way", ["axis", "shift"])
def test_a_drag_of_the_axis_pans(chart_of, run, way):
    chart = chart_of(run)
    plot, row = chart._lane.plot, chart._lane.rect.center().y() if way == "axis" else 60.0
    end = chart.stretch.end
    drag(chart, QPointF(300, row), QPointF(300 + plot.width() / 4, row), SHIFT if way == "shift" else PLAIN)
    assert chart.stretch.end == pytest.approx(end - 15.0)
    drag(chart, QPointF(300, row), QPointF(300 + 20 * plot.width(), row), SHIFT if way == "shift" else PLAIN)
    assert chart.stretch.start == pytest.approx(0.0), "no further back than the run"


def test_a_held_chart_shows_the_past_as_it_was_and_stands_still(chart_of, run):
    past = told_until(80.0)
    then, now = chart_of(past), chart_of(run)
    now._view.choose(past.board.end - 60.0, past.board.end, 0.0, run.board.end)
    now.refresh_all()
    assert now.strips[0].sentence() == then.strips[0].sentence()
    plots = [strip.plot.toRect().adjusted(1, 1, -4, -1) for strip in then.strips]
    seen, was = picture(now), picture(then)
    for plot in plots[:1]:
        area = slice(plot.top(), plot.bottom()), slice(plot.left(), plot.right())
        assert np.array_equal(seen[area], was[area])
    assert "then" in said(now, 1)
    assert not now.refresh_next(), "nothing is new in the past"


def test_what_is_on_the_screen_is_what_a_fresh_painting_gives(chart_of, run, qapp):
    """Each change repaints its own part only; nothing of what stood there before may be left."""
    chart = chart_of(told_until(100.0), size=(780, 590))
    chart.hide()
    chart.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, False)
    chart.show()

    def slices():
        chart.follow(run.board)
        while chart.refresh_next():
            qapp.processEvents()

    for change in (
        slices,
        lambda: mouse(chart, QEvent.Type.MouseMove, chart.strips[0].plot.center()),
        lambda: mouse(chart, QEvent.Type.MouseMove, chart.strips[2].plot.center() + QPointF(41, 0)),
        lambda: chart.leaveEvent(QEvent(QEvent.Type.Leave)),
        lambda: chart.pan(-0.4),
        lambda: chart.toggle_tier("High"),
        chart.reset,
    ):
        change()
        qapp.processEvents()
        seen = chart.screen().grabWindow(chart.winId()).toImage().convertToFormat(QImage.Format.Format_RGB32)
        shown = np.array(seen.constBits(), dtype=np.uint8).reshape(seen.height(), seen.width(), 4)[:, :, :3]
        assert np.abs(shown.astype(int) - picture(chart)).max() <= 12


def test_a_cursor_beside_the_data_reads_nothing(chart_of):
    books = told_until(20.0)
    chart = chart_of(books)
    mouse(chart, QEvent.Type.MouseMove, at_moment(chart, 10.0))
    assert said(chart, 1)["then"] != "–"
    mouse(chart, QEvent.Type.MouseMove, at_moment(chart, -30.0))
    assert set(said(chart, 0).values()) == {"–"}
    mouse(chart, QEvent.Type.Leave, QPointF())
    chart.leaveEvent(QEvent(QEvent.Type.Leave))
    assert "now" in said(chart, 1)


def test_an_event_is_read_where_the_cursor_meets_it(chart_of, run):
    chart = chart_of(run, window_s=120.0)
    (note,) = [event for event in chart.setting.events if event.text == "Long prompts"]
    mouse(chart, QEvent.Type.MouseMove, at_moment(chart, note.t))
    assert chart._lane.near() == [note]
    mouse(chart, QEvent.Type.MouseMove, at_moment(chart, note.t - 10.0))
    assert chart._lane.near() == []


def test_the_smoothing_in_force_is_named(chart_of, run):
    assert "3 s mean" in chart_of(run).strips[0]._heading.note
    coarse = chart_of(run, size=(220, 400), window_s=3600.0)
    apart = np.diff(coarse.strips[0]._curves.x)[1:-1]
    assert apart == pytest.approx(4.0), "few pixels, few points"
    assert all("4 s mean" in strip._heading.note for strip in coarse.strips)


# ---- tiers by their labels


def test_labels_hide_and_single_out_tiers_in_all_strips(chart_of, run):
    chart = chart_of(run)
    whole = run.board.value("tokens_per_second")
    press(chart, label_of(chart, "Ultra"))
    assert all(strip.hidden == {"Ultra"} for strip in chart.strips)
    rest = sum(run.board.value("tokens_per_second", name) for name in ("Free", "Medium", "High", "Premium"))
    assert chart.strips[0]._curves.total == pytest.approx(rest)
    assert rest < whole
    assert "shown" in chart.accessibleDescription()
    assert "Ultra" not in chart.accessibleDescription()
    press(chart, label_of(chart, "Ultra", strip=3))
    assert chart.hidden == frozenset()
    press(chart, label_of(chart, "High", strip=2), SHIFT)
    assert chart.hidden == {"Free", "Medium", "Premium", "Ultra"}
    press(chart, label_of(chart, "High"))
    assert chart.hidden == frozenset(), "an empty chart is no choice"
    press(chart, label_of(chart, "Free"))
    press(chart, label_of(chart, "Free"), kind=QEvent.Type.MouseButtonDblClick)
    assert chart.hidden == {"Medium", "High", "Premium", "Ultra"}


def test_tiers_are_picked_by_keys(chart_of, run, qtbot):
    chart = chart_of(run)
    key = lambda key, modifiers=PLAIN: qtbot.keyClick(chart, key, modifiers)  # noqa: E731 - a name for this test
    key(Qt.Key.Key_Up)
    key(Qt.Key.Key_Down)
    key(Qt.Key.Key_Return)
    assert chart.hidden == {"Premium"}
    key(Qt.Key.Key_Return, SHIFT)
    assert chart.hidden == {"Free", "Medium", "High", "Ultra"}
    key(Qt.Key.Key_Escape)
    key(Qt.Key.Key_Escape)
    assert chart.hidden == frozenset()


# ---- tables and notes


def test_a_strip_turns_into_a_table_that_can_be_copied(chart_of, run, qtbot):
    chart = chart_of(run)
    press(chart, chart.strips[0].button.center())
    (table,) = chart.findChildren(StripTable)
    assert table.isVisible()
    assert table.accessibleName() == "Tokens per second by tier, as a table"
    model = table.model()
    heads = [model.headerData(place, Qt.Orientation.Horizontal) for place in range(model.columnCount())]
    assert heads == ["Time", *(f"{name} tok/s" for name in ("Free", "Medium", "High", "Premium", "Ultra", "Total"))]
    assert model.rowCount() == pytest.approx(120, abs=2), "the window, point by point"
    assert "tokens per second" in model.data(model.index(0, 1), Qt.ItemDataRole.AccessibleTextRole)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["seconds", "Free [tok/s]"]
    rows = np.array([[float(cell) for cell in line.split("\t")] for line in lines[1:]])
    assert rows[0, 0] == pytest.approx(run.board.end)
    assert (np.diff(rows[:, 0]) < 0).all()
    assert rows[:, 1:-1].sum(axis=1) == pytest.approx(rows[:, -1], rel=1e-4)
    _, y = run.board.curve("tokens_per_second", "Ultra", 60.0, 700, 3.0)
    assert rows[0, 5] == pytest.approx(y[-1], rel=1e-4)
    table.selectRow(3)
    assert len(table.text().splitlines()) == 2
    chart.pan(-0.25)
    assert model.value(0, 0) == pytest.approx(run.board.end), "what is selected is not pulled away"
    qtbot.keyClick(table, Qt.Key.Key_Escape)
    chart.refresh_all()
    assert model.value(0, 0) == pytest.approx(chart.stretch.end, abs=0.5)
    chart.toggle_tables()
    assert all(strip.tabled for strip in chart.strips)
    assert len(chart.findChildren(StripTable)) == len(FLOOR)
    chart.toggle_tables()
    assert not any(each.isVisible() for each in chart.findChildren(StripTable))


def test_a_table_of_watts_gives_percent_and_gaps_as_nothing(chart_of):
    books = told_until(20.0)
    chart = chart_of(books)
    chart.strips[1].hovered = True
    chart.toggle_tables()
    (table,) = chart.findChildren(StripTable)
    head, newest, *_, oldest = (line.split("\t") for line in table.text().splitlines())
    assert head == ["seconds", "busy [%]", "Power [W]"]
    assert 10.0 < float(newest[1]) < 100.0
    assert oldest[2] == ""


def test_a_note_is_written_where_notes_are_taken(chart_of, run, qtbot):
    chart = chart_of(run)
    chart.write_note()
    (line,) = chart.findChildren(QLineEdit)
    assert not line.isVisible()
    chart.takes_notes = True
    written = []
    chart.noted.connect(written.append)
    for text, last in (("  Fan at full speed ", Qt.Key.Key_Return), ("no", Qt.Key.Key_Escape), ("", Qt.Key.Key_Return)):
        chart.write_note()
        assert line.isVisible()
        qtbot.keyClicks(line, text)
        qtbot.keyClick(line, last)
        assert not line.isVisible()
    assert written == ["Fan at full speed"]


# ---- in the window


def test_keys_move_the_charts_of_a_living_window(factory, qtbot):
    window, heartbeat = factory
    until = lambda true: qtbot.waitUntil(true, timeout=PATIENCE_MS)  # noqa: E731 - a name for this test
    with qtbot.waitActive(window):
        window.activateWindow()
    window.runbar.toggle()
    until(lambda: heartbeat.books.board.end > 3.0)
    chart = heartbeat.charts.run
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    assert not window.footer.follow.isChecked()
    held = chart.stretch
    assert held.span < 60.0
    until(lambda: heartbeat.books.board.end > held.end + 1.0)
    assert chart.stretch == held
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert chart.following
    assert chart.stretch.end > held.end
    assert chart.stretch.span == held.span
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.keyClick(window, Qt.Key.Key_Left, SHIFT)
    assert not chart.following, "a frozen display can be looked around in"
    qtbot.keyClick(window, Qt.Key.Key_0)
    assert chart.following
    assert chart.stretch.span > held.span
    qtbot.keyClick(window, Qt.Key.Key_Space)
    qtbot.keyClick(window, Qt.Key.Key_T)
    tables = chart.findChildren(StripTable)
    assert all(table.isVisible() for table in tables)
    tables[0].setFocus()
    qtbot.keyClick(tables[0], Qt.Key.Key_T)
    assert not any(table.isVisible() for table in tables)
    qtbot.keyClick(window, Qt.Key.Key_N)
    (line,) = [each for each in chart.findChildren(QLineEdit) if each.isVisible()]
    qtbot.keyClicks(line, "0 F + note")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    until(lambda: any(event.text == "0 F + note" for event in heartbeat.books.board.events))
    until(lambda: any(event.text == "0 F + note" for event in chart.setting.events))


def test_scrubbing_a_recording_goes_where_it_is_asked_though_charts_were_held(application, qtbot, record):
    from desk.panel.heartbeat import Heartbeat
    from desk.panel.window import Window
    from desk.plant.replay import Replay

    clock = [0.0]
    window = Window("replay", Theme("dark"))
    qtbot.addWidget(window)
    heartbeat = Heartbeat(window, Replay(record(seconds=30.0, source="nvml-counter"), clock=lambda: clock[0]))
    window.show()
    chart = heartbeat.charts.run

    def beaten():
        for _ in range(40):
            heartbeat.beat()
        heartbeat.refresh()
        chart.refresh_all()

    with qtbot.waitActive(window):
        window.activateWindow()
    heartbeat.source.play()
    clock[0] = 25.0
    beaten()
    qtbot.keyClick(window, Qt.Key.Key_Plus)
    end = chart.stretch.end
    clock[0] = 28.0
    beaten()
    assert chart.stretch.end == end
    heartbeat.source.hold()
    window.runbar.player.seek.emit(12.0)
    beaten()
    assert chart.following
    assert chart.stretch.end == pytest.approx(12.0, abs=1.5)
    qtbot.keyClick(window, Qt.Key.Key_N)
    assert not any(each.isVisible() for each in chart.findChildren(QLineEdit)), "a recording is not written on"
    assert window.shown.wall == WALL
    window.close()
