"""What the verbs print alike: JSON, sentences, moments and lengths of time."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]


def print_json(value: object) -> None:
    """Plain values and the structs of `desk.facts`, indented."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def say(console: "Console", words: str) -> None:
    """A sentence in one line, however narrow the terminal is."""
    console.print(words, soft_wrap=True)


def when(wall: float) -> str:
    """A Unix time in UTC: `2026-11-22 21:32`."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M}"


def length(seconds: float) -> str:
    """`1:05`, `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
