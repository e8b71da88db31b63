"""The factory without a window, with scripted children, and once with the real ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desk import headless, journal
from desk.facts import places
from desk.facts.happened import Calibrated, FirstToken, RunStopped
from desk.facts.tiers import Budget, Promise, Tier
from desk.facts.trouble import Trouble
from desk.headless import Exit
from desk.plant.plant import Plant

sys.path.insert(0, str(Path(__file__).parent / "plant"))  # its scripted children serve here, too

from scripted_child import write_model
from scripted_plant import LIMITS, PATIENCE_S, script

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts it in the background lets it ignore this
sys.path.insert(0, {plant!r})
from scripted_plant import LIMITS, script
from desk import headless
from desk.facts.tiers import Tier
from desk.plant.plant import Plant
try:
    plant = Plant([Tier(name="Free", model={model!r})], argv=script(), limits=LIMITS)
    sys.exit(headless.run(plant, json_out=True))
finally:
    loaded = {{name.partition(".")[0] for name in sys.modules}}
    assert not loaded & {{"PySide6", "pyqtgraph", "onnxruntime", "tokenizers", "pynvml", "onnx", "gguf", "typer"}}
"""


@pytest.fixture
def model(tmp_path):
    write_model(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def plant(model):
    """`plant(engine="crashes", promise=...)`."""

    def made(promise=None, **behaviours):
        tiers = [Tier(name=name, model=model, promise=promise or Promise()) for name in ("Free", "Ultra")]
        return Plant(tiers, argv=script(**behaviours), limits=LIMITS)

    return made


@pytest.fixture
def program(model, home):
    """A parent process of its own that runs until it is told to stop."""
    parents = []

    def started(**pipes):
        text = PROGRAM.format(plant=str(Path(__file__).parent / "plant"), model=model)
        parent = subprocess.Popen([sys.executable, "-c", text], text=True, env=os.environ, **pipes)
        parents.append(parent)
        return parent

    yield started
    for parent in parents:
        parent.kill()
        parent.wait(PATIENCE_S)
        for pipe in (parent.stdout, parent.stderr):
            if pipe is not None:
                pipe.close()


class TestRun:
    def test_one_object_and_nothing_else_and_replay_prints_the_same(self, plant, capsys):
        """Its seconds count from the first token, and a promise that was kept is no reason to leave otherwise."""
        factory = plant(promise=Promise(ttft_s=60.0))
        assert headless.run(factory, seconds=1.0, json_out=True, strict=True) == Exit.OK
        printed = capsys.readouterr().out
        found = json.loads(printed)
        assert found["run"]["mode"] == "live"
        assert found["total"]["tokens_out"] > 0
        assert found["total"]["joules"] > 0
        assert [tier["name"] for tier in found["tiers"]] == ["Free", "Ultra"]
        assert headless.replay(factory.recording, json_out=True) == Exit.OK
        assert capsys.readouterr().out == printed.replace('"mode": "live"', '"mode": "replay"')
        facts = list(journal.read(factory.recording))
        first = next(fact for fact in facts if isinstance(fact, FirstToken))
        assert isinstance(facts[-1], RunStopped)
        assert facts[-1].reason == "duration"
        assert facts[-1].t - first.t >= 1.0

    def test_a_budget_stops_the_run_with_an_exit_code_of_its_own(self, model, capsys):
        tiers = [Tier(name="Free", model=model)]
        factory = Plant(tiers, argv=script(), limits=LIMITS, budget=Budget(joules=36.0), warmup_s=0.5)
        assert headless.run(factory, seconds=60.0) == Exit.BUDGET
        assert "of 0.01 Wh." in capsys.readouterr().err
        facts = list(journal.read(factory.recording))
        assert facts[-1].reason == "budget"

    def test_after_a_calibration_they_count_from_its_end(self, plant):
        factory = plant(engine="calibrates for a second")
        headless.run(factory, seconds=0.5, calibrate=True)
        facts = list(journal.read(factory.recording))
        (done,) = [fact for fact in facts if isinstance(fact, Calibrated)]
        assert done.t - next(fact for fact in facts if isinstance(fact, FirstToken)).t > 0.9
        assert facts[-1].t - done.t >= 0.5

    def test_a_line_a_second_and_a_table_at_the_end(self, plant, capsys):
        headless.run(plant(), seconds=1.3)
        shown = capsys.readouterr()
        lines = [line for line in shown.err.splitlines() if "tok/s" in line]
        assert len(lines) == 1
        assert "Free" in lines[-1]
        assert "Ultra" in shown.out
        assert "{" not in shown.out

    def test_a_lane_that_does_not_open_is_trouble_with_its_cause(self, plant, capsys):
        assert headless.run(plant(engine="no lane opens"), seconds=30.0) == Exit.TROUBLE
        assert "The graph is torn. Build it again." in capsys.readouterr().err

    def test_what_does_not_fit_is_loaded_by_whoever_insists(self, plant, capsys):
        assert headless.run(plant(engine="no lane fits"), seconds=30.0) == Exit.TROUBLE
        told = capsys.readouterr().err
        assert "Free: It does not fit. Choose fewer slots." in told
        assert "Free: desk run --load-anyway loads it all the same. It may be slow." in told
        assert headless.run(plant(engine="no lane fits"), seconds=0.5, load_anyway=True) == Exit.OK
        assert "--load-anyway" not in capsys.readouterr().err

    def test_an_engine_that_is_given_up_is_trouble_and_what_happened_is_summed_up(self, plant, capsys):
        factory = plant(engine="crashes")
        assert headless.run(factory, seconds=30.0, json_out=True) == Exit.TROUBLE
        shown = capsys.readouterr()
        assert "out of scripted memory" in shown.err
        assert json.loads(shown.out)["total"]["tokens_out"] > 0

    def test_a_missed_promise_counts_only_where_it_must_and_late_requests_are_told_of(self, plant, capsys):
        impossible = Promise(ttft_s=0.001, tokens_per_second_per_user=1e5)
        assert headless.run(plant(promise=impossible), seconds=0.5) == Exit.OK
        told = capsys.readouterr().err
        assert "missed its promise" in told
        assert "late" not in told
        late = plant(promise=impossible, engine="asks late")
        assert headless.run(late, seconds=0.5, strict=True) == Exit.PROMISE_MISSED
        assert "Free: requests came up to 0.40 s late from the users" in capsys.readouterr().err

    def test_a_recording_that_is_none_is_trouble(self, tmp_path):
        (tmp_path / "x.jsonl").write_text("hello\n")
        with pytest.raises(Trouble):
            headless.replay(tmp_path / "x.jsonl")


class TestLeaving:
    def test_ctrl_c_stops_in_order_and_still_prints(self, program):
        parent = program(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _wait_for_tokens()
        parent.send_signal(signal.SIGINT)
        out, err = parent.communicate(timeout=PATIENCE_S)
        assert parent.returncode == Exit.OK, err
        assert json.loads(out)["total"]["tokens_out"] > 0
        (recording,) = places.runs_dir().glob("*.jsonl.gz")
        assert list(journal.read(recording))[-1].reason == "stopped"


def _wait_for_tokens():
    """Until the only run on disk has tokens in it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for path in places.runs_dir().glob("*.jsonl"):
            if path.read_bytes().count(b'"fact":"worked"') > 5:
                return
        time.sleep(0.02)
    raise AssertionError("the run made no tokens")


class TestBuild:
    def test_a_model_that_is_not_in_the_catalogue_is_trouble_with_what_there_is(self):
        with pytest.raises(Trouble, match="nosuch"):
            headless.build("nosuch")


@pytest.mark.live
def test_the_real_factory(home, embedded_model):
    """Five tiers make tokens on the embedded model, and the replay prints the same object."""
    shutil.copytree(embedded_model.home / "models", places.models_dir(), dirs_exist_ok=True)
    desk = [sys.executable, "-m", "desk"]
    run = subprocess.run(
        [*desk, "run", "--seconds", "6", "--json", "--provider", "cpu", "--watts", "20,65"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == Exit.OK, run.stderr
    found = json.loads(run.stdout)
    assert found["provider"] == "cpu"
    assert found["run"]["seconds"] >= 6
    assert [tier["name"] for tier in found["tiers"]] == ["Free", "Medium", "High", "Premium", "Ultra"]
    assert all(tier["tokens_out"] > 0 for tier in found["tiers"])
    if found["meter"]["source"] == "declared":
        assert found["meter"]["quality"] == "estimated"
    assert found["total"]["joules"] > 0
    (recording,) = places.runs_dir().glob("*.jsonl.gz")
    again = subprocess.run([*desk, "replay", str(recording), "--json"], capture_output=True, text=True, timeout=60)
    assert again.returncode == Exit.OK, again.stderr
    assert again.stdout == run.stdout.replace('"mode": "live"', '"mode": "replay"')
