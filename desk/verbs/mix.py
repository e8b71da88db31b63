"""`desk mix`: the split of the device that earns most by what a sweep measured."""

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk.verbs.printing import Json, print_json
from desk.verbs.recording import recording_of

if TYPE_CHECKING:
    from desk.facts.tiers import Tier
    from desk.frontier.mix import Mix
    from desk.frontier.options import Offer


def mix(
    recording: Annotated[str, typer.Argument(metavar="RUN", help="The recording of a sweep, or the name of its run.")],
    preset: Annotated[str | None, typer.Option(help="The tiers: a preset's name, or a TOML file.")] = None,
    demand: Annotated[
        list[str] | None, typer.Option(metavar="TIER=TOK/S", help="What can be sold of a tier; may be repeated.")
    ] = None,
    power: Annotated[
        float | None, typer.Option(min=1e-3, metavar="W", help="Split so many watts between devices, not one device.")
    ] = None,
    json: Json = False,
) -> None:
    """Say which split of the device between the tiers earns most, by what a sweep measured, beside today's split.

    Every promise is kept in it. A share of one device slows a tier's readers in proportion; --power splits a budget of
    watts between whole devices, as on the keynote's slide. Nothing outside of what was measured is considered. Whether
    a factory then earns what is predicted: desk bench --prediction.

    Example: desk mix latest --preset gtc-2026 --demand Ultra=20
    """
    from desk.frontier.mix import best
    from desk.frontier.options import offer
    from desk.frontier.points import recordings, survey
    from desk.frontier.split import played, today
    from desk.plant import presets, settings

    chosen = settings.load()[0]
    points = survey(recordings(recording_of(recording))).points()
    tiers = presets.preset(preset or chosen.preset).tiers
    wanted = dict(_demand(words, tiers) for words in demand or ())
    offers = [offer(tier, points, wanted.get(tier.name)) for tier in tiers]
    found: dict[str, Mix | None] = {}
    if power is None:
        found["earns most"] = played(offers, best(offers, "revenue"))
        found["makes most tokens"] = played(offers, best(offers, "tokens"))
        found["today"] = today(offers, tiers)
    else:
        found["earns most"] = best(offers, "revenue", split="power", budget=power)
        found["makes most tokens"] = best(offers, "tokens", split="power", budget=power)
    if json:
        print_json({name: None if each is None else _mix(each) for name, each in found.items()})
    else:
        _show(found, offers, chosen.tariff.currency)


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
                "corrected": part.option.corrected,
            }
            for name, part in found.parts.items()
        },
    }


def _show(found: "dict[str, Mix | None]", offers: "list[Offer]", currency: str) -> None:
    from rich import box
    from rich.table import Table

    from desk.exports.screen import screen
    from desk.exports.table import number
    from desk.facts.currency import unit
    from desk.frontier.worth import difference

    console, hourly = screen(), unit("$/h", currency)
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for header in ("Split", "Tier", "Share", "Slots", "tok/s", "/user", hourly):
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
        console.print("Today's tiers were not measured: other prompts, or other slots.")
    if best is not None and today is not None:
        more = difference(best, today)
        doubt = "" if more.low is None or more.high is None else f" ({more.low * 3600:.4g} to {more.high * 3600:.4g})"
        late = "" if today.keeps else " Today's split does not keep every promise."
        console.print(f"The best split brings {more.value * 3600:+.4g} {hourly}{doubt} over today's.{late}")
    if names := [each.tier for each in offers if each.corrected]:
        console.print(f"Corrected from points of other work: {', '.join(names)}.")
    if names := [each.tier for each in offers if not each.options]:
        console.print(f"Not measured with their model and prompts: {', '.join(names)}.")
