"""The lineage of every figure: its arithmetic gives the value that is shown, and the record is plain data."""

import json

import pytest
from scripted import T0, facts

from desk.board import Board
from desk.facts.figures import FIGURES, READINGS
from desk.facts.happened import TariffChanged
from desk.facts.metered import Compared
from desk.facts.tiers import Tariff
from desk.ledger.ledger import Ledger
from desk.lineage import lineage, reading


@pytest.fixture(scope="module", params=["nvml-counter", "none", "declared"])
def folded(request):
    declared = (20.0, 65.0) if request.param == "declared" else None
    source = "none" if declared else request.param
    ledger, board = Ledger(), Board()
    for fact in facts(seconds=45.0, source=source, declared=declared, stopped=False):
        for period in ledger.post(fact):
            board.add(period)
    return request.param, ledger, board


@pytest.mark.parametrize("key", FIGURES)
def test_what_a_lineage_works_out_is_what_the_board_says(folded, key):
    source, ledger, board = folded
    for tier in (None, "Free", "Ultra"):
        for window_s in (10.0, 40.0):
            told = lineage(key, ledger, board, tier, window_s=window_s, moment=T0 + 45.25, ages={"gpu0": 0.5})
            assert told.value == board.value(key, tier, window_s)
            assert told.source
            json.dumps(told.as_dict(), allow_nan=False)
            if told.value is None:
                assert told.kind == "unavailable"
                assert told.why.endswith(".")
                continue
            assert not told.why
            assert told.seconds >= 2
            assert told.samples.value > 0
            assert told.age_s == pytest.approx(0.5 if told.figure.of_energy and source == "nvml-counter" else 0.25)
            percentile = "th percentile" in told.figure.formula
            assert bool(told.steps) != percentile
            for step in told.steps:
                assert step.worked_out() == pytest.approx(step.result.value, rel=1e-12)
            if told.steps:
                assert told.steps[-1].result.value == told.value


def test_what_people_set_is_among_the_assumptions(folded):
    source, ledger, board = folded
    said = [term.words for term in lineage("revenue_per_hour", ledger, board, "Ultra").assumptions]
    assert said == ["Ultra, input", "Ultra, cached input", "Ultra, output"]
    cost = lineage("energy_cost_per_mtok", ledger, board)
    assert [term.words for term in cost.assumptions][:3] == ["price of energy", "PUE", "wall factor"]
    watts = lineage("watts", ledger, board)
    assert watts.kind == {"nvml-counter": "measured", "none": "unavailable", "declared": "assumed"}[source]
    assert [term.value for term in watts.assumptions] == ([20.0, 65.0] if source == "declared" else [])
    if source == "none":
        assert "only root" in watts.why
    if source == "nvml-counter":
        assert watts.samples.words == "changes of the energy counter"
        assert lineage("tokens_per_joule", ledger, board, "Ultra").doubt == ledger.standing.doubt != ""


def test_a_cost_at_two_prices_claims_no_single_one():
    ledger, board = Ledger(), Board()
    for fact in facts(seconds=40.0, source="nvml-counter", stopped=False):
        for period in ledger.post(fact):
            board.add(period)
        if fact.t == T0 + 35:
            ledger.post(TariffChanged(t=fact.t, tariff=Tariff(dollars_per_kwh=0.62)))
    told = lineage("energy_cost_per_hour", ledger, board)
    assert [step.result.words for step in told.steps] == ["energy cost per hour"]
    assert told.steps[0].worked_out() == pytest.approx(told.value)


def test_a_counter_at_odds_with_power_stands_against_every_figure_of_its_energy():
    ledger, board = Ledger(), Board()
    for fact in facts(seconds=20.0, source="nvml-counter", stopped=False):
        for period in ledger.post(fact):
            board.add(period)
    ledger.post(Compared(t=T0 + 20, device="gpu0", ratio=0.9, seconds=60.0))
    assert lineage("watts", ledger, board).doubt == ledger.standing.disagreement != ""
    assert lineage("watts", ledger, board, "Ultra").doubt.endswith(ledger.standing.disagreement)
    assert lineage("tokens_per_second", ledger, board).doubt == ""


@pytest.mark.parametrize("key", READINGS)
def test_readings_name_their_instrument(folded, key):
    _, ledger, _ = folded
    standing = ledger.standing
    if key == "queue_now":
        queues = {name: lane.queue for name, lane in standing.lanes.items()}
        assert reading(key, standing, None, 0.1).value == sum(queues.values())
        assert reading(key, standing, None, 0.1, "Free").value == queues["Free"] == 1
        return
    told = reading(key, standing, standing.meter.devices[0], 0.1)
    assert standing.meter.devices[0].name in told.source
    assert (told.value is None) == (told.kind == "unavailable") == bool(told.why)
