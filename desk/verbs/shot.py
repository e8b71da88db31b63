"""`desk shot`: a picture of a recording."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from desk.verbs.recording import recording_of

_Runs = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="A recording, or a run as in desk runs list; two to four compare.")
]


class Theme(StrEnum):
    dark = "dark"
    light = "light"


class Size(StrEnum):
    small = "1440x900"
    large = "1920x1080"
    slide = "slide"


class Kind(StrEnum):
    value = "value"
    chart = "chart"
    chart_table = "chart-table"
    floor = "floor"
    compare = "compare"
    receipt = "receipt"


class Style(StrEnum):
    dark = "dark"
    light = "light"
    paper = "print"


class Preset(StrEnum):
    slide = "slide"
    slide_hd = "slide-hd"
    half = "half"
    docs = "docs"
    link = "link"
    github = "github"
    square = "square"
    a4 = "a4"
    letter = "letter"


class View(StrEnum):
    floor = "floor"
    tiers = "tiers"
    models = "models"
    frontier = "frontier"


def shot(
    runs: _Runs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Where it goes: a .png, or a .pdf (--kind).")],
    kind: Annotated[
        Kind | None, typer.Option(help="Compose a picture of this; without it, a view as a window.")
    ] = None,
    preset: Annotated[Preset | None, typer.Option(help="The size of a composed picture; slide if left out.")] = None,
    style: Annotated[Style, typer.Option(help="The colours of a composed picture.")] = Style.dark,
    figure: Annotated[str, typer.Option(help="What a card or a chart shows, such as watts.")] = "",
    at: Annotated[float | None, typer.Option(min=0, help="Seconds into the run; the end if left out.")] = None,
    view: Annotated[View, typer.Option(help="Which view.")] = View.floor,
    size: Annotated[Size, typer.Option(help="The size of a view in points.")] = Size.small,
    scale: Annotated[int, typer.Option(min=1, max=2, help="Pixels of a view per point.")] = 1,
    theme: Annotated[Theme, typer.Option(help="The colours of a view.")] = Theme.dark,
) -> None:
    """Take a picture of a recording; needs no display, and gives the same bytes every time.

    With --kind it is composed for slides, pages and cards; without, it is a view as the window shows it. Another
    program's file is never overwritten.

    Example: desk shot latest --kind floor --preset slide --style light -o floor.pdf
    """
    from desk.panel.shot import Wish, compose, shoot

    composed = kind is not None or len(runs) > 1
    if not composed and (preset is not None or figure):
        raise typer.BadParameter("They are for a composed picture: say which --kind.", param_hint="--preset, --figure")
    recordings = [recording_of(words) for words in runs]
    if composed:
        wished = kind or Kind.compare
        compose(recordings, out, Wish(wished.value, preset and preset.value, style.value, figure), at)
    else:
        shoot(recordings[0], out, view=view.value, size=size.value, scale=scale, theme=theme.value, at=at)
