"""What holds a run: its budget, the load that is asked of it, and an emergency stop; with scripted children."""

import pytest
from scripted_child import write_model
from scripted_plant import LIMITS, Watched, script

from desk.facts.happened import (
    BudgetChanged,
    FirstToken,
    LoadChanged,
    RunStarted,
    RunStopped,
    TierChanged,
    TierRemoved,
    Worked,
)
from desk.facts.tiers import Budget, Tier
from desk.ledger.ledger import Ledger
from desk.plant.plant import Plant


@pytest.fixture
def watched(home, tmp_path):
    """`watched(budget=...)`: an open plant with two tiers."""
    plants = []
    write_model(tmp_path / "model")

    def opened(**options):
        tiers = [Tier(name=name, model=str(tmp_path / "model")) for name in ("Free", "Ultra")]
        plants.append(Plant(tiers, argv=script(), limits=LIMITS, **options))
        plants[-1].open()
        return Watched(plants[-1])

    yield opened
    for plant in plants:
        plant.close()


def totals(facts):
    ledger = Ledger()
    for fact in facts:
        ledger.post(fact)
    return ledger.totals()


def test_a_budget_of_energy_stops_the_run_by_its_totals(watched):
    told = watched(budget=Budget(joules=30.0))
    told.plant.start()
    assert told.until_kind(RunStarted).budget == Budget(joules=30.0)
    stopped = told.until_kind(RunStopped)
    assert stopped.reason == "budget"
    run = told.facts[: told.facts.index(stopped) + 1]
    # The script draws 30 W; a period of half a second closes up to a second after its end.
    assert 30.0 <= totals(run[run.index(told.of(RunStarted)[0]) :]).joules < 30.0 + 30.0 * 3


def test_a_budget_set_while_the_run_is_on_holds_and_one_that_is_lifted_does_not(watched):
    told = watched(budget=Budget(seconds=1e6))
    told.plant.start()
    told.until_kind(FirstToken)
    told.plant.limit(Budget(seconds=0.5))
    told.until_kind(BudgetChanged, budget=Budget(seconds=0.5))
    assert told.until_kind(RunStopped).reason == "budget"
    told.plant.limit(Budget())
    told.plant.start()
    first = told.until_kind(FirstToken)
    told.until(lambda fact: isinstance(fact, Worked) and fact.t > first.t + 1.5)
    assert len(told.of(RunStopped)) == 1


def test_the_load_comes_back_as_a_fact_and_the_next_run_begins_with_it(watched):
    told = watched()
    told.plant.multiply(0.5)
    assert told.until_kind(LoadChanged).load == 0.5
    told.plant.start()
    assert told.until_kind(RunStarted).load == 0.5
    told.until_kind(FirstToken)
    told.plant.multiply(2.0)
    assert told.until_kind(LoadChanged).load == 2.0


def test_an_emergency_stop_keeps_the_data(watched):
    told = watched()
    told.plant.start()
    told.until_kind(Worked)
    told.plant.halt()
    assert told.until_kind(RunStopped).reason == "emergency"
    told.plant.close()  # by then it is put away, and has its last name
    assert told.plant.recording.is_file()
    assert totals(told.facts).tokens_out > 0


def test_between_runs_another_set_of_tiers_takes_the_place_of_the_old_one(watched):
    told = watched()
    told.until_kind(BudgetChanged)
    told.plant.equip([Tier(name="Ultra", model="m"), Tier(name="Own", model="m")], "mine")
    told.until(lambda fact: isinstance(fact, TierChanged) and fact.tier.name == "Own")
    assert [fact.tier for fact in told.of(TierRemoved)] == ["Free", "Ultra"]
    assert list(told.plant._pen.tiers) == ["Ultra", "Own"]
    assert told.plant.preset == "mine"
