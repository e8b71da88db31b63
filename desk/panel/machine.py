"""What the factory stands on: model, provider, devices and source of watts, in words and on scales."""

from collections.abc import Mapping
from dataclasses import replace

from desk.board import Board
from desk.exports.privacy import bare
from desk.facts.figures import INSTRUMENTS
from desk.facts.metered import Device, DeviceReading, Tried
from desk.ledger.period import Totals
from desk.ledger.standing import Standing
from desk.panel.numbers import DASH, Numbers
from desk.panel.shown import Machine, Peer, Pointer
from desk.panel.words import plural, tr

HEADLINE_S = 10.0
"""Headline figures and rates are means over so many seconds."""

OLD_S = 1.5
"""From this age on, a reading of watts says how old it is."""
SILENT_S = 3.0
"""A meter that has said nothing for so long does not answer."""
FORGOTTEN_S = 5.0
"""A reading older than this is a dash."""

Ages = Mapping[str, float]
"""Seconds since each device was last heard of its energy or power; a device that never was is absent."""

SOURCES = INSTRUMENTS

_BRIEFLY = {
    "stale": tr("stale"),
    "asleep": tr("asleep"),
    "not supported": tr("not supported"),
    "no permission": tr("no permission"),
    "lost": tr("lost"),
    "not answering": tr("not answering"),
    "gap": tr("gap"),
    "estimated": tr("estimated"),
}
_STATES = {
    **_BRIEFLY,
    "asleep": tr("asleep, and not asked, so that it can stay so"),
    "not supported": tr("not supported: it gives no power readings"),
    "no permission": tr("no permission: this user may not read it"),
    "lost": tr("lost: the driver does not find it, and is asked again"),
    "not answering": tr("not answering: the driver is silent"),
    "gap": tr("gap: some time passed unseen"),
}
_TROUBLED = ("lost", "stale", "not answering")

LIMITERS = {
    "power limit": tr("at the power limit"),
    "board limit": tr("at the board's limit"),
    "voltage limit": tr("at the voltage limit"),
    "too hot": tr("clocks cut by heat"),
    "too hot (hardware)": tr("clocks cut by heat, in hardware"),
    "power brake": tr("clocks cut by the power brake"),
    "slowed by hardware": tr("clocks cut by the hardware"),
    "display clocks": tr("held by the display's clocks"),
    "idle": tr("none, idle"),
}
"""What the meter calls the reasons for lower clocks, in words that stand alone."""


def model_in_words(standing: Standing) -> str:
    opened = [lane.opened for lane in standing.lanes.values() if lane.opened]
    names = {f"{bare(lane.model)} {lane.precision}".strip() for lane in opened}
    names = names or {bare(tier.model) for tier in standing.tiers.values()}
    return names.pop() if len(names) == 1 else plural("{n} model", "{n} models", len(names)) if names else ""


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
    if device and device.kind == "gpu" and not (engine and engine.provider == "cpu"):
        return f"{name} {numbers.bytes(device.memory_bytes)}" if device.memory_bytes else name
    if not engine or not engine.threads:
        return name
    return plural("{name}, {n} thread", "{name}, {n} threads", engine.threads, name=name)


def main_device(standing: Standing) -> Device | None:
    """The device that the machine card shows: the one whose energy counts, else the first that fits the engine."""
    devices = standing.meter.devices if standing.meter else ()
    counted = [device for device in devices if device.id in standing.counted]
    unlike = "gpu" if standing.engine and standing.engine.provider == "cpu" else ""
    fitting = [device for device in devices if device.kind != unlike]
    answering = [device for device in devices if device.id in standing.readings and _answers(standing, device)]
    return next(iter(counted or fitting or answering or devices), None)


def _answers(standing: Standing, device: Device) -> bool:
    return standing.readings[device.id].state in ("ok", "stale", "gap")


# ---- watts in words


def why_no_watts(standing: Standing) -> str:
    """Why no joules are counted, as half a sentence; empty where some are."""
    if standing.source != "none":
        return ""
    meter, child = standing.meter, standing.children.get("meter")
    if child and child.state == "given up":
        return tr("the meter was given up")
    if meter is None:
        return tr("the meter is opening")
    if meter.source != "none":
        if meter.source in ("nvml-counter", "nvml-power", "amd"):
            return tr("only the GPU is metered, not the CPU")
        return tr("only the CPU is metered, not the GPU")
    return tr("this machine measures no watts")


def meter_in_words(standing: Standing) -> str:
    """Where the watts come from."""
    if standing.source == "declared" and standing.declared:
        watts = standing.declared
        if watts.assumed:
            return tr("assumed {idle:g} W idle, {busy:g} W busy", idle=watts.idle, busy=watts.busy)
        return tr("declared {idle:g} W idle, {busy:g} W busy", idle=watts.idle, busy=watts.busy)
    return "" if standing.meter is None else SOURCES.get(standing.source, standing.source)


def watts_cover(standing: Standing, ages: Ages) -> str:
    """What the watts are of, where they come from, and how old they are where that is worth a word."""
    if standing.source in ("none", "declared") or standing.meter is None:
        return meter_in_words(standing)
    count = len(standing.counted)
    several = plural("{n} device", "{n} devices", count) if count > 1 else ""
    old = max((ages.get(name, 0.0) for name in standing.counted), default=0.0)
    parts = (several, standing.meter.scope, meter_in_words(standing), _age(old) if old >= OLD_S else "")
    return ", ".join(part for part in parts if part)


def missing_devices(standing: Standing, ages: Ages) -> list[tuple[Device, str]]:
    """The counted devices that give no watts now, each with its state."""
    missing = []
    for device in standing.meter.devices if standing.meter else ():
        if device.id in standing.counted:
            state = state_of(standing, device, ages)
            if state and state != "gap":
                missing.append((device, state))
    return missing


def power_limit(standing: Standing) -> float | None:
    limits = [
        reading.power_limit
        for name, reading in standing.readings.items()
        if name in standing.counted and reading.power_limit is not None
    ]
    return sum(limits) if limits else None


def state_of(standing: Standing, device: Device, ages: Ages) -> str:
    """The state of a device, empty where all is well: what the meter calls it, or what its own silence means."""
    child = standing.children.get("meter")
    age = ages.get(device.id, 0.0)
    if child and child.state in ("ended", "given up"):
        return "not answering"
    if child and child.state == "stale":
        silent = max(age, child.age or 0.0)
        return "not answering" if silent >= SILENT_S else "stale" if silent >= OLD_S else ""
    reading = standing.readings.get(device.id)
    return "" if reading is None or reading.state == "ok" else reading.state


def in_words(state: str, age: float | None) -> str:
    """A state as the card says it, with its age where the reading has one: `stale, 3 s old`."""
    if state == "stale" and age is not None:
        return tr("stale, {seconds:.0f} s old", seconds=age)
    return _STATES.get(state, state)


def _limiter(told: str) -> str:
    return ", ".join(LIMITERS.get(word, word) for word in told.split(", ")) if told else tr("none")


# ---- the device card


def machine(standing: Standing, board: Board, totals: Totals, ages: Ages, numbers: Numbers, doubt: str = "") -> Machine:
    """The device card: the device that makes the tokens, or the bare machine where the meter knows no device.

    `doubt` is what stands against the joules of the tiers.
    """
    doubts = ((tr("In doubt"), doubt),) if doubt else ()
    device = main_device(standing)
    meter = standing.meter
    tried = tuple(one for one in meter.tried if one.cause) if meter and not standing.counted else ()
    if device is None:
        bare = _bare_machine(standing, board, numbers, tried)
        return replace(bare, words=(*bare.words, *doubts))
    others = [other for other in (meter.devices if meter else ()) if other is not device]
    state = state_of(standing, device, ages)
    reading = standing.readings.get(device.id) or DeviceReading(device=device.id)
    pointers = _pointers(device, reading, numbers)
    age = ages.get(device.id, 0.0)
    if state in ("stale", "not answering"):
        pointers = tuple(_aged(pointer, age) for pointer in pointers)
    counted = device.id in standing.counted
    return Machine(
        title_of(standing, device),
        pointers,
        (*_why_here(standing), *_energy_words(standing, device, reading, totals, ages, numbers), *doubts),
        tried,
        f"{device.name} {numbers.bytes(device.memory_bytes)}" if device.memory_bytes else device.name,
        used=counted and bool(others),
        state=in_words(state, ages.get(device.id)) if state else "",
        peers=tuple(_peer(standing, other, ages, numbers) for other in others),
    )


def title_of(standing: Standing, device: Device) -> str:
    """What the panel calls a device: `GPU 0`, `CPU`."""
    return standing.title(device)


def _aged(pointer: Pointer, age: float) -> Pointer:
    if age >= FORGOTTEN_S:
        return replace(pointer, value=DASH, at=None, foreign=None)
    return replace(pointer, faded=True)


def _energy_words(
    standing: Standing, device: Device, reading: DeviceReading, totals: Totals, ages: Ages, numbers: Numbers
) -> list[tuple[str, str]]:
    words = []
    age = ages.get(device.id)
    if device.id in standing.counted and age is not None:
        words.append((tr("Watts"), f"{watts_cover(standing, {})}, {_age(age)}"))
    elif device.kind == "gpu" and standing.engine and standing.engine.provider == "cpu":
        words.append((tr("Watts"), tr("not counted: this GPU makes no tokens")))
    if device.kind == "gpu":
        words.append((tr("Limiter"), _limiter(reading.limiter)))
        if reading.memory_foreign is not None:
            foreign = numbers.bytes(reading.memory_foreign) if reading.memory_foreign else tr("none")
            words.append((tr("Other processes"), foreign))
    if totals.joules and totals.standby_joules is not None:
        share = numbers.fixed(100 * totals.standby_joules / totals.joules)
        spent, all_of_it = (numbers.figure(j / 3600, "Wh") for j in (totals.standby_joules, totals.joules))
        told = tr("{share} %   {spent} of {whole} Wh made no token", share=share, spent=spent, whole=all_of_it)
        words.append((tr("Idle tax"), told))
    elif standing.floor_watts is not None:
        words.append((tr("Idle"), idles_at(standing, numbers)))
    return words


def idles_at(standing: Standing, numbers: Numbers) -> str:
    """The idle baseline as a sentence; empty while it is not known."""
    device = main_device(standing)
    if standing.floor_watts is None or device is None or not standing.counted:
        return ""
    count, watts = len(standing.counted), numbers.with_unit(standing.floor_watts, "W")
    if device.kind == "gpu":
        return plural("Your GPU idles at {watts}.", "Your {n} GPUs idle at {watts}.", count, watts=watts)
    if device.kind == "cpu":
        return plural("Your processor idles at {watts}.", "Your {n} processors idle at {watts}.", count, watts=watts)
    return plural("Your machine idles at {watts}.", "Your {n} machines idle at {watts}.", count, watts=watts)


def _age(seconds: float) -> str:
    return tr("{seconds:.0f} s old", seconds=seconds) if seconds >= OLD_S else tr("fresh")


def _peer(standing: Standing, device: Device, ages: Ages, numbers: Numbers) -> Peer:
    state = state_of(standing, device, ages)
    if state == "gap":
        state = ""  # it has passed, and readings go on
    reading = standing.readings.get(device.id) or DeviceReading(device=device.id)
    words = []
    if reading.watts is not None:
        words.append(numbers.with_unit(reading.watts, "W"))
    if reading.celsius is not None:
        words.append(numbers.with_unit(reading.celsius, "°C"))
    if reading.memory_used is not None:
        used, whole = numbers.bytes(reading.memory_used), numbers.bytes(device.memory_bytes)
        words.append(tr("{used} of {total}", used=used, total=whole) if device.memory_bytes else used)
    if reading.utilization is not None:
        words.append(f"{numbers.fixed(100 * reading.utilization)} %")
    source = f", {SOURCES.get(device.source, device.source)}" if device.source else ""
    return Peer(
        title_of(standing, device),
        f"{device.name}{source}",
        "   ".join(words),
        in_words(state, ages.get(device.id)) if state else "",
        device.id in standing.counted,
        _BRIEFLY.get(state, state) or next(iter(words), ""),
        state in _TROUBLED,
    )


def _why_here(standing: Standing) -> list[tuple[str, str]]:
    """Why the engine runs where it does, where that was not asked for."""
    cause = standing.engine.cause if standing.engine else ""
    return [(tr("Runs on"), cause)] if cause else []


def _bare_machine(standing: Standing, board: Board, numbers: Numbers, tried: tuple[Tried, ...]) -> Machine:
    """A machine whose meter knows no device: what the engine says of itself, on the machine that the run names."""
    computer = standing.run.machine if standing.run else None
    words, pointers = [], []
    if computer:
        cores = plural("{name}, {n} core", "{name}, {n} cores", computer.cores, name=computer.processor)
        words.append((tr("Processor"), cores))
    words += _why_here(standing)
    busy = board.value("busy_share", None, HEADLINE_S)
    if busy is not None:
        pointers.append(_pointer(tr("Busy"), numbers.fixed(100 * busy), tr("% stepping"), busy, 1.0, None, (0.6, 1.0)))
    lanes = [lane.opened for lane in standing.lanes.values() if lane.opened and lane.state in ("ready", "draining")]
    if lanes and computer:
        # Lanes of one model share its weights.
        weights = {(lane.model, lane.precision): lane.weights_bytes for lane in lanes}
        held = sum(weights.values()) + sum(lane.kv_bytes for lane in lanes)
        total = computer.memory_bytes
        note = tr("of {total}, ours", total=numbers.bytes(total))
        pointers.append(_pointer(tr("Memory"), numbers.giga(held), note, held, total, total))
    return Machine(tr("This machine"), tuple(pointers), tuple(words), tried)


def _pointers(device: Device, reading: DeviceReading, numbers: Numbers) -> tuple[Pointer, ...]:
    """The readings on their scales. A GPU keeps a bar for what it does not tell, with a dash."""
    gpu = device.kind == "gpu"
    pointers = []
    limit = reading.power_limit or device.power_limit
    if gpu or reading.watts is not None or limit is not None:
        scale = (limit or 1.15 * (reading.watts or 1.0)) * 1.15
        note = tr("of {limit} W limit", limit=numbers.figure(limit, "W")) if limit else "W"
        pointers.append(_pointer(tr("Power"), numbers.figure(reading.watts, "W"), note, reading.watts, scale, limit))
    if gpu or reading.celsius is not None:
        slow = device.slowdown_celsius
        note = numbers.degree
        if slow:
            note = tr("{degree}, slows at {slow}", degree=note, slow=numbers.celsius(slow))
        text = numbers.celsius(reading.celsius)
        pointers.append(_pointer(tr("Temp"), text, note, reading.celsius, (slow or 90.0) * 1.18, slow, (0.25, 0.7)))
    if gpu or reading.memory_used is not None:
        pointers.append(_memory(device, reading, numbers))
    if gpu or reading.utilization is not None:
        text = numbers.fixed(None if reading.utilization is None else 100 * reading.utilization)
        note = tr("%, ours alone") if gpu and reading.memory_foreign == 0 else "%"
        pointers.append(_pointer(tr("Busy"), text, note, reading.utilization, 1.0, None, (0.6, 1.0)))
    if gpu or reading.clock_hz is not None:
        clock, top = reading.clock_hz, reading.clock_max_hz
        note = tr("of {top} MHz", top=numbers.fixed(top / 1e6)) if top else "MHz"
        text = numbers.fixed(None if clock is None else clock / 1e6)
        pointers.append(_pointer(tr("Clock"), text, note, clock, (top or clock or 1.0) * 1.05, top))
    return tuple(pointers)


def _memory(device: Device, reading: DeviceReading, numbers: Numbers) -> Pointer:
    used, total, foreign = reading.memory_used, device.memory_bytes, reading.memory_foreign
    text = numbers.giga(used)
    note = tr("of {total}", total=numbers.bytes(total)) if total else numbers.giga_unit
    full = total or used or 1.0
    return replace(
        _pointer(tr("Memory"), text, note, used, full, total), foreign=None if foreign is None else foreign / full
    )


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
