"""The rules of value: what tokens are worth at list price, when a request was on time, what a joule costs.

Sources: the formulas are those of hosted services' price lists (dollars per million tokens) and of electricity bills
(dollars per kilowatt-hour); the promises are judged per request, by TTFT and by 1/ITL.
"""

from desk.facts.happened import Finished
from desk.facts.tiers import Price, Promise, Tariff

PER_TOKEN = 1e-6
"""Prices are quoted per million tokens."""

JOULES_PER_KWH = 3.6e6
SECONDS_PER_HOUR = 3600.0
WATTS_PER_MW = 1e6


def output_value(price: Price, emitted: int) -> float:
    """Dollars at list price for so many output tokens."""
    return emitted * price.output * PER_TOKEN


def input_value(price: Price, prompt: float, cached: float) -> float:
    """Dollars at list price for a prompt of so many tokens, of which `cached` were held already."""
    return ((prompt - cached) * price.input + cached * price.cached) * PER_TOKEN


def dollars_per_kwh(tariff: Tariff, hour: int | None) -> float:
    """The price of a kilowatt-hour in an hour of the day (0 to 23, local time); the flat one where it is not known."""
    prices = tariff.dollars_per_kwh_by_hour
    return prices[hour] if prices and hour is not None else tariff.dollars_per_kwh


def dollars_per_joule(tariff: Tariff | None, hour: int | None = None) -> float | None:
    """What a measured joule costs: price of a kilowatt-hour x PUE x wall factor; `None` without a tariff."""
    if tariff is None:
        return None
    return dollars_per_kwh(tariff, hour) / JOULES_PER_KWH * tariff.pue * tariff.wall_factor


def kept(fact: Finished, promise: Promise) -> bool:
    """Whether a finished request was on time: TTFT from submission, and (n - 1) tokens per second after the first."""
    if fact.first is None:
        return False
    if promise.ttft_s is not None and fact.first - fact.submitted > promise.ttft_s:
        return False
    speed = promise.tokens_per_second_per_user
    return speed is None or fact.emitted - 1 >= speed * (fact.t - fact.first) or fact.emitted < 2


def energy_dollars_per_mtok(joules_per_token: float, dollars_per_kwh: float) -> float:
    """What the energy of a million output tokens costs: J/token x $/kWh / 3.6."""
    return joules_per_token * dollars_per_kwh / JOULES_PER_KWH / PER_TOKEN


def hourly_dollars_per_mtok(dollars_per_hour: float, tokens_per_second: float) -> float:
    """What a million output tokens cost where an hour of the machine costs so much, all in (NVIDIA's form)."""
    return dollars_per_hour / (tokens_per_second * SECONDS_PER_HOUR) / PER_TOKEN


def tokens_per_second_per_mw(tokens_per_joule: float) -> float:
    """Tokens per second of a megawatt at that efficiency."""
    return tokens_per_joule * WATTS_PER_MW


def gross_margin(revenue: float, cost: float) -> float | None:
    """The part of revenue that is left after cost, `None` without revenue."""
    return (revenue - cost) / revenue if revenue > 0.0 else None
