"""The desktop entry that makes Token Desk open by double-click, under the XDG folders of the user."""

import os
import shutil
import sys
from pathlib import Path

from desk.facts import places
from desk.facts.trouble import Trouble
from desk.plant.children import command

NAME = "token-desk"

_ENTRY = """\
[Desktop Entry]
Type=Application
Version=1.4
Name=Token Desk
GenericName=Token factory
Comment=Watch what your own machine makes of watts: tokens, and what they are worth
Exec={exec}
TryExec={program}
Icon={name}
Terminal=false
Categories=System;Monitor;
Keywords=LLM;tokens;inference;GPU;power;
StartupWMClass={name}
"""


def install() -> list[Path]:
    """Write entry and icon; gives the files. Raises `Trouble` where that cannot be."""
    entry, icon = _files()
    line = command()
    text = _ENTRY.format(exec=" ".join(map(_quoted, line)), program=line[0], name=NAME)
    try:
        for path in (entry, icon):
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places.shipped("assets", "icons", "token-desk.svg"), icon)
        entry.write_text(text, encoding="utf-8")
    except OSError as error:
        cause = f"The desktop entry could not be written to {entry.parent}: {error.strerror or error}."
        raise Trouble(cause, "Make the folder writable, or set XDG_DATA_HOME to one that is.") from error
    return [entry, icon]


def uninstall() -> list[Path]:
    """Remove entry and icon; gives the files that were there."""
    found = [path for path in _files() if path.exists()]
    for path in found:
        path.unlink()
    return found


def _files() -> tuple[Path, Path]:
    if sys.platform in ("win32", "darwin"):
        raise Trouble("Desktop entries belong to Linux desktops.", "Make a shortcut to the program token-desk instead.")
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "applications" / f"{NAME}.desktop", home / "icons" / "hicolor" / "scalable" / "apps" / f"{NAME}.svg"


def _quoted(argument: str) -> str:
    """An argument as the Desktop Entry Specification wants it in Exec: reserved characters quoted, % doubled."""
    argument = argument.replace("%", "%%")
    if argument and not set(argument) & set(" \t\n\"'\\><~|&;$*?#()`"):
        return argument
    for character in '\\"`$':
        argument = argument.replace(character, f"\\{character}")
    # The file's own escaping of backslashes comes on top of the one inside quotes.
    return '"' + argument.replace("\\", "\\\\") + '"'
