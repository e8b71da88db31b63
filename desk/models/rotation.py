"""Rotation of a decoder's weights, so that rounding to 8 bits costs less.

The 8-bit kernels round activations, too, block by block, and one outlier spoils its whole block. An orthogonal change
of basis spreads outliers over all channels and leaves the function of the network as it was, because
RMSNorm(x Q) = RMSNorm(x) Q for a norm without weights. So it can be folded into the weights before they are rounded:
the idea of QuaRot (Ashkboos et al. 2024), without its run-time rotations. Done in float64.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_HADAMARD_ORDER = 64
_ROWS_AT_ONCE = 8192


class Rotation:
    """A fixed orthogonal basis of `size` dimensions: random signs, then a DCT across blocks and a Hadamard inside."""

    def __init__(self, size: int) -> None:
        order = min(size & -size, _HADAMARD_ORDER)
        self._across, self._inside = _dct(size // order), hadamard(order)
        # Signs from a hash, so that every machine and every version of numpy turns the same way.
        bits = np.unpackbits(np.frombuffer(hashlib.shake_256(b"residual stream").digest(-(-size // 8)), np.uint8))
        self._signs = np.where(bits[:size], 1.0, -1.0)

    def inputs(self, matrix: NDArray[np.floating]) -> Matrix:
        """A matrix [outputs, size] that reads the turned basis: W Q^T. Its rows are vectors, so it turns those too."""
        turned = np.empty(matrix.shape)
        for start in range(0, len(matrix), _ROWS_AT_ONCE):  # bounds the memory of the copies
            part = slice(start, start + _ROWS_AT_ONCE)
            blocks = (matrix[part] * self._signs).reshape(-1, len(self._across), len(self._inside))
            turned[part] = (self._across @ (blocks @ self._inside)).reshape(-1, matrix.shape[1])
        return turned

    def outputs(self, matrix: NDArray[np.floating]) -> Matrix:
        """A matrix [size, inputs] that writes the turned basis: Q W."""
        return self.inputs(matrix.T).T


def hadamard(order: int) -> Matrix:
    """The symmetric orthonormal Hadamard matrix of a power of two; it is its own inverse."""
    matrix = np.ones((1, 1))
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix / np.sqrt(order)


def _dct(order: int) -> Matrix:
    """The orthonormal DCT-II, a dense rotation for the sizes that no Hadamard matrix of Sylvester's form has."""
    row, column = np.arange(order)[:, None], np.arange(order)[None]
    matrix = np.cos(np.pi * (2 * column + 1) * row / (2 * order)) * np.sqrt(2 / order)
    matrix[0] /= np.sqrt(2)
    return matrix


def turn_heads(values: NDArray[np.floating], outputs: NDArray[np.floating], head_size: int) -> tuple[Matrix, Matrix]:
    """The value rows [kv_heads * head_size, hidden] and the columns of the output projection, turned inside each head.

    Attention mixes positions, never the channels of a head, so what the values are turned by, the output undoes.
    """
    order = head_size & -head_size
    turn = np.kron(np.eye(head_size // order), hadamard(order))
    turned_values = (turn @ values.reshape(-1, head_size, values.shape[1])).reshape(values.shape)
    turned_outputs = (outputs.reshape(-1, head_size) @ turn.T).reshape(outputs.shape)
    return turned_values, turned_outputs


def balance(gate: NDArray[np.floating], up: NDArray[np.floating]) -> NDArray[np.float64]:
    """Factors [feed_forward], of geometric mean 1, that even out the channels between the `up` and `down` matrices.

    The product of a channel's row norms foretells how large it gets; dividing `up` and multiplying `down` by its square
    root changes nothing else. The exponent is measured, not derived.
    """
    size = np.linalg.norm(gate, axis=1) * np.linalg.norm(up, axis=1)
    logarithm = np.log(np.maximum(size, max(1e-6 * size.max(), np.finfo(np.float64).tiny)))  # a dead channel has size 0
    return np.exp(0.5 * (logarithm - logarithm.mean()))
