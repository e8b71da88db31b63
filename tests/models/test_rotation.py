"""Rotations and roundings: what must not change does not, and what may change stays bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from desk.models.blocks import eight_bit, eight_bit_symmetric
from desk.models.rotation import Rotation, balance, turn_heads


@pytest.mark.parametrize("size", [1, 3, 64, 576, 1024])
def test_a_rotation_is_orthogonal(size):
    turned = Rotation(size).inputs(np.eye(size))
    np.testing.assert_allclose(turned @ turned.T, np.eye(size), atol=1e-12)


def test_a_rotation_cancels_between_writer_and_reader():
    random = np.random.default_rng(1)
    writer, reader, x = (random.standard_normal(shape) for shape in ((96, 40), (50, 96), (40,)))
    rotation = Rotation(96)
    np.testing.assert_allclose(rotation.inputs(reader) @ (rotation.outputs(writer) @ x), reader @ (writer @ x))


def test_a_rotation_spreads_an_outlier():
    spike = np.zeros((1, 576))
    spike[0, 100] = 1.0
    assert np.abs(Rotation(576).inputs(spike)).max() < 0.1


def test_the_rotation_is_the_same_on_every_machine():
    signs = Rotation(8).inputs(np.eye(8))[:, 0] * 8**0.5
    assert signs.round(9).tolist() == [-1, 1, 1, -1, 1, -1, -1, 1]


def test_turned_heads_cancel():
    random = np.random.default_rng(2)
    values, outputs = random.standard_normal((2 * 48, 20)), random.standard_normal((20, 4 * 48))
    turned_values, turned_outputs = turn_heads(values, outputs, 48)
    for head in range(4):  # two query heads read each head of values
        value, output = slice(head // 2 * 48, (head // 2 + 1) * 48), slice(head * 48, (head + 1) * 48)
        np.testing.assert_allclose(turned_outputs[:, output] @ turned_values[value], outputs[:, output] @ values[value])


def test_balance_keeps_the_geometric_mean_and_survives_a_dead_channel():
    random = np.random.default_rng(3)
    gate, up = random.standard_normal((2, 30, 8)) * np.geomspace(1, 100, 30)[:, None]
    assert np.log(balance(gate, up)).mean() == pytest.approx(0)
    up[4] = 0
    factors = balance(gate, up)
    assert np.isfinite(factors).all()
    assert (factors > 0).all()
    assert balance(np.zeros((3, 2)), np.zeros((3, 2))) == pytest.approx(1)


matrices = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 140)),
    elements=st.floats(-100, 100, width=32),
)


def _values(made):
    zero = 1 << (made.bits - 1) if made.zero is None else made.zero[..., None].astype(np.float64)
    return ((made.codes.astype(np.float64) - zero) * made.scale[..., None]).reshape(len(made.codes), -1)[
        :, : made.columns
    ]


@given(matrices, st.sampled_from([32, 64]))
def test_rounding_moves_a_weight_by_less_than_a_level(matrix, block):
    for made in (eight_bit(matrix, block), eight_bit_symmetric(matrix, block)):
        level = np.repeat(made.scale, block, axis=1)[:, : made.columns]
        assert made.codes.shape == (len(matrix), -(-made.columns // block), block)
        assert (np.abs(_values(made) - matrix) <= 1.001 * level).all()
