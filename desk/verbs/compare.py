"""`desk compare`: up to four runs beside each other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from desk.verbs.printing import Json, length, print_json, say

if TYPE_CHECKING:
    from rich.console import Console

    from desk.runs.comparison import Comparison, Difference


def compare_runs(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two to four, or files of recordings.")],
    json: Json = False,
) -> None:
    """Compare up to four runs with the first of them: differences with their spread over windows of ten seconds.

    None is called faster where scenario, seed, models or what was asked differ, or where the spreads overlap.
    Exit code 5: they are not comparable.

    Example: desk compare 20261123-17 latest
    """
    from desk.exports.screen import screen
    from desk.facts.trouble import Trouble
    from desk.headless import Exit
    from desk.runs.comparison import compare
    from desk.runs.store import Runs
    from desk.runs.summary import summary_of

    store = Runs()
    titles, summaries = [], []
    for name in names:
        path = Path(name).expanduser()
        if path.is_file():
            titles.append(path.name)
            summaries.append(summary_of(path))
            continue
        run = store.summed(store.find(name))
        if run.summary is None:
            raise Trouble(run.trouble, "Compare another run.")
        titles.append(run.title)
        summaries.append(run.summary)
    comparison = compare(summaries)
    if json:
        import msgspec

        print_json({"comparable": comparison.comparable} | msgspec.to_builtins(comparison))
    else:
        _show(comparison, titles, screen())
    if not comparison.comparable:
        raise typer.Exit(Exit.NOT_COMPARABLE)


def _show(comparison: "Comparison", titles: list[str], console: "Console") -> None:
    from rich import box
    from rich.table import Table

    from desk.exports.table import number
    from desk.runs.comparison import FIGURES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for title in titles:
        table.add_column(title, justify="right", overflow="fold")
    rows: list[tuple[str, list[str]]] = [
        ("device", [about.device for about in comparison.runs]),
        ("models", [", ".join(about.models) for about in comparison.runs]),
        ("length", [length(about.seconds) for about in comparison.runs]),
    ]
    per_run = len(FIGURES)
    for place, (name, unit, *_) in enumerate(FIGURES):
        figures = [getattr(about, name) for about in comparison.runs]
        rows.append((unit, [number(figure.value) for figure in figures]))
        spread = ["–" if each.low is None else f"{number(each.low)} … {number(each.high)}" for each in figures]
        rows.append(("  spread", spread))
        against = [comparison.differences[place + per_run * other] for other in range(len(comparison.runs) - 1)]
        rows.append(("  to the first", ["", *map(_against, against)]))
    for label, cells in rows:
        table.add_row(label, *cells)
    console.print(table)
    if comparison.no_money:
        say(console, comparison.no_money)
    for words in comparison.unlike:
        say(console, words)
    if comparison.unlike:
        say(console, "So neither is called faster.")
        return
    names = dict(zip((about.run for about in comparison.runs), titles, strict=True))
    for each in comparison.differences:
        if each.claim:
            say(console, f"{names[each.run]}: {each.claim} ({each.unit}).")
        else:
            say(console, f"{names[each.run]}: no difference in {each.unit} is claimed. {' '.join(each.doubts)}")


def _against(difference: "Difference") -> str:
    if difference.ratio is None:
        return "–"
    if difference.low is None or difference.high is None:
        return f"{difference.ratio:+.1%}"
    return f"{difference.ratio:+.1%} ({difference.low:+.0%} … {difference.high:+.0%})"
