"""The rules of value: what tokens are worth at list price, when a request was on time, what a joule costs.

Sources: the formulas are those of hosted services' price lists (dollars per million tokens) and of electricity bills
(dollars per kilowatt-hour); the promises are judged per request, by TTFT and by 1/ITL.
"""

from desk.facts.happened import Finished
from desk.facts.tiers import Price, Promise, Tariff

PER_TOKEN = 1e-6
"""Prices are quoted per million tokens."""

JOULES_PER_KWH = 3.6e6


def output_value(price: Price, emitted: int) -> float:
    """Dollars at list price for so many output tokens."""
    return emitted * price.output * PER_TOKEN


def input_value(price: Price, prompt: int, cached: int) -> float:
    """Dollars at list price for a prompt of so many tokens, of which `cached` were held already."""
    return ((prompt - cached) * price.input + cached * price.cached) * PER_TOKEN


def dollars_per_joule(tariff: Tariff | None) -> float | None:
    """What a measured joule costs: price of a kilowatt-hour x PUE x wall factor; `None` without a tariff."""
    if tariff is None:
        return None
    return tariff.dollars_per_kwh / JOULES_PER_KWH * tariff.pue * tariff.wall_factor


def kept(fact: Finished, promise: Promise) -> bool:
    """Whether a finished request was on time: TTFT from submission, and (n - 1) tokens per second after the first."""
    if fact.first is None:
        return False
    if promise.ttft_s is not None and fact.first - fact.submitted > promise.ttft_s:
        return False
    speed = promise.tokens_per_second_per_user
    return speed is None or fact.emitted - 1 >= speed * (fact.t - fact.first) or fact.emitted < 2
