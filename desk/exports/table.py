"""A run as a table for people: one row a tier, the dearest on top. Numbers become text here and nowhere below."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

from desk.facts.currency import USD, amount, unit
from desk.facts.figures import INSTRUMENTS
from desk.ledger.ledger import Ledger
from desk.ledger.period import TierPeriod, Totals
from desk.ledger.standing import Standing

DASH = "–"

_COLUMNS = ("Tier", "tok/s", "/user", "TTFT\np50 s", "\np95 s", "ITL\nms", "tokens\nin", "\nout")
_WORTH = ("\nJ", "\ntok/J", "worth\n$/h", "on\ntime")


def table(ledger: Ledger) -> Table:
    """The accounts of the run so far, a dash for what is not available. Fits into 80 columns."""
    standing, totals = ledger.standing, ledger.totals()
    shown = Table(box=box.SIMPLE_HEAD, title=_title(standing), caption=_caption(ledger), show_edge=False)
    shown.title_justify = shown.caption_justify = "left"
    shown.padding, shown.show_footer = 0, True
    footer = (
        *("All", number(totals.tokens_per_second()), "", "", "", ""),
        *(number(totals.tokens_in), number(totals.tokens_out), number(totals.joules), number(totals.tokens_per_joule)),
        *(number(_hourly(totals.revenue, totals)), on_time(totals.tiers.values())),
    )
    for header, foot in zip((*_COLUMNS, *_WORTH), footer, strict=True):
        shown.add_column(
            unit(header, standing.currency), foot, justify="left" if header == "Tier" else "right", no_wrap=True
        )
    for name in reversed(standing.tiers):
        tier = totals.tiers.get(name, TierPeriod())
        itl = tier.itl(0.5)
        shown.add_row(
            name,
            number(totals.tokens_per_second(name)),
            number(tier.tokens_per_second_per_user),
            number(tier.ttft(0.5)),
            number(tier.ttft(0.95)),
            number(None if itl is None else itl * 1000),
            number(tier.prompt),
            number(tier.emitted),
            number(tier.joules),
            number(tier.tokens_per_joule),
            number(_hourly(tier.revenue, totals)),
            on_time([tier]),
        )
    return shown


def number(value: float | None) -> str:
    """About three digits: `1,220`, `87.0`, `3.91`, `0.022`; counts in full."""
    if value is None:
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    return f"{value:,.{0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.995 or value == 0 else 3}f}"


def dollars(value: float | None, currency: str = USD) -> str:
    """Money of a short run, to a tenth of a cent or finer: cents are too coarse for it."""
    if value is None:
        return DASH
    return amount(f"{value:,.2f}" if value == 0 or value >= 10 else f"{value:.3g}", currency)


def _hourly(revenue: float, totals: Totals) -> float | None:
    return revenue / totals.seconds * 3600 if totals.seconds else None


def on_time(tiers: Iterable[TierPeriod]) -> str:
    """The part of the finished requests' tokens that came on time."""
    tokens = [(tier.on_time_tokens, tier.finished_tokens) for tier in tiers]
    finished = sum(whole for _, whole in tokens)
    return f"{sum(part for part, _ in tokens) / finished:.0%}" if finished else DASH


def _title(standing: Standing) -> str:
    engine = standing.engine
    opened = [lane.opened for lane in standing.lanes.values() if lane.opened]
    models = dict.fromkeys(f"{lane.model} {lane.precision}".strip() for lane in opened)
    where = [f"{engine.provider}, {engine.device}"] if engine else []
    return " · ".join([standing.run.run if standing.run else "no run", *models, *where])


def _caption(ledger: Ledger) -> str:
    """The sums of the run, and what they rest on."""
    standing, totals = ledger.standing, ledger.totals()
    if totals.seconds is None:
        return "No token was made." if totals.since is None else "The run ended in its warm-up."
    revenue, on_time_revenue = (dollars(each, standing.currency) for each in (totals.revenue, totals.on_time_revenue))
    worth = f"worth {revenue} at list price, {on_time_revenue} of it on time"
    warmup = standing.run.warmup_s if standing.run else 0.0
    since = f"after a warm-up of {warmup:g} s" if warmup else "from the first token"
    lines = [f"{totals.seconds:.1f} s {since}; {worth}."]
    if totals.joules is None:
        return f"{lines[0]}\nNo source of watts."
    source = INSTRUMENTS[totals.source]
    if totals.source == "declared" and standing.declared is not None:
        watts = standing.declared
        word = "assumed" if watts.assumed else "declared"
        source = f"estimated from {word} {watts.idle:g} W idle and {watts.busy:g} W busy"
    lines.append(f"Energy: {source}; it costs {dollars(totals.energy_cost, standing.currency)}.")
    lines.append(f"Standby {number(totals.standby_joules)} J, other programs {number(totals.other_joules)} J.")
    if totals.covered < 0.99 * totals.seconds:
        lines.append(f"Watts are known for {totals.covered / totals.seconds:.0%} of the time.")
    if totals.uncalibrated:
        lines.append("Split between tiers by busy time alone: not calibrated.")
    return "\n".join(lines)
