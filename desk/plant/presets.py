"""Presets: sets of tiers that ship as readable TOML, or lie in a file of the user's; read, and written for people."""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from desk.facts import places
from desk.facts.tiers import Price, Promise, Sampling, Tier
from desk.facts.trouble import Trouble
from desk.plant.settings import write_whole

HEAD = """\
# Tiers of Token Desk. Open this file in the Tiers view, or run it: desk run --preset FILE
#
# price     dollars per million tokens: input, cached (input that the KV cache held already), output
# promise   ttft_s: seconds to the first token; tokens_per_second_per_user: 1 / inter-token latency; leave out for none
# context   tokens of prompt and answer together; slots: sequences at once; share: weight of the device's time
# users     clients that ask again after think_s seconds; with arrivals_per_second passers-by come instead
# lengths   chat, code, agent or reasoning: lengths as in published traces; "": those of the texts
# sampling  temperature 0 takes the likeliest token; top_k up to 64, 0: all; stop: texts that end an answer
#
# What tiers share may stand once in a table [common]; a tier's own value goes before it.
"""

_NESTED: dict[str, type[msgspec.Struct]] = {"price": Price, "promise": Promise, "sampling": Sampling}
_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "null": "nothing",
}


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A set of tiers. `illustration` marks prices that are quoted for show; `source` says where they come from.

    `path` is the file of one that does not ship.
    """

    name: str
    title: str
    note: str = ""
    source: str = ""
    illustration: bool = False
    tiers: tuple[Tier, ...]
    path: Path | None = None

    @property
    def key(self) -> str:
        """What `preset` finds it by."""
        return self.name if self.path is None else str(self.path)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it stands: `common` holds what the tiers share, and each tier overrides it."""

    title: str
    note: str = ""
    source: str = ""
    illustration: bool = False
    common: dict[str, Any] = {}
    tiers: list[dict[str, Any]]


class _Slip(Exception):
    """What is wrong in a file, the number of the tier that has it (`None`: the file itself), and its field."""

    def __init__(self, why: str, tier: int | None = None, field: str = "") -> None:
        super().__init__(why)
        self.why, self.tier, self.field = why, tier, field


def names() -> tuple[str, ...]:
    """The presets that ship, this machine's own first."""
    found = sorted(path.stem for path in places.shipped("assets", "presets").glob("*.toml"))
    return tuple(sorted(found, key=lambda name: name != "this-machine"))


def preset(name: str) -> Preset:
    """The preset of that name, or in the file of that path; raises `Trouble` with the line and field that is wrong."""
    ships = name in names()
    path = places.shipped("assets", "presets", f"{name}.toml") if ships else Path(name).expanduser()
    if path.suffix != ".toml" or not path.is_file():
        raise Trouble(f"There is no preset {name}.", f"Choose {' or '.join(names())}, or name a TOML file.")
    remedy = "Correct the file, or choose another preset."
    try:
        text = path.read_text(encoding="utf-8")
        file, tiers = _parsed(text)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or error if isinstance(error, OSError) else "it is not text in UTF-8"
        raise Trouble(f"The preset {path} cannot be read: {why}.", remedy) from error
    except _Slip as slip:
        line = _line_of(text, slip)
        raise Trouble(f"{path.name}{f', line {line}' if line else ''}: {slip.why}.", remedy) from slip
    return Preset(
        name=path.stem,
        title=file.title,
        note=file.note,
        source=file.source,
        illustration=file.illustration,
        tiers=tiers,
        path=None if ships else path,
    )


def save(chosen: Preset, path: Path) -> Preset:
    """Write a preset as TOML that a person can edit, in one step; gives it as it is then. Raises `Trouble`."""
    about = {key: getattr(chosen, key) for key in ("title", "note", "source", "illustration")}
    blocks = [HEAD, tomli_w.dumps({key: value for key, value in about.items() if value})]
    for tier in chosen.tiers:
        fields = msgspec.to_builtins(tier)
        lines = [_line(key, value) for key, value in fields.items() if value is not None]
        blocks.append("\n".join(["[[tiers]]", *lines]) + "\n")
    write_whole(path, "\n".join(blocks), "preset")
    return preset(str(path))


def _line(key: str, value: Any) -> str:
    if not isinstance(value, dict):
        return tomli_w.dumps({key: value}).strip()
    inner = ", ".join(_line(name, item) for name, item in value.items() if item is not None)
    return f"{key} = {{ {inner} }}"


# ---- reading


def _parsed(text: str) -> tuple[_File, tuple[Tier, ...]]:
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _Slip(str(error)) from error
    try:
        file = msgspec.convert(tables, _File)
    except msgspec.ValidationError as error:
        raise _slip(error, None, "the file") from error
    if not file.tiers:
        raise _Slip("it has no tiers; add a [[tiers]] table")
    tiers = tuple(_tier(number, file.common | table) for number, table in enumerate(file.tiers))
    for number, tier in enumerate(tiers):
        if tier.name in (other.name for other in tiers[:number]):
            raise _Slip(f"it names the tier {tier.name} twice", number, "name")
    return file, tiers


def _tier(number: int, table: dict[str, Any]) -> Tier:
    whose = f"tier {table.get('name', number + 1)}"
    for prefix, kind, found in (("", Tier, table), *((key, kind, table.get(key)) for key, kind in _NESTED.items())):
        for key in found if isinstance(found, dict) else ():
            if key not in kind.__struct_fields__:
                near = get_close_matches(key, kind.__struct_fields__, 1)
                field = f"{prefix}.{key}".lstrip(".")
                hint = f"; {near[0]} is one" if near else ""
                raise _Slip(f"{field} of {whose} is no field of a tier{hint}", number, field)
    try:
        return msgspec.convert(table, Tier)
    except msgspec.ValidationError as error:
        raise _slip(error, number, whose) from error


def _slip(error: msgspec.ValidationError, number: int | None, whose: str) -> _Slip:
    """What msgspec says of a value, in plain words: the field first, then what it must be."""
    words, _, place = str(error).partition(" - at `$")
    field = place.strip("`.")
    if got := re.fullmatch(r"Expected `(.+)`, got `(.+)`", words):
        wanted, given = (" or ".join(_TYPES.get(kind, kind) for kind in part.split(" | ")) for part in got.groups())
        return _Slip(f"{field} of {whose} must be {wanted.replace(' or nothing', '')}, not {given}", number, field)
    if missing := re.fullmatch(r"Object missing required field `(\w+)`", words):
        return _Slip(f"{missing[1]} of {whose} is missing", number, field)
    if unknown := re.fullmatch(r"Object contains unknown field `(.+)`", words):
        return _Slip(f"{unknown[1]} is no field of a preset", number, unknown[1])
    # What a tier says of itself begins with the field.
    named = re.match(r"([\w.]+) of tier ", words)
    return _Slip(words if named else f"{field} of {whose}: {words}", number, named[1] if named else field)


def _line_of(text: str, slip: _Slip) -> int | None:
    """The line on which a field stands: in its tier's own table, else in [common], else where the tier begins."""
    if slip.tier is None and not slip.field:
        return None  # a mistake in the TOML itself says its line
    tier, table, begins, common = -1, "", None, None
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[+\s*([\w.\-\s]+?)\s*\]", line):
            table = head[1]
            tier += table == "tiers"
            if tier == slip.tier and table == "tiers":
                begins = number
        elif key := re.match(r"\s*([\w.\-]+)\s*=", line):
            outer, _, inner = table.partition(".")
            found = ".".join(filter(None, (inner, key[1])))
            if found != slip.field and not slip.field.startswith(f"{found}."):
                continue
            if slip.tier is None and not table:
                return number
            if outer == "tiers" and tier == slip.tier:
                return number
            if outer == "common":
                common = number
    return common if slip.tier is not None and common else begins
