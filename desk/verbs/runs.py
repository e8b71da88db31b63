"""`desk runs`: what remains of runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.verbs.printing import Json, length, print_json, say, when

if TYPE_CHECKING:
    from rich.console import Console

    from desk.runs.store import Run, Runs

runs = typer.Typer(help="The runs recorded on this machine.", no_args_is_help=True)

_Run = Annotated[str, typer.Argument(help="A run's name, the beginning of it, its title, or: latest.")]


@runs.command("list")
def list_runs(
    words: Annotated[str, typer.Argument(help="Only runs with this in their name, title, tags, model or preset.")] = "",
    json: Json = False,
) -> None:
    """List the runs, the newest first. Runs that a crash cut off are named; desk runs recover closes them.

    Example: desk runs list rush-hour
    """
    from desk.exports.screen import screen
    from desk.models.disk import size_words
    from desk.runs import search
    from desk.runs.store import Runs

    store = Runs()
    found = search.found(store.summed_all(store.all()), words)
    if json:
        print_json([plain(run) for run in found])
        return
    console = screen()
    if found:
        _show(found, console)
    use = store.disk_use()
    left = "" if use.free is None else f", {size_words(use.free)} free"
    trash = f", {size_words(use.trash)} in the trash" if use.trash else ""
    console.print(f"{len(found)} run{'' if len(found) == 1 else 's'}; {size_words(use.runs)} on the disk{trash}{left}.")
    for run in found:
        if run.state == "cut off":
            say(console, f"{run.title} was cut off: desk runs recover closes it.")
        if run.trouble:
            say(console, run.trouble)


@runs.command("show")
def show(run: _Run = "latest", json: Json = False) -> None:
    """Show a run: what ran where, its figures by tier, and its phases.

    Example: desk runs show 20261123 --json
    """
    from desk.exports.screen import screen

    store = _store()
    found = store.summed(store.find(run))
    if json:
        print_json(plain(found))
    else:
        _show_one(found, screen())


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


# ---- showing


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
            when(about.started),
            length(about.seconds),
            number(about.tokens_per_second.value),
            number(about.watts.value),
            number(about.tokens_per_joule.value),
            dollars(about.revenue_usd, about.currency),
        )
    console.print(table)


def _show_one(run: "Run", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    from desk.exports.table import dollars, number

    about = run.summary
    if about is None:
        say(console, f"{run.title}: {run.trouble}")
        return
    ended = f"ended: {about.ended}" if about.ended else "cut off"
    say(console, f"{run.title} · {when(about.started)} UTC · {length(about.seconds)} · {ended}")
    where = [about.device, about.provider, about.runtime, about.driver, *about.models, about.preset, about.scenario]
    say(console, " · ".join(filter(None, [*where, f"seed {about.seed}"])))
    for name, unit in (("tokens_per_second", "tok/s"), ("watts", "W"), ("tokens_per_joule", "tok/J")):
        figure = getattr(about, name)
        spread = "" if figure.low is None else f"  ({number(figure.low)} to {number(figure.high)} in ten seconds)"
        say(console, f"{number(figure.value)} {unit}{spread}")
    revenue, on_time, cost = (
        dollars(each, about.currency) for each in (about.revenue_usd, about.on_time_revenue_usd, about.energy_cost_usd)
    )
    worth = f"worth {revenue} at list price, {on_time} of it on time"
    say(console, f"{number(about.tokens_out)} tokens, {worth}; energy {cost}")
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
    say(console, "Phases: " + ", ".join(f"{phase.stage} {length(phase.end - phase.start)}" for phase in about.phases))
    for label, words in (("Badges", about.badges), ("Tags", run.marks.tags)):
        if words:
            say(console, f"{label}: {', '.join(words)}")
    if run.marks.note:
        say(console, run.marks.note)
