"""A run in one JSON object, the same from the live factory and from its recording but for the word `mode`."""

from typing import Any, Literal

from desk.exports.privacy import Veil, bare
from desk.ledger.ledger import Ledger
from desk.ledger.period import TierPeriod, Totals
from desk.ledger.standing import Alarmed, Standing


def summary(ledger: Ledger, mode: Literal["live", "replay"]) -> dict[str, Any]:
    """The accounts of the run, in SI units and money; `None` (null) stands for what is not available.

    `currency` is what all money is in: names with `usd` in them are older than other currencies. Nothing is converted.

    `tokens_per_joule` counts output tokens, `tokens_per_second_per_user` is 1 / ITL p50, joules of a tier are loaded.
    """
    standing, totals = ledger.standing, ledger.totals()
    return {
        "run": {
            "id": standing.run.run if standing.run else None,
            "seconds": totals.seconds,
            "mode": mode,
            "warmup_seconds": standing.run.warmup_s if standing.run else None,
        },
        "device": standing.engine.device if standing.engine else None,
        "provider": standing.engine.provider if standing.engine else None,
        "meter": {"source": totals.source, "quality": totals.quality},
        "currency": standing.currency,
        "total": {
            "tokens_in": totals.tokens_in,
            "tokens_out": totals.tokens_out,
            "tokens_per_second": totals.tokens_per_second(),
            "joules": totals.joules,
            "standby_joules": totals.standby_joules,
            "other_joules": totals.other_joules,
            "tokens_per_joule": totals.tokens_per_joule,
            "revenue_usd": totals.revenue,
            "on_time_revenue_usd": totals.on_time_revenue,
            "energy_cost_usd": totals.energy_cost,
        },
        "tiers": [_tier(name, standing, totals) for name in standing.tiers],
        "alarms": [_alarm(each, standing) for each in standing.alarmed],
    }


def _alarm(each: Alarmed, standing: Standing) -> dict[str, Any]:
    """Moments are seconds since the run started; `None` cleared: it stood to the end."""
    origin = standing.run.t if standing.run else 0.0
    return {
        "alarm": each.raised.alarm,
        "subject": each.raised.subject,
        "severity": each.raised.severity,
        "cause": Veil(standing)(each.raised.cause),
        "raised_s": each.raised.t - origin,
        "cleared_s": None if each.cleared is None else each.cleared - origin,
    }


def _tier(name: str, standing: Standing, totals: Totals) -> dict[str, Any]:
    tier, lane = standing.tiers[name], standing.lanes.get(name)
    opened = lane.opened if lane else None
    # What the lane really ran with: a precision left open is chosen at load.
    running = opened or tier
    figures = totals.tiers.get(name, TierPeriod())
    return {
        "name": name,
        "model": bare(running.model),
        "precision": running.precision,
        "context": running.context,
        "slots": running.slots,
        "users": tier.users,
        "share": tier.share,
        "tokens_in": figures.prompt,
        "tokens_out": figures.emitted,
        "tokens_per_second": totals.tokens_per_second(name),
        "tokens_per_second_per_user": figures.tokens_per_second_per_user,
        "ttft_p50_s": figures.ttft(0.5),
        "ttft_p95_s": figures.ttft(0.95),
        "itl_p50_s": figures.itl(0.5),
        "itl_p99_s": figures.itl(0.99),
        "joules": figures.joules,
        "tokens_per_joule": figures.tokens_per_joule,
        "revenue_usd": figures.revenue,
        "on_time_revenue_usd": figures.on_time_revenue,
        "energy_cost_usd": figures.energy_cost,
    }
