"""Presets: sets of tiers that ship as readable TOML, or lie in a file of the user's."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from desk.facts import places
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A set of tiers. `illustration` marks prices that are quoted for show; `source` says where they come from."""

    name: str
    title: str
    note: str = ""
    source: str = ""
    illustration: bool = False
    tiers: tuple[Tier, ...]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it stands: `common` holds what the tiers share, and each tier overrides it."""

    title: str
    note: str = ""
    source: str = ""
    illustration: bool = False
    common: dict[str, Any] = {}
    tiers: list[dict[str, Any]]


def names() -> tuple[str, ...]:
    """The presets that ship, this machine's own first."""
    found = sorted(path.stem for path in places.shipped("assets", "presets").glob("*.toml"))
    return tuple(sorted(found, key=lambda name: name != "this-machine"))


def preset(name: str) -> Preset:
    """The preset of that name, or in the file of that path; raises `Trouble` with the field that is wrong."""
    if name in names():
        path = places.shipped("assets", "presets", f"{name}.toml")
    else:
        path = Path(name).expanduser()
        if path.suffix != ".toml" or not path.is_file():
            raise Trouble(f"There is no preset {name}.", f"Choose {' or '.join(names())}, or name a TOML file.")
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
        tiers = tuple(_tier(file.common | table) for table in file.tiers)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Trouble(f"The preset {path} cannot be read: {error}.", "Correct the file, or choose another.") from error
    if not tiers:
        raise Trouble(f"The preset {path} has no tiers.", "Add a [[tiers]] table, or choose another preset.")
    if len({tier.name for tier in tiers}) < len(tiers):
        raise Trouble(f"The preset {path} names a tier twice.", "Give each tier its own name.")
    return Preset(
        name=path.stem,
        title=file.title,
        note=file.note,
        source=file.source,
        illustration=file.illustration,
        tiers=tiers,
    )


def _tier(table: dict[str, Any]) -> Tier:
    unknown = sorted(set(table) - set(Tier.__struct_fields__))
    if unknown:
        raise msgspec.ValidationError(f"a tier has no field `{unknown[0]}`")
    return msgspec.convert(table, Tier)
