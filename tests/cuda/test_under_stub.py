"""The engine's own lane code on the real CUDA provider, under the stub runtime: everything but the numbers."""

import pytest
from tiny_on_cuda import LAYERS

CANDIDATE_BYTES = 64 * (4 + 8)
"""What a row gives back: 64 candidates, a float32 logit and an int64 token each."""


@pytest.fixture(scope="module")
def runs(drill):
    return drill("steps")["runs"]


def test_a_run_copies_its_inputs_and_candidates_and_nothing_else(runs):
    for name, counters in runs.items():
        kind, _, size = name.partition(" of ")
        rows = int(size) if kind == "decode" else 1
        assert counters["h2d"] <= 3, name  # tokens, lengths and the positions wanted
        assert counters["h2d_bytes"] <= (20 * rows if kind == "decode" else 8 * 64 + 12), name
        assert (counters["d2h"], counters["d2h_bytes"]) == (2, rows * CANDIDATE_BYTES), name
        assert counters["d2d"] == counters["refused_copies"] == 0, name  # past and present are the same memory
        assert kind == "prefill" or counters["allocations"] == 0, name


def test_a_run_launches_the_same_kernels_whatever_its_rows(runs):
    decodes = {(c["launches"], c["gemms"]) for name, c in runs.items() if name.startswith("decode")}
    prefills = {(c["launches"], c["gemms"]) for name, c in runs.items() if name.startswith("prefill")}
    assert len(decodes) == len(prefills) == 1
    launches, gemms = decodes.pop()
    assert gemms == 4 * LAYERS + 1  # fused query-key-value, output, fused gate-up, down; and the logits
    assert launches <= 8 * LAYERS + 6


def test_prompts_go_into_their_slots_in_chunks(runs):
    assert {"prefill of 64", "prefill of 20", "prefill of 30", "prefill of 5", "prefill of 61"} <= runs.keys()


def test_lanes_take_turns_and_slots_are_used_again_without_an_allocation(drill):
    seen = drill("steady")
    assert seen["runs"] > 40
    assert seen["slots"] == 10  # all of both lanes
    assert (seen["allocations"], seen["frees"], seen["grown"]) == (0, 0, 0)
    assert seen["d2d"] == seen["refused_copies"] == 0
    assert seen["h2d"] == 3 * seen["runs"]


def test_memory_stays_within_weights_and_cache_and_a_little(drill):
    seen = drill("memory")
    assert seen["weights"] == pytest.approx(seen["weights_planned"], rel=0.01)
    assert seen["cache"] == pytest.approx(seen["cache_planned"], rel=0.01)
    assert seen["opened"] + seen["runs"] < 8 << 20  # the probe, activations of a chunk, and the arena's blocks


@pytest.mark.parametrize(("slots", "context"), [(1, 512), (64, 512)])
def test_the_plan_covers_the_peak_and_no_lane_is_let_in_without_it(drill, slots, context):
    seen = drill("plan", lane={"slots": slots, "context": context}, memory=16 << 30)
    assert seen["free"] > 15 << 30
    kind, words = seen["refused"]
    assert kind == "Trouble"
    assert "KV cache" in words
    assert "on the GPU are free" in words
    assert seen["accepted"] is None
    assert seen["peak"] <= seen["total"]
    assert abs(seen["total"] - seen["margin"] - seen["peak"]) < 16 << 20
    assert seen["given_back"] > 0  # what a cache leaves counts as free for the next that fits
    assert seen["too_large_to_reuse"] == seen["used_again"] == 0


@pytest.mark.parametrize(
    ("capability", "heads", "attention"),
    [
        (75, (3, 1), {"memory-efficient"}),
        (80, (3, 1), {"flash"}),
        (86, (3, 1), {"flash"}),
        (87, (3, 1), {"flash"}),  # no machine code of its own: it runs that of 8.6
        (89, (4, 1), {"flash", "xqa"}),
        (90, (3, 1), {"flash"}),
        (120, (4, 1), {"flash", "xqa"}),
    ],
)
def test_every_generation_of_cards_that_is_promised_runs(drill, model, capability, heads, attention):
    """Three heads to one as in the embedded model, or four to one, which has a decode kernel of its own."""
    counters = drill("generation", capability=capability, model=model("fp16", *heads))
    assert {name for name, launches in counters["attention"].items() if launches} == attention
    assert counters["refused_copies"] == 0


@pytest.mark.parametrize("capability", [70, 100])
def test_a_generation_without_machine_code_is_refused_at_once(drill, capability):
    kind, words = drill("refused_card", capability=capability)["trouble"]
    assert kind == "Trouble"
    assert "no kernel image is available" in words


def test_out_of_memory_is_named_and_survived(drill):
    seen = drill("out_of_memory")
    for name in ("weights", "cache", "run"):
        kind, words = seen[name]
        assert kind == "OutOfMemory", name
        assert "out of memory" in words, name
    assert seen["smaller_run_after"] is None
    assert seen["run_after"] is None


def test_a_lost_device_is_told_apart_and_never_becomes_the_cpu(drill):
    seen = drill("lost_device")
    kind, words = seen.pop("new_session")
    assert kind == "Trouble"  # opening CUDA anew is refused: no process could be fresher
    assert "CUDA failure 700" in words
    for name, (kind, words) in seen.items():
        assert kind == "DeviceLost", f"{name}: {words}"


def test_a_failed_kernel_is_the_device_s_fault_not_the_model_s(drill):
    seen = drill("failed_run")
    assert seen["run"][0] == "DeviceLost"
    assert "model again" not in seen["run"][1]
