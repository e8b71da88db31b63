"""Matrices in blocks: the form published files use, and the form the quantised kernels read.

Both cut a matrix [rows, columns] into blocks along its columns. A published block has a float minimum
(`value = scale * code + minimum`), a kernel's block an integer zero point (`value = scale * (code - zero)`), so the
one does not turn into the other without loss, unless a correction for the minimum is added beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PUBLISHED_BLOCK = 32
_ROWS_AT_ONCE = 8192

_Levels = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From blocks [rows, blocks, block] to their scale and zero point, each [rows, blocks]."""


@dataclass(frozen=True, slots=True)
class PublishedBlocks:
    """Weights as a file holds them: `codes` uint8 [rows, blocks, 32], `scale` and `minimum` float32 [rows, blocks]."""

    codes: NDArray[np.uint8]
    scale: NDArray[np.float32]
    minimum: NDArray[np.float32]
    bits: int

    def values(self) -> NDArray[np.float32]:
        """The weights themselves, float32 [rows, columns], with the rounding every reader of the format has."""
        return (self.codes * self.scale[..., None] + self.minimum[..., None]).reshape(len(self.codes), -1)

    def ordered(self, rows: NDArray[np.intp]) -> "PublishedBlocks":
        """The same matrix with its rows in another order."""
        return PublishedBlocks(self.codes[rows], self.scale[rows], self.minimum[rows], self.bits)


def stacked(parts: Sequence[PublishedBlocks]) -> PublishedBlocks:
    """Matrices of equal width below each other. Narrower codes are kept in the widest part's bits, without loss."""
    return PublishedBlocks(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.minimum for part in parts]),
        max(part.bits for part in parts),
    )


@dataclass(frozen=True, slots=True)
class KernelBlocks:
    """Weights as MatMulNBits reads them.

    `codes` uint8 [rows, blocks, bytes], two 4-bit codes to a byte, the even one low; `scale` float32 [rows, blocks];
    `zero` uint8 [rows, blocks], `None` for the middle code; `correction` float32 [blocks, rows] or `None`: what the
    sum of the inputs over each block must be multiplied with and added.
    """

    codes: NDArray[np.uint8]
    scale: NDArray[np.float32]
    zero: NDArray[np.uint8] | None
    correction: NDArray[np.float32] | None
    bits: int
    block: int
    columns: int


def verbatim(published: PublishedBlocks) -> KernelBlocks:
    """The published codes as they are: exact, with a correction where the minimum is not that of a middle code.

    scale * code + minimum = scale * (code - middle) + (minimum + middle * scale), and the second part is constant over
    a block, so it multiplies the block's sum of inputs.
    """
    codes, middle = published.codes, 1 << (published.bits - 1)
    if published.bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << np.uint8(4))
    rest = published.minimum + middle * published.scale
    columns = published.codes.shape[1] * PUBLISHED_BLOCK
    correction = np.ascontiguousarray(rest.T) if rest.any() else None
    return KernelBlocks(codes, published.scale, None, correction, published.bits, PUBLISHED_BLOCK, columns)


def eight_bit(values: NDArray[np.floating], block: int) -> KernelBlocks:
    """Round to 256 levels per block, with a zero point, so that 0 and the block's extremes lie on levels or nearly."""

    def levels(cut: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        low, high = np.minimum(cut.min(-1), 0), np.maximum(cut.max(-1), 0)
        scale = np.maximum((high - low) / 255, np.finfo(np.float32).tiny)
        return scale, np.rint(-low / scale)

    return _eight_bit(values, block, levels, keep_zero=True)


def eight_bit_symmetric(values: NDArray[np.floating], block: int) -> KernelBlocks:
    """Round to 255 levels per block around the middle code 128."""

    def levels(cut: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scale = np.maximum(np.abs(cut).max(-1) / 127, np.finfo(np.float32).tiny)
        return scale, np.full(scale.shape, 128, np.float32)

    return _eight_bit(values, block, levels, keep_zero=False)


def _eight_bit(values: NDArray[np.floating], block: int, levels: _Levels, *, keep_zero: bool) -> KernelBlocks:
    rows, columns = values.shape
    blocks = -(-columns // block)
    codes = np.empty((rows, blocks, block), np.uint8)
    scale = np.empty((rows, blocks), np.float32)
    zero = np.empty((rows, blocks), np.uint8)
    for start in range(0, rows, _ROWS_AT_ONCE):  # bounds the memory of the float copies
        part = slice(start, start + _ROWS_AT_ONCE)
        cut = values[part].astype(np.float32)
        cut = np.pad(cut, ((0, 0), (0, blocks * block - columns))).reshape(len(cut), blocks, block)
        scale[part], middle = levels(cut)
        zero[part] = middle
        codes[part] = np.clip(np.rint(cut / scale[part][..., None]) + middle[..., None], 0, 255)
    return KernelBlocks(codes, scale, zero if keep_zero else None, None, 8, block, columns)
