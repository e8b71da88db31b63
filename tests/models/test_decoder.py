"""The graph computes what the checkpoint means: as plain numpy on a tiny model, as transformers on the real one."""

import dataclasses
import itertools

import gguf
import numpy as np
import onnx
import pytest
import tiny
from running import Running, agreement, divergence

from desk.models.graph import GRAPH_FILE
from desk.models.kernels import KernelTable
from desk.models.precision import PRECISIONS, Precision
from desk.models.store import RUNS_ON

PLAIN = Precision(name="fp32", words="", form="dense")
TURNED = Precision(name="fp32-turned", words="", form="dense", rotated=True)
EXACT = dataclasses.replace(PRECISIONS["q4"], name="exact", accuracy_level=0)

DECODED, ROWS = 6, 2
"""How many tokens of how many recorded continuations are decoded one by one: exact activations decode slowly."""
END = 2

IDS = [1, 40, 41, 42, 43, 200, 259, 258, 7, 7, 7, 90]
FLOATS = [gguf.GGMLQuantizationType[name] for name in ("F32", "F16", "BF16")]
BLOCKS = [gguf.GGMLQuantizationType[name] for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")]


@pytest.mark.parametrize(
    ("precision", "kind"),
    [*itertools.product([PLAIN, TURNED], FLOATS + BLOCKS), *itertools.product([EXACT], BLOCKS)],
    ids=lambda value: value.name,
)
def test_a_tiny_model_equals_plain_numpy(write_tiny, kind, precision):
    folder, weights = write_tiny(precision, kind=kind, tied=kind.name != "Q4_0", stretched=kind.name == "Q8_0")
    np.testing.assert_allclose(Running(folder, everywhere=True).logits(IDS), tiny.logits(weights, IDS), atol=2e-5)


@pytest.mark.parametrize("precision", PRECISIONS.values(), ids=lambda precision: precision.name)
def test_every_shipped_precision_stays_close_on_a_tiny_model(write_tiny, precision):
    folder, weights = write_tiny(precision, kind=gguf.GGMLQuantizationType.Q4_1)
    assert divergence(tiny.logits(weights, IDS), Running(folder, everywhere=True).logits(IDS)) < 1e-3


@pytest.mark.parametrize("precision", PRECISIONS.values(), ids=lambda precision: precision.name)
def test_the_store_offers_a_precision_where_every_node_has_a_kernel(write_tiny, precision):
    folder, _ = write_tiny(precision, kind=gguf.GGMLQuantizationType.Q4_1)
    model, table = onnx.load(folder / GRAPH_FILE, load_external_data=False), KernelTable.of_this_version()
    assert {place for place in ("cpu", "cuda") if not table.lacking(model, place)} == set(RUNS_ON[precision.name])


def test_candidates_are_the_64_likeliest_in_order(write_tiny):
    folder, weights = write_tiny(PLAIN)
    values, tokens = Running(folder).first(IDS)
    expected = np.argsort(-tiny.logits(weights, IDS)[-1])[:64]
    assert tokens.tolist() == expected.tolist()
    assert (np.diff(values) <= 0).all()


def test_decoding_step_by_step_gives_what_the_whole_prompt_gives(write_tiny):
    folder, weights = write_tiny(PLAIN)
    (said,), _ = Running(folder).greedy([IDS], 8)
    expected = list(IDS)
    for _ in range(8):
        expected.append(int(tiny.logits(weights, expected)[-1].argmax()))
    assert said == expected[len(IDS) :]


@pytest.fixture(scope="session")
def shipped(embedded_model):
    return embedded_model.folder


@pytest.fixture(scope="session")
def exact(write_embedded):
    return write_embedded(EXACT)


@pytest.fixture(scope="session")
def exact_logits(exact, reference):
    """Per case: prompt and recorded continuation, with the logits of the exact graph at each position."""
    running = Running(exact, everywhere=True)
    texts = [case["ids"] + case["hf"]["greedy64"] for case in reference]
    return [(ids, running.logits(ids)) for ids in texts]


@pytest.mark.live
def test_the_exact_graph_equals_transformers(exact_logits, reference):
    for (_, logits), case in zip(exact_logits, reference, strict=True):
        prompt = len(case["ids"])
        assert logits[:prompt].argmax(-1).tolist() == case["hf"]["argmax"]
        tokens, values = zip(*case["hf"]["top20"], strict=True)
        np.testing.assert_allclose(logits[prompt - 1, list(tokens)], values, atol=2e-4)  # recorded to four decimals


@pytest.mark.live
def test_greedy_continuations_equal_transformers(exact, exact_logits, reference):
    """Each token of the recording is the likeliest behind those before it, and so says a batch with its cache."""
    answers = []
    for (_, logits), case in zip(exact_logits, reference, strict=True):
        likeliest = logits[len(case["ids"]) - 1 : -1].argmax(-1).tolist()
        end = likeliest.index(END) if END in likeliest else len(likeliest)  # the recording went on behind its answer
        answers.append(case["hf"]["greedy64"][:end])
        assert likeliest[:end] == answers[-1]
        assert end > 0
    said, _ = Running(exact).greedy([case["ids"] for case in reference[:ROWS]], DECODED)
    for ours, theirs in zip(said, answers, strict=False):
        assert ours[: len(theirs)] == theirs[:DECODED]


@pytest.mark.live
def test_the_rotated_weights_in_float_equal_transformers(write_embedded, reference):
    running = Running(write_embedded(TURNED))
    for case in reference:
        values, tokens = running.first(case["ids"])
        ours = dict(zip(tokens.tolist(), values.tolist(), strict=True))
        theirs = dict(case["hf"]["top20"])
        assert max(abs(ours[token] - value) for token, value in theirs.items()) < 1e-3


@pytest.mark.live
def test_the_shipped_graph_stays_within_a_hundredth_nat(shipped, exact_logits):
    running = Running(shipped, everywhere=True)
    ours = np.concatenate([running.logits(ids) for ids, _ in exact_logits])
    exact = np.concatenate([logits for _, logits in exact_logits])
    assert divergence(exact, ours) < 0.01
    assert agreement(exact, ours) > 0.95


@pytest.mark.live
def test_rows_of_a_batch_do_not_touch_each_other(shipped, reference):
    running = Running(shipped)
    prompts = [case["ids"] for case in reference]
    together, met = running.greedy(prompts, 12)
    for row, prompt in enumerate(prompts):
        (alone,), met_alone = running.greedy([prompt], 12)
        assert together[row] == alone
        # The kernel sums the wide blocks of the logits in another order for one row than for several: by 1e-5.
        assert np.allclose(met[row], met_alone[0], rtol=0, atol=1e-4)
