"""The lineage of a figure: its formula with today's values, its window, samples, instrument, age and assumptions.

It repeats no arithmetic: the sums are those that the board divides, so a step that is worked out gives the very value
that is shown. The same record is read in the panel and written into exports.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import isclose
from typing import Any, Literal

from desk.board import Basis, Board
from desk.facts.currency import USD
from desk.facts.currency import unit as in_currency
from desk.facts.figures import FIGURES, INSTRUMENTS, READINGS, Figure
from desk.facts.metered import Device, DeviceReading
from desk.ledger.ledger import Ledger
from desk.ledger.money import JOULES_PER_KWH, dollars_per_kwh
from desk.ledger.period import PERIOD_S
from desk.ledger.standing import Standing

Provenance = Literal["measured", "derived", "assumed", "estimated", "unavailable"]
Operator = Literal["÷", "×"]

WINDOW_S = 10.0
"""What figures are formed over where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Term:
    """A number with its words; `note` says who set it, where somebody did."""

    words: str
    value: float
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of arithmetic: the first term, then an operator and a term for each of the others."""

    result: Term
    terms: tuple[Term, ...]
    operators: tuple[Operator, ...]

    def worked_out(self) -> float:
        """What the terms give."""
        value = self.terms[0].value
        for operator, term in zip(self.operators, self.terms[1:], strict=True):
            value = value / term.value if operator == "÷" else value * term.value
        return value


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a figure comes from. `value` is `None` where it cannot be formed, and `why` says why.

    `steps` lead from sums of the window to the value; a percentile has none. `seconds` is the window that was really
    used, `samples` what it held. `age_s` is how long ago its newest part was measured. `doubt` stands against it.
    Units of money are written with `$` and shown in `currency`.
    """

    figure: Figure
    tier: str | None
    kind: Provenance
    value: float | None
    source: str
    steps: tuple[Step, ...] = ()
    seconds: float | None = None
    samples: Term | None = None
    age_s: float | None = None
    assumptions: tuple[Term, ...] = ()
    why: str = ""
    doubt: str = ""
    currency: str = USD

    def as_dict(self) -> dict[str, Any]:
        """The record for exports: SI units and plain numbers, shares as fractions."""
        figure = self.figure
        return {
            "figure": figure.key,
            "title": figure.title,
            "tier": self.tier,
            "value": self.value,
            "unit": in_currency(figure.unit, self.currency),
            "kind": self.kind,
            "definition": figure.definition,
            "formula": figure.formula,
            "steps": [self._told(step) for step in self.steps],
            "window": figure.window,
            "window_s": self.seconds,
            "samples": None if self.samples is None else self._told(self.samples),
            "source": self.source,
            "age_s": self.age_s,
            "assumptions": [self._told(term) for term in self.assumptions],
            "why": self.why,
            "doubt": self.doubt,
        }

    def _told(self, part: Step | Term) -> dict[str, Any]:
        if isinstance(part, Term):
            return asdict(replace(part, unit=in_currency(part.unit, self.currency)))
        terms = tuple(self._told(term) for term in part.terms)
        return {"result": self._told(part.result), "terms": terms, "operators": part.operators}


_COUNTED = {
    "worked": ("seconds of the engine", "s"),
    "covered": ("metered seconds", "s"),
    "emitted": ("output tokens", "tok"),
    "metered": ("output tokens", "tok"),
    "prefill": ("prompt tokens processed", "tok"),
    "busy": ("busy seconds", "s"),
    "joules": ("energy", "J"),
    "active": ("active energy", "J"),
    "standby": ("standby energy", "J"),
    "other": ("energy of other programs", "J"),
    "energy_cost": ("cost of the energy", "$"),
    "priced_tokens": ("output tokens", "tok"),
    "priced_s": ("metered seconds", "s"),
    "revenue": ("list price of the tokens", "$"),
    "on_time_revenue": ("list price of on-time requests", "$"),
    "on_time_tokens": ("output tokens of on-time requests", "tok"),
    "finished_tokens": ("output tokens of finished requests", "tok"),
    "queue": ("waiting requests × seconds", ""),
    "slots_used": ("slots held × seconds", ""),
    "utilization": ("sum of the readings", ""),
    "memory": ("sum of the readings", "B"),
    "celsius": ("sum of the readings", "°C"),
    "limit": ("sum of the readings", "W"),
    "utilizations": ("readings", ""),
    "memories": ("readings", ""),
    "temperatures": ("readings", ""),
    "limits": ("readings", ""),
}
"""The columns of the board in words, with their units."""

_DEVICES = ("utilization", "memory_used", "celsius", "power_limit")
_SCALES = {3600.0: Term("seconds an hour", 3600.0, "s/h"), 1e6: Term("tokens quoted", 1e6, "tok")}


def lineage(
    key: str,
    ledger: Ledger,
    board: Board,
    tier: str | None = None,
    *,
    window_s: float = WINDOW_S,
    moment: float | None = None,
    ages: Mapping[str, float] | None = None,
) -> Lineage:
    """Where the figure `key` of the board comes from as it stands now, of one tier or of all.

    `moment` is the present on the clock of the facts, `ages` the seconds since each device told of its energy.
    """
    figure, standing = FIGURES[key], ledger.standing
    value, basis = board.value(key, tier, window_s), board.basis(key, tier, window_s)
    source = _source(figure, standing)
    if value is None or basis is None:
        why = _why(figure, standing)
        return Lineage(
            figure, tier, "unavailable", None, source, assumptions=_assumptions(figure, tier, standing), why=why
        )
    return Lineage(
        figure,
        tier,
        kind_of(figure, standing),
        value,
        source,
        _steps(figure, tier, value, basis, board, standing, window_s),
        basis.seconds,
        _samples(figure, standing, basis),
        _age(figure, standing, board, moment, ages or {}),
        _assumptions(figure, tier, standing),
        doubt=_doubt(figure, tier, standing),
        currency=standing.currency,
    )


def reading(key: str, standing: Standing, device: Device | None, age: float | None, tier: str | None = None) -> Lineage:
    """Where one of the `READINGS` comes from: of a device, or the queue of a lane, of all where `tier` is `None`."""
    figure = READINGS[key]
    if device is None:
        lanes = [lane for name, lane in standing.lanes.items() if tier in (None, name)]
        waiting = float(sum(lane.queue for lane in lanes)) if standing.run else None
        kind: Provenance = "unavailable" if waiting is None else "measured"
        return Lineage(
            figure, tier, kind, waiting, _ENGINE, age_s=age, why="" if standing.run else "There is no run yet."
        )
    told = standing.readings.get(device.id) or DeviceReading(device=device.id)
    value = {
        "power_now": told.watts,
        "celsius_now": told.celsius,
        "memory_now": told.memory_used,
        "utilization_now": told.utilization,
        "clock_now": told.clock_hz,
    }[key]
    by = "NVML" if device.kind == "gpu" and not device.id.startswith("amd") else "the operating system"
    source = f"{by}, {standing.title(device)} {device.name}"
    if value is None:
        return Lineage(figure, None, "unavailable", None, source, why=f"The device does not tell it ({told.state}).")
    return Lineage(figure, None, "measured", float(value), source, age_s=age)


def kind_of(figure: Figure, standing: Standing) -> Provenance:
    """How the figure comes about now: of energy that was declared, as the declaration says."""
    if not figure.of_energy or figure.kind == "assumed" or standing.quality == "measured":
        return figure.kind
    return "assumed" if standing.declared and standing.declared.assumed else "estimated"


def _steps(
    figure: Figure,
    tier: str | None,
    value: float,
    basis: Basis,
    board: Board,
    standing: Standing,
    window_s: float,
) -> tuple[Step, ...]:
    result = Term(figure.title.lower(), value, figure.unit)
    if figure.key == "tokens_per_second_per_user":
        median = board.value("itl_p50", tier, window_s)
        return () if median is None else (Step(result, (Term("one", 1.0), Term("median ITL", median, "s")), ("÷",)),)
    if basis.samples:
        return ()
    over, under = (Term(_COUNTED[name][0], value, _COUNTED[name][1]) for name, value in _sums(basis))
    terms, operators = (over, under), ("÷",)
    if basis.scale != 1.0:
        terms, operators = (*terms, _SCALES[basis.scale]), ("÷", "×")
    step = Step(result, terms, operators)
    if basis.over == "energy_cost":
        return (*_cost(over, board.basis("watts", tier, window_s), standing, standing.hour(board.end)), step)
    return (step,)


def _sums(basis: Basis) -> tuple[tuple[str, float], tuple[str, float]]:
    return (basis.over, basis.whole), (basis.under, basis.part)


def _cost(cost: Term, energy: Basis | None, standing: Standing, hour: int | None) -> tuple[Step, ...]:
    """What the energy costs by the tariff of that hour; no line where it was another one for a part of the window."""
    tariff = standing.tariff
    if energy is None or tariff is None:
        return ()
    terms = (
        Term("energy", energy.whole, "J"),
        Term("joules a kilowatt-hour", JOULES_PER_KWH, "J/kWh"),
        Term("price", dollars_per_kwh(tariff, hour), "$/kWh"),
        Term("PUE", tariff.pue),
        Term("wall factor", tariff.wall_factor),
    )
    step = Step(cost, terms, ("÷", "×", "×", "×"))
    return (step,) if isclose(step.worked_out(), cost.value, rel_tol=1e-9) else ()


def _samples(figure: Figure, standing: Standing, basis: Basis) -> Term:
    if basis.samples:
        return Term("tokens" if "itl" in basis.over or "itl" in basis.under else "requests", float(basis.samples))
    if figure.of_energy and standing.quality == "measured":
        return Term("changes of the energy counter", float(basis.edges))
    if figure.key in _DEVICES:
        return Term("readings", basis.part)
    return Term("half-seconds", round(basis.seconds / PERIOD_S))


def _age(
    figure: Figure, standing: Standing, board: Board, moment: float | None, ages: Mapping[str, float]
) -> float | None:
    """Since its newest period settled; of energy, since the oldest of its devices was heard."""
    run = standing.run
    settled = None if run is None or moment is None else max(0.0, moment - run.t - board.end)
    if not figure.of_energy or not ages:
        return settled
    return max((ages[name] for name in standing.counted if name in ages), default=settled)


# ---- in words

_ENGINE = "the engine's own count, ten times a second"


def _source(figure: Figure, standing: Standing) -> str:
    if figure.key in _DEVICES:
        names = [device.name for device in _counted(standing)]
        return f"the driver, {' and '.join(names)}" if names else "the driver"
    if not figure.of_energy:
        runtime = standing.engine.runtime if standing.engine else ""
        return f"{_ENGINE}, {runtime}" if runtime else _ENGINE
    words = INSTRUMENTS[standing.source]
    if standing.source in ("none", "declared") or standing.meter is None:
        return words
    names = " and ".join(device.name for device in _counted(standing))
    return ", ".join(part for part in (words, names, standing.meter.scope) if part)


def _counted(standing: Standing) -> list[Device]:
    return [each for each in standing.meter.devices if each.id in standing.counted] if standing.meter else []


def _why(figure: Figure, standing: Standing) -> str:
    if standing.run is None:
        return "There is no run yet."
    if figure.of_energy and standing.source == "none":
        tried = [each.cause for each in standing.meter.tried if each.cause] if standing.meter else []
        return f"No source of watts: {'; '.join(tried)}." if tried else "No source of watts measures this engine."
    if figure.of_energy:
        return "Energy and tokens of one stretch of at least two seconds are missing."
    if figure.key.startswith(("ttft", "itl", "on_time")) or "user" in figure.key:
        return "No request has told of it in its window."
    return "Nothing was counted in its window."


def _doubt(figure: Figure, tier: str | None, standing: Standing) -> str:
    """Against the joules as they are counted; and against their division, where the figure is of one tier."""
    if not figure.of_energy:
        return ""
    return f"{standing.doubt if tier is not None else ''} {standing.disagreement}".strip()


def _assumptions(figure: Figure, tier: str | None, standing: Standing) -> tuple[Term, ...]:
    """What people set that the figure rests on."""
    terms: list[Term] = []
    if "revenue" in figure.key:
        for name, setting in standing.tiers.items():
            if tier in (None, name):
                price = setting.price
                for word, dollars in (("input", price.input), ("cached input", price.cached), ("output", price.output)):
                    terms.append(Term(f"{name}, {word}", dollars, "$/Mtok", "list price, set by you"))
    if "cost" in figure.key and standing.tariff is not None:
        tariff = standing.tariff
        by_hour = tariff.dollars_per_kwh_by_hour
        prices = {min(by_hour), max(by_hour)} if by_hour else {tariff.dollars_per_kwh}
        note = "set by you, by the hour of the day" if by_hour else "set by you"
        terms += [Term("price of energy", price, "$/kWh", note) for price in sorted(prices)]
        terms.append(Term("PUE", tariff.pue, note="set by you"))
        terms.append(Term("wall factor", tariff.wall_factor, note="set by you"))
    if figure.of_energy and standing.source == "declared" and standing.declared is not None:
        note = "a named assumption" if standing.declared.assumed else "declared by you"
        terms.append(Term("idle", standing.declared.idle, "W", note))
        terms.append(Term("busy", standing.declared.busy, "W", note))
    if figure.key.startswith("on_time"):
        for name, setting in standing.tiers.items():
            promise = setting.promise
            if tier in (None, name):
                if promise.ttft_s is not None:
                    terms.append(Term(f"{name}, TTFT at most", promise.ttft_s, "s", "promise"))
                if promise.tokens_per_second_per_user is not None:
                    speed = promise.tokens_per_second_per_user
                    terms.append(Term(f"{name}, speed at least", speed, "tok/s/user", "promise"))
    return tuple(terms)
