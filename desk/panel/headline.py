"""The headline figures: each with its provenance, what it covers, and what it lacks where it is missing."""

import numpy as np

from desk.board import Board
from desk.facts.figures import FIGURES
from desk.ledger.standing import Standing
from desk.lineage import kind_of
from desk.panel.machine import (
    HEADLINE_S,
    Ages,
    main_device,
    meter_in_words,
    missing_devices,
    power_limit,
    watts_cover,
    why_no_watts,
)
from desk.panel.numbers import Numbers
from desk.panel.shown import Provenance, State, Value

SPARK_S, SPARK_POINTS = 300.0, 60
JUDGED = ("on_time_share", "on_time_revenue_per_hour", "ttft_p50", "ttft_p95")
"""What is known of requests that began or ended: over the window of the charts, requests being rare beside tokens."""


def headlines(
    standing: Standing, board: Board, state: State, window_s: float, ages: Ages, numbers: Numbers
) -> tuple[Value, ...]:
    """The values of the cards, in their order; requests are judged over `window_s` seconds."""
    rate = board.value("tokens_per_second", None, HEADLINE_S)
    watts = board.value("watts", None, HEADLINE_S)
    per_joule = board.value("tokens_per_joule", None, HEADLINE_S)
    cost = board.value("energy_cost_per_mtok", None, HEADLINE_S)
    money = board.value("revenue_per_hour", None, HEADLINE_S)
    on_time_money = board.value("on_time_revenue_per_hour", None, window_s)
    on_time = board.value("on_time_share", None, window_s)
    tariff = standing.tariff
    price = f"{tariff.dollars_per_kwh:g} {numbers.unit('$/kWh')}" if tariff else "no price of energy"
    if tariff is not None and tariff.dollars_per_kwh_by_hour:
        price = "prices by the hour"
    hourly = board.value("energy_cost_per_hour", None, HEADLINE_S)
    covers = meter_in_words(standing)
    if standing.source == "declared":
        covers = f"{kind_of(FIGURES['watts'], standing)} watts"
    none_yet = _NO_RATE[state].partition(";")[0]
    lacks = _lacks(standing, ages, none_yet if rate is None else "needs tokens and watts of one window")
    limit = power_limit(standing)
    return (
        Value(
            "tokens_per_second",
            "Tokens out",
            "tok/s",
            rate,
            _known("tokens_per_second", rate, standing),
            "all tiers, 10 s" if rate is not None else none_yet,
            _spark(board, "tokens_per_second"),
        ),
        Value(
            "watts",
            _power_title(standing),
            "W",
            watts,
            _known("watts", watts, standing),
            _power_note(standing, watts, ages),
            _spark(board, "watts"),
            limit,
            "limit" if limit is not None else "",
        ),
        Value(
            "tokens_per_joule",
            "Tokens per watt",
            "tok/J",
            per_joule,
            _known("tokens_per_joule", per_joule, standing),
            f"tokens ÷ joules, {covers}" if per_joule is not None else lacks,
            _spark(board, "tokens_per_joule"),
        ),
        Value(
            "energy_cost_per_mtok",
            "Energy cost",
            "$/Mtok",
            cost,
            _known("energy_cost_per_mtok", cost, standing),
            f"{numbers.with_unit(hourly, '$/h')} at {price}" if cost is not None else lacks,
            _spark(board, "energy_cost_per_mtok"),
        ),
        Value(
            "revenue_per_hour",
            "Implied revenue",
            "$/h",
            money,
            _known("revenue_per_hour", money, standing),
            _revenue_note(money, on_time_money, numbers) if money is not None else _NO_RATE[state],
            _spark(board, "revenue_per_hour"),
        ),
        Value(
            "on_time_share",
            "On-time tokens",
            "%",
            on_time,
            _known("on_time_share", on_time, standing),
            "of finished requests that kept both promises" if on_time is not None else "no request has finished",
            _spark(board, "on_time_share"),
        ),
    )


_NO_RATE = {
    "idle": "no run yet; prices are set",
    "opening": "no token yet",
    "running": "no token in the last seconds",
    "paused": "paused",
    "stopped": "the run has ended",
}


def _known(key: str, value: float | None, standing: Standing) -> Provenance:
    return "unavailable" if value is None else kind_of(FIGURES[key], standing)


def _lacks(standing: Standing, ages: Ages, otherwise: str) -> str:
    """Why there is no figure of energy and tokens: for want of watts, else what is said `otherwise`."""
    if standing.meter and standing.source == "none":
        return "needs a source of watts"
    return _missing(standing, ages) or otherwise


def _power_title(standing: Standing) -> str:
    device = main_device(standing)
    if standing.source in ("none", "declared") or device is None:
        return "Power"
    return {"gpu": "Board power", "cpu": "CPU power"}.get(device.kind, "Machine power")


def _power_note(standing: Standing, watts: float | None, ages: Ages) -> str:
    if why := why_no_watts(standing):
        return why
    if watts is None and (missing := _missing(standing, ages)):
        return missing
    words = watts_cover(standing, ages)
    return words if standing.source == "declared" or words.endswith("old") else f"{words}, 10 s"


def _revenue_note(money: float, on_time: float | None, numbers: Numbers) -> str:
    tail = "at list price; nothing sold"
    return tail if on_time is None else f"{numbers.fixed(min(on_time, money), 2)} on time, {tail}"


def _spark(board: Board, figure: str) -> tuple[float | None, ...]:
    _, y = board.curve(figure, None, SPARK_S, SPARK_POINTS, HEADLINE_S)
    if not np.isfinite(y).any():
        return ()
    return tuple(float(value) if np.isfinite(value) else None for value in y)


def _missing(standing: Standing, ages: Ages) -> str:
    """`GPU 0 is lost`, where a device whose energy counts gives none."""
    found = missing_devices(standing, ages)
    return f"{found[0][0]} is {found[0][1].partition(':')[0]}" if found else ""
