"""The user's settings: one readable TOML file, and never a silent repair of it."""

import contextlib
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_TOML
from desk.facts.currency import is_code
from desk.facts.tiers import Budget, Provider, Tariff
from desk.facts.trouble import Trouble


class Watts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the user declared that the machine draws, idle and busy; `assumed` where it was a named assumption."""

    idle: float
    busy: float
    assumed: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.idle <= self.busy <= 100_000:
            raise ValueError(
                f"idle {self.idle:g} and busy {self.busy:g} watts must satisfy 0 <= idle <= busy <= 100000"
            )


class Carried(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was last carried out of the window: what, in which size and colours, which figure of it, as which file."""

    what: str = "floor"
    figure: str = "tokens_per_second"
    preset: str = "slide"
    style: str = "dark"
    form: str = "png"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is remembered between starts.

    `window_s` is the span of the live charts, `smooth_s` what their points are means over, `warmup_s` how long after
    its first token a run does not count; seconds. With `fahrenheit` temperatures are shown in °F, with `binary_bytes`
    sizes in steps of 1024.
    `text_size` is a percentage, `place` where the window last stood (left, top, width, height in logical pixels) and
    `maximized` whether it filled its screen. `cuda_graphs` lets the engine record its steps on CUDA (`desk doctor` says
    whether that pays).
    """

    preset: str = "this-machine"
    provider: Provider = "auto"
    theme: Literal["auto", "dark", "light"] = "auto"
    window_s: float = 120.0
    tariff: Tariff = Tariff()
    watts: Watts | None = None
    scenario: str = "steady"
    budget: Budget = Budget()
    warmup_s: float = 0.0
    high_contrast: bool = False
    text_size: int = 100
    reduced_motion: bool = False
    place: tuple[int, int, int, int] | None = None
    maximized: bool = False
    cuda_graphs: bool = False
    smooth_s: float = 3.0
    fahrenheit: bool = False
    binary_bytes: bool = False
    carried: Carried = Carried()
    factors: dict[str, tuple[float, float, float]] = {}

    def __post_init__(self) -> None:
        if not 1.0 <= self.window_s <= 86_400.0:
            raise ValueError(f"window_s is {self.window_s:g}, but must lie between 1 and 86400")
        if not 0.0 <= self.smooth_s <= 60.0:
            raise ValueError(f"smooth_s is {self.smooth_s:g}, but must lie between 0 and 60")
        if not 90 <= self.text_size <= 200:
            raise ValueError(f"text_size is {self.text_size}, but must lie between 90 and 200")
        if not 0.0 <= self.warmup_s <= 3600.0:
            raise ValueError(f"warmup_s is {self.warmup_s:g}, but must lie between 0 and 3600")
        for name in self.budget.__struct_fields__:
            limit = getattr(self.budget, name)
            if limit is not None and not 0.0 < limit <= 1e12:
                raise ValueError(f"budget.{name} is {limit:g}, but must lie above 0")
        if not all(0.0 <= price <= 1e6 for price in self.tariff.dollars_per_kwh_by_hour):
            raise ValueError(
                "tariff.dollars_per_kwh_by_hour has a price out of range, but must lie between 0 and 1000000"
            )
        if not is_code(self.tariff.currency):
            raise ValueError(
                f"tariff.currency is “{self.tariff.currency}”, but must be three capital letters, such as EUR"
            )
        for name, (low, base, high) in self.factors.items():
            if not 0.0 < low <= base <= high < 1e12:
                raise ValueError(f"factors.{name} must be low <= base <= high, all above 0")
        for name in ("dollars_per_kwh", "pue", "wall_factor", "dollars_per_hour"):
            value = getattr(self.tariff, name)
            low = 1.0 if name in ("pue", "wall_factor") else 0.0
            if value is not None and not low <= value <= 1e6:
                raise ValueError(f"tariff.{name} is {value:g}, but must lie between {low:g} and 1000000")


def changed(settings: Settings, path: str, value: object) -> Settings:
    """The settings with another value at `path` (`"theme"`, `"tariff.pue"`); raises `ValueError` in words."""
    head, _, rest = path.partition(".")
    within = getattr(settings, head)
    try:
        made = msgspec.structs.replace(within, **{rest: value}) if rest else value
        # Only a conversion checks the types and bounds of what a person has typed.
        return msgspec.convert(msgspec.to_builtins(msgspec.structs.replace(settings, **{head: made})), Settings)
    except msgspec.ValidationError as error:
        raise ValueError(str(error).partition(" - at ")[0]) from error


def declared(text: str) -> Watts:
    """The watts that `IDLE,BUSY` declares; raises `Trouble` for anything else."""
    try:
        idle, busy = (float(part) for part in text.split(","))
        return Watts(idle=idle, busy=busy)
    except ValueError as error:
        cause = f"{text} is not IDLE,BUSY in watts with 0 <= IDLE <= BUSY."
        raise Trouble(cause, "Write it like 20,65.") from error


def load() -> tuple[Settings, Trouble | None]:
    """The settings, and what is wrong with the file where the defaults stand in for it. No file is no trouble."""
    path = places.settings_file()
    try:
        return _read(path), None
    except FileNotFoundError:
        return Settings(), None
    except Trouble as trouble:
        return Settings(), trouble


def save(settings: Settings) -> None:
    """Write the settings in one step: a reader sees the old file or the new one. Raises `Trouble`.

    A file that cannot be read is somebody's work with a slip in it, and is never written over.
    """
    path = places.settings_file()
    with contextlib.suppress(FileNotFoundError):
        _read(path)
    text = f"# Settings of Token Desk. Written by the program; edit it while the program is closed.\n{_toml(settings)}"
    write_whole(path, text, "settings file")


def keep(**changes: object) -> None:
    """Remember choices for the next start; raises `Trouble` where they cannot be saved."""
    settings, trouble = load()
    if trouble is None:
        save(msgspec.structs.replace(settings, **changes))


def write_whole(path: Path, text: str, what: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one. Raises `Trouble` that names `what` it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        cause = f"The {what} was not saved to {path}: {error.strerror or error}."
        raise Trouble(cause, "Make room, or make the folder writable.") from error


def _read(path: Path) -> Settings:
    remedy = "The defaults are in use; correct the file or remove it, it is left as it is."
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return msgspec.convert(tomllib.loads(text), Settings)
    except FileNotFoundError:
        raise
    except (OSError, *NOT_TOML, msgspec.ValidationError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        if isinstance(error, msgspec.ValidationError) and (line := _line_of(text, why)):
            why = f"line {line}: {why}"
        raise Trouble(f"The settings file {path} cannot be read: {why.replace(' `$.', ' `')}.", remedy) from error


def _line_of(text: str, why: str) -> int | None:
    """The line of a file in TOML that holds the field which `why` is about; `None` where it cannot be told."""
    at, unknown = re.search(r"at `\$\.([\w.]+)`", why), re.search(r"unknown field `([^`]+)`", why)
    parts = [*(at[1].split(".") if at else []), *([unknown[1]] if unknown else [])] or [why.partition(" ")[0]]
    wanted, table = ".".join(parts), ""
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if line.startswith("["):
            table = line.strip("[] ")
        key = ".".join(filter(None, [table, re.sub(r"[\s\"']", "", line.partition("=")[0]) if "=" in line else ""]))
        if line and key == wanted:
            return number
    return None


def _toml(settings: Settings) -> str:
    """The few kinds of values that settings have, as TOML; an absent value is left out."""
    fields = msgspec.to_builtins(settings)
    plain = [_line(name, value) for name, value in fields.items() if value is not None and not isinstance(value, dict)]
    tables = [
        "\n".join([f"\n[{name}]", *(_line(key, item) for key, item in table.items() if item is not None)])
        for name, table in fields.items()
        if isinstance(table, dict)
    ]
    return "\n".join([*plain, *tables]) + "\n"


def _line(name: str, value: str | float | bool | list[int]) -> str:
    # TOML's strings, numbers and booleans are JSON's, but that TOML keeps the DEL character for itself.
    return f"{name} = {msgspec.json.encode(value).decode().replace(chr(0x7F), chr(92) + 'u007F')}"
