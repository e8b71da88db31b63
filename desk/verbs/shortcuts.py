"""What opens Token Desk by double-click on Windows and macOS. Nobody has tried either: only the files are tested."""

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from desk import __version__
from desk.facts.trouble import Trouble
from desk.plant.children import command

_SCRIPT = (
    "$link = (New-Object -ComObject WScript.Shell).CreateShortcut($env:DESK_LINK);"
    " $link.TargetPath = $env:DESK_PROGRAM; $link.Arguments = $env:DESK_ARGUMENTS;"
    " $link.Description = 'A control panel for one token factory'; $link.Save()"
)
"""For PowerShell, which every Windows has; what it needs comes in the environment, where nothing has to be quoted."""


def install() -> list[Path]:
    """Write a shortcut into the start menu, or an application into the user's own folder of them; gives the files.

    Raises `Trouble` where that cannot be.
    """
    try:
        return _start_menu() if sys.platform == "win32" else application(_applications())
    except (OSError, subprocess.SubprocessError) as error:
        cause = f"The shortcut could not be written: {error}."
        raise Trouble(cause, "Start the program token-desk, or make a shortcut to it by hand.") from error


def uninstall() -> list[Path]:
    """Remove what `install` wrote; gives what was there. Raises `Trouble` where it cannot be removed."""
    place = _link() if sys.platform == "win32" else _applications()
    if not place.exists():
        return []
    try:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()
    except OSError as error:
        raise Trouble(f"{place} could not be removed: {error.strerror or error}.", "Remove it by hand.") from error
    return [place]


def _link() -> Path:
    roaming = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    return roaming / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Token Desk.lnk"


def _start_menu() -> list[Path]:
    """A shortcut to the Python without a console, beside the one that runs this."""
    program, *arguments = command()
    quiet = Path(program).with_name("pythonw.exe")
    link = _link()
    link.parent.mkdir(parents=True, exist_ok=True)
    surroundings = os.environ | {
        "DESK_LINK": str(link),
        "DESK_PROGRAM": str(quiet if quiet.exists() else program),
        "DESK_ARGUMENTS": subprocess.list2cmdline(arguments),
    }
    shell = ["powershell", "-NoProfile", "-NonInteractive", "-Command", _SCRIPT]
    subprocess.run(shell, env=surroundings, capture_output=True, timeout=60, check=True)
    return [link]


def _applications() -> Path:
    return Path.home() / "Applications" / "Token Desk.app"


def application(place: Path) -> list[Path]:
    """A bundle at `place` that starts this program; gives its files."""
    about = place / "Contents" / "Info.plist"
    start = place / "Contents" / "MacOS" / "token-desk"
    start.parent.mkdir(parents=True, exist_ok=True)
    about.write_bytes(
        plistlib.dumps(
            {
                "CFBundleExecutable": start.name,
                "CFBundleIdentifier": "token-desk",
                "CFBundleName": "Token Desk",
                "CFBundlePackageType": "APPL",
                "CFBundleShortVersionString": __version__,
                "NSHighResolutionCapable": True,
            }
        )
    )
    start.write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n', encoding="utf-8")
    start.chmod(0o755)
    return [about, start]
