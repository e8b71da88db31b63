"""What makes Token Desk open by double-click, itself and its recordings, under the XDG folders of the user.

On Windows and macOS the same verb writes what these systems have instead (`shortcuts`).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from desk.facts import places
from desk.facts.trouble import Trouble
from desk.plant.children import command
from desk.verbs import shortcuts

NAME = "token-desk"
MIME = "application/x-token-desk-run"

_ENTRY = """\
[Desktop Entry]
Type=Application
Version=1.4
Name=Token Desk
GenericName=Token factory
Comment=Watch what your own machine makes of watts: tokens, and what they are worth
Exec={exec} %f
TryExec={program}
Icon={name}
Terminal=false
Categories=System;Monitor;
Keywords=LLM;tokens;inference;GPU;power;
MimeType={mime};{mime}-compressed;
StartupWMClass={name}
"""

# A compressed recording is known by the end of its name alone: no desktop looks into a gzip file, and a pattern for the
# names that runs give would yield to the plain *.gz. One that is not compressed is known by its first line.
_TYPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{mime}">
    <comment>Token Desk recording</comment>
    <icon name="{name}"/>
    <sub-class-of type="text/plain"/>
    <magic priority="60">
      <match type="string" offset="0" value='{{"fact":"run_started"'/>
    </magic>
  </mime-type>
  <mime-type type="{mime}-compressed">
    <comment>Token Desk recording, compressed</comment>
    <icon name="{name}"/>
    <sub-class-of type="application/gzip"/>
    <glob pattern="*.jsonl.gz"/>
  </mime-type>
</mime-info>
"""

_CACHES = (("update-mime-database", "mime"), ("update-desktop-database", "applications"))
"""Programs that have desktops notice at once, and the folders they are told of; without them it takes a new login."""


def install() -> list[Path]:
    """Write entry, icon and file type; gives the files. Raises `Trouble` where that cannot be."""
    if sys.platform in ("win32", "darwin"):
        return shortcuts.install()
    entry, icon, kind = files = _files()
    line = command()
    text = _ENTRY.format(exec=" ".join(map(_quoted, line)), program=line[0], name=NAME, mime=MIME)
    try:
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(places.shipped("assets", "icons", "token-desk.svg"), icon)
        kind.write_text(_TYPE.format(mime=MIME, name=NAME), encoding="utf-8")
        entry.write_text(text, encoding="utf-8")
    except OSError as error:
        cause = f"The desktop entry could not be written to {entry.parent}: {error.strerror or error}."
        raise Trouble(cause, "Make the folder writable, or set XDG_DATA_HOME to one that is.") from error
    _tell_desktops()
    return list(files)


def uninstall() -> list[Path]:
    """Remove what `install` wrote; gives the files that were there. Raises `Trouble` where one cannot be removed."""
    if sys.platform in ("win32", "darwin"):
        return shortcuts.uninstall()
    found = [path for path in _files() if path.exists()]
    try:
        for path in found:
            path.unlink()
    except OSError as error:
        cause = f"The desktop entry could not be removed from {_home()}: {error.strerror or error}."
        raise Trouble(cause, "Make the folder writable, or remove token-desk.* there by hand.") from error
    if found:
        _tell_desktops()
    return found


def _files() -> tuple[Path, Path, Path]:
    home = _home()
    icon = home / "icons" / "hicolor" / "scalable" / "apps" / f"{NAME}.svg"
    return home / "applications" / f"{NAME}.desktop", icon, home / "mime" / "packages" / f"{NAME}.xml"


def _home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _tell_desktops() -> None:
    for program, folder in _CACHES:
        if (found := shutil.which(program)) is not None:
            subprocess.run([found, str(_home() / folder)], capture_output=True, timeout=60, check=False)


def _quoted(argument: str) -> str:
    """An argument as the Desktop Entry Specification wants it in Exec: reserved characters quoted, % doubled."""
    argument = argument.replace("%", "%%")
    if argument and not set(argument) & set(" \t\n\"'\\><~|&;$*?#()`"):
        return argument
    for character in '\\"`$':
        argument = argument.replace(character, f"\\{character}")
    # The file's own escaping of backslashes comes on top of the one inside quotes.
    return '"' + argument.replace("\\", "\\\\") + '"'
