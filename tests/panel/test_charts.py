"""Charts: scales hold still, labels keep their order and distance, gaps stay gaps, and every tick is cheap."""

import statistics
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from desk.facts.figures import FIGURES
from desk.facts.palette import DARK
from desk.facts.tiers import TIER_NAMES
from desk.panel.charts import lines
from desk.panel.charts.heading import shortened
from desk.panel.charts.scale import HOLD_S, LABEL_GAP, Scale, spread
from desk.panel.charts.specs import traces_of
from desk.panel.charts.strip import LEFT, RIGHT
from desk.panel.numbers import ENGLISH, Numbers
from desk.panel.strips import FLOOR, Event, Reference, Setting, StripChart, fitting_span
from desk.panel.theme import Theme, prepare

RATES = dict(zip(TIER_NAMES, (280.0, 297.0, 304.0, 165.0, 174.0), strict=True))
PRICES = dict(zip(TIER_NAMES, (0.0, 0.2, 0.6, 2.0, 6.0), strict=True))


class ScriptedBoard:
    """A board of constant figures; `gap` seconds before the end are missing, and `without` figures are."""

    def __init__(self, end=600.0, gap=None, without=()):
        self.end, self.gap, self.without = end, gap, without
        self.level = 1.0

    def _figure(self, figure, tier):
        if figure in self.without:
            return None
        rates = RATES if tier is None else {tier: RATES[tier]}
        return (
            self.level
            * {
                "tokens_per_second": sum(rates.values()),
                "watts": 312.0,
                "utilization": 0.97,
                "tokens_per_joule": sum(rates.values()) / 312.0,
                "revenue_per_hour": sum(rate * PRICES[name] * 3600 / 1e6 for name, rate in rates.items()),
            }[figure]
        )

    @property
    def begin(self):
        return 0.0

    def curve(self, figure, tier, span_s, points, smooth_s, back_s=0.0):
        x = np.linspace(-span_s, 0.0, points)
        value = self._figure(figure, tier)
        y = np.full(points, np.nan if value is None else value)
        y[self.end - back_s + x < 0] = np.nan
        if self.gap:
            y[(x - back_s > -self.gap[0]) & (x - back_s < -self.gap[1])] = np.nan
        return x, y

    def value(self, figure, tier=None, window_s=10.0, back_s=0.0):
        return self._figure(figure, tier)


def setting(board, **fields):
    fields.setdefault("tiers", TIER_NAMES)
    fields.setdefault("events", (Event(board.end - 60, "Long prompts"), Event(board.end - 18, "Free late", late=True)))
    fields.setdefault("references", {"watts": (Reference(350.0, "limit", solid=True), Reference(38.0, "idle base"))})
    return Setting(**fields)


@pytest.fixture
def chart_of(qtbot, qapp):
    prepare(qapp)

    def make(board, size=(848, 600), scheme="dark", **fields):
        chart = StripChart(Theme(scheme), Numbers(ENGLISH))
        qtbot.addWidget(chart)
        chart.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        chart.resize(*size)
        chart.follow(board)
        chart.show_setting(setting(board, **fields))
        chart.show()
        qapp.processEvents()
        chart.refresh_all()
        return chart

    return make


def picture(chart, scale=1):
    image = QImage(chart.width() * scale, chart.height() * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    QWidget.render(chart, image, QPoint(0, 0))
    return image


def pixels(image):
    return np.array(image.constBits(), dtype=np.uint8).reshape(image.height(), image.width(), 4)[:, :, 2::-1]


def colours(image):
    packed = np.unique(np.array(image.constBits(), dtype=np.uint8).view(np.uint32))
    return {((p >> 16) & 255, (p >> 8) & 255, p & 255) for p in packed.tolist()}


def hover(chart, at):
    no = Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, at, chart.mapToGlobal(at), no, no, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(chart.viewport(), move)


def rgb(text):
    return tuple(int(text[place : place + 2], 16) for place in (1, 3, 5))


# ---- scales and labels


@given(st.floats(1e-4, 1e7), st.integers(2, 4))
def test_a_scale_holds_its_data_and_few_ticks(peak, wanted):
    scale = Scale(wanted)
    scale.fit(peak, 0.0)
    assert peak < scale.top < 2 * peak + scale.step
    assert 2 <= len(scale.ticks()) <= wanted + 2


def test_a_scale_grows_at_once_and_shrinks_after_a_while():
    scale = Scale(3)
    assert scale.fit(1200.0, 0.0)
    tall = scale.top
    assert not scale.fit(1190.0, 0.5), "the same range"
    assert not scale.fit(300.0, 1.0)
    assert not scale.fit(300.0, HOLD_S)
    assert scale.top == tall
    assert scale.fit(300.0, 1.0 + HOLD_S)
    assert scale.top < tall
    assert scale.fit(2000.0, 1.5 + HOLD_S)


def test_a_return_to_the_old_range_starts_the_wait_anew():
    scale = Scale(3)
    scale.fit(1200.0, 0.0)
    scale.fit(300.0, 1.0)
    scale.fit(1200.0, 4.0)
    assert not scale.fit(300.0, 1.5 + HOLD_S)


def test_a_scale_without_data_labels_zero_alone():
    scale = Scale(3)
    scale.fit(0.0, 0.0)
    assert scale.ticks() == [0.0]
    assert scale.fit(0.2, 0.5)
    assert len(scale.ticks()) > 1


@given(st.lists(st.floats(0, 200), max_size=8))
def test_labels_keep_order_distance_and_bounds(anchors):
    anchors.sort()
    places = spread(anchors, 0.0, 200.0)
    assert all(b - a >= LABEL_GAP - 1e-6 for a, b in pairwise(places))
    assert all(-1e-6 <= place <= 200 + 1e-6 for place in places)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True))
def test_labels_with_room_stay_at_their_curves(slots):
    anchors = [20.0 * slot for slot in sorted(slots)]
    assert spread(anchors, 0.0, 200.0) == pytest.approx(anchors)


def test_labels_without_room_close_up_evenly():
    assert spread([5.0] * 5, 0.0, 40.0) == pytest.approx([0, 10, 20, 30, 40])


# ---- lines


@given(st.lists(st.one_of(st.just(float("nan")), st.floats(0, 10)), max_size=40))
def test_runs_cover_every_sample_once_and_no_gap(samples):
    y = np.array(samples, dtype=float)
    found = lines.runs(y)
    covered = [place for run in found for place in range(run.start, run.stop)]
    assert covered == np.flatnonzero(np.isfinite(y)).tolist()
    assert all(before.stop < after.start for before, after in pairwise(found))


def test_a_lone_sample_can_be_seen():
    y = np.array([np.nan, 3.0, np.nan])
    (line,) = lines.polylines(np.arange(3.0), y)
    assert line.at(0).x() < line.at(1).x()


def test_dashes_move_along_with_the_data():
    x, y = np.array([0.0, 20.0, 40.0]), np.ones(3)
    columns, now = lines.dashed(x, y, phase=0)
    _, later = lines.dashed(x, y, phase=1)
    assert len(columns) == 41, "one point a pixel, however few the data"
    assert np.array_equal(np.isnan(now[1:]), np.isnan(later[:-1]))
    assert 0.3 < np.isnan(now).mean() < 0.5


def test_a_gap_is_not_bridged_by_dashes():
    _, held = lines.dashed(np.array([0.0, 10.0, 20.0, 30.0]), np.array([1.0, np.nan, np.nan, 1.0]))
    assert np.isnan(held[1:30]).all()


@pytest.mark.parametrize("width", [1.0, 1.5, 2.25, 3.0, 4.5, 9.0])
def test_passes_leave_no_seam_and_reach_the_width(width):
    down = sorted(dy for dx, dy in lines.passes(width) if dx == 0)
    assert down[-1] - down[0] + 1 == pytest.approx(width)
    assert all(b - a <= 0.75 for a, b in pairwise(down))


@pytest.mark.parametrize("way", ["level", "steep"])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_line_has_its_weight_at_every_scale(qapp, scale, way):
    image = QImage(20 * scale, 20 * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(0)
    along, across = np.linspace(-5, 25, 30), np.full(30, 10.3)
    line = lines.polylines(*((along, across) if way == "level" else (across, along)))
    painter = QPainter(image)
    lines.stroke(painter, line, QColor("white"), 2.25, scale)
    painter.end()
    cut = pixels(image)[:, 10 * scale, 0] if way == "level" else pixels(image)[10 * scale, :, 0]
    assert cut.sum() / 255 / scale == pytest.approx(2.25, abs=0.3)


# ---- the chart


def test_every_strip_shows_a_figure_of_the_one_table():
    for spec in FLOOR:
        for trace in traces_of(spec, TIER_NAMES):
            figure = FIGURES[trace.figure]
            assert figure.tiers if trace.tier else figure.total
        assert FIGURES[spec.figure].unit == spec.unit


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_a_picture_has_every_tier_in_its_colour(chart_of, scheme, scale):
    chart = chart_of(ScriptedBoard(), scheme=scheme)
    seen = colours(picture(chart, scale))
    palette = Theme(scheme).palette
    for tier in TIER_NAMES:
        assert rgb(palette.tier(tier)) in seen
        assert rgb(palette.fill(tier)) in seen


def test_a_gap_stays_a_gap(chart_of):
    chart = chart_of(ScriptedBoard(gap=(200.0, 100.0)), events=())
    plot = chart.strips[0].plot
    image = pixels(picture(chart))
    middle, row = round(plot.center().x()), round(plot.bottom()) - 8
    assert tuple(image[row, middle]) == rgb(DARK.panel)
    assert tuple(image[row, round(plot.right()) - 20]) == rgb(DARK.fill("Free"))


def test_a_strip_without_data_says_why(chart_of):
    reasons = {"watts": "no counter is readable"}
    without = chart_of(ScriptedBoard(without=("watts", "tokens_per_joule")), reasons=reasons, references={})
    plain = chart_of(ScriptedBoard(without=("watts", "tokens_per_joule")), reasons={"watts": " "}, references={})
    plot = without.strips[1].plot.toRect()
    told, silent = (pixels(picture(chart))[plot.top() : plot.bottom()] for chart in (without, plain))
    assert not np.array_equal(told, silent)
    assert "now unavailable" in without.accessibleDescription()
    assert "Whole unavailable" in without.accessibleDescription()


def test_the_chart_speaks_its_figures_with_units(chart_of):
    chart = chart_of(ScriptedBoard())
    assert "Tokens per second by tier" in chart.accessibleName()
    said = chart.accessibleDescription()
    assert "total 1,220 tokens per second" in said
    assert "now 312 watts" in said
    assert "Whole 3.91 tokens per joule" in said
    assert "Ultra 3.76 dollars per hour" in said


@pytest.mark.parametrize("strip", range(len(FLOOR)))
def test_every_strip_carries_the_mode(chart_of, strip):
    live, replay = (chart_of(ScriptedBoard(), mode=mode) for mode in ("LIVE", "REPLAY 23 Nov 2026"))
    place = live.strips[strip].rect.toRect()
    head = slice(place.top() + 12, place.top() + 30)
    beside = slice(LEFT + 400, live.width() - RIGHT)
    assert not np.array_equal(pixels(picture(live))[head, beside], pixels(picture(replay))[head, beside])


def test_an_estimate_is_dashed_in_every_picture(chart_of):
    solid = chart_of(ScriptedBoard(), references={}, events=())
    broken = chart_of(ScriptedBoard(), references={}, events=(), estimated=frozenset({"watts"}))
    plot = solid.strips[1].plot.toRect().adjusted(0, 2, -8, 0)
    lit = []
    for chart in (solid, broken):
        area = pixels(picture(chart))[plot.top() : plot.bottom(), plot.left() : plot.right()].max(axis=2)
        lit.append(int((area.max(axis=0) > 190).sum()))
    assert 0.4 * lit[0] < lit[1] < 0.8 * lit[0]


def test_a_lane_that_has_made_nothing_yet_is_a_gap_in_the_stack(chart_of):
    class Late(ScriptedBoard):
        def curve(self, figure, tier, *rest, **more):
            return (np.empty(0), np.empty(0)) if tier == "Ultra" else super().curve(figure, tier, *rest, **more)

        def value(self, figure, tier=None, window_s=10.0, **_):
            return None if tier == "Ultra" else super().value(figure, tier)

    chart = chart_of(Late())
    assert "Ultra unavailable" in chart.accessibleDescription()
    assert rgb(DARK.fill("Premium")) in colours(picture(chart))
    assert rgb(DARK.fill("Ultra")) not in colours(picture(chart))


def test_an_empty_board_is_drawn_without_a_number(chart_of):
    class Empty(ScriptedBoard):
        def curve(self, *_, **__):
            return np.empty(0), np.empty(0)

        def value(self, *_, **__):
            return None

    chart = chart_of(Empty(end=0.0), events=(), references={})
    assert picture(chart).width() == chart.width()
    assert "total unavailable" in chart.accessibleDescription()


def test_one_strip_a_tick_and_none_when_nothing_is_new(chart_of):
    board = ScriptedBoard()
    chart = chart_of(board)
    assert not chart.refresh_next()
    board.end += 0.5
    assert [chart.refresh_next() for _ in range(len(FLOOR) + 1)] == [True] * len(FLOOR) + [False]
    chart.show_setting(setting(board, window_s=60.0))
    assert chart.refresh_next()


def test_another_board_is_scaled_anew(chart_of):
    chart = chart_of(ScriptedBoard())
    small = ScriptedBoard(end=601.0)
    small.level = 0.01
    chart.follow(small)
    chart.refresh_all()
    plot = chart.strips[0].plot
    top = pixels(picture(chart))[round(plot.top()) : round(plot.center().y()), round(plot.right()) - 20]
    assert rgb(DARK.fill("Ultra")) in {tuple(colour) for colour in top.tolist()}, "the stack fills the strip again"


def test_the_cursor_reads_all_strips_at_once(chart_of):
    chart = chart_of(ScriptedBoard())
    before = pixels(picture(chart))
    plot = chart.strips[2].plot
    hover(chart, plot.center())
    assert [strip.reading for strip in chart.strips] == [pytest.approx(-150.0, abs=1.0)] * len(FLOOR)
    column = pixels(picture(chart))[:, round(plot.center().x())]
    changed = (column != before[:, round(plot.center().x())]).any(axis=1)
    assert changed.mean() > 0.5
    hover(chart, QPointF(8, 8))
    assert chart.strips[0].reading is None


def test_the_cursor_moves_by_keys(chart_of, qtbot):
    chart = chart_of(ScriptedBoard())
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    qtbot.keyClick(chart, Qt.Key.Key_Left)
    assert chart.strips[0].reading == pytest.approx(-6.0)
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert chart.strips[0].reading == pytest.approx(-3.0)
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert chart.strips[0].reading is None


def test_a_change_of_theme_repaints(chart_of):
    chart = chart_of(ScriptedBoard())
    chart._theme.choose("light")
    seen = colours(picture(chart))
    assert rgb(DARK.panel) not in seen
    assert rgb("#FFFFFF") in seen


def test_the_same_data_gives_the_same_picture(chart_of):
    first, second = (picture(chart_of(ScriptedBoard()), 2) for _ in range(2))
    assert np.array_equal(pixels(first), pixels(second))


def test_a_tick_and_a_full_repaint_are_cheap(chart_of, qapp):
    """CPU time, twice the budget of 8 ms a slice and 12 ms a full repaint, because neighbours share the machine."""
    board = ScriptedBoard()
    chart = chart_of(board)
    slices, repaints = [], []
    for _ in range(5):
        board.end += 0.5
        board.level *= 1.001
        for _ in FLOOR:
            started = time.process_time()
            chart.refresh_next()
            qapp.processEvents()
            slices.append(time.process_time() - started)
        image = picture(chart)
        started = time.process_time()
        chart.refresh_all()
        QWidget.render(chart, image, QPoint(0, 0))
        repaints.append(time.process_time() - started)
    assert statistics.median(slices) < 0.016
    assert statistics.median(repaints) < 0.024


# ---- labels that can be read


def test_a_note_keeps_what_a_point_is_as_long_as_there_is_room():
    note, mean = "gestapelt, zum Listenpreis, {smooth}; fett: das Ganze", "3 s Mittel"
    told = [shortened(note, mean, room, len) for room in (60, 48, 30, 21, 10, 9)]
    assert told == [
        "gestapelt, zum Listenpreis, 3 s Mittel; fett: das Ganze",
        "gestapelt, zum Listenpreis, 3 s Mittel",
        "gestapelt, 3 s Mittel",
        "gestapelt, 3 s Mittel",
        "3 s Mittel",
        "",
    ]


def test_an_empty_strip_has_one_plain_tick():
    scale = Scale(3)
    scale.fit(0.0, 0.0)
    assert Numbers(ENGLISH).ticks(scale.step)(scale.ticks()[0]) == "0"


def said(chart, strip):
    return {label.name: label.value for label in chart.strips[strip]._labels()}


def test_the_labels_of_a_strip_share_their_decimals(chart_of):
    board = ScriptedBoard()
    board.level = 0.05
    labels = said(chart_of(board), 3)
    assert labels == {"Ultra": "0.19", "Premium": "0.06", "High": "0.03", "Medium": "0.01", "Free": "0.00"}


def test_decimals_hold_still_near_a_bound(chart_of):
    board = ScriptedBoard()
    board.level = 99.0 / 1220.0
    chart = chart_of(board)
    assert said(chart, 0)["Ultra"] == "14.1"
    board.level, board.end = 101.0 / 1220.0, board.end + 0.5
    chart.refresh_all()
    assert said(chart, 0)["Ultra"] == "14.4"
    board.level, board.end = 200.0 / 1220.0, board.end + 0.5
    chart.refresh_all()
    assert said(chart, 0)["Ultra"] == "29"


def test_an_empty_strip_has_one_dash(chart_of):
    chart = chart_of(ScriptedBoard(without=("watts", "utilization", "tokens_per_joule")), references={})
    assert said(chart, 1) == {"now": "–"}
    assert said(chart, 2) == {"Whole": "–"}


def test_the_reason_of_an_empty_strip_has_its_own_ground(chart_of):
    board = ScriptedBoard(without=("watts", "utilization"))
    events = tuple(Event(board.end - 150 + shift, "") for shift in (-20, -10, 0, 10, 20))
    chart = chart_of(board, events=events, references={})
    middle = chart.strips[1].plot.center().toPoint()
    words = pixels(picture(chart))[middle.y() - 6 : middle.y() + 6, middle.x() - 30 : middle.x() + 30]
    assert rgb(DARK.band) not in {tuple(colour) for colour in words.reshape(-1, 3).tolist()}


@pytest.mark.parametrize("width", [416, 848])
@pytest.mark.parametrize("span", [30.0, 47.0, 60.0, 78.0, 120.0, 300.0, 900.0, 3600.0])
def test_the_labels_of_the_time_axis_keep_apart(chart_of, width, span):
    chart = chart_of(ScriptedBoard(end=5000.0), size=(width, 600), window_s=span, events=())
    axis = pixels(picture(chart))[:, LEFT - 40 : width - RIGHT + 2]
    ticks = (axis[-21] == np.array(rgb(DARK.mut))).all(axis=1).sum()
    inked = np.flatnonzero((axis[-17:-4] != np.array(rgb(DARK.panel))).any(axis=(0, 2)))
    labels = 1 + (np.diff(inked) >= 8).sum()
    assert labels == ticks >= 2


def test_two_marks_side_by_side_are_one_hairline(chart_of):
    board = ScriptedBoard()
    lines = []
    for events in ((Event(board.end, "a"),), (Event(board.end, "a"), Event(board.end - 0.3, "b"))):
        chart = chart_of(board, events=events)
        plot = chart.strips[0].plot.toRect()
        row = pixels(picture(chart))[plot.top() + 1, plot.right() - 8 : plot.right() + 6]
        lines.append(int((row == np.array(rgb(DARK.band))).all(axis=1).sum()))
    assert lines == [1, 1]


@given(st.floats(0.0, 7200.0), st.sampled_from([60.0, 120.0, 300.0, 900.0, 3600.0]))
def test_a_young_run_fills_most_of_its_plot(elapsed, window):
    span = fitting_span(window, elapsed)
    assert min(30.0, window) <= span <= window
    if 30.0 <= elapsed <= window:
        assert elapsed / span >= 0.5
