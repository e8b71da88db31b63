"""Qwen 3 and Gemma 3 compute what transformers computes, in every precision that can be had of their files."""

import functools

import gguf
import numpy as np
import onnx
import pytest
import relatives
from given import DATA, quietly
from running import Running, divergence
from test_decoder import EXACT, PLAIN, TURNED

from desk.facts.trouble import Trouble
from desk.models import builder
from desk.models.catalogue import entry
from desk.models.checkpoint import Checkpoint
from desk.models.graph import GRAPH_FILE
from desk.models.kernels import KernelTable
from desk.models.manifest import read_manifest
from desk.models.precision import PRECISIONS
from desk.models.store import RUNS_ON

FAMILIES = list(relatives.SHAPES)


def medium(name):
    """The mixture that published 4-bit files have: Q4_K, and Q6_K for values, the way down and the embedding."""
    six = name.endswith(("attn_v", "ffn_down", "token_embd"))
    # The rows of this one are too short for blocks of 256.
    other = "Q5_0" if name.endswith("attn_output") else "Q4_K"
    return gguf.GGMLQuantizationType["Q6_K" if six else other]


@functools.cache
def only(kind):
    """Every matrix of that type; the same function for the same type."""
    return lambda name: gguf.GGMLQuantizationType[kind]


@pytest.fixture(scope="module")
def recorded():
    with np.load(DATA / "families.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Writes and builds a checkpoint: `made(family, precision, ...)` gives the folder, the same for the same wish."""

    @functools.cache
    def make(family, precision, kinds=None, change=None, scaled=()):
        folder = tmp_path_factory.mktemp(f"{family}.{precision.name}")
        source = folder.with_suffix(".gguf")
        relatives.write(source, family, kinds, change=change, **dict(scaled))
        builder.write(source, entry("smollm2-135m"), precision, folder, quietly)
        return folder

    return make


@pytest.fixture(scope="module")
def logits(made):
    """What a built checkpoint says to the tokens of all tests here: `logits(family, precision, ...)`, as `made`."""
    return functools.cache(lambda *wish, **how: Running(made(*wish, **how), everywhere=True).logits(relatives.IDS))


@pytest.mark.parametrize("precision", [PLAIN, TURNED], ids=lambda precision: precision.name)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_equals_transformers(logits, recorded, family, precision):
    np.testing.assert_allclose(logits(family, precision), recorded[f"{family}.logits"], atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_with_a_cache_gives_what_transformers_gives_from_scratch(made, recorded, family):
    running = Running(made(family, PLAIN))
    (said, short), _ = running.greedy([relatives.IDS, relatives.IDS[:5]], relatives.SAID)
    assert said == recorded[f"{family}.said"].tolist()
    whole = list(relatives.IDS[:5])
    for _ in range(relatives.SAID):  # across the edge of the window, too
        whole.append(int(running.first(whole)[1][0]))
    assert short == whole[5:]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prompt_in_pieces_is_read_as_a_whole_one(made, family):
    running = Running(made(family, PLAIN))
    values, tokens = running.first(relatives.IDS)
    for length in (3, 16):  # shorter and longer than the window
        pieces, likeliest = running.first_in_pieces(relatives.IDS, length)
        np.testing.assert_allclose(pieces, values, atol=2e-5)
        assert likeliest[0] == tokens[0]


def test_the_window_and_both_rotations_reach_the_answer(logits, recorded):
    """What the first test proves of Gemma 3 would hold without a window if the sequence were too short for it."""
    theirs = recorded["gemma3.logits"]
    for change in (
        lambda writer: writer.add_array("gemma3.attention.sliding_window_pattern", [False] * 6),
        lambda writer: writer.add_float32("gemma3.rope.freq_base_swa", 1e6),
    ):
        ours = logits("gemma3", PLAIN, change=change)
        assert np.abs(ours - theirs)[relatives.WINDOW + 1 :].max(-1).min() > 1e-3


@pytest.mark.parametrize(
    ("kinds", "precision"),
    [
        *[(medium, precision) for precision in PRECISIONS.values()],
        (only("Q4_0"), PRECISIONS["q4"]),
        (only("BF16"), PRECISIONS["q8"]),
        (only("Q8_0"), PRECISIONS["fp16"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_precision_stays_close_to_the_published_weights(logits, family, kinds, precision):
    assert divergence(logits(family, PLAIN, kinds), logits(family, precision, kinds)) < 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_published_blocks_are_kept_to_the_last_bit(logits, family):
    np.testing.assert_allclose(logits(family, EXACT, medium), logits(family, PLAIN, medium), atol=2e-5)


@pytest.mark.parametrize("precision", PRECISIONS.values(), ids=lambda precision: precision.name)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_node_has_a_kernel_where_the_store_offers_the_precision(made, family, precision):
    model = onnx.load(made(family, precision, medium) / GRAPH_FILE, load_external_data=False)
    table = KernelTable.of_this_version()
    assert {place for place in ("cpu", "cuda") if not table.lacking(model, place)} == set(RUNS_ON[precision.name])


def test_a_stream_beyond_16_bit_floats_passes_through_a_graph_of_them(logits):
    large = (("post_ffw_norm", 5e4),)
    plain, half = (logits("gemma3", precision, scaled=large) for precision in (PLAIN, PRECISIONS["fp16"]))
    assert divergence(plain, half) < 1e-3


def test_gemma_is_not_rotated_and_its_manifest_says_so(made):
    assert read_manifest(made("qwen3", PRECISIONS["q8"])).quantisation == "8 bits in blocks of 64, rotated"
    gemma = read_manifest(made("gemma3", PRECISIONS["q8"]))
    assert gemma.quantisation == "8 bits in blocks of 32, not rotated"
    assert gemma.window == relatives.WINDOW


@pytest.mark.parametrize("family", FAMILIES)
def test_floats_have_no_blocks_to_keep(made, family):
    with pytest.raises(Trouble, match="published in F16, so they have no blocks that q4 could keep") as trouble:
        made(family, PRECISIONS["q4"], only("F16"))
    assert trouble.value.remedy == "Choose q8 or fp16."


def test_a_linear_stretch_divides_the_positions_of_the_layers_that_see_everything(tmp_path):
    def change(writer):
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(8.0)

    relatives.write(tmp_path / "long.gguf", "gemma3", change=change)
    made = Checkpoint(tmp_path / "long.gguf").architecture
    assert made.rope_divisors.tolist() == [8.0] * (made.head_size // 2)
    assert made.near == (True,) * 5 + (False,)


def test_what_the_families_cannot_compute_is_refused_by_name(tmp_path):
    def refused(reason, family, change):
        relatives.write(tmp_path / "odd.gguf", family, change=change)
        with pytest.raises(Trouble, match=reason):
            Checkpoint(tmp_path / "odd.gguf")

    refused("1001 layers", "qwen3", lambda writer: writer.add_block_count(1001))
    refused("caps its logits", "gemma3", lambda writer: writer.add_final_logit_softcapping(30.0))
    refused("heads of a size", "qwen3", lambda writer: writer.add_rope_dimension_count(32))
    refused(
        "of each layer", "gemma3", lambda writer: writer.add_array("gemma3.attention.sliding_window_pattern", [True])
    )
    bias = np.zeros(relatives.HIDDEN, np.float32)
    refused(r"attn_q\.bias", "qwen3", lambda writer: writer.add_tensor("blk.0.attn_q.bias", bias))
