"""What stands against the factory, as notices: what is wrong, what to do, and the button that does it."""

from dataclasses import replace

from desk.facts.alarmed import AlarmRaised
from desk.ledger.standing import Standing
from desk.panel.numbers import Numbers
from desk.panel.shown import Mode, Notice
from desk.panel.words import plural, tr

RETRY_METER, EXTEND_BUDGET = tr("Try the meter again"), tr("Extend by half")
ON_CPU, LOAD_ANYWAY = tr("Start on CPU"), tr("Load it anyway")
"""The words of the buttons on notices."""

_RANKS = ("critical", "warning", "notice")


def complaints(standing: Standing, numbers: Numbers, mode: Mode, moment: float) -> tuple[Notice, ...]:
    """What stands against the factory, the most pressing first; a recording offers nothing to press."""
    notices = []
    for child, state in standing.children.items():
        if state.state == "given up":
            action = RETRY_METER if child == "meter" else ""
            notices.append(Notice(state.cause, state.remedy, "critical", action=action))
        elif child == "engine" and state.state == "stale" and standing.running:
            notices.append(Notice(tr("The engine has been silent for {seconds} s.", seconds=numbers.fixed(state.age))))
    notices += _failed_lanes(standing)
    if standing.stopped and standing.stopped.reason == "budget":
        cause, remedy = tr("The run has used up its budget and was stopped."), tr("Set another before the next one.")
        notices.append(Notice(cause, remedy))
    for key, alarm in standing.alarms.items():
        if standing.shelved.get(key, moment) <= moment:
            notices.append(_alarm(standing, key, alarm))
    told = [lane.cause for lane in standing.lanes.values() if lane.state == "failed"]
    if standing.troubles and standing.troubles[-1].cause not in told:
        last = standing.troubles[-1]
        notices.append(Notice(last.cause, last.remedy))
    if mode == "replay":
        notices = [replace(notice, action="", alarm=None) for notice in notices]
    return tuple(sorted(notices, key=lambda notice: _RANKS.index(notice.severity)))


def _failed_lanes(standing: Standing) -> list[Notice]:
    """What keeps lanes from running, once for all that the same keeps; to run on the CPU is offered where none does, to
    load over the plan with what that risks where memory is short."""
    kept: dict[tuple[str, str], list[str]] = {}
    for name, lane in standing.lanes.items():
        if lane.state == "failed":
            kept.setdefault((lane.cause, lane.remedy), []).append(name)
    notices = []
    for (cause, remedy), names in kept.items():
        who = tr("{some} and {last}", some=", ".join(names[:-1]), last=names[-1]) if len(names) > 1 else names[0]
        said = plural("{who} does not run: {cause}", "{who} do not run: {cause}", len(names), who=who, cause=cause)
        risk = standing.lanes[names[0]].risk
        none = standing.engine is None and len(names) == len(standing.lanes)
        action = ON_CPU if none else LOAD_ANYWAY if risk and standing.running else ""
        words = f"{remedy} {risk}".strip()
        notices.append(Notice(said, words, "critical", names[0], action, short=cause))
    return notices


def _alarm(standing: Standing, key: tuple[str, str], alarm: AlarmRaised) -> Notice:
    tier = alarm.subject if alarm.subject in standing.tiers else ""
    action = tr("Open {tier}", tier=tier) if tier else EXTEND_BUDGET if alarm.alarm == "budget" else ""
    return Notice(alarm.cause, alarm.remedy, alarm.severity, tier, action, key, alarm.title)
