"""Where things lie: what ships with the program, and what a run leaves in the user's folders."""

import os
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(*parts: str) -> Path:
    """A file or folder that ships with the program: `shipped("assets", "fonts")`, `shipped("models", ...)`.

    An installed wheel carries them inside the package, a checkout beside it.
    """
    inside = _PACKAGE / "_data"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)


RECORDED = shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz")
"""A real run of the factory that comes with the program."""


def data_dir() -> Path:
    """The user's data folder (models, runs), made on first use. `TOKEN_DESK_HOME` moves it."""
    home = os.environ.get("TOKEN_DESK_HOME")
    folder = Path(home) if home else Path(platformdirs.user_data_dir("token-desk", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def models_dir() -> Path:
    folder = data_dir() / "models"
    folder.mkdir(exist_ok=True)
    return folder


def runs_dir() -> Path:
    folder = data_dir() / "runs"
    folder.mkdir(exist_ok=True)
    return folder


def settings_file() -> Path:
    """The one readable settings file. `TOKEN_DESK_HOME` moves it, too."""
    home = os.environ.get("TOKEN_DESK_HOME")
    folder = Path(home) if home else Path(platformdirs.user_config_dir("token-desk", appauthor=False))
    return folder / "settings.toml"
