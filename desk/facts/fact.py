"""What every fact is, and the bounds of what it may hold."""

from typing import Annotated

from msgspec import Meta

from desk.facts.frozen import Frozen
from desk.facts.histogram import LAST_BUCKET

Stamp = Annotated[float, Meta(ge=-1e10, le=1e10)]
"""Three hundred years of uptime."""
Wall = Annotated[float, Meta(ge=0.0, le=2.4e11)]
"""Unix time that a calendar has, also a run later."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
Bucket = Annotated[int, Meta(ge=0, le=LAST_BUCKET)]
"""Of a histogram of durations."""
Span = Annotated[float, Meta(ge=0.0, le=3600.0)]
"""Seconds that one beat may tell of."""


def tag(name: str) -> str:
    """The name of a message on the wire: `RunStarted` is `run_started`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class Fact(Frozen, frozen=True, kw_only=True, omit_defaults=True, tag_field="fact", tag=tag):
    """Something that happened at `t`."""

    t: Stamp
