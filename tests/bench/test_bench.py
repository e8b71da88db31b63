"""`desk bench`: its JSON, its ratios, its floor, and what becomes of an engine that drops out."""

import json
import math
import re
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from desk.bench import contest
from desk.bench.contest import LANES, Contest, Plan
from desk.bench.contestant import Contestant, peak_memory
from desk.bench.findings import floor_of, ratio_of
from desk.engine.roofline import work
from desk.engine.toy import EIGHT_BIT, PLAIN, Toy
from desk.facts.happened import now
from desk.facts.trouble import Trouble
from desk.models.graph import GRAPH_FILE
from desk.plant.children import command
from desk.verbs.app import app
from desk.verbs.bench import show

ROW = {
    "engine", "version", "model", "precision", "threads", "batch", "prefill_tokens_per_second",
    "decode_tokens_per_second", "spread", "peak_rss_bytes", "floor_tokens_per_second", "outside_run_s",
}  # fmt: skip
RATIO = {"row", "against", "ratio", "low", "high"}


def bench(*arguments):
    return subprocess.run(command("bench", *map(str, arguments)), capture_output=True, text=True, timeout=120)


def quick(toy, rivals=(), seconds=0.0, rounds=1, batches=(1, 3)):
    return Plan(
        models=[str(toy)],
        batches=batches,
        threads=1,
        rounds=rounds,
        prompt=32,
        steps=4,
        seconds=seconds,
        rivals=list(rivals),
    )


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    """Nobody's threads spin here, so nobody waits for them."""
    monkeypatch.setattr(contest, "REST_S", 0.01)


def run(plan):
    with Contest(plan, lambda words: None) as contest:
        return contest.run()


# ---- the whole of it


def test_the_command_line_gives_rows_and_ratios_with_their_floor(toy, rival):
    ended = bench(
        "--model", toy, "--batches", "3,1", "--threads", 1, "--rounds", 2, "--prompt", 32, "--steps", 4, "--seconds", 0,
        "--rival", shlex.join(rival()), "--json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    ours, theirs = found["rows"][:2], found["rows"][2:]
    assert all(row.keys() == ROW for row in found["rows"])
    assert [(row["engine"], row["model"], row["precision"], row["batch"]) for row in ours] == [
        ("token-desk", "toy-3", "q8", 1),
        ("token-desk", "toy-3", "q8", 3),
    ]
    assert all(row["threads"] == 1 and row["outside_run_s"] > 0 for row in ours)
    assert all(row["decode_tokens_per_second"] > 0 and row["floor_tokens_per_second"] > 0 for row in ours)
    assert ours[0]["prefill_tokens_per_second"] > 0
    assert ours[1]["prefill_tokens_per_second"] is None
    assert [row["decode_tokens_per_second"] for row in theirs] == [4.0, 12.0]
    assert all(row["floor_tokens_per_second"] is row["outside_run_s"] is None for row in theirs)
    assert found["machine"]["read_bytes_per_second"] > 1e8
    assert 0 <= found["machine"]["others_busy_median"] <= found["machine"]["others_busy_most"]
    assert all(ratio.keys() == RATIO for ratio in found["ratios"])
    assert [ratio["row"] for ratio in found["ratios"]] == [
        f"{what}: token-desk toy-3 q8" for what in ("prefill, batch 1", "decode, batch 1", "decode, batch 3")
    ]
    assert all(ratio["low"] <= ratio["ratio"] <= ratio["high"] for ratio in found["ratios"])
    typical = ours[1]["decode_tokens_per_second"] / 12.0
    assert abs(found["ratios"][2]["ratio"] / typical - 1) <= ours[1]["spread"] + 1e-9


def test_loads_tell_of_lanes_waits_and_long_prompts(toy, capsys):
    """On a model that is done with a step in no time, so that only the shape of the figures can be held to much."""
    started = now()
    found = run(quick(toy, seconds=0.5))
    took = now() - started
    loads = {load.load: load.figures for load in found.loads}
    lanes = loads[f"lanes of {', '.join(map(str, LANES))} slots"]
    assert 0.2 < lanes["ratio"] < 5
    assert 0 < lanes["share_error"] < 0.5
    mixed = loads["mixed lengths, 3 slots"]
    assert 0 < mixed["itl_p50_s"] <= mixed["itl_p99_s"] < took
    assert 0 < mixed["ttft_p50_s"] <= mixed["ttft_p99_s"] < took
    beside = loads["3 rows beside long prompts"]
    assert beside["plain_step_s"] > 0
    assert beside["ratio"] == pytest.approx(beside["itl_p99_s"] / beside["plain_step_s"])
    assert beside["long_ttft_p50_s"] > 0
    assert loads["3 rows drawn with temperature and top-p"]["outside_run_s"] > 0
    assert {ratio.against for ratio in found.ratios} == {
        "the mean of the lanes alone",
        "a plain step of as many rows",
    }

    show(found, Console(width=100))
    shown = capsys.readouterr().out
    assert "token-desk toy-3 q8 (onnxruntime" in shown
    assert "lanes of 8, 4, 4, 2, 1 slots" in shown


# ---- engines that drop out


def test_peers_that_drop_out_are_one_sentence_each_and_the_others_go_on(toy, rival):
    found = run(quick(toy, [rival("crash"), rival("babble"), rival("refuse"), rival()], batches=(1,)))
    assert all("\n" not in words for words in found.lost)
    for words, pattern in zip(
        sorted(found.lost),
        (
            "There is nothing to run",
            r"scripted on .* answers what is no JSON",
            r"scripted on .* was ended by SIGKILL.*scripted engine: about to crash",
        ),
        strict=True,
    ):
        assert re.search(pattern, words)
    assert [row.engine for row in found.rows] == ["token-desk", "scripted"]
    assert len(found.ratios) == 2


def test_peers_that_are_not_there_are_told_with_an_exit_code_of_their_own(toy):
    ended = bench(
        "--model", toy, "--batches", 1, "--threads", 1, "--rounds", 1, "--prompt", 8, "--steps", 2, "--seconds", 0,
        "--rival", "/nowhere/engine", "--peers", sys.executable, "--gguf", "model.gguf", "--json",
    )  # fmt: skip
    assert ended.returncode == 5
    assert len(json.loads(ended.stdout)["lost"]) == 2
    assert "The engine for engine does not start: /nowhere/engine: No such file or directory." in ended.stderr
    assert "No module named 'llama_cpp'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_model_of_ours_that_does_not_run_ends_the_bench(tmp_path):
    ended = bench("--model", tmp_path / "nothing", "--rounds", 1)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("There is no model")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_context_beyond_the_model_is_refused_with_both_numbers(toy):
    with pytest.raises(Trouble, match=r"context of 3.. tokens, and Tiny decoder was made for 256"):
        run(Plan(models=[str(toy)], batches=(1,), threads=1, rounds=1, prompt=300, steps=2, seconds=0))


@pytest.mark.parametrize("arguments", [("--batches", "1,x"), ("--batches", "0"), ("--gguf", "a.gguf")])
def test_what_makes_no_sense_is_a_question_of_usage(arguments):
    assert CliRunner().invoke(app, ["bench", *arguments]).exit_code == 2


def test_a_silent_engine_is_given_up(rival):
    silent = Contestant([sys.executable, "-c", "import sys; sys.stdin.read()"], "It", patience=0.2)
    with pytest.raises(Trouble, match=r"It did not answer within 0\.2 s"):
        silent.answer()


def test_ours_runs_in_the_engines_environment_and_a_stranger_in_its_own(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    code = "import json, os; print(json.dumps({'pages': os.environ.get('GLIBC_TUNABLES')}), flush=True); input()"
    for stranger, pages in ((False, "glibc.malloc.hugetlb=1"), (True, None)):
        child = Contestant([sys.executable, "-S", "-c", code], "It", stranger=stranger)
        assert child.answer() == {"pages": pages}
        child.close()


# ---- numbers


def test_the_interval_is_students_on_the_logarithms_of_paired_rounds():
    """Worked by hand: logs 0, ln 2, ln 4 have mean ln 2, deviation ln 2, so t * s / sqrt n = 4.303 * ln 2 / sqrt 3."""
    found = ratio_of("row", "against", [1.0, 2.0, 4.0])
    half = 4.303 * math.log(2) / math.sqrt(3)
    assert found.ratio == pytest.approx(2.0)
    assert found.low == pytest.approx(2.0 * math.exp(-half))
    assert found.high == pytest.approx(2.0 * math.exp(half))


def test_one_round_has_no_interval():
    found = ratio_of("row", "against", [1.5])
    assert (found.ratio, found.low, found.high) == (pytest.approx(1.5), None, None)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=20))
def test_the_inverse_ratio_has_the_inverse_interval(pairs):
    found, inverse = ratio_of("", "", pairs), ratio_of("", "", [1 / pair for pair in pairs])
    assert found.low is not None
    assert found.low <= found.ratio * (1 + 1e-9)
    assert inverse.ratio == pytest.approx(1 / found.ratio)
    assert inverse.low == pytest.approx(1 / found.high)


def test_the_floor_is_the_longer_of_reading_and_multiplying():
    """Per step of 4 rows: 1000 bytes of weights and 4 * 10 * 5 of keys at 100 a second are 12 s; 4 * 200 products at
    100 a second and 4 * 10 * 2 of attention at 40 are 10 s, or 22 s at 40."""
    machine = {"read_bytes_per_second": 100.0, "eight_bit_madds_per_second": 100.0, "float_madds_per_second": 40.0}
    work = {"weight_bytes": 1000, "kv_bytes": 5, "madds": 200, "attention_madds": 2, "quantised": True}
    assert floor_of(machine, work, 4, 10) == pytest.approx(4 / 12)
    assert floor_of(machine, work | {"quantised": False}, 4, 10) == pytest.approx(4 / 22)


def test_the_work_of_a_graph_is_what_its_matrices_hold(tmp_path):
    a = Toy(3).architecture
    layer = a.hidden * (a.heads + 2) * a.head_size + a.hidden * a.hidden + 3 * a.hidden * a.feed_forward
    madds = a.layers * layer + a.hidden * a.vocabulary
    for precision, bytes_per_weight, quantised in ((PLAIN, 4.0, False), (EIGHT_BIT, 1 + 5 / 64, True)):
        folder = tmp_path / precision.name
        folder.mkdir()
        Toy(3).write(folder, precision)
        found = work(folder / GRAPH_FILE, a.head_size)
        assert found.madds == madds
        assert found.attention_madds == 2 * a.layers * a.hidden
        assert found.quantised is quantised
        assert found.weight_bytes == pytest.approx(bytes_per_weight * madds, rel=0.02)


def test_the_keys_of_a_token_are_counted_as_the_cache_holds_them(toy):
    child = Contestant(command("contestant", str(toy), "", "1"), "It")
    assert child.answer()["kv_bytes"] == 2 * 2 * 64 * 4
    child.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not tell of another process's peak")
def test_the_peak_of_a_process_outlives_what_made_it():
    held = 64 << 20
    child = Contestant(
        [sys.executable, "-c", f"x = bytes(1) * {held}; x = None; print('{{}}', flush=True); input()"], "It"
    )
    child.answer()
    assert held < peak_memory(child.pid) < 2 * held
    child.close()
