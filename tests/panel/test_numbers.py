"""Numbers read the same wherever they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QLocale

from desk.panel.numbers import DASH, SPOKEN, Numbers, spoken

numbers = Numbers()


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1220.4, "tok/s", "1,220"),
        (312.0, "W", "312"),
        (99.96, "W", "100"),
        (99.9, "W", "99.9"),
        (87.0, "tok/s/user", "87.0"),
        (9.996, "tok/J", "10.0"),
        (3.912, "tok/J", "3.91"),
        (0.0219, "$/Mtok", "0.022"),
        (0.0, "$/h", "0.00"),
        (0.2139, "$/h", "0.21"),
        (0.00512, "$/h", "0.0051"),
        (12.344, "$", "12.34"),
        (0.889, "%", "88.9"),
        (0.9999, "%", "100"),
        (-3.5, "$/h", "−3.50"),
        (None, "W", DASH),
        (float("nan"), "W", DASH),
        (float("inf"), "W", DASH),
    ],
)
def test_three_digits_are_enough(value, unit, text):
    assert numbers.figure(value, unit) == text


def test_a_dash_stands_without_a_unit():
    assert numbers.with_unit(None, "W") == DASH
    assert numbers.with_unit(312, "W") == "312 W"
    assert numbers.spoken(None, "W") == "unavailable"
    assert numbers.spoken(3.91, "tok/J") == "3.91 tokens per joule"


def test_what_rounds_to_zero_has_no_sign():
    assert numbers.fixed(-0.001, 2) == "0.00"


def test_the_locale_decides_the_separators():
    german = Numbers(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    assert german.figure(1220.0) == "1.220"
    assert german.figure(3.91) == "3,91"


def test_a_setting_has_no_more_decimals_than_it_needs():
    assert [Numbers().short(value) for value in (20.0, 0.25, 12.5)] == ["20", "0.25", "12.5"]


def test_bytes_and_times():
    assert numbers.bytes(14.2e9) == "14.2 GB"
    assert numbers.bytes(4_100_000) == "4.1 MB"
    assert numbers.bytes(12) == "12 B"
    assert numbers.bytes(None) == DASH
    assert numbers.clock(702.9) == "00:11:42"
    assert numbers.clock(None) == DASH
    assert [numbers.ago(s) for s in (0, -40, -83, -300)] == ["now", "−40 s", "−1 min 23 s", "−5 min"]


@pytest.mark.parametrize(("step", "text"), [(400, "800"), (2, "4"), (0.5, "1.0"), (0.25, "0.50"), (0.002, "0.004")])
def test_ticks_show_what_the_step_needs(step, text):
    assert numbers.ticks(step)(2 * step) == text


@given(st.floats(1e-3, 1e7))
def test_a_figure_is_within_half_of_its_last_digit(value):
    text = numbers.figure(value).replace(",", "")
    digits = len(text.partition(".")[2])
    assert abs(float(text) - value) <= 0.5 * 10**-digits * (1 + 1e-9)


def test_every_unit_is_spoken_in_words():
    assert all("/" not in words for words in SPOKEN.values())
    assert spoken("made up") == "made up"
