"""`desk export`: the data of a run for other programs, and its pages for people."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desk.verbs.recording import recording_of

if TYPE_CHECKING:
    from desk.exports.data import Form


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A recording, or a run as in desk runs list.")] = "latest",
    csv: Annotated[bool, typer.Option("--csv", help="A row for each account of each half-second.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="The same rows, one JSON object a line.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A page: accounts, tiers, alarms, imprint.")] = False,
    receipt: Annotated[
        bool, typer.Option("--receipt", help="The energy receipt; as JSON where OUT is a .json.")
    ] = False,
    start: Annotated[float, typer.Option(min=0, metavar="S", help="Rows from so many seconds into the run on.")] = 0.0,
    stop: Annotated[float | None, typer.Option(min=0, metavar="S", help="Rows up to there.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="A file; without it, stdout.")] = None,
) -> None:
    """Write the data of a run: rows in SI units with the source of every joule, a page, or the energy receipt.

    Nothing in it names you, your computer or a folder. Another program's file is never overwritten.

    Example: desk export latest --csv -o run.csv
    """
    asked: dict[Form, bool] = {"csv": csv, "jsonl": jsonl, "markdown": markdown, "receipt": receipt}
    forms = [form for form, wanted in asked.items() if wanted]
    if len(forms) != 1:
        raise typer.BadParameter("Ask for one of --csv, --jsonl, --markdown and --receipt.")
    if (start or stop is not None) and not (csv or jsonl):
        raise typer.BadParameter("They choose rows, so they go with --csv or --jsonl.", param_hint="--start, --stop")
    if stop is not None and stop <= start:
        raise typer.BadParameter("It must lie behind --start.", param_hint="--stop")
    from desk.exports.data import MARKS, data_of

    as_json = receipt and out is not None and out.suffix == ".json"
    form: Form = "receipt-json" if as_json else forms[0]
    text = data_of(recording_of(run), form, start, float("inf") if stop is None else stop)
    if out is None:
        sys.stdout.write(text)
        return
    from desk.exports.files import put

    put(out, text.encode(), "file", MARKS)
