"""A run in a page of Markdown: its accounts, its tiers, its alarms, and what all of it stands on."""

from desk.exports.imprint import imprint
from desk.exports.privacy import Veil
from desk.exports.table import dollars, number, on_time
from desk.ledger.ledger import Ledger
from desk.ledger.period import TierPeriod


def report(ledger: Ledger) -> str:
    """The run as Markdown; a dash stands for what is not available."""
    standing, totals, stands_on = ledger.standing, ledger.totals(), imprint(ledger)
    veil = Veil(standing)
    currency = standing.currency
    quality = "" if totals.quality == "measured" else f" ({totals.quality})"
    facts = (
        ("Length", f"{number(totals.seconds)} s from the first token"),
        ("Output tokens", f"{number(totals.tokens_out)}, {number(totals.tokens_per_second())} tok/s"),
        ("Energy", f"{number(totals.joules)} J{quality}, {number(totals.tokens_per_joule)} tok/J"),
        (
            "Implied revenue",
            f"{dollars(totals.revenue, currency)} at list price,"
            f" {dollars(totals.on_time_revenue, currency)} of it on time",
        ),
        ("Energy cost", dollars(totals.energy_cost, currency)),
    )
    lines = [f"# Run {stands_on.run}", "", *(f"- **{word}**: {said}" for word, said in facts), ""]
    lines += ["| Tier | Model | tok/s | tok/s/user | TTFT p95, s | Tokens out | J | tok/J | Worth | On time |"]
    lines += ["|---|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for name in reversed(standing.tiers):
        tier, lane = totals.tiers.get(name, TierPeriod()), standing.lanes.get(name)
        running = (lane.opened if lane else None) or standing.tiers[name]
        cells = (
            name,
            veil(f"{running.model} {running.precision}".strip()),
            number(totals.tokens_per_second(name)),
            number(tier.tokens_per_second_per_user),
            number(tier.ttft(0.95)),
            number(tier.emitted),
            number(tier.joules),
            number(tier.tokens_per_joule),
            dollars(tier.revenue, currency),
            on_time([tier]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if standing.alarmed:
        lines += ["", "## Alarms", ""]
        for span in standing.alarmed:
            about = f" ({span.raised.subject})" if span.raised.subject else ""
            lines.append(f"- {span.raised.severity}{about}: {veil(span.raised.cause)}")
    lines += ["", "## What this stands on", "", *(f"- {name}: {said}" for name, said in stands_on.facts().items())]
    return "\n".join([*lines, "", f"{stands_on.sold}.", ""])
