"""What the factory stands on: model, provider, device and source of watts, in words and on scales."""

from desk.board import Board
from desk.facts.happened import Device, DeviceReading, Tried
from desk.ledger.period import Totals
from desk.ledger.standing import Standing
from desk.panel.numbers import Numbers
from desk.panel.shown import Machine, Pointer

HEADLINE_S = 10.0
"""Headline figures and rates are means over so many seconds."""

SOURCES = {
    "nvml-counter": "NVML energy counter",
    "nvml-power": "NVML power, integrated",
    "amd": "AMD energy counter",
    "rapl": "RAPL package counter",
    "battery": "battery discharge",
    "none": "no source of watts",
}


def model_in_words(standing: Standing) -> str:
    opened = [lane.opened for lane in standing.lanes.values() if lane.opened]
    names = {f"{lane.model} {lane.precision}".strip() for lane in opened}
    names = names or {tier.model for tier in standing.tiers.values()}
    return names.pop() if len(names) == 1 else f"{len(names)} models" if names else ""


def provider_in_words(standing: Standing) -> str:
    engine = standing.engine
    if engine is None:
        return ""
    if engine.provider == "cuda":
        return f"CUDA ✓  {engine.runtime}".strip()
    # The cause is a sentence; here its first clause will do, the machine card has it whole.
    cause = engine.cause.split(",")[0].rstrip(".")
    return f"CPU ({cause[:1].lower()}{cause[1:]})" if cause else "CPU"


def device_in_words(standing: Standing, numbers: Numbers) -> str:
    device = main_device(standing)
    engine = standing.engine
    name = engine.device if engine else device.name if device else ""
    if device and device.kind == "gpu":
        return f"{name} {numbers.bytes(device.memory_bytes)}" if device.memory_bytes else name
    return f"{name}, {engine.threads} threads" if engine and engine.threads else name


def main_device(standing: Standing) -> Device | None:
    """The device that the machine card shows: the one whose energy counts, else the first that fits the engine."""
    devices = standing.meter.devices if standing.meter else ()
    counted = [device for device in devices if device.id in standing.counted]
    unlike = "gpu" if standing.engine and standing.engine.provider == "cpu" else ""
    fitting = [device for device in devices if device.kind != unlike]
    return next(iter(counted or fitting or devices), None)


def meter_in_words(standing: Standing) -> str:
    """Where the watts come from."""
    if standing.source == "declared" and standing.declared:
        watts = standing.declared
        word = "assumed" if watts.assumed else "declared"
        return f"{word} {watts.idle:g} W idle, {watts.busy:g} W busy"
    return "" if standing.meter is None else SOURCES.get(standing.source, standing.source)


def power_limit(standing: Standing) -> float | None:
    limits = [
        reading.power_limit
        for name, reading in standing.readings.items()
        if name in standing.counted and reading.power_limit is not None
    ]
    return sum(limits) if limits else None


def machine(standing: Standing, board: Board, totals: Totals, numbers: Numbers) -> Machine:
    """The device card: the device that makes the tokens, or the bare machine where the meter knows no device."""
    device = main_device(standing)
    unmeasured = standing.source in ("none", "declared") and standing.meter is not None
    tried = tuple(one for one in standing.meter.tried if one.cause) if unmeasured and standing.meter else ()
    if device is None:
        return _bare_machine(standing, board, numbers, tried)
    reading = standing.readings.get(device.id) or DeviceReading(device=device.id)
    words = _why_here(standing)
    if device.kind == "gpu":
        words.append(("Limiter", reading.limiter or "none"))
        if reading.memory_foreign is not None:
            foreign = numbers.bytes(reading.memory_foreign) if reading.memory_foreign else "none"
            words.append(("Other processes", foreign))
    if totals.joules and totals.standby_joules is not None:
        share = numbers.fixed(100 * totals.standby_joules / totals.joules)
        spent, all_of_it = (numbers.figure(j / 3600, "Wh") for j in (totals.standby_joules, totals.joules))
        words.append(("Idle tax", f"{share} %   {spent} of {all_of_it} Wh made no token"))
    title = "GPU 0" if device.kind == "gpu" else "CPU" if device.kind == "cpu" else "This machine"
    return Machine(title, _pointers(device, reading, numbers), tuple(words), tried)


def _why_here(standing: Standing) -> list[tuple[str, str]]:
    """Why the engine runs where it does, where that was not asked for."""
    cause = standing.engine.cause if standing.engine else ""
    return [("Runs on", cause)] if cause else []


def _bare_machine(standing: Standing, board: Board, numbers: Numbers, tried: tuple[Tried, ...]) -> Machine:
    """A machine whose meter knows no device: what the engine says of itself, on the machine that the run names."""
    computer = standing.run.machine if standing.run else None
    words = [("Processor", f"{computer.processor}, {computer.cores} cores")] if computer else []
    words += _why_here(standing)
    pointers = []
    busy = board.value("busy_share", None, HEADLINE_S)
    if busy is not None:
        pointers.append(_pointer("Busy", numbers.fixed(100 * busy), "% stepping", busy, 1.0, None, (0.6, 1.0)))
    lanes = [lane.opened for lane in standing.lanes.values() if lane.opened and lane.state in ("ready", "draining")]
    if lanes and computer:
        # Lanes of one model share its weights.
        weights = {(lane.model, lane.precision): lane.weights_bytes for lane in lanes}
        held = sum(weights.values()) + sum(lane.kv_bytes for lane in lanes)
        total = computer.memory_bytes
        note = f"of {numbers.bytes(total)}, ours"
        pointers.append(_pointer("Memory", numbers.fixed(held / 1e9, 1), note, held, total, total))
    return Machine("This machine", tuple(pointers), tuple(words), tried)


def _pointers(device: Device, reading: DeviceReading, numbers: Numbers) -> tuple[Pointer, ...]:
    pointers = []
    limit = reading.power_limit or device.power_limit
    if reading.watts is not None or limit is not None:
        scale = (limit or 1.15 * (reading.watts or 1.0)) * 1.15
        note = f"of {numbers.figure(limit, 'W')} W limit" if limit else "W"
        pointers.append(_pointer("Power", numbers.figure(reading.watts, "W"), note, reading.watts, scale, limit))
    if reading.celsius is not None:
        slow = device.slowdown_celsius
        note = f"°C, slows at {slow:.0f}" if slow else "°C"
        normal = (0.25, 0.7)
        text = numbers.fixed(reading.celsius)
        pointers.append(_pointer("Temp", text, note, reading.celsius, (slow or 90.0) * 1.18, slow, normal))
    if reading.memory_used is not None:
        total = device.memory_bytes
        used = numbers.fixed(reading.memory_used / 1e9, 1)
        note = f"of {numbers.bytes(total)}" if total else "GB"
        pointers.append(_pointer("Memory", used, note, reading.memory_used, total or reading.memory_used, total))
    if reading.utilization is not None:
        text = numbers.fixed(100 * reading.utilization)
        pointers.append(_pointer("Busy", text, "%", reading.utilization, 1.0, None, (0.6, 1.0)))
    if reading.clock_hz is not None:
        top = reading.clock_max_hz
        note = f"of {numbers.fixed(top / 1e6)} MHz" if top else "MHz"
        text = numbers.fixed(reading.clock_hz / 1e6)
        pointers.append(_pointer("Clock", text, note, reading.clock_hz, (top or reading.clock_hz) * 1.05, top))
    return tuple(pointers)


def _pointer(
    label: str,
    value: str,
    note: str,
    at: float | None,
    scale: float,
    limit: float | None = None,
    normal: tuple[float, float] | None = None,
) -> Pointer:
    share = None if at is None else min(1.0, at / scale)
    return Pointer(label, value, note, share, None if limit is None else min(1.0, limit / scale), normal)
