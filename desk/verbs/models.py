"""`desk models`: what is on this machine and in the catalogue, and every job on it, with its progress on stderr."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.verbs.printing import Json, print_json, say

if TYPE_CHECKING:
    from rich.console import Console

    from desk.facts.happened import JobEnded
    from desk.models.condition import Condition, Key, Room, Running
    from desk.plant.jobs import Jobs

models = typer.Typer(help="Models on this machine.", no_args_is_help=True)

BEAT_S = 0.05
METER_S = 5.0
"""The meter has so long to say whether there is a GPU; a driver that hangs must not hold up a list."""

_Model = Annotated[str, typer.Argument(help="A name of the catalogue, or of what was imported.")]
_Precision = Annotated[str, typer.Argument(help="Such as q4 or fp16; the first of the list if left out.")]


@models.command("list")
def list_models(
    slots: Annotated[int, typer.Option(min=1, help="The fit is that of a lane of so many slots ...")] = 1,
    context: Annotated[int, typer.Option(min=16, help="... and so many tokens.")] = 1024,
    json: Json = False,
) -> None:
    """List every model in every precision: what has become of it, and whether a lane of it fits into memory now.

    Example: desk models list --slots 4 --context 2048
    """
    from desk.exports.screen import screen
    from desk.models.condition import conditions

    found = conditions({}, room(slots, context))
    if json:
        print_json([_plain(condition) for condition in found])
    else:
        _show(found, screen())


@models.command("get")
def get(model: _Model, precision: _Precision = "") -> None:
    """Fetch a model from the hub, or go on with what a stopped fetch has left. Ctrl-C stops it, and keeps what is here.

    HF_ENDPOINT names another hub, HF_TOKEN a login, HF_HUB_OFFLINE=1 forbids the network.

    Example: desk models get qwen3-0.6b q4
    """
    from desk.models.catalogue import entry

    if entry(model).repo:
        _do(lambda jobs: jobs.fetch(model, precision), "{} is ready.")
    else:
        build(model, precision)


@models.command("import")
def bring(
    path: Annotated[Path, typer.Argument(help="A model folder, an archive of one, or a GGUF file.")],
    name: Annotated[str, typer.Option(help="Its name here; that of the file if left out.")] = "",
    precision: Annotated[str, typer.Option(help="What a GGUF file is built in: q8, q4 or fp16.")] = "",
) -> None:
    """Take a model of your own into the store, once everything about it has been checked.

    Example: desk models import ~/Downloads/my-model.zip --name mine
    """
    where = path.expanduser().absolute()
    _do(lambda jobs: jobs.bring(where, name, precision), "{} is ready: name it as the model of a tier.")


@models.command("verify")
def verify(model: _Model, precision: _Precision = "") -> None:
    """Read every byte of a model again, and check it against its hash.

    Example: desk models verify smollm2-135m q8
    """
    _do(lambda jobs: jobs.verify(model, precision), "Every byte of {} is what it must be.")


@models.command("remove")
def remove(
    model: _Model,
    precision: Annotated[str, typer.Argument(help="Such as q4; all of them if left out.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a model from the disk, half-fetched or whole; one that a running factory uses stays.

    Example: desk models remove qwen3-0.6b q4
    """
    from desk.models import store
    from desk.models.disk import size_words

    size = size_words(store.occupied(model, precision))
    if not yes:
        typer.confirm(f"Remove {model}{f' in {precision}' if precision else ''}, which frees {size}?", abort=True)
    typer.echo(f"Freed {size_words(store.remove(model, precision))}.")


@models.command("build")
def build(
    name: Annotated[str, typer.Argument(help="A name of the catalogue.")] = "smollm2-135m",
    precision: Annotated[str, typer.Argument(help="Such as q8 or fp16; the first of the list if left out.")] = "",
) -> None:
    """Build a model of the catalogue from its installed weights into the user's data folder.

    Example: desk models build smollm2-135m
    """
    _do(lambda jobs: jobs.build(name, precision), "{} is ready.")


def room(slots: int, context: int) -> "Room":
    """What is free for a lane: of the computer's memory, and of its first NVIDIA GPU where the meter finds one."""
    from desk.doctor.conversation import FRESH_S, MeterTalk
    from desk.facts.happened import now
    from desk.models.condition import Room
    from desk.models.ram import free_memory
    from desk.plant.children import command

    free: dict[str, int | None] = {"cpu": free_memory()}
    with MeterTalk(command("meter")) as meter:
        opened = meter.opened(METER_S)
        devices = opened.devices if opened is not None else ()
        card = next((device for device in devices if device.kind == "gpu" and device.uuid.startswith("GPU-")), None)
        if card is not None:
            used = meter.memory(now() - FRESH_S).get(card.uuid)
            free["cuda"] = None if used is None or card.memory_bytes is None else card.memory_bytes - used
    return Room(free, slots, context)


# ---- showing


def _show(found: "list[Condition]", console: "Console") -> None:
    from rich import box
    from rich.table import Table

    from desk.models.disk import size_words

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("model", "precision", "state", "licence"):
        table.add_column(column, no_wrap=True)
    table.add_column("disk", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    for condition in found:
        memory = ""
        if condition.fit is not None:
            low, high = condition.fit.low / 2**30, condition.fit.high / 2**30
            memory = f"{low:.1f}–{high:.1f} GiB" if f"{low:.1f}" != f"{high:.1f}" else f"{high:.1f} GiB"
        size = "" if condition.bytes is None else size_words(condition.bytes)
        table.add_row(condition.model, condition.precision, _state(condition), condition.licence, size, memory)
    console.print(table)
    for condition in found:
        if condition.cause:
            where = f"{condition.model} {condition.precision}".rstrip()
            say(console, f"{where}: {condition.cause} {condition.remedy} {_anyway(condition)}".rstrip())


def _anyway(condition: "Condition") -> str:
    """How to load what does not fit all the same, and what comes of it; empty for all else."""
    fit = condition.fit
    if condition.state != "does not fit" or fit is None:
        return ""
    return fit.override() if fit.hopeless else f"desk run --load-anyway loads it all the same. {fit.override()}"


def _state(condition: "Condition") -> str:
    if condition.state == "paused" and condition.done is not None and condition.total:
        return f"paused at {condition.done / condition.total:.0%}"
    return condition.state


def _plain(condition: "Condition") -> dict[str, Any]:
    """A condition for other programs: plain values, absent ones as null."""
    fit = condition.fit
    return {
        "model": condition.model,
        "precision": condition.precision,
        "title": condition.title,
        "licence": condition.licence,
        "state": condition.state,
        "actions": list(condition.actions),
        "cause": condition.cause,
        "remedy": condition.remedy,
        "disk_bytes": condition.bytes,
        "done_bytes": condition.done,
        "total_bytes": condition.total,
        "memory": None
        if fit is None
        else {
            "low_bytes": fit.low,
            "high_bytes": fit.high,
            "free_bytes": fit.free,
            "provider": fit.provider,
            "verdict": fit.verdict,
            "basis": fit.basis,
            "risk": fit.override(),
        },
    }


def _do(ask: "Callable[[Jobs], Key]", done: str) -> None:
    """Run one job to its end with its progress on stderr; Ctrl-C cancels it. Raises `Trouble` where it fails.

    `done` is said where it succeeds, with the model's name in it.
    """
    from desk.exports.screen import screen
    from desk.facts.trouble import Trouble
    from desk.plant.jobs import Jobs

    jobs, console = Jobs(), screen(stderr=True)
    try:
        key = ask(jobs)
        with contextlib.suppress(KeyboardInterrupt):
            ended = _follow(jobs, key, console)
            if ended.cause:
                raise Trouble(ended.cause, ended.remedy)
            console.print(done.format(key[0]))
            return
        jobs.cancel(key)
        while jobs.running:
            jobs.drain()
            time.sleep(BEAT_S)
        console.print("Cancelled; what was fetched is kept.")
        raise typer.Exit(1)
    finally:
        jobs.close()


def _follow(jobs: "Jobs", key: "Key", console: "Console") -> "JobEnded":
    """Show how a job goes until it has ended; gives how."""
    from rich.progress import BarColumn, Progress, TextColumn

    from desk.facts.happened import JobEnded, Progressed

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(key[0], total=None, words="")
        told = ""
        while True:
            for fact in jobs.drain():
                if isinstance(fact, JobEnded):
                    return fact
                if isinstance(fact, Progressed):
                    if not console.is_terminal and fact.stage != told:
                        told = fact.stage
                        console.print(f"{fact.model}: {fact.stage}")
                    words = _words(jobs.running[key]) if key in jobs.running else ""
                    shown.update(task, description=fact.stage, completed=fact.done, total=fact.total, words=words)
            time.sleep(BEAT_S)


def _words(running: "Running") -> str:
    """How far a job is, how fast and for how long yet, as far as that is known."""
    from desk.models.disk import size_words

    if running.total is None or running.total < 1000:  # steps of a build, not bytes
        return ""
    parts = [f"{size_words(running.done)} of {size_words(running.total)}"]
    if running.per_second:
        parts.append(f"{size_words(int(running.per_second))}/s")
    if running.left_s is not None:
        minutes, seconds = divmod(round(running.left_s), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return ", ".join(parts)
