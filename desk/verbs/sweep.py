"""`desk sweep`: measure the frontier of this machine, and `desk mix`: the split of the device that earns most by it."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.facts.trouble import Trouble
from desk.verbs.recording import recording_of

if TYPE_CHECKING:
    from rich.table import Table

    from desk.bench.prediction import Checked
    from desk.facts.plans import Plan
    from desk.facts.tiers import Tariff, Tier
    from desk.frontier.mix import Mix, Offer
    from desk.frontier.points import Denominator, Measure, Point, Survey
    from desk.plant.sweep import Progress

BEAT_S = 0.1
LINE_S = 5.0
CLOSING_S = 10.0

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]


def sweep(
    plan: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="A TOML file; the defaults if left out.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a sweep: its recording, or the name of its run.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="With --resume: measure nothing, show what is there.")] = False,
    json: _Json = False,
) -> None:
    """Measure one lane at many settings: tokens, speed per user and watts of each, with the spread of repeats.

    Ctrl-C ends it with what is there; --resume goes on. A plan may hold: graphs, slots, contexts, works (mix, lengths,
    answer_tokens), provider, warmup_s, settle_s, window_s, repeats, cooldown_s. Exit code 1: a point was missed.

    Example: desk sweep plan.toml --json > frontier.json
    """
    from desk.facts.plans import Plan
    from desk.frontier.points import recordings, survey
    from desk.plant import plans, settings

    tariff = settings.load()[0].tariff
    before = recordings(recording_of(resume)) if resume is not None else []
    known = survey(before)
    if not show:
        if known.plan is not None and plan is not None and plans.read(plan) != known.plan:
            raise typer.BadParameter("The plan is another one than that of the sweep to go on with.")
        asked = known.plan or (plans.read(plan) if plan is not None else Plan())
        recorded = _measure(asked, known)
        known = survey([*before, recorded])
    elif resume is None:
        raise typer.BadParameter("Name the sweep to show with --resume RUN.")
    if json:
        _print(_plain(known, tariff))
    else:
        from rich.console import Console

        Console().print(table(known.points(), tariff))
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

    for graph in plan.graphs:
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

    from desk.facts.figures import INSTRUMENTS

    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for header in ("Slots", "Context", "tok/s", "/user\n1/ITL", "/user\nE2E", "TTFT\np50 s", "W", "tok/J", "$/Mtok"):
        shown.add_column(header, justify="right", no_wrap=True)
    for point in points:
        shown.add_row(
            str(point.tier.slots),
            str(point.tier.context),
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


def mix(
    recording: Annotated[str, typer.Argument(metavar="RUN", help="The recording of a sweep, or the name of its run.")],
    preset: Annotated[str | None, typer.Option(help="The tiers: a preset's name, or a TOML file.")] = None,
    demand: Annotated[
        list[str] | None, typer.Option(metavar="TIER=TOK/S", help="What can be sold of a tier; may be repeated.")
    ] = None,
    power: Annotated[
        float | None, typer.Option(min=1e-3, metavar="W", help="Split so many watts between devices, not one device.")
    ] = None,
    check: Annotated[
        float | None, typer.Option(min=5, metavar="S", help="Run the best split so long, and compare its revenue.")
    ] = None,
    json: _Json = False,
) -> None:
    """Say which split of the device between the tiers earns most, by what a sweep measured, beside today's split.

    Every promise is kept in it. A share of one device slows a tier's readers in proportion; --power splits a budget of
    watts between whole devices, as on the keynote's slide. Nothing outside of what was measured is considered.

    Example: desk mix latest --preset gtc-2026 --demand Ultra=20
    """
    from desk.bench import prediction
    from desk.frontier import mix as mixing
    from desk.frontier.points import recordings, survey
    from desk.plant import presets, settings

    points = survey(recordings(recording_of(recording))).points()
    tiers = presets.preset(preset or settings.load()[0].preset).tiers
    wanted = dict(_demand(words, tiers) for words in demand or ())
    offers = [mixing.offer(tier, points, wanted.get(tier.name)) for tier in tiers]
    split = {"split": "device"} if power is None else {"split": "power", "budget": power}
    found: dict[str, Mix | None] = {
        "earns most": mixing.best(offers, "revenue", **split),  # ty: ignore[invalid-argument-type] - literals of its own
        "makes most tokens": mixing.best(offers, "tokens", **split),  # ty: ignore[invalid-argument-type] - as above
    }
    if power is None:
        found["today"] = mixing.today(offers, tiers)
    if check is not None and power is not None:
        raise typer.BadParameter("Only a split of this device can be run here.", param_hint="--check")
    best = found["earns most"]
    checked = prediction.check(best, tiers, check) if check is not None and best is not None else None
    if json:
        plain = {name: None if each is None else _mix(each) for name, each in found.items()}
        _print(plain | ({} if checked is None else {"checked": _checked(checked)}))
        return
    _show(found, offers)
    if checked is not None:
        error = "" if checked.error is None else f" ({checked.error:+.1%}; meant to be within {prediction.TARGET:.0%})"
        pair = f"{checked.predicted * 3600:.4g} $/h predicted, {checked.measured * 3600:.4g} $/h measured"
        typer.echo(f"After {checked.seconds:.0f} s: {pair}{error}.")


def _demand(words: str, tiers: "tuple[Tier, ...]") -> tuple[str, float]:
    name, _, rate = words.partition("=")
    with contextlib.suppress(ValueError):
        if name in {tier.name for tier in tiers} and float(rate) >= 0:
            return name, float(rate)
    raise typer.BadParameter(f"{words} is not TIER=TOK/S with one of {', '.join(tier.name for tier in tiers)}.")


def _mix(found: "Mix") -> dict[str, Any]:
    return {
        "dollars_per_hour": found.revenue * 3600,
        "tokens_per_second": found.rate,
        "watts": found.watts,
        "keeps_promises": found.keeps,
        "parts": {
            name: {
                "share": part.share,
                "slots": part.option.slots,
                "tokens_per_second": part.rate,
                "tokens_per_second_per_user": part.speed,
                "dollars_per_hour": part.revenue * 3600,
            }
            for name, part in found.parts.items()
        },
    }


def _checked(checked: "Checked") -> dict[str, Any]:
    return {
        "predicted_dollars_per_hour": checked.predicted * 3600,
        "measured_dollars_per_hour": checked.measured * 3600,
        "error": checked.error,
        "seconds": checked.seconds,
        "tokens_per_second": {
            name: {"predicted": predicted, "measured": measured}
            for name, (predicted, measured) in checked.rates.items()
        },
    }


def _show(found: "dict[str, Mix | None]", offers: "list[Offer]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from desk.exports.table import number
    from desk.frontier.mix import difference

    console = Console()
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for header in ("Split", "Tier", "Share", "Slots", "tok/s", "/user", "$/h"):
        shown.add_column(header, justify="left" if header in ("Split", "Tier") else "right", no_wrap=True)
    for name, each in found.items():
        if each is None:
            continue
        shown.add_row(name, "all", "", "", number(each.rate), "", number(each.revenue * 3600))
        for offer in reversed(offers):
            part = each.parts.get(offer.tier)
            if part is not None:
                cells = (part.option.slots, part.rate, part.speed, part.revenue * 3600)
                shown.add_row("", offer.tier, f"{part.share:.0%}", *(number(cell) for cell in cells))
    console.print(shown)
    best, today = found["earns most"], found.get("today")
    if "today" in found and today is None:
        console.print("Today's slots lie outside of what was measured.", highlight=False)
    if best is not None and today is not None:
        more = difference(best, today)
        doubt = "" if more.low is None or more.high is None else f" ({more.low * 3600:.4g} to {more.high * 3600:.4g})"
        late = "" if today.keeps else " Today's split does not keep every promise."
        console.print(f"The best split brings {more.value * 3600:+.4g} $/h{doubt} over today's.{late}", highlight=False)


def _print(found: dict[str, Any]) -> None:
    import json

    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
