"""What the bench measures: as many rows as it says, as long as it says, to the end. And a lane that never ends."""

import gc
import sys

import pytest

from desk.engine import course as course_module
from desk.engine.course import WARM_STEPS, Course


class Clock:
    """Time that passes in runs, a second in each, and a little whenever somebody looks."""

    def __init__(self, session):
        self._session = session
        self.seconds = 100.0

    def __getattr__(self, name):
        return getattr(self._session, name)

    def run_with_iobinding(self, *how):
        self._session.run_with_iobinding(*how)
        self.seconds += 1.0

    def now(self):
        self.seconds += 1e-3
        return self.seconds


@pytest.fixture
def course(network, monkeypatch):
    """A course on a clock of its own."""
    clock = Clock(network.session)
    monkeypatch.setattr(network, "session", clock)
    monkeypatch.setattr(course_module, "now", clock.now)
    return Course(network)


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 16])
def test_all_rows_are_equally_long_and_stay_and_only_what_is_outside_the_run_counts_as_such(
    network, course, monkeypatch, seamless, rows
):
    monkeypatch.setattr(network, "seamless", seamless)
    told = course.decode(rows, 90, steps=8)
    assert told["context"] == 90 + WARM_STEPS + 8 / 2
    assert 8.0 < told["seconds"] < 9.0
    assert told["outside_s"] == pytest.approx((told["seconds"] - 8.0) / 8, abs=0.01)


def test_rows_beside_long_prompts_wait_for_a_chunk_and_prompts_that_are_not_through_are_counted(course):
    told = course.interference(rows=2, prompt=8, long_prompt=100, every=1.0, seconds=6.0)
    assert told["plain_step_s"] == pytest.approx(1.0, abs=0.1)
    assert told["ratio"] == pytest.approx(2.0, abs=0.1)
    assert told["waiting"] > 0


def test_nothing_grows_with_steps_or_with_requests_that_come_and_go(course):
    lane = course._kept_full(4, 0, 3, 8)
    line = course_module._Line([lane], course._tell)

    def blocks_after(turns):
        for _ in range(turns):
            line.turn()
        gc.collect()
        return sys.getallocatedblocks()

    before, asked = blocks_after(800), course._asked
    assert blocks_after(1600) - before < 400  # one object a step would be 1600
    assert course._asked > asked
