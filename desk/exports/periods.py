"""The settled half-seconds of a run as rows: CSV and JSON lines, one row for each account of each period."""

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

from desk.facts.happened import AnyFact, RunStarted
from desk.ledger.ledger import Ledger
from desk.ledger.period import Period, TierPeriod
from desk.ledger.standing import Standing

COLUMNS = (
    *("time_utc", "start_s", "end_s", "account", "kind", "busy_s", "prefill_tokens", "input_tokens", "cached_tokens"),
    *("output_tokens", "requests_finished", "requests_on_time", "requests_cancelled", "queue_requests", "slots_used"),
    *("ttft_p50_s", "itl_p50_s", "revenue_usd", "on_time_revenue_usd", "energy_J", "active_energy_J"),
    *("energy_cost_usd", "energy_source", "energy_quality", "currency"),
)
"""The header: units stand in the names.

`account` is a tier, or `standby` or `other` (`kind` tells which): so that `energy_J` over all rows of a period adds up
to what the counter counted. `energy_J` of a tier is loaded, `active_energy_J` without its part of the floor. A cell is
empty (null) where there is nothing to tell. The accounts of a run count energy from its first token on and leave a
warm-up out; the rows have all there was. `currency` is what the money of a row is in, whatever its column is called.
"""

Row = dict[str, Any]


def rows(facts: Iterable[AnyFact], start: float = 0.0, stop: float = float("inf")) -> Iterator[Row]:
    """The rows of the periods that end after `start` and by `stop` seconds since the run started, oldest first."""
    ledger, wall = Ledger(), 0.0
    for fact in facts:
        if isinstance(fact, RunStarted):
            wall = fact.wall
        for period in ledger.post(fact):
            if start < period.end <= stop + 1e-9:
                yield from _rows_of(period, wall, ledger.standing)


def _rows_of(period: Period, wall: float, standing: Standing) -> Iterator[Row]:
    moment = datetime.fromtimestamp(wall + period.end, UTC).isoformat(timespec="milliseconds")
    head = {"time_utc": moment.replace("+00:00", "Z"), "start_s": period.start, "end_s": period.end}
    foot = {"energy_source": standing.source, "energy_quality": period.quality, "currency": standing.currency}
    for name, tier in period.tiers.items():
        yield {**head, "account": name, "kind": "tier", **_tier(tier), **foot}
    empty = dict.fromkeys(COLUMNS)
    for word, joules in (("standby", period.standby_joules), ("other", period.other_joules)):
        yield {**empty, **head, "account": word, "kind": word, "energy_J": joules, **foot}


def _tier(tier: TierPeriod) -> Row:
    return {
        "busy_s": tier.busy,
        "prefill_tokens": tier.prefill,
        "input_tokens": tier.prompt,
        "cached_tokens": tier.cached,
        "output_tokens": tier.emitted,
        "requests_finished": tier.finished,
        "requests_on_time": tier.on_time_requests,
        "requests_cancelled": tier.cancelled,
        "queue_requests": tier.queue,
        "slots_used": tier.slots_used,
        "ttft_p50_s": tier.ttft(0.5),
        "itl_p50_s": tier.itl(0.5),
        "revenue_usd": tier.revenue,
        "on_time_revenue_usd": tier.on_time_revenue,
        "energy_J": tier.joules,
        "active_energy_J": tier.active_joules,
        "energy_cost_usd": tier.energy_cost,
    }


def as_csv(told: Iterable[Row]) -> str:
    """Comma-separated, one header line, points for decimals; numbers read back as the very same ones."""
    text = StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(told)
    return text.getvalue()


def as_jsonl(told: Iterable[Row]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(row) + "\n" for row in told)
