"""Nothing is cut at any window size and text size: what is painted is read as it is drawn, and measured."""

from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget
from scripted import tiers

from desk.facts.tiers import Budget
from desk.panel.capture import picture_of
from desk.panel.look import look, setting_of
from desk.panel.numbers import Numbers
from desk.panel.placing import SMALLEST
from desk.panel.shown import Job, Shown, Spent
from desk.panel.strips import FLOOR, StripChart
from desk.panel.theme import Theme
from desk.panel.tiers.edits import Edits
from desk.panel.views import Desk, opened
from desk.panel.window import Window
from desk.plant.plant import Plant
from desk.scenario import names, scenario

SIZES = (SMALLEST, (1280, 800), (1440, 900), (1920, 1080))
TEXTS = (90, 100, 150, 200)
ROOMS = (
    *((100, size) for size in SIZES),
    *((text, size) for text in (90, 200) for size in (SMALLEST, (1920, 1080))),
    *((150, size) for size in (SMALLEST, (1440, 900))),
)
"""Every text size in the least window, and between those that leave rooms of all proportions."""
MEANT = ("Limits…", "Declare watts…")
"""Words whose dots are their own."""


@pytest.fixture
def floor_at(application, qtbot):
    """A window that shows a moment, with its charts; the text size is what it was when the test is over."""
    theme = Theme("dark")

    def made(shown, books=None):
        window = Window("live", theme)
        qtbot.addWidget(window)
        charts = [StripChart(theme, window.numbers, specs) for specs in (FLOOR, FLOOR[1:2])]
        window.floor.furnish(*charts)
        if books is not None:
            for chart in charts:
                chart.follow(books.board)
                chart.show_setting(setting_of(books, shown, 60.0, 3.0))
        window.show_all(shown)
        window.show()
        return window

    yield made
    theme.choose(text_size=100)


@pytest.fixture
def drawn(monkeypatch):
    """All words that a widget paints itself: (widget, text, box in the widget's own pixels)."""
    told = []
    draw = QPainter.drawText

    def spy(painter, *where):
        told.extend(said(painter, *where))
        return draw(painter, *where)

    monkeypatch.setattr(QPainter, "drawText", spy)
    return told


def said(painter, *where):
    text = where[-1]
    if not text or not isinstance(painter.device(), QWidget | QPixmap):
        return
    metrics = QFontMetricsF(painter.font())
    wide, high = metrics.horizontalAdvance(text), metrics.capHeight()
    if isinstance(where[0], QPointF):
        box = QRectF(where[0].x(), where[0].y() - high, wide, high)
    else:
        room, flags = QRectF(where[0]), Qt.AlignmentFlag(where[1])
        left = room.left()
        if flags & Qt.AlignmentFlag.AlignRight:
            left = room.right() - wide
        elif flags & Qt.AlignmentFlag.AlignHCenter:
            left = room.center().x() - wide / 2
        box = QRectF(left, room.center().y() - high / 2, wide, high)
        assert wide <= room.width() + 1, f"{text!r} needs {wide:.0f} of {room.width():.0f}"
    yield painter.device(), text, painter.worldTransform().mapRect(box)


def check(window, told):
    """Words are whole, inside what paints them, and apart from each other; parts are inside what holds them."""
    told.clear()
    picture_of(window, 1.0)
    charts = window.findChildren(StripChart)
    screens = {id(chart.viewport()) for chart in charts}
    mine = [each for each in told if isinstance(each[0], QWidget) and id(each[0]) not in screens]
    assert len(mine) > 15
    for widget, text, box in mine:
        assert "…" not in text or text in MEANT, (type(widget).__name__, text)
        assert QRectF(widget.rect()).adjusted(-1, -1, 1, 1).contains(box), (type(widget).__name__, text, box)
    for (one, text, box), (other, beside, further) in combinations(mine, 2):
        apart = one is not other or not box.adjusted(1, 1, -1, -1).intersects(further)
        assert apart, (type(one).__name__, text, beside)
    check_chart(next(chart for chart in charts if chart.isVisible()), told)
    page = window.floor._scroll.widget()
    assert page.width() <= window.floor._scroll.viewport().width()
    for part in page.findChildren(QLabel) + page.findChildren(QAbstractButton):
        if part.isVisible():
            inside(part, page)


def check_chart(chart, told):
    """The same of a chart, whose words stand on its ground or are painted over it; all in pixels of the design."""
    told.clear()
    chart._ground = None  # what is painted once for a size is painted again, to be read
    picture_of(chart.viewport(), 1.0)
    by = chart.viewport().width() / chart._design.width()
    words = [(text, box) for device, text, box in told if isinstance(device, QPixmap)]
    words += [
        (text, QRectF(box.topLeft() / by, box.size() / by)) for device, text, box in told if device is chart.viewport()
    ]
    assert len(words) > 5
    for text, box in words:
        assert "…" not in text, text
        assert chart._design.adjusted(-1, -1, 1, 1).contains(box), (text, box, chart._design)
    for (text, box), (beside, further) in combinations(words, 2):
        assert not box.adjusted(1, 1, -1, -1).intersects(further), (text, box, beside, further)


def inside(part, page):
    words = part.text() or part.accessibleName()
    room, needs = part.size(), part.sizeHint()
    if isinstance(part, QLabel) and part.wordWrap():
        assert part.heightForWidth(room.width()) <= room.height() + 1, words
    else:
        assert needs.width() <= room.width() + 1, (words, needs.width(), room.width())
    while part is not page:
        box, holder = part.geometry(), part.parentWidget()
        assert holder.rect().adjusted(-1, -1, 1, 1).contains(box), (words, type(part).__name__, box, holder.rect())
        part = holder


@pytest.mark.parametrize("what", ["first start", "a run without watts", "a run on two GPUs", "slots"])
def test_nothing_is_cut(floor_at, drawn, books, application, what):
    if what == "first start":
        folded, shown = None, Shown()
    else:
        folded = books(seconds=20.0, source="none" if "without" in what else "two-gpus", stopped=False)
        shown = look(folded, Numbers())
    window = floor_at(shown, folded)
    if what == "slots":
        window.floor.turn_lower("slots")
    for text, size in ROOMS:
        window.theme.choose(text_size=text)
        window.resize(*size)
        application.processEvents()
        application.processEvents()
        try:
            check(window, drawn)
        except AssertionError as error:
            raise AssertionError(f"{what} at {size}, text {text} %: {error}") from error


def test_the_columns_follow_the_room(floor_at, books, application):
    folded = books(seconds=20.0, source="nvml-counter", stopped=False)
    window = floor_at(look(folded, Numbers()), folded)
    floor = window.floor

    def at(size, text=100):
        window.theme.choose(text_size=text)
        window.resize(*size)
        application.processEvents()
        cards = [card for card in floor.cards if card.isVisible()]
        tops = sorted({card.y() for card in cards})
        beside = floor.table.mapTo(floor, QPoint(0, 0)).x() > floor.cards[1].x()
        return len(cards), len(tops), beside, floor.slots.isVisible()

    assert at((1920, 1080)) == (6, 1, True, True)
    assert at((1440, 900)) == (5, 1, True, False)
    assert at((1280, 800)) == (5, 1, True, False)
    assert at(SMALLEST) == (6, 2, False, False)
    assert at((1440, 900), text=150) == (6, 2, False, False)
    assert at((1920, 1080), text=200) == (6, 2, False, False)


def test_the_page_of_the_usual_window_needs_no_scrolling(floor_at, books, application):
    folded = books(seconds=20.0, source="nvml-counter", stopped=False)
    window = floor_at(look(folded, Numbers()), folded)
    for size in ((1440, 860), (1440, 900), (1920, 1080)):
        window.resize(*size)
        application.processEvents()
        assert window.floor._scroll.verticalScrollBar().maximum() == 0, size


def test_rail_footer_and_the_head_of_the_tiers_give_way_before_a_word_is_cut(floor_at, books, application):
    folded = books(seconds=20.0, source="nvml-counter", stopped=False)
    window = floor_at(look(folded, Numbers()), folded)
    plant = Plant(tiers())
    edits = Edits(plant)
    edits.see({tier.name: tier for tier in tiers()}, running=True)
    desk = Desk(window, folded, plant, lambda order: order(), edits, [])
    window.open_views_with(lambda entry: opened(entry, desk))
    window.visit("tiers")
    doors, lowered = list(window.rail.doors.values()), set()
    for text in TEXTS:
        window.theme.choose(text_size=text)
        for size in SIZES:
            window.resize(*size)
            for _ in range(3):
                application.processEvents()
            for button in window.view.findChildren(QAbstractButton):
                if button.isVisible():
                    inside(button, window.view)
            for one, other in pairwise(doors):
                assert one.geometry().bottom() < other.geometry().top(), (size, text)
            totals = window.footer._totals
            assert totals.sizeHint().width() <= totals.width(), (size, text)
            assert totals.geometry().left() > window.footer.follow.geometry().right(), (size, text)
            window.footer.show_totals(Shown())
            application.processEvents()
            assert window.footer.span.width() >= window.footer.span.sizeHint().width(), (size, text)
            if window.view.undo.mapTo(window.view, QPoint(0, 0)).y() > window.view.presets.y():
                lowered.add((size, text))
    assert ((1440, 900), 100) not in lowered
    assert (SMALLEST, 200) in lowered


RUNNING = Shown(
    state="running",
    users=20,
    load=1.5,
    warming=True,
    budget=Budget(joules=720_000.0),
    spent=(Spent("152 of 200 Wh", 0.76),),
    calibration_s=42.0,
    job=Job("Loading Ultra", 0.4),
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("mode", ["live", "replay"])
def test_the_run_bar_drops_what_has_no_room_and_never_moves_stop(application, qtbot, mode, text):
    window = Window(mode, Theme("dark"), SMALLEST)
    qtbot.addWidget(window)
    bar = window.runbar
    if mode == "live":
        bar.show_scenarios({name: scenario(name) for name in names()}, "steady")
    window.show()
    try:
        window.theme.choose(text_size=text)
        for size in SIZES:
            window.resize(*size)
            for shown in (replace(RUNNING, mode=mode), replace(RUNNING, mode=mode, job=None), Shown(mode=mode)):
                window.show_all(shown)
                application.processEvents()
                application.processEvents()
                parts = [part for part in bar.findChildren(QWidget) if part.parent() is bar and part.isVisible()]
                told = f"{mode} at {size}, text {text} %, {shown.state}"
                assert bar.halt.geometry().right() == bar.rect().right() or not bar.halt.isVisible(), told
                assert bar.halt.isVisible() or mode == "replay", told
                for part in parts:
                    assert part.width() >= part.minimumSizeHint().width(), (told, type(part).__name__)
                for one, other in combinations(parts, 2):
                    assert not one.geometry().intersects(other.geometry()), (told, type(one).__name__)
    finally:
        window.theme.choose(text_size=100)
