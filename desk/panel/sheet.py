"""All that the facts tell of a device, line by line: its readings, what they mean, and where each comes from."""

from desk.facts.happened import LaneReady
from desk.facts.metered import Device, DeviceReading
from desk.ledger.standing import Standing
from desk.panel.machine import LIMITERS, OLD_S, SOURCES, Ages, in_words, state_of, title_of
from desk.panel.numbers import DASH, Numbers
from desk.panel.shown import Sheet, SheetRow
from desk.panel.words import tr

DRIVER = {"gpu": "NVML", "cpu": tr("operating system"), "machine": tr("operating system")}
"""Who answers for the readings of a device besides its energy."""

_MEANINGS = {
    "power limit": tr("normal at full load: the board holds its power at the limit"),
    "board limit": tr("the board's own protection holds its power"),
    "voltage limit": tr("the chip is at its highest reliable voltage"),
    "too hot": tr("the driver lowers clocks to hold the temperature"),
    "too hot (hardware)": tr("the chip halves its clocks to protect itself"),
    "power brake": tr("the power supply or the server asked for less"),
    "slowed by hardware": tr("heat or power, told by the hardware"),
    "display clocks": tr("set by the display"),
    "idle": tr("nothing to do"),
}


def sheets(standing: Standing, ages: Ages, numbers: Numbers) -> tuple[Sheet, ...]:
    """One sheet for each device of the meter, in its order."""
    devices = standing.meter.devices if standing.meter else ()
    return tuple(_sheet(standing, device, ages, numbers) for device in devices)


def _sheet(standing: Standing, device: Device, ages: Ages, numbers: Numbers) -> Sheet:
    state = state_of(standing, device, ages)
    reading = standing.readings.get(device.id) or DeviceReading(device=device.id)
    groups = [
        (tr("Power and energy"), _energy(standing, device, reading, ages, numbers)),
        (tr("Load"), _load(device, reading, numbers)),
        (tr("Memory"), _memory(standing, device, reading, numbers)),
    ]
    if device.kind == "gpu":
        groups.insert(2, (tr("What holds it back"), _limits(reading)))
    return Sheet(
        title_of(standing, device),
        device.name,
        in_words(state, ages.get(device.id)) if state else "",
        tuple((head, tuple(rows)) for head, rows in groups if rows),
    )


def _energy(standing: Standing, device: Device, reading: DeviceReading, ages: Ages, numbers: Numbers) -> list[SheetRow]:
    meter = standing.meter
    assert meter is not None
    source = device.source or meter.source
    age = ages.get(device.id)
    if age is None:
        fresh = tr("never heard")
    else:
        fresh = tr("{seconds:.0f} s old", seconds=age) if age >= OLD_S else tr("fresh")
    driver = DRIVER[device.kind]
    now = tr("{driver}, for the needle only", driver=driver)
    rows = [SheetRow(tr("Power now"), numbers.with_unit(reading.watts, "W"), now)]
    limit = reading.power_limit or device.power_limit
    if limit is not None:
        enforced = tr("enforced now, {driver}", driver=driver)
        rows.append(SheetRow(tr("Power limit"), numbers.with_unit(limit, "W"), enforced))
    if reading.edges:
        joules = reading.edges[-1][1]
        rows.append(SheetRow(tr("Energy"), numbers.with_unit(joules / 3600, "Wh"), tr("since the meter opened")))
    rows.append(SheetRow(tr("Source of joules"), SOURCES.get(source, source), fresh))
    if compared := standing.compared.get(device.id):
        minute = tr("joules of each over the last {seconds:.0f} s of load", seconds=compared.seconds)
        rows.append(SheetRow(tr("Counter ÷ power"), f"{numbers.fixed(compared.ratio, 2)} ×", minute))
    counted = device.id in standing.counted
    rows.append(SheetRow(tr("Counts for this run"), tr("yes") if counted else tr("no"), meter.scope if counted else ""))
    if counted and standing.floor_watts is not None and len(standing.counted) == 1:
        rows.append(SheetRow(tr("Idle base"), numbers.with_unit(standing.floor_watts, "W"), tr("with no lane running")))
    if meter.driver and device.kind == "gpu":
        rows.append(SheetRow(tr("Driver"), meter.driver, "NVIDIA" if source.startswith("nvml") else ""))
    return rows


def _load(device: Device, reading: DeviceReading, numbers: Numbers) -> list[SheetRow]:
    driver = DRIVER[device.kind]
    rows = []
    if reading.utilization is not None or device.kind == "gpu":
        busy = None if reading.utilization is None else 100 * reading.utilization
        text = numbers.fixed(busy)
        told = tr("{driver}; says that, not how well", driver=driver)
        rows.append(SheetRow(tr("Busy"), text if text == DASH else f"{text} %", told))
    if reading.celsius is not None:
        slow = device.slowdown_celsius
        note = tr("slows at {celsius}", celsius=numbers.with_unit(slow, "°C")) if slow else driver
        rows.append(SheetRow(tr("Temperature"), numbers.with_unit(reading.celsius, "°C"), note))
    if reading.clock_hz is not None:
        top = reading.clock_max_hz
        note = tr("of at most {most} MHz", most=numbers.fixed(top / 1e6)) if top else driver
        rows.append(SheetRow(tr("Clock"), f"{numbers.fixed(reading.clock_hz / 1e6)} MHz", note))
    return rows


def _limits(reading: DeviceReading) -> list[SheetRow]:
    """Every reason for lower clocks in words, with its meaning."""
    if not reading.limiter:
        return [SheetRow(tr("Limiter"), tr("none"), tr("clocks are as high as they go"))]
    reasons = reading.limiter.split(", ")
    return [SheetRow(tr("Limiter"), LIMITERS.get(word, word), _MEANINGS.get(word, "")) for word in reasons]


def _memory(standing: Standing, device: Device, reading: DeviceReading, numbers: Numbers) -> list[SheetRow]:
    rows = []
    if reading.memory_used is not None:
        total = tr("of {total}", total=numbers.bytes(device.memory_bytes)) if device.memory_bytes else ""
        rows.append(SheetRow(tr("In use"), numbers.bytes(reading.memory_used), total))
    if reading.memory_foreign is not None:
        text = numbers.bytes(reading.memory_foreign) if reading.memory_foreign else tr("none")
        rows.append(SheetRow(tr("Other processes"), text, tr("not this factory's")))
    if standing.counted and device.id not in standing.counted:
        return rows
    provider = "cuda" if device.kind == "gpu" else "cpu"
    for name, lane in standing.lanes.items():
        opened = lane.opened if lane.state in ("ready", "draining") else None
        if opened is not None and opened.provider == provider:
            rows.append(_lane(name, opened, numbers))
    return rows


def _lane(name: str, opened: LaneReady, numbers: Numbers) -> SheetRow:
    """What a lane holds, and what was planned for it of what was free then."""
    weights, cache = numbers.bytes(opened.weights_bytes), numbers.bytes(opened.kv_bytes)
    holds = tr("{weights} weights, {cache} KV cache", weights=weights, cache=cache)
    if not opened.planned_bytes:
        return SheetRow(name, numbers.bytes(opened.weights_bytes + opened.kv_bytes), holds)
    if opened.free_bytes is not None:
        holds = tr("{holds}; {free} were free then", holds=holds, free=numbers.bytes(opened.free_bytes))
    return SheetRow(name, tr("{size} planned", size=numbers.bytes(opened.planned_bytes)), holds)
