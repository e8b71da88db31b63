"""Matrices in blocks: the form published files use, and the form the quantised kernels read.

Both cut a matrix [rows, columns] into blocks along its columns. A published block has a float minimum
(`value = scale * code + minimum`), a kernel's block an integer zero point (`value = scale * (code - zero)`), so the
one does not turn into the other without loss, unless a correction for the minimum is added beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 8192

_Levels = Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""From blocks [rows, blocks, block] to their scale and zero point, each [rows, blocks]."""


@dataclass(frozen=True, slots=True)
class PublishedBlocks:
    """Weights as a file holds them: `value = scale * (code - middle) + minimum`.

    `codes` uint8 [rows, blocks, block] of `bits` bits, `scale` and `minimum` (`None`: 0) float32 [rows, blocks].
    """

    codes: NDArray[np.uint8]
    scale: NDArray[np.float32]
    minimum: NDArray[np.float32] | None
    bits: int
    middle: int

    def values(self) -> NDArray[np.float32]:
        """The weights themselves, float32 [rows, columns], with the rounding every reader of the format has."""
        values = self.codes.astype(np.float32)
        values -= self.middle
        values *= self.scale[..., None]
        if self.minimum is not None:
            values += self.minimum[..., None]
        return values.reshape(len(self.codes), -1)

    def ordered(self, rows: NDArray[np.intp]) -> "PublishedBlocks":
        """The same matrix with its rows in another order."""
        minimum = None if self.minimum is None else self.minimum[rows]
        return PublishedBlocks(self.codes[rows], self.scale[rows], minimum, self.bits, self.middle)


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


def joined(parts: Sequence[KernelBlocks]) -> KernelBlocks:
    """Matrices of equal width, bits and blocks below each other; all must have zero points, or none."""
    first = parts[0]
    corrections = [
        np.zeros(part.scale.T.shape, np.float32) if part.correction is None else part.correction for part in parts
    ]
    return KernelBlocks(
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.scale for part in parts]),
        None if first.zero is None else np.concatenate([part.zero for part in parts if part.zero is not None]),
        None if all(part.correction is None for part in parts) else np.concatenate(corrections, axis=1),
        first.bits,
        first.block,
        first.columns,
    )


def verbatim(parts: Sequence[PublishedBlocks]) -> KernelBlocks:
    """The published codes as they are, matrices of equal width below each other: exact.

    Kernels know 4 and 8 bits, and one size of block to a matrix: codes of other widths move into 8 bits, around the
    middle code, and blocks are cut to the smallest size. Where `scale * (code - middle) + minimum` has another middle
    than the kernel's, or a minimum, the rest is constant over a block, so it corrects by the block's sum of inputs.
    """
    bits = 4 if all(part.bits == 4 for part in parts) else 8
    return joined([_verbatim(part, bits, min(part.codes.shape[2] for part in parts)) for part in parts])


def _verbatim(part: PublishedBlocks, bits: int, block: int) -> KernelBlocks:
    middle, rows, columns = 1 << (bits - 1), len(part.codes), part.codes.shape[1] * part.codes.shape[2]
    shift = middle - part.middle if part.bits != bits else 0
    codes = (part.codes + np.uint8(shift)).reshape(rows, -1, block)
    if bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << np.uint8(4))
    cuts = part.codes.shape[2] // block
    scale = np.repeat(part.scale, cuts, axis=1)
    rest = (middle - part.middle - shift) * scale
    if part.minimum is not None:
        rest += np.repeat(part.minimum, cuts, axis=1)
    correction = np.ascontiguousarray(rest.T) if rest.any() else None
    return KernelBlocks(codes, scale, None, correction, bits, block, columns)


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
