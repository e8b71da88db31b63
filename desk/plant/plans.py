"""Plans of sweeps as readable TOML files."""

import tomllib
from pathlib import Path

import msgspec

from desk.facts.codec import NOT_TOML
from desk.facts.plans import Plan
from desk.facts.trouble import Trouble


def read(path: Path) -> Plan:
    """The plan in a file, defaults for what it leaves out; raises `Trouble` that names the field that is wrong."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Plan)
    except (OSError, *NOT_TOML, msgspec.ValidationError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise Trouble(
            f"The plan {path.name} cannot be read: {why}.", "Correct the file, or leave the field out."
        ) from error
