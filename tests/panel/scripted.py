"""A factory on paper: facts as a run would have written them, for tests and for pictures to look at."""

import random

import msgspec

from desk.alarms import Alarms
from desk.facts.happened import (
    ChildStarted,
    EngineOpened,
    Finished,
    FirstToken,
    LaneReady,
    LaneWork,
    Machine,
    Noted,
    RunStarted,
    RunStopped,
    Slot,
    WattsDeclared,
    Worked,
)
from desk.facts.histogram import bucket_of
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read, Tried
from desk.facts.tiers import Price, Promise, Tariff, Tier
from desk.ledger.ledger import Ledger

T0 = 1000.0
WALL = 1795342358.0  # 2026-11-22 21:32:38 UTC

#        name       slots users  tok/s/slot  ttft   price    promise
LANES = (
    ("Free", 8, 9, 4.5, 2.40, 0.00, Promise(ttft_s=2.0, tokens_per_second_per_user=5.0)),
    ("Medium", 4, 4, 9.0, 0.70, 0.20, Promise(ttft_s=1.0, tokens_per_second_per_user=8.0)),
    ("High", 4, 4, 11.0, 0.42, 0.60, Promise(ttft_s=0.6, tokens_per_second_per_user=10.0)),
    ("Premium", 2, 2, 16.0, 0.27, 2.00, Promise(ttft_s=0.4, tokens_per_second_per_user=12.0)),
    ("Ultra", 1, 1, 25.0, 0.16, 6.00, Promise(ttft_s=0.25, tokens_per_second_per_user=20.0)),
)


def tiers():
    return tuple(
        Tier(
            name=name,
            model="smollm2-135m",
            precision="q8",
            slots=slots,
            users=users,
            context=1024,
            price=Price(input=price / 4, cached=price / 16, output=price),
            promise=promise,
        )
        for name, slots, users, _, _, price, promise in LANES
    )


def meter(source):
    if source == "two-gpus":
        one = meter("nvml-counter")
        other = Device(id="gpu1", kind="gpu", name="Other GPU", uuid="GPU-0001", memory_bytes=16 * 10**9)
        return msgspec.structs.replace(one, devices=(*one.devices, other))
    if source == "nvml-counter":
        board = Device(
            id="gpu0",
            kind="gpu",
            name="Example GPU",
            uuid="GPU-0000",
            memory_bytes=24 * 10**9,
            power_limit=350.0,
            slowdown_celsius=88.0,
        )
        return MeterOpened(
            t=T0, source=source, quality="measured", scope="GPU board only", driver="5xx", devices=(board,)
        )
    tried = (
        Tried(source="nvml-counter", cause="the NVIDIA driver library was not found"),
        Tried(source="rapl", cause="the kernel lets only root read the energy counter"),
        Tried(source="battery", cause="this machine has no battery"),
    )
    machine = Device(id="cpu0", kind="cpu", name="Example CPU", memory_bytes=8 * 10**9)
    return MeterOpened(t=T0, source="none", quality="unavailable", devices=(machine,), tried=tried)


def watched(facts):
    """The facts with the alarms that the plant would have recorded among them."""
    ledger, alarms = Ledger(), Alarms()
    for fact in facts:
        yield fact
        for period in ledger.post(fact):
            for alarm in alarms.judge(period, ledger, fact.t):
                ledger.post(alarm)
                yield alarm


def facts(**script):
    """All facts of a run of `seconds`, in arrival order; `declared` is (idle, busy) watts that the user named."""
    return watched(unwatched(**script))


def unwatched(seconds=60.0, source="none", declared=None, stopped=True, seed=7):
    """The same run before anyone judged it."""
    chance = random.Random(seed)
    gpu = source in ("nvml-counter", "two-gpus")
    yield RunStarted(
        t=T0,
        run="7f3a91c2",
        wall=WALL,
        desk="0.1.0",
        machine=Machine(system="Linux", processor="Example CPU", cores=8, memory_bytes=8 * 10**9),
        tiers=tiers(),
        tariff=Tariff(),
        preset="This machine",
    )
    yield ChildStarted(t=T0, child="meter", pid=11)
    yield meter(source)
    if declared:
        yield WattsDeclared(t=T0, idle=declared[0], busy=declared[1], assumed=declared == (20.0, 65.0))
    yield ChildStarted(t=T0, child="engine", pid=12)
    yield EngineOpened(
        t=T0 + 0.1,
        runtime="onnxruntime 1.31",
        provider="cuda" if gpu else "cpu",
        device="Example GPU" if gpu else "Example CPU",
        threads=8,
        cause="" if gpu else "no NVIDIA device",
        device_uuid="GPU-0000" if gpu else "",
    )
    for tier in tiers():
        yield LaneReady(
            t=T0 + 0.2,
            tier=tier.name,
            model=tier.model,
            precision="q8",
            provider="cuda" if gpu else "cpu",
            context=tier.context,
            slots=tier.slots,
            weights_bytes=150_000_000,
            kv_bytes=20_000_000 * tier.slots,
            load_s=0.4,
        )
    yield from _beats(seconds, source, gpu, chance)
    if stopped:
        yield RunStopped(t=T0 + seconds, reason="stopped")


def _beats(seconds, source, gpu, chance):
    speed = 6.0 if gpu else 1.0
    owed = dict.fromkeys((lane[0] for lane in LANES), 0.0)
    joules = 0.0
    request = 0
    due = {lane[0]: 0.3 + 0.2 * i for i, lane in enumerate(LANES)}
    ticks = int(seconds * 10)
    for tick in range(1, ticks + 1):
        t = T0 + tick / 10
        elapsed = tick / 10
        # A slow rise, a wobble and one dip, so that curves have a shape to look at.
        level = min(1.0, 0.55 + elapsed / max(seconds, 1.0)) * (1 + 0.05 * chance.uniform(-1, 1))
        if abs(elapsed - 0.7 * seconds) < 0.04 * seconds:
            level *= 0.7
        lanes = []
        for name, slots, users, rate, ttft, _, _ in LANES:
            owed[name] += rate * speed * slots * level / 10
            emitted = int(owed[name])
            owed[name] -= emitted
            gap = 1 / (rate * speed * max(level, 0.1) * (1 + 0.1 * chance.uniform(-1, 1)))
            held = tuple(
                Slot(request=i, prompt=64, prefilled=64, emitted=(tick + 13 * i) % 128)
                for i in range(min(slots, users))
            )
            lanes.append(
                LaneWork(
                    tier=name,
                    busy=0.016 * level,
                    prefill=12,
                    emitted=emitted,
                    steps=2,
                    queue=max(0, users - slots),
                    slots=held,
                    gaps={bucket_of(gap): emitted} if emitted else {},
                )
            )
            if elapsed >= due[name]:
                due[name] += 2.2
                request += 1
                wait = ttft * (1 + 0.2 * chance.uniform(-1, 1))
                yield FirstToken(tier=name, request=request, t=t, submitted=t - wait, admitted=t - wait / 2, prompt=64)
                yield Finished(
                    tier=name,
                    request=request,
                    t=t + 0.001,
                    submitted=t - wait - 64 * gap,
                    first=t - 64 * gap,
                    prompt=64,
                    emitted=65,
                    reason="length",
                )
        if tick == ticks // 2:
            yield Noted(t=t, text="Long prompts")
        yield Worked(t=t, span=0.1, lanes=tuple(lanes))
        if gpu:
            watts = 38 + 270 * level * 0.95
            joules += watts / 10
            reading = DeviceReading(
                device="gpu0",
                edges=((t, joules),),
                watts=watts,
                utilization=0.97 * level / 1.05,
                memory_used=14_200_000_000,
                memory_foreign=0 if source == "nvml-counter" else 1_200_000_000,
                celsius=67.0,
                clock_hz=2.52e9,
                clock_max_hz=2.61e9,
                power_limit=350.0,
                limiter="" if source == "nvml-counter" else "power limit",
            )
        else:
            reading = DeviceReading(device="cpu0", utilization=0.8 * level, memory_used=3_100_000_000)
        yield Read(t=t, devices=(reading, *_other(source, t, elapsed, seconds)))


def _other(source, t, elapsed, seconds):
    """A second GPU that makes no tokens, lost after two thirds of the run."""
    if source != "two-gpus":
        return ()
    if elapsed > 2 / 3 * seconds:
        return (DeviceReading(device="gpu1", state="lost"),)
    told = DeviceReading(device="gpu1", edges=((t, 64 * elapsed),), watts=64.0, celsius=44.0, memory_used=2_100_000_000)
    return (told,)
