"""`desk runs`: what remains of runs, and `desk compare`: up to four of them beside each other."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from desk.runs.comparison import Comparison, Difference
    from desk.runs.store import Run, Runs

runs = typer.Typer(help="The runs recorded on this machine.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
_Run = Annotated[str, typer.Argument(help="A run's name, the beginning of it, its title, or: latest.")]


@runs.command("list")
def list_runs(
    words: Annotated[str, typer.Argument(help="Only runs with this in their name, title, tags, model or preset.")] = "",
    json: _Json = False,
) -> None:
    """List the runs, the newest first. Runs that a crash cut off are named; desk runs recover closes them.

    Example: desk runs list rush-hour
    """
    from rich.console import Console

    from desk.models.disk import size_words
    from desk.runs.store import Runs

    store = Runs()
    found = [run for run in store.summed_all(store.all()) if matches(run, words)]
    if json:
        _print_json([plain(run) for run in found])
        return
    console = Console()
    if found:
        _show(found, console)
    use = store.disk_use()
    left = "" if use.free is None else f", {size_words(use.free)} free"
    trash = f", {size_words(use.trash)} in the trash" if use.trash else ""
    console.print(f"{len(found)} runs; {size_words(use.runs)} on the disk{trash}{left}.", highlight=False)
    for run in found:
        if run.state == "cut off":
            _say(console, f"{run.title} was cut off: desk runs recover closes it.")
        if run.trouble:
            _say(console, run.trouble)


@runs.command("show")
def show(run: _Run = "latest", json: _Json = False) -> None:
    """Show a run: what ran where, its figures by tier, and its phases.

    Example: desk runs show 20261123 --json
    """
    from rich.console import Console

    store = _store()
    found = store.summed(store.find(run))
    if json:
        _print_json(plain(found))
    else:
        _show_one(found, Console())


@runs.command("rename")
def rename(run: _Run, title: Annotated[str, typer.Argument(help="Its title; empty takes it away.")]) -> None:
    """Give a run a title. The recording keeps its file name.

    Example: desk runs rename latest "Keynote rehearsal"
    """
    store = _store()
    typer.echo(f"{store.rename(found := store.find(run), title).title} is the title of {found.name}.")


@runs.command("tag")
def tag(
    run: _Run,
    tags: Annotated[list[str], typer.Argument(help="Tags to put on it; with a - before it, to take away.")],
) -> None:
    """Put tags on a run, or take them away.

    Example: desk runs tag latest demo -- -draft
    """
    store = _store()
    away = [tag[1:] for tag in tags if tag.startswith("-")]
    marked = store.tag(store.find(run), [tag for tag in tags if not tag.startswith("-")], away)
    typer.echo(f"{marked.title}: {', '.join(marked.marks.tags) or 'no tags'}")


@runs.command("note")
def note(run: _Run, text: Annotated[str, typer.Argument(help="The note; empty takes it away.")]) -> None:
    """Write a note about a run, in place of the one there is.

    Example: desk runs note latest "Fans at full speed, window open."
    """
    store = _store()
    typer.echo(f"{store.note(store.find(run), text).title} has its note.")


@runs.command("remove")
def remove(names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs as in desk runs list.")]) -> None:
    """Put runs into the trash, from where desk runs undo brings them back.

    Example: desk runs remove 20261123-175934-8ed1
    """
    store = _store()
    for run in [store.find(name) for name in names]:
        store.remove(run)
        typer.echo(f"Removed {run.title}; desk runs undo brings it back.")


@runs.command("undo")
def undo() -> None:
    """Bring back the run that was removed last.

    Example: desk runs undo
    """
    typer.echo(f"{_store().undo().title} is back.")


@runs.command("empty-trash")
def empty_trash(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove for good what lies in the trash.

    Example: desk runs empty-trash --yes
    """
    from desk.models.disk import size_words

    store = _store()
    if not yes:
        typer.confirm(f"Free {size_words(store.disk_use().trash)}, which cannot be undone?", abort=True)
    typer.echo(f"Freed {size_words(store.empty_trash())}.")


@runs.command("import")
def bring(files: Annotated[list[Path], typer.Argument(help="Recordings: .jsonl or .jsonl.gz files.")]) -> None:
    """Take recordings from elsewhere into the folder of runs. Nothing there is overwritten.

    Example: desk runs import ~/Downloads/20261123-175934-8ed1.jsonl.gz
    """
    from desk.runs import carry

    store = _store()
    for file in files:
        run, missing = carry.bring(file.expanduser(), store)
        typer.echo(f"{run.name} is taken in.")
        if missing:
            typer.echo(missing, err=True)


@runs.command("export")
def export(
    run: _Run,
    out: Annotated[Path, typer.Option("-o", "--out", help="A folder, or a name that ends in .jsonl.gz.")] = Path(),
) -> None:
    """Write a run into one file without serial numbers, names and folders, to be given away.

    Example: desk runs export latest -o ~/Desktop
    """
    from desk.runs import carry

    typer.echo(f"Wrote {carry.send(_store().find(run), out.expanduser())}")


@runs.command("recover")
def recover() -> None:
    """Close the runs that a crash of the program or of the machine has cut off. Only their last second is missing.

    Example: desk runs recover
    """
    from desk.runs.store import recovered_in_words

    store = _store()
    cut_off = store.cut_off()
    for run in cut_off:
        closed = store.recover(run)
        typer.echo(f"{recovered_in_words(closed)}: {closed.name}")
    if not cut_off:
        typer.echo("No run was cut off.")


def compare_runs(
    names: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two to four, or files of recordings.")],
    json: _Json = False,
) -> None:
    """Compare up to four runs with the first of them: differences with their spread over windows of ten seconds.

    None is called faster where scenario, seed, models or what was asked differ, or where the spreads overlap.
    Exit code 5: they are not comparable.

    Example: desk compare 20261123-17 latest
    """
    from rich.console import Console

    from desk.facts.trouble import Trouble
    from desk.headless import Exit
    from desk.runs.comparison import compare
    from desk.runs.summary import summary_of

    store = _store()
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

        _print_json({"comparable": comparison.comparable} | msgspec.to_builtins(comparison))
    else:
        _show_comparison(comparison, titles, Console())
    if not comparison.comparable:
        raise typer.Exit(Exit.NOT_COMPARABLE)


def recording_of(named: Path) -> Path:
    """The recording of that path, or of the run of that name; anything else is bad usage."""
    from desk.facts.trouble import Trouble

    if named.is_file():
        return named
    if named.parent == Path():
        with contextlib.suppress(Trouble):
            return _store().find(str(named)).path
    raise typer.BadParameter(f"There is no file {named}, and no run of that name.")


# ---- showing


def matches(run: "Run", words: str) -> bool:
    """Whether every one of the words occurs somewhere in what a list shows of the run."""
    about = run.summary
    texts = [run.name, *run.marks.tags, run.marks.title, run.marks.note]
    if about is not None:
        texts += [about.device, about.provider, about.preset, about.scenario, *about.models, *about.badges]
    text = " ".join(texts).lower()
    return all(word in text for word in words.lower().split())


def plain(run: "Run") -> dict[str, Any]:
    """A run for other programs: plain values in SI units; what is absent is left out."""
    import msgspec

    return {
        "name": run.name,
        "state": run.state,
        "bytes": run.bytes,
        "title": run.marks.title,
        "tags": list(run.marks.tags),
        "note": run.marks.note,
        "badges": list(run.summary.badges) if run.summary is not None else [],
        "trouble": run.trouble,
        "summary": msgspec.to_builtins(run.summary),
    }


def _store() -> "Runs":
    from desk.runs.store import Runs

    return Runs()


def _print_json(value: object) -> None:
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _say(console: "Console", words: str) -> None:
    console.print(words, highlight=False, markup=False, soft_wrap=True)


def _show(found: "list[Run]", console: "Console") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from desk.exports.table import dollars, number

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run", min_width=22, overflow="fold")
    for column in ("started (UTC)", "length"):
        table.add_column(column, no_wrap=True)
    for column in ("tok/s", "W", "tok/J", "worth"):
        table.add_column(column, justify="right", no_wrap=True)
    for run in found:
        about = run.summary
        if about is None:
            table.add_row(f"{run.title}\n{'unreadable' if run.state == 'closed' else run.state}")
            continue
        state = [] if run.state == "closed" else [run.state]
        badges = [badge for badge in about.badges if badge != "recovered" or run.state == "closed"]
        tags = [f"#{tag}" for tag in run.marks.tags]
        what = ", ".join([*about.models, about.scenario, *state, *badges, *tags])
        table.add_row(
            Text.assemble(run.title, "\n", (what, "dim")),
            _when(about.started),
            _length(about.seconds),
            number(about.tokens_per_second.value),
            number(about.watts.value),
            number(about.tokens_per_joule.value),
            dollars(about.revenue_usd),
        )
    console.print(table)


def _show_one(run: "Run", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    from desk.exports.table import dollars, number

    about = run.summary
    if about is None:
        _say(console, f"{run.title}: {run.trouble}")
        return
    ended = f"ended: {about.ended}" if about.ended else "cut off"
    _say(console, f"{run.title} · {_when(about.started)} UTC · {_length(about.seconds)} · {ended}")
    where = [about.device, about.provider, about.runtime, about.driver, *about.models, about.preset, about.scenario]
    _say(console, " · ".join(filter(None, [*where, f"seed {about.seed}"])))
    for name, unit in (("tokens_per_second", "tok/s"), ("watts", "W"), ("tokens_per_joule", "tok/J")):
        figure = getattr(about, name)
        spread = "" if figure.low is None else f"  ({number(figure.low)} to {number(figure.high)} in ten seconds)"
        _say(console, f"{number(figure.value)} {unit}{spread}")
    worth = f"worth {dollars(about.revenue_usd)} at list price, {dollars(about.on_time_revenue_usd)} of it on time"
    _say(console, f"{number(about.tokens_out)} tokens, {worth}; energy {dollars(about.energy_cost_usd)}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    several = len(about.models) > 1
    for column in ("tier", "model") if several else ("tier",):
        table.add_column(column, overflow="fold")
    for column in ("tokens", "tok/s", "TTFT p50 s", "p95 s", "ITL ms", "tok/J", "on time"):
        table.add_column(column, justify="right", no_wrap=True)
    for tier in reversed(about.tiers):
        itl, on_time = tier.itl_p50_s, tier.on_time_share
        cells = (tier.tokens_out, tier.tokens_per_second, tier.ttft_p50_s, tier.ttft_p95_s)
        more = (None if itl is None else itl * 1000, tier.tokens_per_joule)
        names = (tier.name, tier.model) if several else (tier.name,)
        share = "–" if on_time is None else f"{on_time:.0%}"
        table.add_row(*names, *map(number, cells), *map(number, more), share)
    console.print(table)
    _say(console, "Phases: " + ", ".join(f"{phase.stage} {_length(phase.end - phase.start)}" for phase in about.phases))
    for label, words in (("Badges", about.badges), ("Tags", run.marks.tags)):
        if words:
            _say(console, f"{label}: {', '.join(words)}")
    if run.marks.note:
        _say(console, run.marks.note)


def _show_comparison(comparison: "Comparison", titles: list[str], console: "Console") -> None:
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
        ("length", [_length(about.seconds) for about in comparison.runs]),
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
    for words in comparison.unlike:
        _say(console, words)
    if comparison.unlike:
        _say(console, "So neither is called faster.")
        return
    names = dict(zip((about.run for about in comparison.runs), titles, strict=True))
    for each in comparison.differences:
        if each.claim:
            _say(console, f"{names[each.run]}: {each.claim} ({each.unit}).")
        else:
            _say(console, f"{names[each.run]}: no difference in {each.unit} is claimed. {' '.join(each.doubts)}")


def _against(difference: "Difference") -> str:
    if difference.ratio is None:
        return "–"
    if difference.low is None or difference.high is None:
        return f"{difference.ratio:+.1%}"
    return f"{difference.ratio:+.1%} ({difference.low:+.0%} … {difference.high:+.0%})"


def _when(wall: float) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M}"


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
