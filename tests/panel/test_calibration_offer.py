"""Calibration is offered where watts are measured and joules are shared, and tells what it is doing."""

import pytest
from scripted import T0, facts

from desk.facts.happened import Calibrated, Calibrating, RunStopped
from desk.panel.books import Books
from desk.panel.look import look
from desk.panel.numbers import Numbers


def shown(books, **options):
    return look(books, Numbers(), **options)


def ours_alone(**script):
    """A run on one GPU that nobody else uses; its tiers always work at the same time."""
    books = Books()
    for fact in facts(source="nvml-counter", stopped=False, **script):
        books.post(fact)
    return books


def test_it_is_offered_before_a_run_where_watts_are_measured():
    books = Books()
    for fact in facts(seconds=1.0, source="nvml-counter"):
        books.post(fact)
    seen = shown(books)
    assert (seen.state, seen.calibration_s) == ("stopped", 18.0)
    assert shown(books, mode="replay").calibration_s is None


def test_the_next_run_is_offered_none_once_the_tiers_are_known():
    books = ours_alone(seconds=15.0)
    books.post(Calibrated(t=T0 + 15.0))
    books.post(RunStopped(t=T0 + 15.1, reason="stopped"))
    seen = shown(books)
    assert (seen.state, seen.calibration_s) == ("stopped", None)


@pytest.mark.parametrize("declared", [None, (20.0, 65.0)])
def test_it_is_not_offered_where_nothing_measures_watts(books, declared):
    for stopped in (True, False):
        assert shown(books(seconds=15.0, declared=declared, stopped=stopped)).calibration_s is None


def test_it_is_offered_while_tiers_share_by_time_and_not_once_they_are_known():
    books = ours_alone(seconds=15.0)
    assert books.ledger.standing.uncalibrated
    assert shown(books).calibration_s == 18.0
    books.post(Calibrated(t=T0 + 15.0))
    assert shown(books).calibration_s is None


def test_it_is_not_offered_where_another_program_hides_what_tiers_draw(books):
    folded = books(seconds=15.0, source="two-gpus", stopped=False)
    assert folded.uncalibrated
    assert shown(folded).calibration_s is None


def test_the_offer_outlasts_a_period_that_needed_no_sharing():
    books = ours_alone(seconds=15.0)
    books.split = books.board.end - 5.0
    assert shown(books).calibration_s is not None
    books.split = books.board.end - 11.0
    assert shown(books).calibration_s is None


def test_a_calibration_says_who_works_alone_and_who_follows():
    books = ours_alone(seconds=5.0)
    said = {}
    for tier in ("", "Free", "Ultra"):
        books.post(Calibrating(t=T0 + 5.0, tier=tier, seconds=3.0))
        seen = shown(books)
        said[tier] = (seen.job.text, round(seen.job.done, 2))
        assert seen.calibration_s is None
    assert said == {
        "": ("Calibrating: all at rest, then Free", 0.0),
        "Free": ("Calibrating: Free alone, then Medium", 0.17),
        "Ultra": ("Calibrating: Ultra alone, then all together", 0.83),
    }
    books.post(Calibrated(t=T0 + 6.0))
    assert shown(books).job is None


def test_one_button_starts_a_run_with_its_calibration(factory, qtbot):
    window, heartbeat = factory
    button = window.runbar.calibration
    qtbot.waitUntil(lambda: button.isVisible(), timeout=15_000)
    assert button.text() == "Start with calibration, 9 s"
    told = []
    post = heartbeat.books.post
    heartbeat.books.post = lambda fact: (told.append(fact), post(fact))
    button.click()
    qtbot.waitUntil(lambda: any(isinstance(fact, Calibrated) for fact in told), timeout=15_000)
    assert any(isinstance(fact, Calibrating) for fact in told)
    assert heartbeat.books.ledger.standing.running
    qtbot.waitUntil(lambda: window.shown.state == "running", timeout=15_000)
    assert window.runbar.go.text().strip() == "Pause"
