"""How each fact changes what stands, and which of them deserve a mark on the event lane."""

from collections.abc import Callable
from math import inf
from typing import Any, TypeVar, get_args

import msgspec

from desk.facts import alarmed, happened, metered, swept
from desk.facts.happened import AnyFact, Child
from desk.ledger.differences import in_words
from desk.ledger.mapping import Mapping
from desk.ledger.period import EventKind
from desk.ledger.standing import METERS, Alarmed, ChildNow, ChildState, Lane, Standing, source_of

Remark = tuple[EventKind, str, str]
"""Kind, text and tier of a mark for the event lane."""

_Change = TypeVar("_Change", bound=Callable[..., Remark | None])
CHANGES: dict[type, Callable[[Standing, Any], Remark | None]] = {}
"""How each kind of fact brings what stands up to date; gives the mark that it deserves, if any."""


def see(standing: Standing, fact: AnyFact) -> Remark | None:
    """Bring `standing` up to date with a fact; gives the mark that it deserves, if any."""
    change = CHANGES.get(type(fact))
    return None if change is None else change(standing, fact)


def _change(change: _Change) -> _Change:
    """Register how a fact changes what stands, by the kinds of facts that it is annotated with."""
    kinds = change.__annotations__["fact"]
    CHANGES.update(dict.fromkeys(get_args(kinds) or (kinds,), change))
    return change


@_change
def _run_started(standing: Standing, fact: happened.RunStarted) -> Remark:
    standing.run, standing.running = fact, True
    standing.tiers = {tier.name: tier for tier in fact.tiers}
    standing.lanes = {name: Lane() for name in standing.tiers}
    standing.tariff = fact.tariff
    standing.load, standing.budget = fact.load, fact.budget
    return "run", f"Run started{f' ({fact.preset})' if fact.preset else ''}", ""


@_change
def _run_stopped(standing: Standing, fact: happened.RunStopped) -> Remark:
    standing.stopped, standing.running, standing.paused = fact, False, False
    standing.alarms, standing.shelved = {}, {}
    return "run", f"Run ended: {fact.reason}", ""


@_change
def _tier_changed(standing: Standing, fact: happened.TierChanged) -> Remark | None:
    name = fact.tier.name
    before = standing.tiers.get(name)
    standing.tiers[name] = fact.tier
    _lane(standing, name)
    if before is None or not standing.running or before == fact.tier:
        return None
    return "tier", f"{name}: {in_words(before, fact.tier)}", name


@_change
def _tier_removed(standing: Standing, fact: happened.TierRemoved) -> None:
    standing.tiers.pop(fact.tier, None)
    standing.lanes.pop(fact.tier, None)


@_change
def _load_changed(standing: Standing, fact: happened.LoadChanged) -> Remark | None:
    before, standing.load = standing.load, fact.load
    return ("load", f"Load {before:.0%} to {fact.load:.0%}", "") if standing.running and before != fact.load else None


@_change
def _budget_changed(standing: Standing, fact: happened.BudgetChanged) -> None:
    standing.budget = fact.budget


@_change
def _tariff_changed(standing: Standing, fact: happened.TariffChanged) -> Remark | None:
    before, standing.tariff = standing.tariff, fact.tariff
    if before is None or not standing.running or before == fact.tariff:
        return None
    return "tariff", f"Tariff: {in_words(before, fact.tariff)}", ""


@_change
def _declared(standing: Standing, fact: happened.WattsDeclared) -> None:
    standing.declared = fact


@_change
def _noted(standing: Standing, fact: happened.Noted) -> Remark:
    return "note", fact.text, ""


@_change
def _point_started(standing: Standing, fact: swept.PointStarted) -> Remark:
    return "note", f"Point {fact.number} of {fact.count}: {fact.tier.slots} slots", ""


@_change
def _point_missed(standing: Standing, fact: swept.PointMissed) -> Remark:
    return "trouble", fact.cause, ""


@_change
def _troubled(standing: Standing, fact: happened.Troubled) -> Remark:
    standing.troubles.append(fact)
    return "trouble", fact.cause, ""


@_change
def _alarm_raised(standing: Standing, fact: alarmed.AlarmRaised) -> Remark:
    standing.alarms[fact.alarm, fact.subject] = fact
    standing.alarmed.append(Alarmed(fact))
    return "alarm", fact.title, fact.subject if fact.subject in standing.tiers else ""


@_change
def _alarm_cleared(standing: Standing, fact: alarmed.AlarmCleared) -> Remark:
    raised = standing.alarms.pop((fact.alarm, fact.subject), None)
    for span in standing.alarmed:
        if span.raised is raised:
            span.cleared = fact.t
    return "cleared", fact.title, fact.subject if fact.subject in standing.tiers else ""


@_change
def _alarm_shelved(standing: Standing, fact: alarmed.AlarmShelved) -> None:
    standing.shelved[fact.alarm, fact.subject] = inf if fact.until is None else fact.until


@_change
def _child_started(standing: Standing, fact: happened.ChildStarted) -> None:
    now = _child(standing, fact.child, "started", fact.t)
    now.pid, now.cause, now.remedy = fact.pid, "", ""
    if fact.child == "engine":
        standing.mapping = Mapping()
    elif fact.child == "meter":
        standing.compared.clear()
    _count(standing)


@_change
def _child_stale(standing: Standing, fact: happened.ChildStale) -> None:
    _child(standing, fact.child, "stale", fact.t).age = fact.age
    if fact.child == "meter":
        for name, reading in standing.readings.items():
            if reading.state in ("ok", "gap", "estimated"):
                standing.readings[name] = msgspec.structs.replace(reading, state="stale")


@_change
def _child_answered(standing: Standing, fact: happened.ChildAnswered) -> None:
    _child(standing, fact.child, "running", fact.t)


@_change
def _child_ended(standing: Standing, fact: happened.ChildEnded) -> Remark | None:
    _child(standing, fact.child, "ended", fact.t).cause = fact.cause
    if fact.child == "engine":
        for lane in standing.lanes.values():
            lane.queue, lane.slots = 0, ()
            if lane.state != "failed":
                lane.state = "closed"
        standing.calibrating = None
    elif fact.child == "meter" and fact.cause:
        for name, reading in standing.readings.items():
            if reading.state in ("ok", "gap", "estimated", "stale"):
                standing.readings[name] = metered.DeviceReading(device=name, state="not answering")
    return ("child", fact.cause, "") if fact.cause else None


@_change
def _child_given_up(standing: Standing, fact: happened.ChildGivenUp) -> Remark:
    now = _child(standing, fact.child, "given up", fact.t)
    now.cause, now.remedy = fact.cause, fact.remedy
    _count(standing)
    return "child", fact.cause, ""


@_change
def _job(standing: Standing, fact: happened.Progressed | happened.JobEnded) -> None:
    standing.jobs[fact.model, fact.precision] = fact


@_change
def _engine_opened(standing: Standing, fact: happened.EngineOpened) -> None:
    standing.engine = fact
    _running_child(standing, "engine", fact.t)
    _count(standing)


@_change
def _lane_loading(standing: Standing, fact: happened.LaneLoading) -> None:
    lane = _lane(standing, fact.tier)
    lane.state, lane.cause, lane.remedy, lane.risk = "loading", "", "", ""
    memory = {name: each.memory_used for name, each in standing.readings.items() if each.memory_used is not None}
    standing.mapping.loading(fact.tier, memory)


@_change
def _lane_ready(standing: Standing, fact: happened.LaneReady) -> None:
    lane = _lane(standing, fact.tier)
    lane.state, lane.opened = "ready", fact
    standing.mapping.ready(fact)


@_change
def _lane_draining(standing: Standing, fact: happened.LaneDraining) -> None:
    _lane(standing, fact.tier).state = "draining"


@_change
def _lane_failed(standing: Standing, fact: happened.LaneFailed) -> Remark:
    lane = _lane(standing, fact.tier)
    lane.state, lane.cause, lane.remedy, lane.risk = "failed", fact.cause, fact.remedy, fact.risk
    lane.queue, lane.slots = 0, ()
    standing.mapping.failed(fact.tier)
    return "trouble", f"{fact.tier}: {fact.cause}", fact.tier


@_change
def _worked(standing: Standing, fact: happened.Worked) -> None:
    _running_child(standing, "engine", fact.t)
    for work in fact.lanes:
        lane = standing.lanes.get(work.tier) or _lane(standing, work.tier)
        lane.queue, lane.slots = work.queue, work.slots
        if work.lag > lane.lag:
            lane.lag = work.lag


@_change
def _paused(standing: Standing, fact: happened.Paused) -> Remark | None:
    before, standing.paused = standing.paused, True
    return None if before else ("pause", "Paused", "")


@_change
def _resumed(standing: Standing, fact: happened.Resumed) -> Remark | None:
    before, standing.paused = standing.paused, False
    return ("pause", "Resumed", "") if before else None


@_change
def _calibrating(standing: Standing, fact: happened.Calibrating) -> Remark:
    standing.calibrating = fact.tier
    return "note", f"Calibrating: {f'{fact.tier} alone' if fact.tier else 'no lane steps'}", fact.tier


@_change
def _calibrated(standing: Standing, fact: happened.Calibrated) -> Remark:
    standing.calibrating = None
    return "note", "Calibrated", ""


@_change
def _meter_opened(standing: Standing, fact: metered.MeterOpened) -> None:
    standing.meter = fact
    _count(standing)
    ids = {device.id for device in fact.devices}
    standing.readings = {name: reading for name, reading in standing.readings.items() if name in ids}


@_change
def _compared(standing: Standing, fact: metered.Compared) -> None:
    standing.compared[fact.device] = fact


@_change
def _read(standing: Standing, fact: metered.Read) -> Remark | None:
    _running_child(standing, "meter", fact.t)
    for reading in fact.devices:
        standing.readings[reading.device] = reading
    if not standing.mapping.judge(fact, standing.engine, standing.meter):
        return None
    _count(standing)
    return ("trouble", standing.doubt, "") if standing.mapping.verdict == "contradicted" else None


def _lane(standing: Standing, tier: str) -> Lane:
    return standing.lanes.setdefault(tier, Lane())


def _child(standing: Standing, child: Child, state: ChildState, since: float) -> ChildNow:
    now = standing.children.setdefault(child, ChildNow(state, since))
    now.state, now.since, now.age = state, since, None
    return now


def _count(standing: Standing) -> None:
    """Choose the devices that count."""
    standing.counted = ()
    meter, engine, child = standing.meter, standing.engine, standing.children.get("meter")
    if meter is None or meter.source not in METERS or (child and child.state == "given up"):
        return
    if standing.mapping.verdict == "contradicted":
        return
    devices = [each for each in meter.devices if each.kind == METERS[source_of(each, meter)]]
    if engine is None:
        devices = [each for each in devices if each.source in (None, meter.source)]
    elif engine.provider == "cpu":
        devices = [each for each in devices if each.kind != "gpu"]
    else:
        devices = [each for each in devices if each.kind != "cpu"]
        mine = [each for each in devices if each.uuid and each.uuid == engine.device_uuid]
        devices = mine or [each for each in devices if each.id == standing.mapping.device] or devices
    standing.counted = tuple(device.id for device in devices)


def _running_child(standing: Standing, child: Child, moment: float) -> None:
    now = standing.children.get(child)
    if now is None or now.state == "started":
        _child(standing, child, "running", moment)
