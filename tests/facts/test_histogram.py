"""Log-bucket histograms against the exact order statistics."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.facts.histogram import BUCKETS_PER_OCTAVE, SHORTEST_S, bucket_of, count_into, percentile, seconds_of

durations = st.floats(SHORTEST_S * 1.01, 3600.0)


def histogram_of(seconds):
    histogram = {}
    for each in seconds:
        count_into(histogram, {bucket_of(each): 1})
    return histogram


@given(st.lists(durations, min_size=1, max_size=200), st.floats(0.0, 1.0))
def test_a_percentile_is_within_a_bucket_of_the_exact_one(seconds, fraction):
    exact = sorted(seconds)[max(1, math.ceil(fraction * len(seconds))) - 1]
    half_a_bucket = 2 ** (0.5 / BUCKETS_PER_OCTAVE)
    told = percentile(histogram_of(seconds), fraction)
    assert exact / half_a_bucket * (1 - 1e-9) <= told <= exact * half_a_bucket * (1 + 1e-9)


@given(st.lists(durations), st.lists(durations))
def test_histograms_merge_by_addition(one, two):
    merged = histogram_of(one)
    count_into(merged, histogram_of(two))
    assert merged == histogram_of(one + two)
    assert sum(merged.values()) == len(one) + len(two)


@given(durations, durations)
def test_buckets_keep_the_order(one, two):
    assert (bucket_of(one) <= bucket_of(two)) or one > two


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, SHORTEST_S])
def test_everything_shorter_than_can_be_told_is_in_the_first_bucket(seconds):
    assert bucket_of(seconds) == 0


def test_a_bucket_holds_its_own_middle():
    assert all(bucket_of(seconds_of(bucket)) == bucket for bucket in range(1000))


def test_nothing_has_no_percentile():
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.5) is None


def test_the_extremes_are_the_first_and_the_last():
    histogram = {10: 1, 20: 98, 30: 1}
    assert percentile(histogram, 0.0) == seconds_of(10)
    assert percentile(histogram, 0.5) == seconds_of(20)
    assert percentile(histogram, 0.99) == seconds_of(20)
    assert percentile(histogram, 1.0) == seconds_of(30)
