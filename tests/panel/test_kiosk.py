"""The kiosk turns its pages and waits for whoever touches it; the window stands where it stood, and on its screen."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QLabel, QWidget

from desk.panel.kiosk import MAGNIFIED, TOUCHED_MS, TURN_MS, Kiosk
from desk.panel.look import look
from desk.panel.numbers import Numbers
from desk.panel.placing import SIZE, SMALLEST, keep_on_screen, place_of, stand
from desk.panel.theme import Theme
from desk.panel.views import VIEWS, Entry
from desk.panel.window import Window


@pytest.fixture
def window(application, qtbot, books):
    made = Window("live", Theme("dark"))
    qtbot.addWidget(made)
    made.show_all(look(books(seconds=10.0, source="nvml-counter", stopped=False), Numbers()))
    made.show()
    yield made
    if made.kiosk.active:
        made.kiosk.leave()


@pytest.fixture
def pages(window):
    """The kiosk of a window that has a second page to turn to, and one that is no page of it."""
    other = QWidget()
    window.pages.addWidget(other)
    entries = (*VIEWS[:1], Entry("second", "Second", "cpu", "m", kiosk=True), Entry("third", "Third", "cpu", "m"))

    def visit(name):
        window.visited = name
        window.pages.setCurrentWidget(window.floor if name == "floor" else other)

    window.visit = visit
    window.kiosk = Kiosk(window, entries)
    return window.kiosk


def test_it_hides_what_is_for_hands_and_gives_it_back(window):
    card, height = window.floor.cards[0], window.floor.cards[0].height()
    window.kiosk.toggle()
    assert window.isFullScreen()
    assert not window.rail.isVisible()
    assert not window.runbar.isVisible()
    assert window.status.isVisible()
    assert card.height() == round(height * MAGNIFIED)
    window.kiosk.toggle()
    assert not window.isFullScreen()
    assert window.rail.isVisible()
    assert window.runbar.isVisible()
    assert card.height() == height


def test_escape_leaves_after_it_has_closed_what_was_open(window, qtbot):
    window.kiosk.enter()
    window.floor.open_device()
    qtbot.keyClick(window.floor.drawer, Qt.Key.Key_Escape)
    assert window.floor.drawer.isHidden()
    assert window.kiosk.active
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.kiosk.active


def sliding(window):
    """The page that slides away."""
    return window.pages.findChildren(QLabel, options=Qt.FindChildOption.FindDirectChildrenOnly)


def test_pages_turn_and_slide_away_unless_nothing_should_move(window, pages, qtbot):
    pages.enter()
    assert pages.timer.interval() == TURN_MS
    pages.timer.timeout.emit()
    assert window.visited == "second"
    assert sliding(window)
    qtbot.waitUntil(lambda: not sliding(window), timeout=10_000)
    window.theme.choose(reduced_motion=True)
    pages.timer.timeout.emit()
    assert window.visited == "floor"
    assert not sliding(window)


def test_a_touch_holds_the_page(window, pages, qtbot):
    def move():
        qtbot.mouseMove(window, QPoint(300, 300))
        qtbot.mouseMove(window, QPoint(310, 300))

    pages.enter()
    for touch in (
        move,
        lambda: qtbot.keyClick(window, Qt.Key.Key_A),
        lambda: qtbot.mouseClick(window.floor.table, Qt.MouseButton.RightButton),
    ):
        window.visit("floor")
        pages.timer.start(TURN_MS)
        touch()
        assert pages.timer.interval() == TOUCHED_MS
        pages.timer.timeout.emit()
        assert (window.visited, pages.timer.interval()) == ("second", TURN_MS)


# ---- where the window stands


class Screen:
    def __init__(self, width, height):
        self._room = QRect(0, 0, width, height)

    def availableGeometry(self):
        return self._room


@pytest.mark.parametrize("room", [(1440, 900), (1440, 860), (1280, 800)])
def test_on_a_small_screen_the_whole_window_with_its_frame_is_seen(application, qtbot, monkeypatch, room):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    monkeypatch.setattr(window, "screen", lambda: Screen(*room))
    stand(window)
    assert window.width() <= room[0]
    assert window.height() < room[1]
    frame = QRect(0, 0, window.width() + 8, window.height() + 60)
    monkeypatch.setattr(window, "frameGeometry", lambda: QRect(30, 30, window.width() + 8, window.height() + 60))
    assert not QRect(0, 0, *room).contains(frame.translated(30, 30))
    keep_on_screen(window)
    assert window.width() + 8 <= room[0]
    assert window.height() + 60 <= room[1]


def test_a_large_screen_gets_the_usual_window_and_a_tiny_one_the_smallest(application, qtbot, monkeypatch):
    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    for room, size in (((2560, 1440), SIZE), ((800, 600), SMALLEST)):
        monkeypatch.setattr(window, "screen", lambda room=room: Screen(*room))
        stand(window)
        assert (window.width(), window.height()) == size


def test_look_and_place_are_remembered(application, qtbot):
    from desk.panel.app import _remember_look
    from desk.plant.settings import load

    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    window.theme.changed.connect(lambda: _remember_look(window.theme))
    window.theme.choose("light", high_contrast=True, text_size=120)
    window.theme.choose(text_size=100, reduced_motion=True)
    settings, trouble = load()
    assert trouble is None
    assert (settings.theme, settings.high_contrast, settings.text_size) == ("light", True, 100)
    assert settings.reduced_motion
    window.resize(1200, 720)
    assert place_of(window)[2:] == (1200, 720)


def test_numbers_on_the_screen_follow_the_locale(application, qtbot, books):
    from PySide6.QtCore import QLocale

    german = Numbers(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    window = Window("live", Theme("dark"), numbers=german)
    qtbot.addWidget(window)
    window.show_all(look(books(seconds=20.0, source="nvml-counter", stopped=False), german))
    assert "," in window.floor.cards[2].text
    assert "." not in window.floor.cards[2].text
