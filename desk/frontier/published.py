"""The keynote's chart, as others read it off the slide: for comparison only, marked illustration, second-hand."""

import tomllib

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_TOML
from desk.facts.trouble import Trouble


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place on the chart: tokens/s/user, tokens/s/MW, and the tier whose band it is read from."""

    tier: str
    speed: float
    tokens_per_second_per_mw: float


class Series(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One generation of machines."""

    name: str
    readings: tuple[Reading, ...]


class Chart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it. `mark` is printed beside it wherever it is drawn, `prices` are dollars per million tokens by tier."""

    title: str
    mark: str
    source: str
    error: float
    prices: dict[str, float]
    series: tuple[Series, ...]


def chart() -> Chart:
    """The readings that ship; raises `Trouble` where their file is damaged."""
    path = places.shipped("assets", "economics", "keynote.toml")
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Chart)
    except (OSError, *NOT_TOML, msgspec.ValidationError) as error:
        raise Trouble(f"The published readings cannot be read: {error}.", "Install Token Desk again.") from error
