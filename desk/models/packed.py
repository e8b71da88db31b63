"""The tensor types of GGUF: what their bytes mean, and what each precision makes of them.

| type | stored as                                | q4             | q8     | fp16  |
|------|------------------------------------------|----------------|--------|-------|
| Q4_0 | 4 bits in 32s, a scale                   | 4 bits, exact  | 0.47 % | 0.2 ‰ |
| Q4_1 | 4 bits in 32s, a scale and a minimum     | 4 bits, exact  | 0.53 % | 0.2 ‰ |
| Q4_K | 4 bits in 32s, both themselves in 6 bits | 4 bits, exact  | 0.34 % | 0.2 ‰ |
| Q5_0 | 5 bits in 32s, a scale                   | 8 bits, exact  | 0.52 % | 0.2 ‰ |
| Q5_1 | 5 bits in 32s, a scale and a minimum     | 8 bits, exact  | 0.53 % | 0.2 ‰ |
| Q5_K | 5 bits in 32s, both themselves in 6 bits | 8 bits, exact  | 0.34 % | 0.2 ‰ |
| Q6_K | 6 bits in 16s, a scale itself in 8 bits  | 8 bits, exact  | 0.50 % | 0.2 ‰ |
| Q8_0 | 8 bits in 32s, a scale                   | 8 bits, exact  | 0.53 % | 0.2 ‰ |
| F32  | floats                                   | refused        | 0.53 % | 0.2 ‰ |
| BF16 | floats                                   | refused        | 0.53 % | exact |
| F16  | floats                                   | refused        | 0.53 % | exact |

Where a precision rounds, the table has the root mean square error it adds, in parts of that of the weights: measured
before rotation, on random weights as the gguf package packs them, those of the K types with random codes.
Exact means that the product is the one of the dequantised weights, up to the rounding of 32-bit sums and, in the faster
kernels, of activations to 8 bits. Floats within a file that has blocks stay 32-bit floats in q4. (BF16 reaches further
than F16; weights do not.)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from gguf import GGMLQuantizationType
from numpy.typing import NDArray

from desk.models.blocks import PublishedBlocks

Raw = NDArray[np.uint8]
"""Packed blocks [rows, blocks, bytes]."""


def _number(raw: Raw, offset: int) -> NDArray[np.float32]:
    """The float16 at `offset` of each block."""
    return np.ascontiguousarray(raw[..., offset : offset + 2]).view("<f2")[..., 0].astype(np.float32)


def _nibbles(raw: Raw) -> NDArray[np.uint8]:
    """4-bit codes [..., 2 n] of bytes [..., n]: the first half lies low, the second high."""
    return np.concatenate([raw & np.uint8(15), raw >> np.uint8(4)], axis=-1)


def _bits(raw: Raw, width: int) -> NDArray[np.uint8]:
    """Bytes [..., n] as codes of `width` bits [..., 8 / width, n], the lowest first."""
    shifts = np.arange(0, 8, width, dtype=np.uint8)[:, None]
    return raw[..., None, :] >> shifts & np.uint8((1 << width) - 1)


def _q4_0(raw: Raw) -> PublishedBlocks:
    return PublishedBlocks(_nibbles(raw[..., 2:]), _number(raw, 0), None, 4, 8)


def _q4_1(raw: Raw) -> PublishedBlocks:
    return PublishedBlocks(_nibbles(raw[..., 4:]), _number(raw, 0), _number(raw, 2), 4, 0)


def _five(low: Raw, fifth: Raw) -> NDArray[np.uint8]:
    """5-bit codes of 16 bytes of nibbles and 32 bits in a row."""
    return _nibbles(low) | np.unpackbits(fifth, axis=-1, bitorder="little") << np.uint8(4)


def _q5_0(raw: Raw) -> PublishedBlocks:
    return PublishedBlocks(_five(raw[..., 6:], raw[..., 2:6]), _number(raw, 0), None, 5, 16)


def _q5_1(raw: Raw) -> PublishedBlocks:
    return PublishedBlocks(_five(raw[..., 8:], raw[..., 4:8]), _number(raw, 0), _number(raw, 2), 5, 0)


def _q8_0(raw: Raw) -> PublishedBlocks:
    # From two's complement to an offset of 128.
    return PublishedBlocks(raw[..., 2:] ^ np.uint8(0x80), _number(raw, 0), None, 8, 128)


def _six_bit_scales(raw: Raw) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scale and minimum [rows, blocks, 8] of the blocks of 32 in the blocks of 256 of Q4_K and Q5_K.

    12 bytes hold 16 numbers of 6 bits: the first four scales and the first four minima in the low bits of 8 bytes; the
    other eight have their low 4 bits in the last 4 bytes and their high 2 bits on top of those 8.
    """
    first, second, last = raw[..., 4:8], raw[..., 8:12], raw[..., 12:16]
    low, high = np.uint8(63), np.uint8(0x30)
    scales = np.concatenate([first & low, last & np.uint8(15) | first >> np.uint8(2) & high], axis=-1)
    minima = np.concatenate([second & low, last >> np.uint8(4) | second >> np.uint8(2) & high], axis=-1)
    return scales * _number(raw, 0)[..., None], minima * -_number(raw, 2)[..., None]


def _q4_k(raw: Raw) -> PublishedBlocks:
    return _flat(_bits(raw[..., 16:].reshape(*raw.shape[:2], 4, 32), 4), *_six_bit_scales(raw), bits=4, middle=0)


def _q5_k(raw: Raw) -> PublishedBlocks:
    low = _bits(raw[..., 48:].reshape(*raw.shape[:2], 4, 32), 4).reshape(*raw.shape[:2], 8, 32)
    codes = low | _bits(raw[..., 16:48], 1) << np.uint8(4)
    return _flat(codes, *_six_bit_scales(raw), bits=5, middle=0)


def _q6_k(raw: Raw) -> PublishedBlocks:
    low = _bits(raw[..., :128].reshape(*raw.shape[:2], 2, 64), 4)  # of each half: 64 codes low, 64 high
    high = _bits(raw[..., 128:192].reshape(*raw.shape[:2], 2, 32), 2)
    codes = low.reshape(*raw.shape[:2], 2, 4, 32) | high << np.uint8(4)
    scale = raw[..., 192:208].view(np.int8) * _number(raw, 208)[..., None]
    return _flat(codes, scale, None, bits=6, middle=32)


def _flat(
    codes: NDArray[np.uint8],
    scale: NDArray[np.float32],
    minimum: NDArray[np.float32] | None,
    *,
    bits: int,
    middle: int,
) -> PublishedBlocks:
    """Blocks of blocks [rows, blocks, ...] as blocks alone."""
    rows, blocks = len(codes), scale.shape[1] * scale.shape[2]
    minimum = None if minimum is None else minimum.reshape(rows, blocks)
    return PublishedBlocks(codes.reshape(rows, blocks, -1), scale.reshape(rows, blocks), minimum, bits, middle)


@dataclass(frozen=True, slots=True)
class Packing:
    """A type in blocks: `weights` of them take `size` bytes."""

    weights: int
    size: int
    unpacked: Callable[[Raw], PublishedBlocks]


PACKINGS = {
    GGMLQuantizationType.Q4_0: Packing(32, 18, _q4_0),
    GGMLQuantizationType.Q4_1: Packing(32, 20, _q4_1),
    GGMLQuantizationType.Q5_0: Packing(32, 22, _q5_0),
    GGMLQuantizationType.Q5_1: Packing(32, 24, _q5_1),
    GGMLQuantizationType.Q8_0: Packing(32, 34, _q8_0),
    GGMLQuantizationType.Q4_K: Packing(256, 144, _q4_k),
    GGMLQuantizationType.Q5_K: Packing(256, 176, _q5_k),
    GGMLQuantizationType.Q6_K: Packing(256, 210, _q6_k),
}
FLOATS = (GGMLQuantizationType.F32, GGMLQuantizationType.F16, GGMLQuantizationType.BF16)


def blocks_of(data: NDArray[np.uint8], kind: GGMLQuantizationType) -> PublishedBlocks:
    """The blocks of a matrix whose rows are the bytes `data` [rows, bytes]."""
    packing = PACKINGS[kind]
    return packing.unpacked(np.ascontiguousarray(data).view(np.uint8).reshape(len(data), -1, packing.size))


def floats_of(data: NDArray, kind: GGMLQuantizationType) -> NDArray[np.float32]:
    """The numbers of a tensor of floats; those of BF16 come as bytes, two to a number."""
    if kind == GGMLQuantizationType.BF16:
        halves = np.ascontiguousarray(data).view("<u2").astype(np.uint32)
        return (halves << np.uint32(16)).view(np.float32)
    return np.asarray(data, np.float32)
