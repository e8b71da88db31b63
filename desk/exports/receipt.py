"""The energy receipt: what a run made, what that would be worth, and what the energy cost. Data, and Markdown."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from desk.exports.imprint import imprint
from desk.exports.table import dollars, number
from desk.facts.codec import encode
from desk.facts.currency import unit
from desk.facts.happened import AnyFact
from desk.facts.tiers import Tariff
from desk.ledger.ledger import Ledger
from desk.ledger.period import TierPeriod

JOULES_PER_WH = 3600.0

_NOT_INCLUDED = {
    "declared": "Watts were declared, not measured. The energy of building the machine, the network.",
    "rapl": "Memory, disks, power supply, cooling, the network.",
    "battery": "The losses of charging, the network.",
    "none": "Energy: no source of watts.",
}


class Digest:
    """The SHA-256 of facts in their order, as the lines that this version writes: the same from a plain recording, a
    compressed one, or one in several parts.
    """

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, fact: AnyFact) -> None:
        self._hash.update(encode(fact))

    def hexadecimal(self) -> str:
        return self._hash.hexdigest()


def digest(facts: Iterable[AnyFact]) -> str:
    """The digest of facts, in hexadecimal."""
    made = Digest()
    for fact in facts:
        made.add(fact)
    return made.hexadecimal()


def receipt(ledger: Ledger, digest: str) -> dict[str, Any]:
    """The receipt in SI units and money; `None` stands for what is not available.

    `currency` is what all money is in: names with `usd` in them are older than other currencies. Nothing is converted.

    Joules of a tier are loaded; with `standby_joules` and `other_joules` they add up to `joules`. `price_usd_per_mtok`
    is the list price in force at the end; a price that was changed during the run shows in the revenue alone. Where
    energy has a price for each hour of the day, `usd_per_kwh_by_hour` of the `tariff` has the 24, which go before
    `usd_per_kwh`. `digest` is that of the facts.
    """
    standing, totals = ledger.standing, ledger.totals()
    tariff = standing.tariff
    tiers = []
    for name, tier in standing.tiers.items():
        sums = totals.tiers.get(name, TierPeriod())
        price = {"input": tier.price.input, "cached": tier.price.cached, "output": tier.price.output}
        tiers.append(
            {
                "name": name,
                "tokens_in": sums.prompt,
                "tokens_cached": sums.cached,
                "tokens_out": sums.emitted,
                "price_usd_per_mtok": price,
                "revenue_usd": sums.revenue,
                "on_time_revenue_usd": sums.on_time_revenue,
                "joules": sums.joules,
                "energy_cost_usd": sums.energy_cost,
            }
        )
    return {
        "receipt": 1,
        "currency": standing.currency,
        "about": imprint(ledger).facts(),
        "seconds": totals.seconds,
        "tiers": tiers,
        "tokens_in": totals.tokens_in,
        "tokens_out": totals.tokens_out,
        "revenue_usd": totals.revenue,
        "on_time_revenue_usd": totals.on_time_revenue,
        "joules": totals.joules,
        "standby_joules": totals.standby_joules,
        "other_joules": totals.other_joules,
        "energy_source": totals.source,
        "energy_quality": totals.quality,
        "tokens_per_joule": totals.tokens_per_joule,
        "tariff": None if tariff is None else _tariff(tariff),
        "energy_cost_usd": totals.energy_cost,
        "not_included": _NOT_INCLUDED.get(
            totals.source, "Processor, memory, power supply, cooling, the machine itself, the network."
        ),
        "sha256": digest,
    }


def _tariff(tariff: Tariff) -> dict[str, Any]:
    found = {"usd_per_kwh": tariff.dollars_per_kwh, "pue": tariff.pue, "wall_factor": tariff.wall_factor}
    by_hour = tariff.dollars_per_kwh_by_hour
    return found | ({"usd_per_kwh_by_hour": list(by_hour)} if by_hour else {})


def markdown(told: dict[str, Any]) -> str:
    """The receipt as Markdown."""
    currency = told["currency"]
    lines = [f"# Energy receipt of run {told['about']['run'].partition(',')[0]}", ""]
    lines += [unit("| Tier | Tokens in | Tokens out | $/Mtok out | Implied revenue | Energy, Wh |", currency)]
    lines += ["|---|--:|--:|--:|--:|--:|"]
    for tier in reversed(told["tiers"]):
        cells = (
            tier["name"],
            number(tier["tokens_in"]),
            number(tier["tokens_out"]),
            f"{tier['price_usd_per_mtok']['output']:.2f}",
            dollars(tier["revenue_usd"], currency),
            number(hours(tier["joules"])),
        )
        lines.append(f"| {' | '.join(cells)} |")
    whole = dollars(told["revenue_usd"], currency), number(hours(told["joules"]))
    for word, joules in (("Standby", told["standby_joules"]), ("Other programs", told["other_joules"])):
        if joules:
            lines.append(f"| {word} |  |  |  |  | {number(hours(joules))} |")
    lines.append(
        f"| **All** | {number(told['tokens_in'])} | {number(told['tokens_out'])} |  | **{whole[0]}** | **{whole[1]}** |"
    )
    lines += ["", f"Implied revenue is tokens at list prices; nothing was sold. Energy is {told['energy_quality']}."]
    if told["energy_cost_usd"] is not None:
        lines.append(f"The energy costs {dollars(told['energy_cost_usd'], currency)}, {priced(told)}.")
    lines += ["", f"Not included: {told['not_included']}", ""]
    lines += [f"- {name}: {text}" for name, text in told["about"].items()]
    return "\n".join([*lines, f"- sha256 of the facts: `{told['sha256']}`", ""])


def hours(joules: float | None) -> float | None:
    """Joules as watt-hours."""
    return None if joules is None else joules / JOULES_PER_WH


def priced(told: dict[str, Any]) -> str:
    """What a kilowatt-hour costs on this receipt: `at 0.31 $/kWh, assumed`, with what it is multiplied by; where the
    price goes by the hour of the day, the lowest and the highest of them."""
    tariff = told["tariff"]
    if tariff is None:
        return "without a tariff"
    factors = [
        f"× {tariff[key]:g} {word}" for key, word in (("pue", "PUE"), ("wall_factor", "wall")) if tariff[key] != 1
    ]
    price = f"{tariff['usd_per_kwh']:g} {unit('$/kWh', told['currency'])}"
    if by_hour := tariff.get("usd_per_kwh_by_hour"):
        price = f"{min(by_hour):g} to {max(by_hour):g} {unit('$/kWh', told['currency'])} by the hour"
    return " ".join([f"at {price}", *factors]) + ", assumed"
