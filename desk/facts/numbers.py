"""Numbers as messages may hold them: sums and products of them stay finite, and counts stay exact in floats."""

from typing import Annotated

from msgspec import Meta

Real = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""Seconds (thirty million years of them), watts, joules, dollars, fractions."""

Whole = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""Tokens, requests, bytes."""


def in_words(value: float) -> str:
    """The number in a sentence; a whole one may be larger than any float."""
    try:
        return f"{value:g}"
    except OverflowError:
        return "beyond all bounds"
