"""From facts to what is shown: the books a window or a picture keeps, and one look at them.

Nothing is decided here that the ledger or the board could decide; this is choice of figures and of words.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

import numpy as np

from desk.board import Board
from desk.facts.happened import AnyFact, Progressed, RunStarted, Slot
from desk.facts.tiers import Tier
from desk.ledger.ledger import Ledger
from desk.ledger.period import PERIOD_S
from desk.ledger.standing import Standing
from desk.panel.machine import (
    HEADLINE_S,
    device_in_words,
    machine,
    main_device,
    meter_in_words,
    model_in_words,
    power_limit,
    provider_in_words,
)
from desk.panel.numbers import Numbers
from desk.panel.shown import Cell, Job, Mode, Notice, Provenance, Shown, State, TierLine, Totals, Value
from desk.panel.statusline import badge_words
from desk.panel.strips import Event, Reference, Setting
from desk.plant import presets

SPARK_S, SPARK_POINTS = 300.0, 60
JUDGED_EACH = 4
"""Promises are judged at every fourth period: two seconds are soon enough, and an hour of recording opens quickly."""
LATE_S = 20.0
"""A promise missed for less is a hiccup: amber in the table, but no notice."""


@dataclass
class Books:
    """Ledger and board of one stream of facts, and which tiers have been missing their promises since when.

    `late` holds the marks of tiers that missed one for `LATE_S`, `missing` the seconds at which each began to.
    """

    ledger: Ledger = field(default_factory=Ledger)
    board: Board = field(default_factory=Board)
    missing: dict[str, float] = field(default_factory=dict)
    late: list[Event] = field(default_factory=list)

    def post(self, fact: AnyFact) -> None:
        if isinstance(fact, RunStarted):
            self.missing, self.late = {}, []
        for period in self.ledger.post(fact):
            self.board.add(period)
            if period.index % JUDGED_EACH == 0:
                self._judge(period.end)

    def is_late(self, tier: str) -> bool:
        """Whether the tier has been missing a promise for so long that it deserves a notice."""
        since = self.missing.get(tier)
        return since is not None and self.board.end - since >= LATE_S

    def _judge(self, end: float) -> None:
        for line in _tiers(self):
            name = line.tier.name
            if not line.misses:
                self.missing.pop(name, None)
                continue
            since = self.missing.setdefault(name, end)
            if since + LATE_S <= end < since + LATE_S + JUDGED_EACH * PERIOD_S:
                self.late.append(Event(end, f"{name} late", late=True))


def look(
    books: Books,
    numbers: Numbers,
    *,
    mode: Mode = "live",
    window_s: float = 300.0,
    recording_bytes: int | None = None,
) -> Shown:
    """What the Floor shows of these books now."""
    standing, board = books.ledger.standing, books.board
    run = standing.run
    totals = books.ledger.totals()
    return Shown(
        mode=mode,
        state=_state(standing),
        run=run.run if run else "",
        wall=run.wall if run else None,
        clock=_clock(run, board.end, mode),
        model=model_in_words(standing),
        provider=provider_in_words(standing),
        device=device_in_words(standing, numbers),
        meter=meter_in_words(standing),
        scenario=run.scenario if run else "steady",
        preset=_preset_title(run.preset) if run else "",
        users=sum(tier.users for tier in standing.tiers.values()),
        values=_values(books, numbers, window_s),
        tiers=_tiers(books, window_s),
        machine=machine(standing, board, totals, numbers),
        job=_job(standing),
        notices=_notices(books, numbers),
        totals=Totals(totals.seconds or 0.0, totals.tokens_out, totals.joules, totals.revenue if run else None),
        recording_bytes=recording_bytes,
        watts_wanted=mode == "live" and standing.meter is not None and standing.source == "none",
        dashed=standing.quality == "estimated",
    )


def _state(standing: Standing) -> State:
    if standing.run is None:
        return "idle"
    if not standing.running:
        return "stopped"
    if standing.paused:
        return "paused"
    ready = any(lane.state in ("ready", "draining") for lane in standing.lanes.values())
    return "running" if ready else "opening"


def _clock(run: RunStarted | None, end: float, mode: Mode) -> str:
    """The time of day of what is shown: a recording in UTC, the present in the reader's own time."""
    if run is None:
        return ""
    zone = UTC if mode == "replay" else None
    text = datetime.fromtimestamp(run.wall + end, UTC).astimezone(zone).strftime("%H:%M:%S")
    return f"{text} UTC" if mode == "replay" else text


def setting_of(books: Books, shown: Shown, window_s: float, smooth_s: float) -> Setting:
    """What the charts are told besides their data."""
    standing = books.ledger.standing
    mean = f"{smooth_s:g} s mean" if smooth_s else "no smoothing"
    covers = _power_note(standing).removesuffix(", 10 s") if standing.source != "none" else ""
    levels = []
    if (limit := power_limit(standing)) is not None:
        levels.append(Reference(limit, "limit", solid=True))
    if standing.floor_watts is not None and standing.quality != "unavailable":
        levels.append(Reference(standing.floor_watts, "idle base"))
    wanting = "This machine measures no watts." if standing.meter and standing.source == "none" else ""
    estimated = ("watts", "tokens_per_joule") if shown.dashed else ()
    return Setting(
        mode=badge_words(shown),
        tiers=tuple(standing.tiers),
        window_s=window_s,
        smooth_s=smooth_s,
        events=(*(Event(event.at, _plain(event.text, standing)) for event in books.board.events), *books.late),
        notes={
            "tokens_per_second": f"stacked, {mean}",
            "watts": covers,
            "tokens_per_joule": "bold: the whole; tiers: their own joules",
            "revenue_per_hour": f"stacked, at list price, {mean}",
        },
        reasons={"watts": wanting, "tokens_per_joule": wanting} if wanting else {},
        references={"watts": tuple(levels)},
        estimated=frozenset(estimated),
    )


_ENDS = {
    "stopped": "Run stopped",
    "emergency": "Emergency stop",
    "duration": "Run complete",
    "budget": "Budget reached",
    "given up": "Run given up",
    "closed": "Run closed",
}


def _plain(text: str, standing: Standing) -> str:
    """The mark of a run's start or end in the words of a reader; every other mark as it is."""
    run, stopped = standing.run, standing.stopped
    if stopped and text == f"Run ended: {stopped.reason}":
        return _ENDS[stopped.reason]
    return "Run started" if run and text == f"Run started ({run.preset})" else text


@cache
def _preset_title(name: str) -> str:
    """The title of a preset that ships; a recording may name another, which keeps the name it has."""
    return presets.preset(name).title if name in presets.names() else name


# ---- headline figures


def _values(books: Books, numbers: Numbers, window_s: float) -> tuple[Value, ...]:
    standing, board = books.ledger.standing, books.board
    state = _state(standing)
    quality = _quality(standing)
    rate = board.value("tokens_per_second", None, HEADLINE_S)
    watts = board.value("watts", None, HEADLINE_S)
    per_joule = board.value("tokens_per_joule", None, HEADLINE_S)
    cost = board.value("energy_cost_per_mtok", None, HEADLINE_S)
    money = board.value("revenue_per_hour", None, HEADLINE_S)
    on_time_money = board.value("on_time_revenue_per_hour", None, window_s)
    on_time = board.value("on_time_share", None, window_s)
    no_watts = "needs a source of watts"
    tariff = standing.tariff
    price = f"{tariff.dollars_per_kwh:g} $/kWh" if tariff else "no price of energy"
    hourly = None if watts is None or tariff is None else watts / 1000 * tariff.dollars_per_kwh
    covers = meter_in_words(standing)
    limit = power_limit(standing)
    return (
        Value(
            "tokens_per_second",
            "Tokens out",
            "tok/s",
            rate,
            _known(rate, "measured"),
            "all tiers, 10 s" if rate is not None else _NO_RATE[state].partition(";")[0],
            _spark(board, "tokens_per_second"),
        ),
        Value(
            "watts",
            _power_title(standing),
            "W",
            watts,
            _known(watts, quality),
            _power_note(standing),
            _spark(board, "watts"),
            limit,
            "limit" if limit is not None else "",
        ),
        Value(
            "tokens_per_joule",
            "Tokens per watt",
            "tok/J",
            per_joule,
            _known(per_joule, "derived" if quality == "measured" else quality),
            f"tokens ÷ joules, {covers}" if per_joule is not None else _lacks(standing, no_watts),
            _spark(board, "tokens_per_joule"),
        ),
        Value(
            "energy_cost_per_mtok",
            "Energy cost",
            "$/Mtok",
            cost,
            _known(cost, "assumed"),
            f"{numbers.figure(hourly, '$/h')} $/h at {price}" if cost is not None else _lacks(standing, no_watts),
            _spark(board, "energy_cost_per_mtok"),
        ),
        Value(
            "revenue_per_hour",
            "Implied revenue",
            "$/h",
            money,
            _known(money, "assumed"),
            _revenue_note(money, on_time_money, numbers) if money is not None else _NO_RATE[state],
            _spark(board, "revenue_per_hour"),
        ),
        Value(
            "on_time_share",
            "On-time tokens",
            "%",
            on_time,
            _known(on_time, "derived"),
            "of finished requests that kept both promises" if on_time is not None else "no request has finished",
            _spark(board, "on_time_share"),
        ),
    )


_NO_RATE = {
    "idle": "no run yet; prices are set",
    "opening": "no token yet",
    "running": "no token in the last seconds",
    "paused": "paused",
    "stopped": "the run has ended",
}


def _known(value: float | None, provenance: Provenance) -> Provenance:
    return "unavailable" if value is None else provenance


def _quality(standing: Standing) -> Provenance:
    if standing.quality != "estimated":
        return standing.quality
    return "assumed" if standing.declared and standing.declared.assumed else "estimated"


def _lacks(standing: Standing, no_watts: str) -> str:
    return no_watts if standing.meter and standing.source == "none" else "needs tokens and watts of one window"


def _power_title(standing: Standing) -> str:
    device = main_device(standing)
    if standing.source in ("none", "declared") or device is None:
        return "Power"
    return {"gpu": "Board power", "cpu": "CPU power"}.get(device.kind, "Machine power")


def _power_note(standing: Standing) -> str:
    if standing.meter is None:
        return "the meter is opening"
    if standing.source == "none":
        return "this machine measures none: reasons below"
    words = meter_in_words(standing)
    return words if standing.source == "declared" else f"{standing.meter.scope or words}, 10 s"


def _revenue_note(money: float, on_time: float | None, numbers: Numbers) -> str:
    tail = "at list price; nothing sold"
    return tail if on_time is None else f"{numbers.fixed(min(on_time, money), 2)} on time, {tail}"


def _spark(board: Board, figure: str) -> tuple[float | None, ...]:
    _, y = board.curve(figure, None, SPARK_S, SPARK_POINTS, HEADLINE_S)
    if not np.isfinite(y).any():
        return ()
    return tuple(float(value) if np.isfinite(value) else None for value in y)


# ---- tiers


def _tiers(books: Books, window_s: float = HEADLINE_S) -> tuple[TierLine, ...]:
    standing, board = books.ledger.standing, books.board
    lines = []
    for name, tier in standing.tiers.items():
        lane = standing.lanes.get(name)
        word = {"loading": "loading", "draining": "draining", "failed": "failed"}.get(lane.state if lane else "", "")
        rate = board.value("tokens_per_second", name, HEADLINE_S)
        # Percentiles last longer than rates: what no longer makes tokens is neither quick nor late.
        lines.append(
            TierLine(
                tier,
                word,
                rate,
                None if rate is None else board.value("tokens_per_second_per_user", name, HEADLINE_S),
                None if rate is None else board.value("ttft_p95", name, window_s),
                lane.queue if lane and standing.run else None,
                board.value("revenue_per_hour", name, HEADLINE_S),
                board.value("on_time_share", name, window_s),
                board.value("tokens_per_joule", name, HEADLINE_S),
                tuple(_cell(slot, tier) for slot in lane.slots) if lane else (),
            )
        )
    return tuple(lines)


def _cell(slot: Slot, tier: Tier) -> Cell:
    return Cell(slot.emitted / tier.answer_tokens, prefill=slot.prefilled < slot.prompt)


# ---- what is under way, and what is wrong


def _job(standing: Standing) -> Job | None:
    if not standing.running:
        return None
    for job in standing.jobs.values():
        if isinstance(job, Progressed):
            done = job.done / job.total if job.total else None
            return Job(f"{_DOING[job.job]} {job.model}: {job.stage}", done)
    lanes = standing.lanes
    loading = [name for name, lane in lanes.items() if lane.state == "loading"]
    ready = sum(lane.state in ("ready", "draining", "failed") for lane in lanes.values())
    if loading:
        return Job(f"Loading {', '.join(loading)}", ready / len(lanes))
    draining = [name for name, lane in lanes.items() if lane.state == "draining"]
    if draining:
        return Job(f"Draining {', '.join(draining)}")
    return Job("Starting the engine") if not ready else None


_DOING = {"build": "Building", "fetch": "Fetching", "verify": "Verifying", "import": "Importing"}


def _notices(books: Books, numbers: Numbers) -> tuple[Notice, ...]:
    standing = books.ledger.standing
    notices = []
    for child, state in standing.children.items():
        if state.state == "given up":
            notices.append(Notice(state.cause, state.remedy, severe=True))
        elif state.state == "stale" and standing.running:
            notices.append(Notice(f"The {child} has been silent for {numbers.fixed(state.age)} s."))
    for name, lane in standing.lanes.items():
        if lane.state == "failed":
            notices.append(Notice(f"{name} does not run: {lane.cause}", lane.remedy, severe=True, tier=name))
    notices.extend(_misses(books, numbers))
    if standing.troubles:
        last = standing.troubles[-1]
        notices.append(Notice(last.cause, last.remedy))
    return tuple(notices)


def _misses(books: Books, numbers: Numbers) -> list[Notice]:
    notices = []
    for line in _tiers(books):
        promise = line.tier.promise
        if not books.is_late(line.tier.name):
            continue
        if line.slow:
            cause = f"{line.tier.name} is under {promise.tokens_per_second_per_user:g} tok/s/user"
        elif line.late:
            cause = f"{line.tier.name} gives its first token later than {promise.ttft_s:g} s"
        else:
            continue
        waiting = f"{numbers.count(line.queue)} {'request waits' if line.queue == 1 else 'requests wait'}. "
        remedy = f"{waiting if line.queue else ''}Lower its load or raise its share."
        notices.append(Notice(cause, remedy, tier=line.tier.name))
    return notices
