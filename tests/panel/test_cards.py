"""Cards and bars say what they show, in paint and in words."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QPushButton

from desk.facts.palette import DARK
from desk.panel.bars import Badge, PointerBar, Toggle, paint_fill, paint_provenance, paint_swatch, paint_warning
from desk.panel.cards import Card, ValueCard
from desk.panel.icons import application_icon, icon
from desk.panel.machinecard import MachineCard
from desk.panel.numbers import Numbers
from desk.panel.shown import EMPTY, Pointer, Provenance, Value
from desk.panel.theme import Theme, prepare


@pytest.fixture
def theme(qapp):
    prepare(qapp)
    return Theme("dark")


def pixels(image):
    return np.array(image.constBits(), dtype=np.uint8).reshape(image.height(), image.width(), 4)[:, :, 2::-1]


def picture(widget, scale=1):
    image = QImage(widget.width() * scale, widget.height() * scale, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(0)
    widget.render(image, QPoint(0, 0))
    return pixels(image)


def canvas(paint, size=(120, 30)):
    image = QImage(*size, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    paint(painter)
    painter.end()
    return pixels(image)


def has(image, colour):
    return (image == np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])).all(axis=2).any()


def watts(**fields):
    fields = {"key": "watts", "title": "Board power", "unit": "W", "value": 312.0, "provenance": "measured"} | fields
    return Value(**fields)


@pytest.fixture
def card(qtbot, theme):
    made = ValueCard(theme, Numbers())
    qtbot.addWidget(made)
    made.resize(264, 120)
    return made


def test_a_card_speaks_name_value_unit_and_provenance(card):
    card.show_value(watts(note="NVML counter, 10 s"))
    assert card.text == "312"
    assert card.accessibleName() == "Board power 312 watts, measured"
    assert card.accessibleDescription() == "NVML counter, 10 s"


def test_a_missing_value_is_a_dash_with_its_reason(card):
    card.show_value(watts(value=None, provenance="unavailable", note="no counter is readable"))
    assert card.text == "–"
    assert card.accessibleName() == "Board power unavailable, unavailable"
    assert card.accessibleDescription() == "no counter is readable"


def test_offers_are_buttons_and_go_away(card, qtbot):
    card.show_value(watts(value=None, provenance="unavailable"))
    card.offer("Declare…", "Assume 20 W idle, 65 W busy")
    declare, assume = card.findChildren(QPushButton)
    with qtbot.waitSignal(card.offered) as told:
        qtbot.mouseClick(assume, Qt.MouseButton.LeftButton)
    assert told.args == ["Assume 20 W idle, 65 W busy"]
    card.offer("Declare…", "Assume 20 W idle, 65 W busy")
    assert card.findChildren(QPushButton) == [declare, assume], "the same offers keep their buttons"
    card.resize(card.narrowest, card.height())
    card.show_value(
        watts(value=None, provenance="unavailable", note="this machine measures no watts, nor does another")
    )
    declare.hide()
    assume.hide()
    place = card._offers.geometry()
    under = picture(card)[place.top() : place.bottom() + 1, place.left() : place.right() + 1]
    assert (under == under[0, 0]).all(), "the reason stands below the offers, also where it takes two lines"
    card.offer()
    assert card.findChildren(QPushButton) == []


@pytest.mark.parametrize("kind", [lambda theme: Card(theme), MachineCard, lambda theme: ValueCard(theme, Numbers())])
def test_a_card_that_invites_opens_by_a_click_and_by_enter_alone(theme, qtbot, kind):
    card = kind(theme)
    qtbot.addWidget(card)
    opened = []
    card.opened.connect(lambda: opened.append(card))
    qtbot.mouseClick(card, Qt.MouseButton.RightButton)
    qtbot.keyClick(card, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(card, Qt.Key.Key_A)
    assert not opened
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    qtbot.keyClick(card, Qt.Key.Key_Return)
    assert opened == ([card, card] if type(card) is not Card else []), "a plain card is for laying things on"


def test_an_alarm_colours_the_value_and_nothing_else_does(card):
    card.show_value(watts(spark=(1.0, 2.0, 3.0)))
    assert not has(picture(card, 2), DARK.warn)
    card.show_value(watts(spark=(1.0, 2.0, 3.0)), alarm=True)
    assert has(picture(card, 2), DARK.warn)


def test_a_gap_in_the_history_is_not_bridged(card):
    whole = tuple(float(n) for n in range(1, 61))
    card.show_value(watts(spark=whole))
    bridged = picture(card)
    card.show_value(watts(spark=whole[:20] + (None,) * 20 + whole[40:]))
    gapped = picture(card)
    middle = 16 + (264 - 38) // 2
    assert not np.array_equal(bridged[68:96, middle], gapped[68:96, middle])
    assert len(np.unique(gapped[68:96, middle], axis=0)) == 1


@pytest.mark.parametrize("spark", [(), (None,), (None, None), (0.0, 0.0), (1.0,), (float("nan"), 2.0)])
def test_a_short_history_is_no_trouble(card, spark):
    card.show_value(watts(spark=spark, limit=350.0, limit_word="limit"))
    assert picture(card).any()


def test_each_provenance_has_its_own_shape(theme):
    words = "measured", "derived", "assumed", "unavailable"
    shapes = set()
    for word in words:
        image = canvas(lambda painter, word=word: paint_provenance(painter, theme, 118, 15, word))
        left = int(np.flatnonzero(image.any(axis=(0, 2)))[0])
        shapes.add(image[10:21, left : left + 7].tobytes())
    assert len(shapes) == len(words)


def test_a_pointer_bar_shows_band_limit_and_pointer(qtbot, theme):
    bar = PointerBar(theme)
    qtbot.addWidget(bar)
    bar.resize(464, 36)
    bar.show_pointer(Pointer("Power", "312", "of 350 W limit", at=0.78, limit=0.875, normal=(0.55, 0.85)))
    image = picture(bar)
    track = bar.width() - bar.LABEL - bar.VALUE
    middle = bar.height() // 2
    row = image[middle + 2]
    assert tuple(row[bar.LABEL + 5]) == (0x25, 0x30, 0x3B)
    assert tuple(row[bar.LABEL + int(0.6 * track)]) == (0x33, 0x40, 0x4D)
    assert has(image[:, bar.LABEL + int(0.78 * track) - 3 : bar.LABEL + int(0.78 * track) + 3], DARK.text)
    assert bar.accessibleName() == "Power 312 of 350 W limit"


def test_a_pointer_bar_without_a_reading_has_no_pointer(qtbot, theme):
    bar = PointerBar(theme)
    qtbot.addWidget(bar)
    bar.resize(464, 36)
    bar.show_pointer(Pointer("Clock", "–", "not supported"))
    track = picture(bar)[:, bar.LABEL : bar.width() - bar.VALUE]
    assert not has(track, DARK.text)


def test_a_fill_stops_at_its_track(theme):
    image = canvas(lambda painter: paint_fill(painter, theme, QRectF(10, 10, 100, 8), 1.7, tick=0.95))
    assert tuple(image[14, 109]) != (0, 0, 0)
    assert tuple(image[14, 111]) == (0, 0, 0)
    empty = canvas(lambda painter: paint_fill(painter, theme, QRectF(10, 10, 100, 8), None))
    assert not has(empty, DARK.mut)


def test_signs_and_swatches_have_their_colours(theme):
    assert has(canvas(lambda painter: paint_warning(painter, theme, QPointF(15, 15))), DARK.warn)
    assert has(canvas(lambda painter: paint_warning(painter, theme, QPointF(15, 15), severe=True)), DARK.bad)
    assert has(canvas(lambda painter: paint_swatch(painter, theme, "High", QPointF(15, 15))), DARK.tier("High"))


def test_badge_and_toggle(qtbot, theme):
    badge = Badge(theme, "LIVE")
    toggle = Toggle(theme, "Follow")
    for widget in (badge, toggle):
        qtbot.addWidget(widget)
    badge.resize(badge.sizeHint())
    filled = picture(badge)
    narrow = badge.sizeHint().width()
    badge.show_word("REPLAY 23 Nov 2026", "outlined")
    badge.resize(badge.sizeHint())
    assert badge.accessibleName() == "REPLAY 23 Nov 2026"
    assert badge.sizeHint().width() > narrow
    outlined = picture(badge)
    assert tuple(filled[10, 4]) == (0xE6, 0xED, 0xF3)
    assert tuple(outlined[10, 4]) != (0xE6, 0xED, 0xF3)
    off = picture(toggle)
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton)
    assert toggle.isChecked()
    assert not np.array_equal(off, picture(toggle))


def test_icons_follow_the_theme_and_stay_crisp(theme):
    for ratio in (1.0, 2.0, 3.0):
        pixmap = icon(theme, "play", "text").pixmap(QSize(16, 16), ratio)
        assert pixmap.width() == round(16 * ratio)
    dark = icon(theme, "play", "text")
    before = dark.pixmap(QSize(16, 16)).toImage()
    theme.choose("light")
    assert before != dark.pixmap(QSize(16, 16)).toImage()
    assert not application_icon().pixmap(QSize(16, 16)).isNull()


@pytest.mark.parametrize("wide", [190.0, 215.0, 226.0, 300.0])
def test_cards_of_one_width_place_the_word_of_provenance_alike(card, wide):
    places = set()
    for value in EMPTY:
        for word in get_args(Provenance):
            card.show_value(replace(value, provenance=word))
            image = QImage(10, 10, QImage.Format.Format_RGB32)
            painter = QPainter(image)
            places.add(card._paint_head(painter, wide).startswith(word))
            painter.end()
    assert len(places) == 1
