"""From facts to what is shown: one look at the books of a window or a picture.

Nothing is decided here that the ledger or the board could decide; this is choice of figures and of words.
"""

from datetime import UTC, datetime
from functools import cache, lru_cache

from desk.board.board import KEPT_EVENTS
from desk.facts.figures import FIGURES, READINGS
from desk.facts.happened import Progressed, RunStarted, Slot
from desk.facts.orders import Calibrate
from desk.facts.tiers import Tier
from desk.ledger.budget import Spending, spending
from desk.ledger.standing import Standing
from desk.lineage import Lineage, lineage, reading
from desk.panel.books import Books
from desk.panel.complaints import complaints
from desk.panel.headline import JUDGED, headlines
from desk.panel.machine import (
    HEADLINE_S,
    Ages,
    device_in_words,
    idles_at,
    machine,
    main_device,
    meter_in_words,
    missing_devices,
    model_in_words,
    power_limit,
    provider_in_words,
    watts_cover,
    why_no_watts,
)
from desk.panel.nogpu import obstacle
from desk.panel.numbers import Numbers
from desk.panel.sheet import sheets
from desk.panel.shown import Cell, Job, Mode, Shown, Spent, State, Stream, TierLine, Totals
from desk.panel.statusline import badge_words
from desk.panel.strips import Event, Reference, Setting
from desk.panel.tiers.fields import FIELDS
from desk.panel.words import tr
from desk.plant import presets


def look(
    books: Books,
    numbers: Numbers,
    *,
    mode: Mode = "live",
    window_s: float = 300.0,
    recording_bytes: int | None = None,
    now: float | None = None,
) -> Shown:
    """What the Floor shows of these books; `now` on the clock of the facts ages what has not come since.

    From here on `numbers` name money in the currency of these books.
    """
    standing, board = books.ledger.standing, books.board
    numbers.currency = standing.currency
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
        users=sum(
            round(tier.users * standing.load) for tier in standing.tiers.values() if not tier.arrivals_per_second
        ),
        load=standing.load,
        arrivals=sum((tier.arrivals_per_second or 0.0) * standing.load for tier in standing.tiers.values()),
        budget=standing.budget,
        spent=tuple(_spent(each, numbers) for each in spending(standing.budget, totals)) if run else (),
        warming=state == "running" and totals.since is not None and totals.seconds is None,
        values=headlines(standing, board, state, window_s, ages, numbers),
        tiers=_tiers(books, window_s),
        machine=machine(standing, board, totals, ages, numbers, books.doubt),
        job=_job(standing, mode),
        notices=complaints(standing, numbers, mode, books.moment if now is None else max(now, books.moment)),
        totals=Totals(totals.seconds or 0.0, totals.tokens_out, totals.joules, totals.revenue if run else None),
        recording_bytes=recording_bytes,
        idles_at=idles_at(standing, numbers),
        watts_wanted=mode == "live" and standing.meter is not None and standing.source == "none",
        calibration_s=_calibration_s(books, state, ages) if mode == "live" else None,
        dashed=standing.quality == "estimated",
        stream=stream_of(books),
        sheets=sheets(standing, ages, numbers),
        no_gpu=obstacle(standing) if mode == "live" else None,
        currency=standing.currency,
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


_BUDGETS = {"joules": (1 / 3600, "Wh"), "dollars": (1.0, "$"), "seconds": (1 / 60, "min")}


def _spent(each: Spending, numbers: Numbers) -> Spent:
    scale, unit = _BUDGETS[each.kind]
    used = None if each.used is None else each.used * scale
    whole = f"{numbers.figure(each.limit * scale)} {numbers.unit(unit)}"
    return Spent(tr("{used} of {limit}", used=numbers.figure(used), limit=whole), each.share)


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
    covers = watts_cover(standing, {}) if standing.source != "none" else ""
    levels = []
    if (limit := power_limit(standing)) is not None:
        levels.append(Reference(limit, tr("limit"), solid=True))
    if standing.floor_watts is not None and standing.quality != "unavailable":
        levels.append(Reference(standing.floor_watts, tr("idle base")))
    wanting = _as_sentence(why_no_watts(standing))
    estimated = ("watts", "tokens_per_joule") if shown.dashed else ()
    return Setting(
        mode=badge_words(shown),
        tiers=tuple(standing.tiers),
        window_s=window_s,
        smooth_s=smooth_s,
        events=tuple(
            Event(event.at, _plain(event.text, standing), late=event.kind == "alarm") for event in books.board.events
        ),
        notes={
            "tokens_per_second": tr("stacked, {smooth}"),
            "watts": f"{covers}, {{smooth}}" if covers else "{smooth}",
            "tokens_per_joule": f"{{smooth}}; {_as_clause(books.doubt) or _whose_joules(books)}",
            "revenue_per_hour": tr("stacked, at list price, {smooth}"),
        },
        reasons={"watts": wanting, "tokens_per_joule": wanting} if wanting else {},
        references={"watts": tuple(levels)},
        estimated=frozenset(estimated),
        # How busy a device is that makes no tokens has no place beside the watts that are counted.
        without=frozenset() if standing.counted else frozenset({"utilization"}),
        currency=standing.currency,
    )


def _whose_joules(books: Books) -> str:
    """What the curves of tokens per watt divide by, and how far those of the tiers had not to be divided themselves."""
    share = books.ledger.totals().exclusive_share if books.ledger.standing.counted else None
    if share is None:
        return tr("bold: the whole; tiers: their own joules")
    return tr(
        "bold: the whole; tiers: their own joules, {share} % measured with one tier alone", share=f"{100 * share:.0f}"
    )


_ENDS = {
    "stopped": tr("Run stopped"),
    "emergency": tr("Emergency stop"),
    "duration": tr("Run complete"),
    "budget": tr("Budget reached"),
    "given up": tr("Run given up"),
    "closed": tr("Run closed"),
}


def _plain(text: str, standing: Standing) -> str:
    """A mark in the words of the panel: a run's end, a tier's settings by their labels."""
    run, stopped = standing.run, standing.stopped
    if stopped and text == f"Run ended: {stopped.reason}":
        return _ENDS[stopped.reason]
    if run and text == f"Run started ({run.preset})":
        return tr("Run started")
    return _labelled(text)


@lru_cache(maxsize=KEPT_EVENTS)
def _labelled(text: str) -> str:
    """Settings by their labels. Whoever looks meets the same marks twice a second, as many as a board keeps."""
    for setting in FIELDS:
        text = text.replace(f" {setting.path} ", f" {setting.label.lower()} ")
    return text


@cache
def _preset_title(name: str) -> str:
    """The title of a preset that ships; a recording may name another, which keeps the name it has."""
    return presets.preset(name).title if name in presets.names() else name


def _as_clause(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


# ---- lineage


def explained(books: Books, key: str, tier: str | None, window_s: float, moment: float) -> Lineage | None:
    """The lineage of a figure as the Floor shows it, at `moment` on the clock of the facts; `None` for no figure."""
    standing, ages = books.ledger.standing, books.ages(moment)
    if key in READINGS:
        device = None if key == "queue_now" else main_device(standing)
        if device is None and key != "queue_now":
            return None
        age = ages.get(device.id) if device else None
        return reading(key, standing, device, age, tier)
    if key not in FIGURES:
        return None
    over_s = window_s if key in JUDGED else HEADLINE_S
    return lineage(key, books.ledger, books.board, tier, window_s=over_s, moment=moment, ages=ages)


# ---- tiers


def _tiers(books: Books, window_s: float = HEADLINE_S) -> tuple[TierLine, ...]:
    standing, board, totals = books.ledger.standing, books.board, books.ledger.totals()
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
                totals.tiers[name].cancelled if name in totals.tiers else 0,
                lane.lag if lane else 0.0,
            )
        )
    return tuple(lines)


def _cell(slot: Slot, tier: Tier) -> Cell:
    return Cell(slot.emitted / tier.answer_tokens, slot.prefilled < slot.prompt, slot.request)


def stream_of(books: Books) -> Stream | None:
    """The request whose text is read; `None` before there was one."""
    streams = books.streams
    tier = books.ledger.standing.tiers.get(streams.tier)
    if tier is None:
        return None
    told = streams.tokens, tier.answer_tokens, streams.ended
    return Stream(tier.name, streams.request, tier.mix, streams.text, streams.ttft, streams.rate, *told)


# ---- what is under way


def _job(standing: Standing, mode: Mode) -> Job | None:
    # Models are fetched between runs, too; of what was still at work when a recording ended, nobody knows the end.
    if mode == "live" or standing.running:
        for job in standing.jobs.values():
            if isinstance(job, Progressed):
                done = job.done / job.total if job.total else None
                return Job(_DOING[job.job].format(model=job.model, stage=job.stage), done)
    if not standing.running:
        return None
    if standing.calibrating is not None:
        return _calibration(standing.calibrating, list(standing.tiers))
    lanes = standing.lanes
    loading = [name for name, lane in lanes.items() if lane.state == "loading"]
    ready = sum(lane.state in ("ready", "draining", "failed") for lane in lanes.values())
    if loading:
        return Job(tr("Loading {tiers}", tiers=", ".join(loading)), ready / len(lanes))
    draining = [name for name, lane in lanes.items() if lane.state == "draining"]
    if draining:
        return Job(tr("Draining {tiers}", tiers=", ".join(draining)))
    return Job(tr("Starting the engine")) if not ready else None


def _calibration(alone: str, tiers: list[str]) -> Job:
    """Which tier works alone, and who comes next: nobody first, then the tiers in their order."""
    stages = ["", *tiers]
    at = stages.index(alone) if alone in stages else 0
    what = tr("{tier} alone", tier=alone) if alone else tr("all at rest")
    follows = stages[at + 1] if at + 1 < len(stages) else tr("all together")
    return Job(tr("Calibrating: {this}, then {next}", this=what, next=follows), at / len(stages))


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


_DOING = {
    "build": tr("Building {model}: {stage}"),
    "fetch": tr("Fetching {model}: {stage}"),
    "verify": tr("Verifying {model}: {stage}"),
    "import": tr("Importing {model}: {stage}"),
}
