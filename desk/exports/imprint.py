"""The imprint: what the figures of a run stand on, in the words that every export prints below them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from desk import __version__
from desk.exports.privacy import Veil
from desk.facts.currency import unit
from desk.facts.figures import INSTRUMENTS
from desk.facts.metered import Device
from desk.ledger.ledger import Ledger
from desk.ledger.standing import Standing

UNKNOWN = "not recorded"
COMMIT = 40
"""A revision of so many characters is a hash, and told by its first twelve."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """Each field a phrase that can stand alone; what the facts do not tell is `not recorded`.

    `device` names what makes the tokens, `hardware` says more of it. `provider` is the one that sessions really use.
    `boundary` says what the joules do not cover, `doubt` what stands against their division among tiers. `since` and
    `until` are Unix times of the stretch that the books hold.
    """

    run: str
    device: str
    since: float | None
    until: float | None
    hardware: str
    driver: str
    runtime: str
    provider: str
    models: str
    load: str
    power: str
    boundary: str
    prices: str
    doubt: str = ""

    @property
    def when(self) -> str:
        """`2026-11-22 21:32:38 to 21:33:38 UTC`; the second date only where it is another day."""
        if self.since is None or self.until is None:
            return UNKNOWN
        start, stop = (datetime.fromtimestamp(wall, UTC) for wall in (self.since, self.until))
        shape = "%H:%M:%S" if start.date() == stop.date() else "%Y-%m-%d %H:%M:%S"
        return f"{start:%Y-%m-%d %H:%M:%S} to {stop.strftime(shape)} UTC"

    @property
    def sold(self) -> str:
        """What the implied revenue is, and is not."""
        return f"Implied revenue = tokens × list prices set by the user ({self.prices}); nothing was sold"

    def facts(self) -> dict[str, str]:
        """All of it by name, for metadata and tables."""
        named = {
            "run": f"{self.run}, {self.when}",
            "hardware": self.hardware,
            "driver": self.driver,
            "runtime": self.runtime,
            "provider": self.provider,
            "models": self.models,
            "load": self.load,
            "power": f"{self.power}; {self.boundary}",
            "prices": self.prices,
            "program": f"Token Desk {__version__}",
        }
        return {name: said for name, said in named.items() if said} | ({"doubt": self.doubt} if self.doubt else {})


def imprint(ledger: Ledger, end: float | None = None) -> Imprint:
    """The imprint of what a ledger holds up to `end` seconds since the run started, or to its stop."""
    standing, veil = ledger.standing, Veil(ledger.standing)
    run = standing.run
    if end is None and run is not None and standing.stopped is not None:
        end = standing.stopped.t - run.t
    engine = standing.engine
    return Imprint(
        run=run.run if run else UNKNOWN,
        device=veil(_hardware(standing).partition(",")[0]),
        since=run.wall if run else None,
        until=run.wall + end if run and end is not None else None,
        hardware=veil(_hardware(standing)),
        driver=_driver(standing),
        runtime=engine.runtime if engine and engine.runtime else f"runtime {UNKNOWN}",
        provider=_provider(standing),
        models=veil(_models(standing)),
        load=veil(_load(standing)),
        power=_power(standing),
        boundary=_boundary(standing),
        prices=_prices(standing),
        doubt=veil(f"{standing.doubt} {standing.disagreement}".strip()),
    )


def _prices(standing: Standing) -> str:
    listed = ", ".join(f"{tier.price.output:g}" for tier in standing.tiers.values())
    return f"{listed} {unit('$/Mtok', standing.currency)} output"


def gigabytes(count: float) -> str:
    """Decimal: `24 GB`, `8.6 GB`."""
    return f"{count / 1e9:.1f} GB".replace(".0 ", " ")


def _hardware(standing: Standing) -> str:
    """The device that makes the tokens."""
    run, engine = standing.run, standing.engine
    device = _device(standing)
    if device is not None and device.kind == "gpu":
        parts = [device.name]
        if device.memory_bytes:
            parts[0] += f" {gigabytes(device.memory_bytes)}"
        reading = standing.readings.get(device.id)
        limit = (reading.power_limit if reading else None) or device.power_limit
        return ", ".join([*parts, f"limit {limit:.0f} W" if limit else f"power limit {UNKNOWN}"])
    machine = run.machine if run else None
    name = engine.device if engine else machine.processor if machine else ""
    parts = [name or f"processor {UNKNOWN}"]
    if machine is not None:
        parts += [
            f"{machine.cores} cores",
            f"{gigabytes(machine.memory_bytes)} memory",
            machine.system.partition(" ")[0],
        ]
    return ", ".join(parts)


def _device(standing: Standing) -> Device | None:
    """The GPU that the engine is on, `None` where it is on the processor."""
    engine, devices = standing.engine, standing.meter.devices if standing.meter else ()
    if engine is not None and engine.provider == "cpu":
        return None
    gpus = [device for device in devices if device.kind == "gpu"]
    counted = [device for device in gpus if device.id in standing.counted]
    return next(iter(counted or gpus), None)


def _driver(standing: Standing) -> str:
    """Empty where no GPU makes the tokens."""
    engine, meter = standing.engine, standing.meter
    if engine is not None and engine.provider == "cpu":
        return ""
    return f"driver {meter.driver}" if meter and meter.driver else f"driver {UNKNOWN}"


def _provider(standing: Standing) -> str:
    """`CUDA in 5 of 5 lanes`; where sessions landed elsewhere than was asked for, the cause."""
    opened = [lane.opened.provider for lane in standing.lanes.values() if lane.opened]
    engine = standing.engine
    if not opened:
        return f"provider {UNKNOWN}" if engine is None else engine.provider.upper()
    used = engine.provider if engine else opened[0]
    return f"{used.upper()} in {opened.count(used)} of {len(opened)} lanes"


def _models(standing: Standing) -> str:
    """Every model with its precision and revision, and the room of its lanes: `smollm2-135m q8, 19 slots of 1024`."""
    lanes: dict[str, list[tuple[int, int]]] = {}
    for lane in standing.lanes.values():
        if lane.opened is not None:
            name = f"{lane.opened.model} {lane.opened.precision}".strip()
            revision = lane.opened.revision
            name += (
                f" @{revision[:12] if len(revision) >= COMMIT else revision}" if revision else f", revision {UNKNOWN}"
            )
            lanes.setdefault(name, []).append((lane.opened.slots, lane.opened.context))
    if not lanes:
        return f"model {UNKNOWN}"
    return "; ".join(f"{name}, {_rooms(rooms)}" for name, rooms in lanes.items())


def _rooms(rooms: list[tuple[int, int]]) -> str:
    """`19 slots of 1024 tokens`, `12 slots of 512 to 2048 tokens`."""
    slots, contexts = sum(slots for slots, _ in rooms), sorted({context for _, context in rooms})
    span = f"{contexts[0]}" if len(contexts) == 1 else f"{contexts[0]} to {contexts[-1]}"
    return f"{slots} slot{'s' if slots > 1 else ''} of {span} tokens"


def _load(standing: Standing) -> str:
    run = standing.run
    if run is None:
        return f"scenario {UNKNOWN}"
    users = sum(tier.users for tier in standing.tiers.values() if not tier.arrivals_per_second)
    arrivals = sum(tier.arrivals_per_second or 0.0 for tier in standing.tiers.values())
    parts = [f"{run.scenario} load", f"{users} users" if users else "", f"{arrivals:g} requests/s" if arrivals else ""]
    if standing.load != 1.0:
        parts.append(f"times {standing.load:g}")
    if run.warmup_s:
        parts.append(f"warm-up {run.warmup_s:g} s")
    return ", ".join(part for part in (*parts, f"seed {run.seed}") if part)


def _power(standing: Standing) -> str:
    if standing.source == "declared" and standing.declared is not None:
        watts = standing.declared
        word = "assumed" if watts.assumed else "declared"
        return f"Power estimated from {word} {watts.idle:g} W idle and {watts.busy:g} W busy"
    if standing.source == "none":
        return "No source of watts"
    scope = standing.meter.scope if standing.meter else ""
    return ", ".join(part for part in (f"Power: {INSTRUMENTS[standing.source]}", scope) if part)


def _boundary(standing: Standing) -> str:
    """What the joules leave out."""
    return {
        "none": "no joules",
        "declared": "of the whole machine",
        "rapl": "without memory, power supply, cooling and the rest of the machine",
        "battery": "with everything that runs on the battery",
    }.get(standing.source, "without processor, power supply, cooling and the rest of the machine")
