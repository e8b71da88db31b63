"""`desk bench --prediction`: what the frontier says a split earns, beside what it then earns on this machine."""

from rich import box
from rich.console import Console
from rich.table import Table

from desk.bench.prediction import TARGET, Checked, check
from desk.exports.screen import screen
from desk.exports.table import number
from desk.facts.currency import USD, unit
from desk.plant import presets, settings
from desk.verbs.printing import print_json

HARDLY = 0.001
"""A tier that makes no more of all tokens is as good as not served."""


def main(preset: str, *, rounds: int, seconds: float, json_out: bool) -> int:
    """Predict and measure the tiers of a preset, and show both on stdout; gives the exit code."""
    tiers = presets.preset(preset).tiers
    progress = screen(stderr=True)
    with progress.status("Loading the lanes …") as status:
        found = check(tiers, rounds=rounds, window_s=seconds, told=status.update)
    if json_out:
        print_json({"splits": [_plain(each) for each in found]})
    else:
        show(found, seconds, screen(), settings.load()[0].tariff.currency)
    return 0


def _plain(found: Checked) -> dict[str, object]:
    return {
        "split": found.split,
        "predicted_dollars_per_hour": found.predicted * 3600,
        "measured_dollars_per_hour": found.measured * 3600,
        "rounds": found.rounds,
        "error": found.error,
        "error_low": None if found.ratio.low is None else found.ratio.low - 1.0,
        "error_high": None if found.ratio.high is None else found.ratio.high - 1.0,
        "tokens_per_second": {
            name: {"predicted": predicted, "measured": measured} for name, (predicted, measured) in found.rates.items()
        },
    }


def show(found: tuple[Checked, ...], seconds: float, console: Console, currency: str = USD) -> None:
    """Print what was predicted and what was measured, money in that currency."""
    table, hourly = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False), unit("$/h", currency)
    for header in ("", "Predicted", "Measured", "Error", "95 % interval"):
        table.add_column(header, justify="right" if header else "left")
    for each in found:
        low, high = each.ratio.low, each.ratio.high
        doubt = "–" if low is None or high is None else f"{low - 1:+.1%} to {high - 1:+.1%}"
        money = (number(3600 * each.predicted), number(3600 * each.measured))
        table.add_row(f"{each.split[:1].upper()}{each.split[1:]}, {hourly}", *money, f"{each.error:+.1%}", doubt)
        whole = sum(predicted for predicted, _ in each.rates.values())
        for name, (predicted, measured) in each.rates.items():
            if predicted > HARDLY * whole:
                table.add_row(
                    f"  {name}, tok/s", number(predicted), number(measured), f"{measured / predicted - 1:+.1%}"
                )
    console.print(table)
    console.print(
        f"Sums of {found[0].rounds} rounds of {seconds:g} s for each split, each lane alone in between. Errors of "
        f"revenue are means of the rounds with their 95 % interval, meant to be within {TARGET:.0%}.",
        style="dim",
    )
