"""What a period adds to the columns of a board: packed as it comes, and worked out for many periods at once."""

from collections.abc import Iterable
from math import nan
from operator import attrgetter
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from desk.board.ratios import FEWEST_EDGES
from desk.ledger.period import Period

Floats = NDArray[np.float64]

COLUMNS = (
    *("end", "worked", "covered", "edges"),
    *("busy", "prefill", "emitted", "metered", "revenue", "on_time_revenue", "on_time_tokens", "finished_tokens"),
    *("queue", "slots_used"),
    *("joules", "active", "standby", "other", "energy_cost", "priced_s", "priced_tokens"),
    *("utilization", "utilizations", "memory", "memories", "celsius", "temperatures", "limit", "limits"),
)
"""`end` is a moment, and no sum; the last eight are of devices, and grow in the row of the factory alone."""

AT = {name: column for column, name in enumerate(COLUMNS)}

_COUNTS = slice(AT["busy"], AT["joules"])
_LEVELS = slice(AT["queue"], AT["joules"])
"""Not counted but held: they count by the time that the engine worked."""
_DEVICES = slice(AT["utilization"], len(COLUMNS))

_counts = attrgetter(*COLUMNS[_COUNTS])
"""What a tier's period says under the names of columns."""
_WHOLE = Struct("16d")  # several times as fast as any way that numpy knows from tuples
_TIER = Struct("14d")
_ABSENT = bytes(_TIER.size)
_NO_READINGS = (0.0,) * 8


def packed(period: Period, tiers: Iterable[str]) -> bytes:
    """What a period has of the factory, then of each of `tiers`; dollars of energy that nobody knows are NaN."""
    edges = period.edges if period.quality == "measured" else FEWEST_EDGES
    cost, standby, other = period.energy_cost, period.standby_joules, period.other_joules
    known = (period.joules or 0.0, standby or 0.0, other or 0.0, nan if cost is None else cost)
    parts = [_WHOLE.pack(period.end, period.worked, period.covered, edges, *known, *_readings(period))]
    for name in tiers:
        tier = period.tiers.get(name)
        if tier is None:
            parts.append(_ABSENT)
            continue
        cost = nan if tier.energy_cost is None else tier.energy_cost
        parts.append(_TIER.pack(1.0, *_counts(tier), tier.joules or 0.0, tier.active_joules or 0.0, cost))
    return b"".join(parts)


def unpacked(fresh: list[bytes], tiers: int) -> Floats:
    """What each row grows by, period x row x column, with the period's end in place of the first column.

    Row 0 is the factory's: of counts and active joules the sum of its tiers. A figure of energy divides by the time and
    the tokens that have a price.
    """
    told = np.frombuffer(b"".join(fresh)).reshape(len(fresh), -1)
    whole, parts = told[:, :16], told[:, 16:].reshape(len(fresh), tiers, 14)
    grown = np.zeros((len(fresh), tiers + 1, len(COLUMNS)))
    grown[:, 0, : _COUNTS.start] = whole[:, :4]
    grown[:, 1:, : _COUNTS.start] = whole[:, None, :4] * parts[:, :, :1]
    grown[:, 1:, _COUNTS] = parts[:, :, 1:11]
    grown[:, 1:, AT["joules"]], grown[:, 1:, AT["active"]] = parts[:, :, 11], parts[:, :, 12]
    for tier in range(1, tiers + 1):  # in their order, as everywhere
        grown[:, 0, _COUNTS] += grown[:, tier, _COUNTS]
        grown[:, 0, AT["active"]] += grown[:, tier, AT["active"]]
    grown[:, 0, [AT["joules"], AT["standby"], AT["other"]]] = whole[:, 4:7]
    costs = np.concatenate([whole[:, None, 7], parts[:, :, 13]], axis=1)
    priced = ~np.isnan(costs)
    grown[:, :, AT["energy_cost"]] = np.where(priced, costs, 0.0)
    grown[:, :, AT["priced_s"]] = grown[:, :, AT["covered"]] * priced
    grown[:, :, AT["priced_tokens"]] = grown[:, :, AT["metered"]] * priced
    grown[:, :, _LEVELS] *= whole[:, None, 1:2]
    grown[:, 0, _DEVICES] = whole[:, 8:]
    return grown


def _readings(period: Period) -> tuple[float, ...]:
    """Sums and counts of what the devices in use reported: shares averaged, amounts added, temperatures the highest."""
    if not period.devices:
        return _NO_READINGS
    devices = [period.devices[name] for name in period.counted if name in period.devices]
    devices = devices or list(period.devices.values())
    degrees = [device.celsius for device in devices if device.celsius is not None]
    return (
        *_counted([device.utilization for device in devices], len(devices)),
        *_counted([device.memory_used for device in devices]),
        *((max(degrees), 1.0) if degrees else (0.0, 0.0)),
        *_counted([device.power_limit for device in devices]),
    )


def _counted(values: Iterable[float | None], by: int = 1) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return (sum(known) / by, 1.0) if known else (0.0, 0.0)
