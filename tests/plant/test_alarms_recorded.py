"""The pen writes alarms among the facts that raise them, once, and a recording tells them again without a judge."""

import shutil
from collections import namedtuple

from desk import journal
from desk.facts.happened import (
    FORMAT,
    AlarmRaised,
    Device,
    DeviceReading,
    Machine,
    MeterOpened,
    Read,
    RunStarted,
    RunStopped,
    Troubled,
    Worked,
    now,
)
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


def test_a_recording_ends_before_the_disk_is_full(home, monkeypatch):
    usage = namedtuple("usage", "total used free")
    left = [4e8]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1e9, 1e9 - left[0], left[0]))
    pen = Pen([FREE], Tariff())
    hot_run(pen, 3.0)
    assert "disk" in [fact.alarm for fact in pen.drain() if isinstance(fact, AlarmRaised)]
    left[0] = 5e7
    for beat in range(25, 90):
        pen.write(Worked(t=T0 + beat / 8, span=0.125, lanes=()))
        pen.write(Read(t=T0 + beat / 8, devices=()))
    (trouble,) = [fact for fact in pen.drain() if isinstance(fact, Troubled)]
    assert "50 MB are left" in trouble.cause
    assert "unrecorded" in trouble.remedy
    recorded = ended(pen)
    assert recorded[-1].t < T0 + 60.0
    assert not any(isinstance(fact, RunStopped) for fact in recorded)
