"""What `desk VERB` accepts, and which floor does it."""

import contextlib
import os
import signal
from collections.abc import Generator
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from desk import __version__
from desk.facts.trouble import Trouble
from desk.verbs.compare import compare_runs
from desk.verbs.export import export
from desk.verbs.mix import mix
from desk.verbs.models import models
from desk.verbs.recording import recording_of
from desk.verbs.runs import runs
from desk.verbs.shot import shot
from desk.verbs.sweep import sweep

app = typer.Typer(
    name="desk",
    help="A control panel for one token factory: your own machine. Without a verb, the panel opens.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models, name="models")
app.add_typer(runs, name="runs")
app.command("compare")(compare_runs)
app.command("sweep")(sweep)
app.command("mix")(mix)
app.command("shot")(shot)
app.command("export")(export)


class Provider(StrEnum):
    auto = "auto"
    cuda = "cuda"
    cpu = "cpu"


def main() -> int:
    """Run the verb of the command line; gives the exit code."""
    code = app(prog_name="desk", standalone_mode=True)
    return int(code or 0)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"Token Desk {__version__}")
        raise typer.Exit


@app.callback()
def desk(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """A control panel for one token factory: your own machine. Without a verb, the panel opens."""


@app.command()
def run(
    seconds: Annotated[
        float | None, typer.Option(min=0.5, help="Stop so long after the first token; without it at Ctrl-C.")
    ] = None,
    budget_wh: Annotated[
        float | None, typer.Option(min=1e-6, metavar="WH", help="Stop with exit code 4 at so much energy.")
    ] = None,
    budget_dollars: Annotated[
        float | None, typer.Option(min=1e-9, metavar="MONEY", help="Stop with exit code 4 at such a cost of energy.")
    ] = None,
    warmup: Annotated[
        float, typer.Option(min=0, max=3600, metavar="S", help="Count nothing so long after the first token.")
    ] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")] = False,
    preset: Annotated[str | None, typer.Option(help="A preset's name, or a TOML file of tiers.")] = None,
    provider: Annotated[Provider | None, typer.Option(help="Where to run: cuda and cpu are strict.")] = None,
    watts: Annotated[
        str | None, typer.Option(metavar="IDLE,BUSY", help="What the machine draws where it cannot be measured.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 where a promise was missed.")] = False,
    shot: Annotated[Path | None, typer.Option(metavar="OUT.png", help="Take a picture at the end.")] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="First let each tier work alone for 3 s, to learn its watts.")
    ] = False,
    scenario: Annotated[
        str, typer.Option(help="How the load goes: steady, ramp, rush-hour, spike, or a TOML file.")
    ] = "steady",
    seed: Annotated[int, typer.Option(help="Repeat the same requests with the same seed.")] = 0,
    load_anyway: Annotated[
        bool, typer.Option("--load-anyway", help="Load also what does not fit into memory; what that risks is said.")
    ] = False,
) -> None:
    """Run the factory without a window: a line a second on stderr, a table per tier at the end.

    Budgets and --seconds count as the totals do: from the first token on, after the warm-up. Exit code 0: the run went
    as asked; 1: trouble; 3: a promise was missed (--strict); 4: a budget was used up.

    Example: desk run --seconds 30 --json > run.json
    """
    import msgspec

    from desk import headless
    from desk.exports.files import require_name
    from desk.facts.tiers import Budget
    from desk.plant import settings
    from desk.plant.plant import Plant
    from desk.scenario import scenario as timed

    chosen, trouble = settings.load()
    if trouble is not None:
        typer.echo(trouble, err=True)
    try:
        given = {
            "preset": preset,
            "provider": provider and provider.value,
            "watts": settings.declared(watts) if watts is not None else None,
        }
        given = {name: value for name, value in given.items() if value is not None}
        timed(scenario)
        if shot is not None:
            require_name(shot, (".png",), "picture")
        budget = Budget(joules=budget_wh and budget_wh * 3600, dollars=budget_dollars)
        plant = Plant.of(
            msgspec.structs.replace(chosen, **given), seed=seed, scenario=scenario, budget=budget, warmup_s=warmup
        )
    except Trouble as wrong:
        raise typer.BadParameter(str(wrong)) from wrong
    signal.signal(signal.SIGTERM, _interrupt)
    with _quietly():
        options = {"seconds": seconds, "json_out": json, "strict": strict, "shot": shot, "calibrate": calibrate}
        raise typer.Exit(headless.run(plant, load_anyway=load_anyway, **options))


@app.command()
def replay(
    run: Annotated[str, typer.Argument(help="A .jsonl or .jsonl.gz file, or a run as in desk runs list.")],
    json: Annotated[bool, typer.Option("--json", help="Print what the run printed, and open no window.")] = False,
    table: Annotated[bool, typer.Option("--table", help="Print the table per tier, and open no window.")] = False,
    at: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Print the figures as of so many seconds into the run.")
    ] = None,
) -> None:
    """Open the window on a recording, or print its figures again.

    Example: desk replay latest --json
    """
    recording = recording_of(run)
    if json or table or at is not None:
        from math import inf

        from desk import headless

        with _quietly():
            raise typer.Exit(headless.replay(recording, json_out=json, at=inf if at is None else at))
    from desk.verbs.display import require_display

    require_display()
    from desk.panel.app import open_window

    raise typer.Exit(open_window(replay=recording))


@app.command()
def demo(
    recording: Annotated[
        str, typer.Option(metavar="RUN", help="Play it on a file, on a run, or on the one that comes: shipped.")
    ] = "",
) -> None:
    """Fill the screen with a short play on the real factory: rush hour, a price, a fault and its recovery.

    It needs no network: the model is the one that is always there. The right arrow goes on to the next step, the left
    one back to the caption before, Esc ends it. Left alone, it goes on by itself, round and round.

    Example: desk demo --recording shipped
    """
    from desk.facts.places import RECORDED
    from desk.verbs.display import require_display

    played = RECORDED if recording == "shipped" else recording_of(recording) if recording else None
    require_display()
    from desk.panel.app import open_window

    raise typer.Exit(open_window(played, demo=True))


@app.command()
def doctor(
    gpu: Annotated[bool, typer.Option("--gpu", help="Fail where no GPU is usable.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Print each check as a line of JSON when it is done, and all at the end.")
    ] = False,
) -> None:
    """Check whether this machine can run the factory, and name exactly what is missing.

    Exit code 0: fine; 1: degraded; 2: unusable. Nothing in the output names you, your computer or a folder.

    Example: desk doctor --gpu --json
    """
    from desk.verbs.doctor import main as examine

    if lines:
        signal.signal(signal.SIGTERM, _interrupt)
    raise typer.Exit(examine(gpu=gpu, json_out=json, lines=lines))


@app.command()
def bench(
    model: Annotated[
        list[str] | None, typer.Option(help="A name of the catalogue or a model folder; may be repeated.")
    ] = None,
    precision: Annotated[str, typer.Option(help="Such as q8; the CPU's best if left out.")] = "",
    batches: Annotated[str, typer.Option(metavar="N,N,...", help="Rows at once.")] = "1,4,8,16,32",
    threads: Annotated[int | None, typer.Option(min=1, help="Of every engine; a core each if left out.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved; two or more give intervals.")] = 5,
    prompt: Annotated[int, typer.Option(min=1, help="Tokens of each prompt.")] = 128,
    steps: Annotated[int, typer.Option(min=1, help="Decode steps of each measurement.")] = 64,
    seconds: Annotated[
        float, typer.Option(min=0, help="Length of the loads (several lanes, long prompts); 0 leaves them out.")
    ] = 10.0,
    peers: Annotated[
        str, typer.Option(metavar="PYTHON", help="The interpreter of an environment that has the other engines.")
    ] = "",
    gguf: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="What llama.cpp runs there; may be repeated.")
    ] = None,
    rival: Annotated[
        list[str] | None,
        typer.Option(metavar="COMMAND", help="Any program that answers as desk/bench/peer.py does; may be repeated."),
    ] = None,
    prediction: Annotated[
        bool, typer.Option("--prediction", help="Only see whether splits of the device earn what the frontier says.")
    ] = False,
    preset: Annotated[str, typer.Option(help="With --prediction: the tiers, a preset's name or a TOML file.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")] = False,
) -> None:
    """Measure the engine on the CPU, beside other engines where there are some, in interleaved rounds.

    The peers' environment: python -m venv P && P/bin/pip install onnxruntime-genai llama-cpp-python. With it, a model
    folder made by onnxruntime-genai's builder is run by both engines, and each GGUF file by llama.cpp.

    With --prediction each tier of a preset runs alone in turn and then all together, in rounds (5) of so many seconds
    (10) each; the revenue rate is predicted from the one and measured in the other.

    Exit code 5: an engine that was asked for dropped out; the rest is shown.

    Example: desk bench --model smollm2-135m --peers P/bin/python --gguf SmolLM2-135M-Instruct.Q8_0.gguf
    """
    import shlex
    import shutil

    from desk.bench.contest import Plan
    from desk.plant.machine import this_machine
    from desk.verbs.bench import main as measure

    if prediction:
        from desk.plant import settings
        from desk.verbs.prediction import main as predict

        chosen = preset or settings.load()[0].preset
        raise typer.Exit(predict(chosen, rounds=rounds, seconds=max(3.0, seconds), json_out=json))
    try:
        rows = tuple(int(rows) for rows in batches.split(","))
    except ValueError:
        rows = ()
    if not rows or min(rows) < 1:
        raise typer.BadParameter("Give numbers of rows, such as 1,8,16.", param_hint="--batches")
    if gguf and not peers:
        raise typer.BadParameter("llama.cpp runs in the environment of --peers.", param_hint="--gguf")
    if peers and shutil.which(peers) is None:
        raise typer.BadParameter(f"There is no program {peers} that may be run.", param_hint="--peers")
    plan = Plan(
        models=model or ["smollm2-135m"],
        precision=precision,
        batches=rows,
        threads=threads or this_machine().cores,
        rounds=rounds,
        prompt=prompt,
        steps=steps,
        seconds=seconds,
        peers=peers,
        ggufs=gguf or (),
        rivals=[shlex.split(command) for command in rival or ()],
    )
    with _quietly():
        raise typer.Exit(measure(plan, json_out=json))


@app.command()
def generate(
    model: Annotated[str, typer.Argument(help="A name of the catalogue, or a model folder.")],
    prompt: Annotated[str, typer.Option(help="What to answer.")],
    max_tokens: Annotated[int, typer.Option(min=1, max=1_048_576, help="The longest answer.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, max=10.0, help="0 takes the likeliest token.")] = 0.0,
    top_k: Annotated[int, typer.Option(min=0, max=64, help="Draw from the likeliest so many; 0: all candidates.")] = 40,
    top_p: Annotated[float, typer.Option(min=1e-6, max=1.0, help="Draw from what makes up this probability.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed draws the same answer.")] = 0,
    stop: Annotated[list[str] | None, typer.Option(metavar="TEXT", help="Ends the answer; may be repeated.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The prompt as it is: no chat template, no added tokens.")] = False,
    provider: Annotated[Provider, typer.Option(help="Where to run: cuda and cpu are strict.")] = Provider.auto,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")] = False,
) -> None:
    """Answer one prompt with the engine that serves the tiers; the text comes as it is made.

    Example: desk generate smollm2-135m --prompt "Why is the sky blue?" --max-tokens 64
    """
    from desk.facts.orders import Generate
    from desk.facts.tiers import Sampling
    from desk.verbs.generate import main as answer

    if "" in (stop or ()):
        raise typer.BadParameter("An empty text would end every answer.", param_hint="--stop")
    order = Generate(
        model=model,
        prompt=prompt,
        raw=raw,
        provider=provider.value,
        max_tokens=max_tokens,
        sampling=Sampling(temperature=temperature, top_k=top_k, top_p=top_p, stop=tuple(stop or ())),
        seed=seed,
    )
    with _quietly():
        raise typer.Exit(answer(order, json_out=json))


@app.command("install-desktop-entry")
def install_desktop_entry() -> None:
    """Make Token Desk and its recordings open by double-click: files in the user's own XDG folders.

    On Windows a shortcut in the start menu, on macOS an application; neither has been tried by anyone.

    Example: desk install-desktop-entry
    """
    from desk.verbs import desktop_entry

    for path in desktop_entry.install():
        typer.echo(f"Wrote {path}")


@app.command("uninstall-desktop-entry")
def uninstall_desktop_entry() -> None:
    """Remove what install-desktop-entry wrote.

    Example: desk uninstall-desktop-entry
    """
    from desk.verbs import desktop_entry

    for path in desktop_entry.uninstall():
        typer.echo(f"Removed {path}")


@contextlib.contextmanager
def _quietly() -> Generator[None]:
    """A reader that has seen enough (`desk replay RUN --json | head`) is no trouble: the rest goes nowhere."""
    try:
        yield
    except BrokenPipeError as gone:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        raise typer.Exit(0) from gone


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does: in order, and with its figures printed."""
    raise KeyboardInterrupt
