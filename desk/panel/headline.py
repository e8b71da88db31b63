"""The headline figures: each with its provenance, what it covers, and what it lacks where it is missing."""

import numpy as np

from desk.board import Board
from desk.facts.figures import FIGURES
from desk.ledger.standing import Standing
from desk.lineage import kind_of
from desk.panel.machine import (
    HEADLINE_S,
    OLD_S,
    Ages,
    main_device,
    meter_in_words,
    missing_devices,
    power_limit,
    title_of,
    watts_cover,
    why_no_watts,
)
from desk.panel.numbers import Numbers
from desk.panel.shown import Provenance, State, Value
from desk.panel.words import tr

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
    price = f"{tariff.dollars_per_kwh:g} {numbers.unit('$/kWh')}" if tariff else tr("no price of energy")
    if tariff is not None and tariff.dollars_per_kwh_by_hour:
        price = tr("prices by the hour")
    hourly = board.value("energy_cost_per_hour", None, HEADLINE_S)
    covers = meter_in_words(standing)
    if standing.source == "declared":
        covers = tr("assumed watts") if kind_of(FIGURES["watts"], standing) == "assumed" else tr("estimated watts")
    lacks = _lacks(standing, ages, _NO_RATE[state] if rate is None else tr("needs tokens and watts of one window"))
    limit = power_limit(standing)
    return (
        Value(
            "tokens_per_second",
            tr("Tokens out"),
            "tok/s",
            rate,
            _known("tokens_per_second", rate, standing),
            tr("all tiers, 10 s") if rate is not None else _NO_RATE[state],
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
            tr("limit") if limit is not None else "",
        ),
        Value(
            "tokens_per_joule",
            tr("Tokens per watt"),
            "tok/J",
            per_joule,
            _known("tokens_per_joule", per_joule, standing),
            tr("tokens ÷ joules, {source}", source=covers) if per_joule is not None else lacks,
            _spark(board, "tokens_per_joule"),
        ),
        Value(
            "energy_cost_per_mtok",
            tr("Energy cost"),
            "$/Mtok",
            cost,
            _known("energy_cost_per_mtok", cost, standing),
            lacks if cost is None else tr("{cost} at {price}", cost=numbers.with_unit(hourly, "$/h"), price=price),
            _spark(board, "energy_cost_per_mtok"),
        ),
        Value(
            "revenue_per_hour",
            tr("Implied revenue"),
            "$/h",
            money,
            _known("revenue_per_hour", money, standing),
            _revenue_note(money, on_time_money, numbers) if money is not None else _NO_REVENUE[state],
            _spark(board, "revenue_per_hour"),
        ),
        Value(
            "on_time_share",
            tr("On-time tokens"),
            "%",
            on_time,
            _known("on_time_share", on_time, standing),
            tr("of finished requests that kept both promises")
            if on_time is not None
            else tr("no request has finished"),
            _spark(board, "on_time_share"),
        ),
    )


_NO_RATE = {
    "idle": tr("no run yet"),
    "opening": tr("no token yet"),
    "running": tr("no token in the last seconds"),
    "paused": tr("paused"),
    "stopped": tr("the run has ended"),
}
_NO_REVENUE = {**_NO_RATE, "idle": tr("no run yet; prices are set")}


def _known(key: str, value: float | None, standing: Standing) -> Provenance:
    return "unavailable" if value is None else kind_of(FIGURES[key], standing)


def _lacks(standing: Standing, ages: Ages, otherwise: str) -> str:
    """Why there is no figure of energy and tokens: for want of watts, else what is said `otherwise`."""
    if standing.meter and standing.source == "none":
        return tr("needs a source of watts")
    return _missing(standing, ages) or otherwise


def _power_title(standing: Standing) -> str:
    device = main_device(standing)
    if standing.source in ("none", "declared") or device is None:
        return tr("Power")
    return {"gpu": tr("Board power"), "cpu": tr("CPU power")}.get(device.kind, tr("Machine power"))


def _power_note(standing: Standing, watts: float | None, ages: Ages) -> str:
    if why := why_no_watts(standing):
        return why
    if watts is None and (missing := _missing(standing, ages)):
        return missing
    words = watts_cover(standing, ages)
    old = any(ages.get(device, 0.0) >= OLD_S for device in standing.counted)
    return words if standing.source == "declared" or old else tr("{source}, 10 s", source=words)


def _revenue_note(money: float, on_time: float | None, numbers: Numbers) -> str:
    if on_time is None:
        return tr("at list price; nothing sold")
    return tr("{revenue} on time, at list price; nothing sold", revenue=numbers.fixed(min(on_time, money), 2))


def _spark(board: Board, figure: str) -> tuple[float | None, ...]:
    _, y = board.curve(figure, None, SPARK_S, SPARK_POINTS, HEADLINE_S)
    if not np.isfinite(y).any():
        return ()
    return tuple(float(value) if np.isfinite(value) else None for value in y)


def _missing(standing: Standing, ages: Ages) -> str:
    """`GPU 0 is lost`, where a device whose energy counts gives none."""
    found = missing_devices(standing, ages)
    if not found:
        return ""
    device, state = found[0]
    title = title_of(standing, device)
    if state == "stale" and (age := ages.get(device.id)) is not None:
        return tr("{device} is stale, {seconds:.0f} s old", device=title, seconds=age)
    return _GIVES_NONE[state].format(device=title)


_GIVES_NONE = {
    "stale": tr("{device} is stale"),
    "asleep": tr("{device} is asleep, and not asked, so that it can stay so"),
    "not supported": tr("{device} is not supported"),
    "no permission": tr("{device} may not be read by this user"),
    "lost": tr("{device} is lost"),
    "not answering": tr("{device} is not answering"),
    "estimated": tr("{device} is estimated"),
}
"""By its state, what keeps a device from giving watts."""
