"""The counter's own invariants, whatever a driver makes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.meters.counter import Counter

looks = st.lists(
    st.tuples(st.floats(0.01, 2.0), st.one_of(st.integers(0, 30_000), st.integers(-(2**40), 2**40))), max_size=60
)


def everything(counter):
    """All edges, in batches of one epoch, until nothing is left."""
    taken = []
    while True:
        epoch, edges = counter.take()
        if not edges:
            return taken
        taken.append((epoch, edges))


@given(looks)
def test_joules_never_fall_and_epochs_never_mix(steps):
    counter, t, raw = Counter(1e-3, limit=400), 0.0, 10**9
    counter.see(t, raw)
    for wait, counts in steps:
        t, raw = t + wait, max(0, raw + counts)
        counter.see(t, raw)
    taken = everything(counter)
    edges = [edge for _, batch in taken for edge in batch]
    assert edges == sorted(edges)
    assert [joules for _, joules in edges] == sorted(joules for _, joules in edges)
    assert [epoch for epoch, _ in taken] == sorted({epoch for epoch, _ in taken})


@given(st.integers(5, 1000), st.lists(st.tuples(st.floats(0.05, 0.07), st.floats(0, 400)), min_size=2, max_size=200))
def test_an_honest_counter_is_always_believed(step_ms, stretches):
    counter, t, joules, shown, tick = Counter(1e-3, limit=400), 0.0, 0.0, 0.0, 0
    counter.see(0.0, 0)
    for wait, watts in stretches:
        t, joules = t + wait, joules + wait * watts
        if t // (step_ms / 1e3) > tick:
            shown, tick = joules, t // (step_ms / 1e3)
        assert counter.see(t, int(shown * 1e3)) == ""
    assert counter.joules == pytest.approx(shown, abs=1e-3)


@given(st.lists(st.floats(0.05, 3.0), min_size=1, max_size=40), st.floats(1.0, 1000.0))
def test_more_than_a_device_can_have_drawn_since_it_was_first_seen_is_never_believed(waits, excess):
    counter, t = Counter(1e-3, limit=400), 0.0
    counter.see(t, 0)
    for look, wait in enumerate(waits):
        t += wait
        assert counter.see(t, look + 1) == ""
    assert counter.see(t + 0.05, int(1e3 * 1.5 * 400 * (t + 0.05 + excess))) == "jump"
    assert counter.joules == pytest.approx(len(waits) * 1e-3)


@given(st.lists(st.integers(1, 5_000_000), min_size=2, max_size=80), st.integers(10_000_000, 262_143_328_850))
def test_a_wrap_is_counted_through_where_the_range_is_known(steps, span):
    counter, t, total = Counter(1e-6, limit=400, span=span), 0.0, span - 3
    counter.see(t, total % span)
    for counts in steps:
        t, total = t + 0.05, total + counts
        assert counter.see(t, total % span) == ""
    assert abs(counter.joules - sum(steps) * 1e-6) < 1e-6 * len(steps)
    assert counter.epoch == 0


def test_a_wrap_without_a_known_range_is_unknown_and_not_negative():
    counter = Counter(1e-6, limit=400)
    counter.see(0.0, 900)
    counter.see(0.05, 950)
    assert counter.see(0.1, 20) == "reset"
    assert counter.epoch == 1
    assert counter.joules == pytest.approx(50e-6)


def test_a_batch_of_an_old_epoch_goes_out_before_the_new_one():
    counter = Counter(1.0, limit=400)
    for t, raw in ((0.0, 100), (0.1, 110), (0.2, 5), (0.3, 15)):
        counter.see(t, raw)
    assert everything(counter) == [(0, ((0.1, 10.0),)), (1, ((0.3, 20.0),))]


def test_a_step_longer_than_the_looks_is_stamped_between_them():
    counter = Counter(1.0, limit=400)
    for look in range(1, 41):
        counter.see(look * 0.05, 10 * ((look * 50 + 25) // 100))
    (_, edges), *_ = everything(counter)
    late = [t % 0.1 for t, _ in edges[3:]]
    assert late == pytest.approx([0.075] * len(late))


def test_a_step_shorter_than_the_looks_is_stamped_at_the_look():
    counter = Counter(1.0, limit=400)
    for look in range(41):
        counter.see(look * 0.05, look * 7)
    (_, edges), *_ = everything(counter)
    assert [t for t, _ in edges] == pytest.approx([look * 0.05 for look in range(1, 41)])


def test_the_first_look_is_no_edge_because_nobody_saw_the_counter_change():
    counter = Counter(1.0, limit=400)
    counter.see(0.0, 100)
    counter.see(0.05, 100)
    assert counter.take() == (0, ())
