"""Tensor types: our reading of their bytes is the gguf package's, and what keeps their codes loses nothing."""

import gguf
import numpy as np
import pytest
from relatives import packed

from desk.models.blocks import PublishedBlocks, eight_bit, verbatim
from desk.models.packed import FLOATS, PACKINGS, blocks_of, floats_of

KINDS = sorted(PACKINGS)
FOUR_BITS = {gguf.GGMLQuantizationType[name] for name in ("Q4_0", "Q4_1", "Q4_K")}
CORRECTED = {gguf.GGMLQuantizationType[name] for name in ("Q4_1", "Q5_1", "Q4_K", "Q5_K")}
"""Types with a minimum: blocks around a middle code need no correction."""

ADDED = {"Q4_0": 4.7, "Q4_1": 5.3, "Q4_K": 3.4, "Q5_0": 5.2, "Q5_1": 5.3, "Q5_K": 3.4, "Q6_K": 5.0, "Q8_0": 5.3}
"""Thousandths of the weights by which q8 moves them, as the table says."""


def named(kind):
    return kind.name


def sample(kind, rows=6, columns=512, seed=4):
    """A matrix in `kind`, every bit of its codes in use, as bytes and as the gguf package reads it."""
    raw = packed(np.random.RandomState(seed), (rows, columns), kind)
    return raw, gguf.quants.dequantize(raw, kind)


def product(made, x):
    """What the two kernels compute together, in float64: the quantised product and the correction by sums."""
    codes = made.codes
    if made.bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(*codes.shape[:2], -1)
    middle = ((codes.astype(np.float64) - (1 << (made.bits - 1))) * made.scale[..., None]).reshape(len(codes), -1)
    sums = x.reshape(-1, made.block).sum(-1)
    return middle @ x + (0 if made.correction is None else sums @ made.correction)


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_values_equal_those_of_the_gguf_package_to_the_bit(kind):
    raw, seen = sample(kind)
    assert np.array_equal(blocks_of(raw, kind).values(), seen)


@pytest.mark.parametrize("kind", FLOATS, ids=named)
def test_floats_equal_those_of_the_gguf_package_to_the_bit(kind):
    written = np.random.RandomState(1).standard_normal((3, 64)).astype(np.float32)
    raw = gguf.quants.quantize(written, kind)
    assert np.array_equal(floats_of(raw, kind), gguf.quants.dequantize(raw, kind))


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_kept_codes_lose_nothing(kind):
    raw, seen = sample(kind)
    made = verbatim([blocks_of(raw, kind)])
    x = np.random.RandomState(2).standard_normal(seen.shape[1])
    expected = seen.astype(np.float64) @ x
    np.testing.assert_allclose(product(made, x), expected, atol=2e-6 * np.abs(seen).max() * np.abs(x).sum())
    assert made.bits == (4 if kind in FOUR_BITS else 8)
    assert (made.correction is not None) == (kind in CORRECTED)


@pytest.mark.parametrize("others", [("Q4_0", "Q4_1"), ("Q4_K", "Q6_K"), ("Q5_0", "Q8_0", "Q4_1")])
def test_matrices_of_several_types_share_their_blocks_without_loss(others):
    kinds = [gguf.GGMLQuantizationType[name] for name in others]
    samples = [sample(kind, seed=number) for number, kind in enumerate(kinds)]
    made = verbatim([blocks_of(raw, kind) for (raw, _), kind in zip(samples, kinds, strict=True)])
    seen = np.concatenate([seen for _, seen in samples]).astype(np.float64)
    x = np.random.RandomState(3).standard_normal(seen.shape[1])
    np.testing.assert_allclose(product(made, x), seen @ x, atol=2e-6 * np.abs(seen).max() * np.abs(x).sum())


def test_a_middle_other_than_the_kernels_is_corrected():
    codes, scale = np.zeros((1, 1, 32), np.uint8), np.array([[0.3]], np.float32)
    assert verbatim([PublishedBlocks(codes, scale, None, 4, 8)]).correction is None
    assert verbatim([PublishedBlocks(codes, scale, None, 8, 128)]).correction is None
    made = verbatim([PublishedBlocks(codes, scale, None, 4, 7)])
    assert product(made, np.ones(32)) == pytest.approx(-7 * 0.3 * 32)


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_rounding_costs_what_the_table_says(kind):
    written = 0.7 * np.random.RandomState(5).standard_normal((64, 1024)).astype(np.float32)
    seen = gguf.quants.dequantize(packed(np.random.RandomState(6), written.shape, kind, written), kind)
    made = eight_bit(seen, 64)
    values = ((made.codes.astype(np.float32) - made.zero[..., None]) * made.scale[..., None]).reshape(seen.shape)
    assert moved(seen, values) == pytest.approx(1e-3 * ADDED[kind.name], rel=0.04)
    assert moved(seen, seen.astype(np.float16)) == pytest.approx(2e-4, rel=0.3)


def moved(seen, values):
    return np.sqrt(((values - seen) ** 2).mean() / (seen**2).mean())
