"""`desk sweep`: measure the frontier of this machine."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.facts.trouble import Trouble
from desk.verbs.printing import Json, print_json
from desk.verbs.recording import recording_of

if TYPE_CHECKING:
    from rich.table import Table

    from desk.facts.plans import Plan
    from desk.facts.tiers import Tariff
    from desk.frontier.points import Denominator, Measure, Point, Survey
    from desk.plant.sweep import Progress

BEAT_S = 0.1
LINE_S = 5.0
CLOSING_S = 10.0


def sweep(
    plan: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="A TOML file; the defaults if left out.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="The work of these tiers: a preset's name, or a TOML file of one.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a sweep: its recording, or the name of its run.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="With --resume: measure nothing, show what is there.")] = False,
    json: Json = False,
) -> None:
    """Measure one lane at many settings: tokens, speed per user and watts of each, with the spread of repeats.

    Ctrl-C ends it with what is there; --resume goes on. A plan may hold: graphs, slots, contexts, works (mix, lengths,
    answer_tokens), provider, warmup_s, settle_s, window_s, repeats, cooldown_s. With --preset it is gone through with
    the prompts and answers of these tiers, each for itself: what a mix of them rests on. Exit code 1: a point was
    missed.

    Example: desk sweep plan.toml --json > frontier.json
    """
    import msgspec

    from desk.facts.plans import Plan
    from desk.frontier.points import recordings, survey
    from desk.plant import plans, presets, settings

    tariff = settings.load()[0].tariff
    before = recordings(recording_of(resume)) if resume is not None else []
    known = survey(before)
    if not show:
        if known.plan is not None and plan is not None and plans.read(plan) != known.plan:
            raise typer.BadParameter("The plan is another one than that of the sweep to go on with.")
        if known.plan is not None and preset is not None:
            raise typer.BadParameter("A sweep that goes on keeps the tiers it began with.", param_hint="--preset")
        asked = known.plan or (plans.read(plan) if plan is not None else Plan())
        if preset is not None:
            asked = msgspec.structs.replace(asked, tiers=presets.preset(preset).tiers)
        recorded = _measure(asked, known)
        known = survey([*before, recorded])
    elif resume is None:
        raise typer.BadParameter("Name the sweep to show with --resume RUN.")
    if json:
        print_json(_plain(known, tariff))
    else:
        from desk.exports.screen import screen

        screen().print(table(known.points(), tariff))
    for missed in known.missed:
        typer.echo(f"{missed.tier.slots} slots, context {missed.tier.context}: {missed.cause}", err=True)
    raise typer.Exit(1 if known.missed or not known.points() else 0)


def _measure(plan: "Plan", known: "Survey") -> Path:
    """Build what is missing, and sweep; gives the recording of this run."""
    import time

    from desk.headless import build
    from desk.models import store
    from desk.plant import settings
    from desk.plant.plant import Plant
    from desk.plant.sweep import Sweep

    for graph in plan.models:
        if not any(store.ready(graph.model, graph.precision, provider) for provider in ("cpu", "cuda")):
            build(graph.model, graph.precision)
    chosen = settings.load()[0]
    plant = Plant((), provider=plan.provider, tariff=chosen.tariff, cuda_graphs=chosen.cuda_graphs)
    if chosen.watts is not None:
        plant.declare_watts(chosen.watts.idle, chosen.watts.busy, chosen.watts.assumed)
    course = Sweep(plant, plan, done=known.done, sweep=known.sweep)
    typer.echo(f"{course.progress.count} points, {course.progress.seconds_left / 60:.0f} min at least.", err=True)
    told, since = ("", 0), 0.0
    with plant:
        course.start()
        with contextlib.suppress(KeyboardInterrupt):
            while not course.ended:
                time.sleep(BEAT_S)
                for fact in plant.drain():
                    course.see(fact)
                    _tell(fact)
                now, where = time.monotonic(), (course.stage, course.progress.done)
                if where != told or now - since > LINE_S:
                    told, since = where, now
                    _line(course.progress)
        course.stop()
        _until_stopped(plant)
    if plant.recording is None or not plant.recording.is_file():
        raise Trouble("The sweep was not recorded.", "Make room on the disk, and start it again.")
    return plant.recording


def _until_stopped(plant: Any) -> None:
    import time

    from desk.facts.happened import RunStopped

    deadline = time.monotonic() + CLOSING_S
    while time.monotonic() < deadline:
        if any(isinstance(fact, RunStopped) for fact in plant.drain()):
            return
        time.sleep(BEAT_S / 2)


def _tell(fact: Any) -> None:
    from desk.facts.happened import ChildGivenUp, Troubled
    from desk.facts.swept import PointMissed

    if isinstance(fact, ChildGivenUp | PointMissed | Troubled):
        typer.echo(f"{fact.cause} {fact.remedy}".rstrip(), err=True)


def _line(progress: "Progress") -> None:
    left = (
        f"{progress.seconds_left / 60:.0f} min left"
        if progress.seconds_left >= 90
        else f"{progress.seconds_left:.0f} s left"
    )
    tier = progress.tier
    setting = "" if tier is None else f"{tier.slots} slots, context {tier.context}, {tier.model}: {progress.stage}"
    typer.echo(f"{progress.done}/{progress.count}  {setting}  {left}", err=True)


def table(points: "tuple[Point, ...]", tariff: "Tariff | None") -> "Table":
    """The points of a sweep for people: value, and the range of the repeats where there are some."""
    from rich import box
    from rich.table import Table

    from desk.facts.currency import USD, unit
    from desk.facts.figures import INSTRUMENTS

    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for header in (
        "Slots",
        "Context",
        "Answer",
        "tok/s",
        "/user\n1/ITL",
        "/user\nE2E",
        "TTFT\np50 s",
        "W",
        "tok/J",
        unit("$/Mtok", tariff.currency if tariff else USD),
    ):
        shown.add_column(header, justify="right", no_wrap=True)
    for point in points:
        shown.add_row(
            str(point.tier.slots),
            str(point.tier.context),
            f"to {point.tier.answer_tokens}",
            _words(point.height("tokens_per_second")),
            _words(point.speed("itl")),
            _words(point.speed("e2e")),
            _words(point.ttft(0.5)),
            _words(point.watts()),
            _words(point.height("tokens_per_joule")),
            _words(point.height("dollars_per_mtok", tariff=tariff)),
        )
    names = ", ".join(sorted({f"{point.tier.model} {point.precision} on {point.provider}" for point in points}))
    sources = ", ".join(sorted({f"{INSTRUMENTS[point.source]} ({point.quality})" for point in points}))
    shown.caption = (
        f"{names}. Watts of the metered device: {sources}. ± is half the range of the repeats. "
        "1 tok/J is 1,000,000 tok/s/MW."
    )
    shown.caption_justify = "left"
    return shown


def _words(found: "Measure | None") -> str:
    from desk.exports.table import number

    if found is None or found.low is None or found.high is None:
        return number(None if found is None else found.value)
    return f"{number(found.value)}\n±{(found.high - found.low) / 2 / found.value:.0%}"


def _plain(known: "Survey", tariff: "Tariff | None") -> dict[str, Any]:
    import msgspec

    from desk.frontier.points import BOARD

    return {
        "sweep": known.sweep,
        "plan": msgspec.to_builtins(known.plan),
        "denominator": BOARD.words,
        "points": [_point(point, BOARD, tariff) for point in known.points()],
        "missed": [
            {"slots": each.tier.slots, "context": each.tier.context, "cause": each.cause} for each in known.missed
        ],
    }


def _point(point: "Point", denominator: "Denominator", tariff: "Tariff | None") -> dict[str, Any]:
    tier, total = point.tier, point.total
    return {
        **{name: getattr(tier, name) for name in ("model", "context", "slots", "mix", "lengths", "answer_tokens")},
        "precision": point.precision,
        "provider": point.provider,
        "windows": len(point.windows),
        "seconds": total.worked,
        "source": point.source,
        "quality": point.quality,
        "tokens_per_second": _figure(point.height("tokens_per_second")),
        "tokens_per_second_per_user_itl": _figure(point.speed("itl")),
        "tokens_per_second_per_user_e2e": _figure(point.speed("e2e")),
        "ttft_p50_s": _figure(point.ttft(0.5)),
        "watts": _figure(point.watts(denominator)),
        "tokens_per_joule": _figure(point.height("tokens_per_joule", denominator)),
        "tokens_per_second_per_mw": _figure(point.height("tokens_per_second_per_mw", denominator)),
        "dollars_per_mtok": _figure(point.height("dollars_per_mtok", denominator, tariff)),
    }


def _figure(found: "Measure | None") -> dict[str, float | None] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}
