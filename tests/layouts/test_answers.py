"""Every layout answers as transformers does on the same weights, whatever runs beside it and however it is cut."""

import numpy as np
import onnx
import pytest
from answering import CONTEXT, expected, greedy, row_of, same, step
from onnx import TensorProto, helper

from desk.engine import batch as batch_module
from desk.engine.batch import Batch
from desk.engine.feeds import GrowingCache, SharedCache
from desk.engine.selftest import check_rows
from desk.facts.trouble import Trouble
from desk.models.foreign.layout import describe

EXACT, GELU, HALF, EIGHT_BIT = 1e-4, 1e-3, 5e-2, 0.15
"""Largest differences of a logit: rounding; another form of Gelu; 16-bit floats; activations in 8 bits. Measured: 1e-5,
2.3e-4, 3.1e-2, 8.1e-2."""

LAYOUTS = {
    ("genai-llama-fp32", ""): EXACT,
    ("genai-llama-int4", ""): EXACT,
    ("genai-llama-fp16", ""): HALF,
    ("genai-llama-fp16-positions", ""): HALF,
    ("genai-qwen3-fp32", ""): EXACT,
    ("genai-qwen3-int4", ""): EIGHT_BIT,
    ("genai-gemma3-fp32", ""): GELU,
    ("genai-phi3-int4", ""): EXACT,
    ("optimum-llama", ""): EXACT,
    ("optimum-qwen3", ""): EXACT,
    ("optimum-gemma3", ""): EXACT,
    ("js-llama", "q4"): EXACT,
    ("js-llama", "fp16"): HALF,
}
REFERENCE = {("js-llama", "fp16"): "optimum-llama"}
"""The recorded answers of js-llama are those of its 4-bit weights; unquantised they are optimum-llama's."""

PROMPTS = [[5, 17, 271], [9], [(7 * k) % 280 + 3 for k in range(66)], [40, 41], [(3 * k) % 250 + 3 for k in range(20)]]

every_layout = pytest.mark.parametrize(("layout", "precision"), LAYOUTS, ids=lambda part: part or "-")


@every_layout
def test_answers_are_those_of_transformers(batch, layout, precision):
    """All prompts side by side: greedy tokens, and the logits before each, wherever the reference has no tie."""
    tolerance = LAYOUTS[layout, precision]
    answers = expected(REFERENCE.get((layout, precision), layout))
    running, drawn, sure = batch(layout, precision), {}, 0
    for answer in answers:
        row = row_of(answer["prompt"])
        running.join(row)
        drawn[row] = answer
    while any(len(row.known) < row.pending + len(answer["answer"]) for row, answer in drawn.items()):
        for row, token, values, ids in step(running):
            place = len(row.known) - row.pending - 1
            if place >= len(drawn[row]["answer"]):
                continue
            best_two = drawn[row]["top"][place]
            for wanted, logit in best_two:
                (where,) = np.flatnonzero(ids == wanted)
                assert values[where] == pytest.approx(logit, abs=tolerance)
            right = drawn[row]["answer"][place]
            if best_two[0][1] - best_two[1][1] > 2 * tolerance:
                assert token == right
                sure += 1
            row.known[-1] = right  # go on along the reference, so that one tie does not hide what follows
    assert sure > 30  # of 72


@pytest.mark.parametrize(
    ("layout", "precision"),
    [key for key, tolerance in LAYOUTS.items() if tolerance <= GELU],
    ids=lambda part: part or "-",
)
def test_exact_layouts_answer_freely_as_transformers_does(batch, layout, precision):
    answers = expected(layout)
    given_out = greedy(batch(layout, precision), [a["prompt"] for a in answers], len(answers[0]["answer"]))
    for answer, tokens in zip(answers, given_out, strict=True):
        assert same(tokens, [(token, 0.0) for token in answer["answer"]], tie=1e-3)


@every_layout
def test_rows_side_by_side_answer_as_each_alone(batch, layout, precision):
    together = greedy(batch(layout, precision, slots=3), PROMPTS, 8)
    for prompt, tokens in zip(PROMPTS, together, strict=True):
        (alone,) = greedy(batch(layout, precision, slots=1), [prompt], 8)
        assert same(tokens, alone, tie=1e-3)


@every_layout
@pytest.mark.parametrize("chunk", [7, CONTEXT])
def test_a_prompt_in_chunks_answers_as_it_does_whole(batch, layout, precision, chunk, monkeypatch):
    prompts = PROMPTS[2:3] + PROMPTS[4:]
    usual = greedy(batch(layout, precision), prompts, 8)
    monkeypatch.setattr(batch_module, "CHUNK", chunk)
    for tokens, others in zip(greedy(batch(layout, precision), prompts, 8), usual, strict=True):
        # With 16-bit floats and with 8-bit activations another cut gives another rounding.
        assert same(tokens, others, tie=max(1e-3, 2 * LAYOUTS[layout, precision] - 2e-4))


@every_layout
def test_the_proof_at_load_holds(network, layout, precision):
    check_rows(network(layout, precision))


def test_a_graph_that_gives_the_logits_asked_for_is_asked_for_one_position(copied, runtime):
    """Some of transformers.js' graphs take `num_logits_to_keep`: here one of optimum's, cut off as they are."""
    folder = copied("optimum-llama")
    model = onnx.load(folder / "model.onnx")
    graph = model.graph
    next(node for node in graph.node if "logits" in node.output).output[:] = ["all_logits"]
    graph.input.append(helper.make_tensor_value_info("num_logits_to_keep", TensorProto.INT64, []))
    for name, value in (("axis", [1]), ("end", [2**31])):
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], value))
    graph.initializer.append(helper.make_tensor("front", TensorProto.INT64, [1], [0]))
    graph.node.append(helper.make_node("Neg", ["num_logits_to_keep"], ["back"]))
    graph.node.append(helper.make_node("Unsqueeze", ["back", "front"], ["start"]))
    graph.node.append(helper.make_node("Slice", ["all_logits", "start", "end", "axis"], ["logits"]))
    onnx.save(model, folder / "model.onnx")
    manifest = describe(folder)
    assert (manifest.wiring.keep, manifest.wiring.narrowed) == ("num_logits_to_keep", "logits")
    running = Batch(runtime.load(folder, manifest, "cpu"), 3, CONTEXT)
    answers = expected("optimum-llama")
    given_out = greedy(running, [answer["prompt"] for answer in answers], len(answers[0]["answer"]))
    assert [[token for token, _ in tokens] for tokens in given_out] == [answer["answer"] for answer in answers]


@pytest.mark.parametrize("layout", ["genai-llama-fp32", "optimum-llama"])
def test_a_row_goes_on_to_the_very_end_of_the_context(batch, layout):
    running, row = batch(layout, slots=2), row_of(range(3, CONTEXT - 2))
    running.join(row)
    while len(row.known) < CONTEXT:
        step(running)
    running.leave(row)
    with pytest.raises(Trouble):
        running.join(row)


def test_attention_nodes_share_their_cache_and_others_let_it_grow(batch):
    assert type(batch("genai-llama-fp32").cache) is SharedCache
    growing = batch("optimum-llama", slots=3).cache
    assert type(growing) is GrowingCache
    assert growing.bytes == growing.network.manifest.kv_bytes(3, CONTEXT) == 4 * (2 * 2 * 2 * 16 * CONTEXT) * 4


def test_rows_of_a_growing_cache_take_turns_and_prompts_wait_for_one_round(batch):
    running = batch("optimum-llama", slots=3)
    rows = [row_of([5 + n]) for n in range(2)]
    for row in rows:
        running.join(row)
    for _ in rows:
        step(running)
    running.join(row_of(range(3, 103)))
    order = []
    for _ in range(6):
        run = running.next_run()
        order.append(rows.index(run.rows[0]) if run.rows[0] in rows else "prompt")
        run.feed.run()
        for row, token in running.settle(run).tokens:
            row.take(token)
    start = order.index("prompt")
    assert order[start : start + 4] == ["prompt", 0, 1, "prompt"]
