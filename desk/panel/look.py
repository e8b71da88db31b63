"""From facts to what is shown: the books a window or a picture keeps, and one look at them.

Nothing is decided here that the ledger or the board could decide; this is choice of figures and of words.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from desk.board import Board
from desk.facts.happened import AnyFact, Calibrated, Progressed, Read, RunStarted, Slot
from desk.facts.orders import Calibrate
from desk.facts.tiers import Tier
from desk.ledger.ledger import Ledger
from desk.ledger.period import PERIOD_S
from desk.ledger.standing import Standing
from desk.panel.headline import headlines
from desk.panel.machine import (
    HEADLINE_S,
    Ages,
    device_in_words,
    idles_at,
    machine,
    meter_in_words,
    missing_devices,
    model_in_words,
    power_limit,
    provider_in_words,
    watts_cover,
    why_no_watts,
)
from desk.panel.numbers import Numbers
from desk.panel.shown import Cell, Job, Mode, Notice, Shown, State, TierLine, Totals
from desk.panel.statusline import badge_words
from desk.panel.strips import Event, Reference, Setting
from desk.panel.tieredit import FIELDS
from desk.plant import presets

JUDGED_EACH = 4
"""Promises are judged at every fourth period: two seconds are soon enough, and an hour of recording opens quickly."""
LATE_S = 20.0
"""A promise missed for less is a hiccup: amber in the table, but no notice."""


@dataclass
class Books:
    """Ledger and board of one stream of facts, and which tiers have been missing their promises since when.

    `late` holds the marks of tiers that missed one for `LATE_S`, `missing` the seconds at which each began to.
    `moment` is the stamp of the newest fact, `heard` that of each device's newest energy or power. `split` is the end
    of the last period whose joules were shared among tiers without knowing what each of them draws.
    """

    ledger: Ledger = field(default_factory=Ledger)
    board: Board = field(default_factory=Board)
    missing: dict[str, float] = field(default_factory=dict)
    late: list[Event] = field(default_factory=list)
    moment: float = 0.0
    heard: dict[str, float] = field(default_factory=dict)
    split: float | None = None
    _doubt: str = ""

    def post(self, fact: AnyFact) -> None:
        if isinstance(fact, RunStarted):
            self.missing, self.late = {}, []
            self.moment, self.heard = 0.0, {}
        if isinstance(fact, RunStarted | Calibrated):
            self.split = None
        self.moment = max(self.moment, fact.t)
        if isinstance(fact, Read):
            for reading in fact.devices:
                if told := [*reading.edges[-1:], *reading.samples[-1:]]:
                    self.heard[reading.device] = max(t for t, _ in told)
        for period in self.ledger.post(fact):
            self.board.add(period)
            if period.uncalibrated:
                self.split, self._doubt = period.end, self.ledger.standing.doubt
            if period.index % JUDGED_EACH == 0:
                self._judge(period.end)

    def ages(self, now: float | None = None) -> dict[str, float]:
        """Seconds since each device was heard, by the newest fact, or by the clock of the facts where it is given."""
        moment = self.moment if now is None else max(now, self.moment)
        return {device: max(0.0, moment - t) for device, t in self.heard.items()}

    @property
    def uncalibrated(self) -> bool:
        """Whether the tiers' headline figures hold joules of such a period: one alone comes and goes."""
        return self.split is not None and self.board.end - self.split < HEADLINE_S

    @property
    def doubt(self) -> str:
        """What stands against the joules of the tiers, as long as their headline figures hold such joules."""
        return self.ledger.standing.doubt or (self._doubt if self.uncalibrated else "")

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
    now: float | None = None,
) -> Shown:
    """What the Floor shows of these books; `now` on the clock of the facts ages what has not come since."""
    standing, board = books.ledger.standing, books.board
    ages = books.ages(now)
    run, state = standing.run, _state(standing)
    totals = books.ledger.totals()
    return Shown(
        mode=mode,
        state=state,
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
        values=headlines(standing, board, state, window_s, ages, numbers),
        tiers=_tiers(books, window_s),
        machine=machine(standing, board, totals, ages, numbers, books.doubt),
        job=_job(standing),
        notices=_notices(books, numbers, ages),
        totals=Totals(totals.seconds or 0.0, totals.tokens_out, totals.joules, totals.revenue if run else None),
        recording_bytes=recording_bytes,
        idles_at=idles_at(standing, numbers),
        watts_wanted=mode == "live" and standing.meter is not None and standing.source == "none",
        calibration_s=_calibration_s(books, state, ages) if mode == "live" else None,
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
    covers = watts_cover(standing, {}) if standing.source != "none" else ""
    levels = []
    if (limit := power_limit(standing)) is not None:
        levels.append(Reference(limit, "limit", solid=True))
    if standing.floor_watts is not None and standing.quality != "unavailable":
        levels.append(Reference(standing.floor_watts, "idle base"))
    wanting = _as_sentence(why_no_watts(standing))
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
            "tokens_per_joule": books.doubt or _whose_joules(books),
            "revenue_per_hour": f"stacked, at list price, {mean}",
        },
        reasons={"watts": wanting, "tokens_per_joule": wanting} if wanting else {},
        references={"watts": tuple(levels)},
        estimated=frozenset(estimated),
        # How busy a device is that makes no tokens has no place beside the watts that are counted.
        without=frozenset() if standing.counted else frozenset({"utilization"}),
    )


def _whose_joules(books: Books) -> str:
    """What the curves of tokens per watt divide by, and how far those of the tiers had not to be divided themselves."""
    share = books.ledger.totals().exclusive_share if books.ledger.standing.counted else None
    alone = "" if share is None else f", {100 * share:.0f} % measured with one tier alone"
    return f"bold: the whole; tiers: their own joules{alone}"


_ENDS = {
    "stopped": "Run stopped",
    "emergency": "Emergency stop",
    "duration": "Run complete",
    "budget": "Budget reached",
    "given up": "Run given up",
    "closed": "Run closed",
}


def _plain(text: str, standing: Standing) -> str:
    """A mark in the words of the panel: a run's end, a tier's settings by their labels."""
    run, stopped = standing.run, standing.stopped
    if stopped and text == f"Run ended: {stopped.reason}":
        return _ENDS[stopped.reason]
    if run and text == f"Run started ({run.preset})":
        return "Run started"
    for setting in FIELDS:
        text = text.replace(f" {setting.path} ", f" {setting.label.lower()} ")
    return text


@cache
def _preset_title(name: str) -> str:
    """The title of a preset that ships; a recording may name another, which keeps the name it has."""
    return presets.preset(name).title if name in presets.names() else name


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


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
    if standing.calibrating is not None:
        return _calibration(standing.calibrating, list(standing.tiers))
    lanes = standing.lanes
    loading = [name for name, lane in lanes.items() if lane.state == "loading"]
    ready = sum(lane.state in ("ready", "draining", "failed") for lane in lanes.values())
    if loading:
        return Job(f"Loading {', '.join(loading)}", ready / len(lanes))
    draining = [name for name, lane in lanes.items() if lane.state == "draining"]
    if draining:
        return Job(f"Draining {', '.join(draining)}")
    return Job("Starting the engine") if not ready else None


def _calibration(alone: str, tiers: list[str]) -> Job:
    """Which tier works alone, and who comes next: nobody first, then the tiers in their order."""
    stages = ["", *tiers]
    at = stages.index(alone) if alone in stages else 0
    what = f"{alone} alone" if alone else "all at rest"
    follows = stages[at + 1] if at + 1 < len(stages) else "all together"
    return Job(f"Calibrating: {what}, then {follows}", at / len(stages))


def _calibration_s(books: Books, state: State, ages: Ages) -> float | None:
    """How long a calibration takes, `None` where it would teach nothing."""
    standing = books.ledger.standing
    if not standing.counted or len(standing.tiers) < 2 or standing.calibrating is not None:
        return None
    if state == "running":
        readings = [reading for name, reading in standing.readings.items() if name in standing.counted]
        foreign = any(reading.memory_foreign for reading in readings)
        if not books.uncalibrated or foreign or missing_devices(standing, ages):
            return None
    elif state == "stopped":
        # What one run learned the next one starts with.
        if books.split is None and books.ledger.totals().exclusive_share is not None:
            return None
    elif state != "idle":
        return None
    return Calibrate().seconds * (1 + len(standing.tiers))


_DOING = {"build": "Building", "fetch": "Fetching", "verify": "Verifying", "import": "Importing"}


RETRY_METER = "Try the meter again"


def _notices(books: Books, numbers: Numbers, ages: Ages) -> tuple[Notice, ...]:
    standing = books.ledger.standing
    notices = []
    for child, state in standing.children.items():
        if state.state == "given up":
            action = RETRY_METER if child == "meter" else ""
            notices.append(Notice(state.cause, state.remedy, severe=True, action=action))
        elif state.state == "stale" and standing.running:
            notices.append(Notice(f"The {child} has been silent for {numbers.fixed(state.age)} s."))
    for name, lane in standing.lanes.items():
        if lane.state == "failed":
            notices.append(Notice(f"{name} does not run: {lane.cause}", lane.remedy, severe=True, tier=name))
    if standing.running:
        remedy = "Its energy is missing meanwhile; the tokens go on."
        notices += [Notice(f"{title} is {state}.", remedy) for title, state in missing_devices(standing, ages)]
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
