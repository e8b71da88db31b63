"""The pen writes alarms among the facts that raise them, once, and a recording tells them again without a judge."""

import shutil
from collections import namedtuple

import pytest

from desk import journal
from desk.facts.alarmed import AlarmRaised
from desk.facts.happened import (
    FORMAT,
    EngineOpened,
    FirstToken,
    LaneWork,
    LoadChanged,
    Machine,
    RunStarted,
    RunStopped,
    Troubled,
    Unrecorded,
    Worked,
    now,
)
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.tiers import Tariff, Tier
from desk.ledger.ledger import Ledger
from desk.plant.pen import Pen

T0 = 256.0
FREE = Tier(name="Free", model="m")


def hot_run(pen, seconds=6.0):
    machine = Machine(system="Linux", processor="Example CPU", cores=2, memory_bytes=1)
    tariff = Tariff()
    pen.begin(
        RunStarted(t=T0, run="r1", wall=1.0, desk="0", machine=machine, tiers=(FREE,), tariff=tariff, format=FORMAT),
        None,
    )
    board = Device(id="gpu0", kind="gpu", name="Example GPU", uuid="GPU-0")
    pen.write(MeterOpened(t=T0, source="nvml-counter", quality="measured", devices=(board,)))
    for beat in range(1, round(seconds * 8) + 1):
        t = T0 + beat / 8
        pen.write(Worked(t=t, span=0.125, lanes=()))
        reading = DeviceReading(device="gpu0", edges=((t, 50.0 * beat / 8),), limiter="too hot")
        pen.write(Read(t=t, devices=(reading,)))


def ended(pen):
    pen.write(RunStopped(t=T0 + 60.0, reason="stopped"))
    pen.put_away()
    pen.wait_until_put_away(now() + 30.0)
    return list(journal.read(pen.recording))


def test_an_alarm_is_recorded_where_it_was_raised(home):
    pen = Pen([FREE], Tariff())
    hot_run(pen)
    told = pen.drain()
    alarms = [fact for fact in told if isinstance(fact, AlarmRaised)]
    assert [(fact.alarm, fact.subject) for fact in alarms] == [("slowdown", "gpu0")]
    place = told.index(alarms[0])
    assert told[place - 1].t == alarms[0].t  # after the fact that settled the period
    assert ended(pen)[: len(told)] == told
    replayed = Ledger()
    for fact in told:
        replayed.post(fact)
    assert list(replayed.standing.alarms) == [("slowdown", "gpu0")]


def work(pen, beats):
    for beat in beats:
        t = T0 + beat / 8
        work = LaneWork(tier="Free", busy=0.1, emitted=10, steps=10)
        pen.write(Worked(t=t, span=0.125, lanes=(work,)))
        pen.write(Read(t=t, devices=(DeviceReading(device="gpu0", edges=((t, 50.0 * beat / 8),)),)))


def test_recording_stops_before_the_disk_is_full_and_goes_on_when_there_is_room(home, monkeypatch):
    usage = namedtuple("usage", "total used free")
    left = [4e8]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1e9, 1e9 - left[0], left[0]))
    pen = Pen([FREE], Tariff())
    hot_run(pen, 3.0)
    pen.write(EngineOpened(t=T0 + 3.0, runtime="r", provider="cuda", device="d", threads=1, device_uuid="GPU-0"))
    pen.write(FirstToken(t=T0 + 3.0, tier="Free", request=1, submitted=T0, admitted=T0, prompt=5))
    assert "disk" in [fact.alarm for fact in pen.drain() if isinstance(fact, AlarmRaised)]
    left[0] = 5e7
    work(pen, range(25, 90))
    (trouble,) = [fact for fact in pen.drain() if isinstance(fact, Troubled)]
    assert "50 MB are left" in trouble.cause
    assert "unrecorded" in trouble.remedy
    pen.write(LoadChanged(t=T0 + 11.5, load=3.0))
    left[0] = 9e8
    work(pen, range(90, 240))
    (back,) = [fact for fact in pen.drain() if isinstance(fact, Troubled)]
    live = pen._books.totals()
    recorded = ended(pen)
    (gap,) = [fact for fact in recorded if isinstance(fact, Unrecorded)]
    assert 4.0 < gap.t - gap.since < 16.0
    assert f"{gap.t - gap.since:.0f} s of the run are missing" in back.cause
    ledger = Ledger()
    periods = [period for fact in recorded for period in ledger.post(fact)]
    assert ledger.standing.load == 3.0
    assert ("disk", "") not in ledger.standing.alarms
    missing = [period for period in periods if gap.since - T0 < period.start and period.end < gap.t - T0]
    assert len(missing) > 5
    assert {(period.worked, period.covered, period.joules) for period in missing} == {(0.0, 0.0, None)}
    totals = ledger.totals()
    assert totals.seconds == pytest.approx(60.0 - 3.0 - (gap.t - gap.since))
    # What is missing is left out of tokens, joules and seconds alike, so that their ratios stay what they were.
    assert totals.tokens_out < 0.8 * live.tokens_out
    assert totals.tokens_per_joule == pytest.approx(live.tokens_per_joule, rel=0.1)
    accounts = sum(tier.joules or 0.0 for tier in totals.tiers.values()) + totals.standby_joules + totals.other_joules
    assert accounts == pytest.approx(totals.joules)


def test_the_end_of_a_run_is_recorded_even_where_nothing_else_was(home, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1e9, 1e9, 5e7))
    pen = Pen([FREE], Tariff())
    hot_run(pen, 3.0)
    recorded = ended(pen)
    assert [type(fact) for fact in recorded if isinstance(fact, Unrecorded | RunStopped)] == [Unrecorded, RunStopped]
