"""Short stories in facts, for the books to be kept of: builders with the dull parts filled in."""

from desk.facts.happened import Finished, FirstToken, LaneWork, Machine, RunStarted, RunStopped, Slot, Worked
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.tiers import Price, Promise, Tariff, Tier
from desk.ledger.ledger import Ledger

T0 = 512.0  # a power of two: halves and quarters of seconds stay exact on top of it

FREE = Tier(name="Free", model="m")
ULTRA = Tier(
    name="Ultra",
    model="m",
    price=Price(input=10.0, cached=1.0, output=100.0),
    promise=Promise(ttft_s=0.5, tokens_per_second_per_user=10.0),
)
TARIFF = Tariff(dollars_per_kwh=0.36, pue=1.5, wall_factor=2.0)  # 3e-7 dollars a joule
BOARD = Device(id="gpu0", kind="gpu", name="Example GPU", uuid="GPU-0")
BESIDE = Device(id="gpu1", kind="gpu", name="Example GPU", uuid="GPU-1")
PACKAGE = Device(id="cpu0", kind="cpu", name="Example CPU")


def run_started(at=0.0, tiers=(FREE, ULTRA), tariff=TARIFF):
    machine = Machine(system="Linux", processor="Example CPU", cores=2, memory_bytes=1)
    return RunStarted(t=T0 + at, run="r1", wall=1.0, desk="0", machine=machine, tiers=tiers, tariff=tariff)


def run_stopped(at):
    return RunStopped(t=T0 + at, reason="stopped")


def opened(at=0.0, source="nvml-counter", devices=(BOARD,), quality="measured"):
    return MeterOpened(t=T0 + at, source=source, quality=quality, devices=devices)


def worked(at, span=0.125, **lanes):
    """What lanes did up to `at`: `Free=dict(busy=..., emitted=...)`."""
    works = tuple(LaneWork(tier=tier, **work) for tier, work in lanes.items())
    return Worked(t=T0 + at, span=span, lanes=works)


def read(at, *edges, device="gpu0", epoch=0, **fields):
    """A beat of the meter with edges as (seconds since the start, joules)."""
    edges = tuple((T0 + moment, joules) for moment, joules in edges)
    return Read(t=T0 + at, devices=(DeviceReading(device=device, epoch=epoch, edges=edges, **fields),))


def sampled(at, *samples, device="gpu0", epoch=0):
    """A beat of the meter with power samples as (seconds since the start, watts)."""
    samples = tuple((T0 + moment, watts) for moment, watts in samples)
    return Read(t=T0 + at, devices=(DeviceReading(device=device, epoch=epoch, samples=samples),))


def first(at, tier="Ultra", request=1, waited=0.25, prompt=20, cached=0):
    t = T0 + at
    return FirstToken(
        t=t, tier=tier, request=request, submitted=t - waited, admitted=t - waited, prompt=prompt, cached=cached
    )


def finished(at, tier="Ultra", waited=0.25, took=1.0, emitted=21, reason="eos", prompt=20, cached=0, begun=True):
    t = T0 + at
    return Finished(
        t=t,
        tier=tier,
        request=1,
        submitted=t - took - waited,
        first=t - took if begun else None,
        prompt=prompt,
        emitted=emitted,
        reason=reason,
        cached=cached,
    )


def slots(count):
    return tuple(Slot(request=i, prompt=1, prefilled=1, emitted=1) for i in range(count))


def steady(seconds, watts, start=0.0, joules=0.0, foreign=None, epoch=0, **lanes):
    """Beats of engine and meter every eighth of a second, an edge with each, at constant power and load."""
    for beat in range(1, round(seconds * 8) + 1):
        at = start + beat / 8
        yield worked(at, **lanes)
        yield read(at, (at, joules + watts * beat / 8), epoch=epoch, memory_foreign=foreign)


def fold(*facts):
    """The ledger after the facts, and all periods that it closed."""
    ledger = Ledger()
    return ledger, [period for fact in facts for period in ledger.post(fact)]


def balanced(period):
    """Whether the accounts of a period add up to its energy, both ways."""
    loaded = sum(tier.joules for tier in period.tiers.values())
    active = sum(tier.active_joules for tier in period.tiers.values())
    near = 1e-9 * max(1.0, abs(period.joules))
    return (
        abs(loaded + period.standby_joules + period.other_joules - period.joules) <= near
        and abs(active + period.floor_joules + period.other_joules - period.joules) <= near
    )
