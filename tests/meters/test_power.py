"""Power samples: what is recorded, what the needle shows, and what an integral may bridge."""

import pytest

from desk.meters.power import Power


def test_the_integral_is_the_trapezoids_and_stops_at_a_hole():
    power = Power()
    looks = [(0.0, 100.0), (0.05, 200.0), (0.10, 200.0), (0.50, 200.0), (0.55, 100.0)]
    assert [power.see(t, watts, bridge=0.15) for t, watts in looks] == pytest.approx([0, 7.5, 10, 0, 7.5])


def test_samples_closer_than_the_fast_round_are_not_recorded():
    power = Power()
    for tick in range(101):
        power.see(tick * 0.01, 100.0, bridge=0.15)
    assert len(power.take()) == 21
    assert power.take() == ()


def test_the_needle_shows_the_mean_of_the_last_second():
    power = Power()
    assert power.watts is None
    for tick in range(41):
        power.see(tick * 0.05, 0.0 if tick < 30 else 100.0, bridge=0.15)
    assert power.watts == pytest.approx(100 * 11 / 21, rel=0.06)
    power.forget()
    assert power.watts is None
