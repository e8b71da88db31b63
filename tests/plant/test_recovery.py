"""What a kill leaves: at any byte, of any process, the run comes back with accounts that balance."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kill_table import killed_children, killed_parent
from killing import balance

from desk import journal
from desk.facts import places
from desk.facts.happened import FirstToken, RunStopped
from desk.facts.trouble import Trouble
from desk.journal import Claim
from desk.runs.store import Runs, recovered_in_words

SECONDS = 12.0


@pytest.fixture(scope="module")
def whole():
    """The bytes of the first seconds of a real run."""
    packed = places.shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz")
    started = journal.read(packed).started
    count = sum(1 for fact in journal.read(packed) if fact.t - started.t < SECONDS)
    return b"".join(gzip.decompress(packed.read_bytes()).splitlines(keepends=True)[:count])


@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_cut_at_any_byte_a_run_is_recovered_and_balances(whole, tmp_path_factory, data):
    # Not within the first line: of a run that has not begun there is nothing to bring back.
    cut = data.draw(st.integers(whole.index(b"\n") + 1, len(whole)))
    runs = Runs(tmp_path_factory.mktemp("runs"))
    (runs.folder / "r.jsonl").write_bytes(whole[:cut])
    (run,) = runs.cut_off()
    closed = runs.recover(run)
    assert [path.name for path in sorted(runs.folder.iterdir())] == ["index.json", "r.jsonl.gz"]
    assert (closed.state, runs.cut_off()) == ("closed", [])
    assert "recovered" in closed.summary.badges
    ledger, facts, balanced = balance(closed.path)
    assert balanced
    assert len(facts) >= whole[:cut].count(b"\n")
    assert closed.summary.tokens_out == ledger.totals().tokens_out
    assert closed.summary.seconds == pytest.approx(max(fact.t for fact in facts) - facts[0].t)


def test_a_killed_parent_loses_no_second_of_its_run(tmp_path, model):
    for number, after_s in enumerate((0.0, 0.6)):
        home = tmp_path / str(number)
        home.mkdir()
        told = killed_parent(home, model, after_s)
        assert told.balanced
        assert told.lost_s < 1.0
        assert told.words.startswith("Recovered run of ")


@pytest.mark.parametrize("role", ["engine", "meter"])
def test_a_killed_child_costs_the_run_nothing_but_its_own_time(tmp_path, model, role):
    for told in killed_children(tmp_path, model, role, [0.2]):
        assert told.balanced
        assert told.lost_s < 1.0


def test_a_run_that_is_being_written_is_left_alone(open_plant):
    watched = open_plant()
    watched.plant.start()
    watched.until_kind(FirstToken)
    runs = Runs()
    (run,) = runs.all()
    assert (run.state, runs.cut_off()) == ("running", [])
    with pytest.raises(Trouble, match="is being written"):
        runs.recover(run)
    with pytest.raises(Trouble, match="is being recorded"):
        runs.remove(run)
    assert runs.summed(run).summary.tokens_out >= 0
    assert runs.all()[0].summary is None  # the next moment knows another one
    watched.plant.stop()
    watched.until_kind(RunStopped)
    watched.plant.close()
    (run,) = runs.all()
    assert run.state == "closed"
    assert run.summary.ended == "stopped"  # summed up as it ended, and found without folding


def test_a_kill_between_both_forms_of_a_recording_leaves_one_run(tmp_path, whole):
    runs = Runs(tmp_path)
    (tmp_path / "r.jsonl").write_bytes(whole)
    (tmp_path / "r.jsonl.gz").write_bytes(gzip.compress(whole))
    (tmp_path / "r.jsonl.gz.part").write_bytes(b"half")
    (run,) = runs.cut_off()
    runs.recover(run)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["index.json", "r.jsonl.gz"]


def test_two_that_recover_at_once_do_not_meet(tmp_path, whole):
    runs = Runs(tmp_path)
    (tmp_path / "r.jsonl").write_bytes(whole)
    (run,) = runs.cut_off()
    claim = Claim(run.path)
    assert runs.cut_off() == []
    claim.release()
    assert recovered_in_words(runs.recover(run)).endswith(", 12 s")
