"""Who bears which joule: a meter on the stand-in's virtual clock, an engine whose work is known, and the books.

Lanes step one at a time, so the stand-in's power follows whoever is at work, and every account has an exact answer.
"""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nvml_standin.metering import Facts
from road import device, uuid
from story import BOARD, T0, balanced, run_started

from desk.board import Board
from desk.facts.happened import (
    Calibrated,
    Calibrating,
    ChildStarted,
    EngineOpened,
    FirstToken,
    LaneLoading,
    LaneReady,
    LaneWork,
    RunStopped,
    TariffChanged,
    WattsDeclared,
    Worked,
)
from desk.facts.metered import DeviceReading, MeterOpened, Read
from desk.facts.tiers import Tariff, Tier
from desk.ledger.ledger import Ledger

TIERS = (Tier(name="Free", model="small"), Tier(name="Ultra", model="large"))
FLOOR = 50.0
SOLO = {"Free": 60.0, "Ultra": 200.0}
BEAT_S = 0.1


@dataclass
class Stretch:
    """So many seconds in which the tiers in `at_work` take turns of equal length."""

    seconds: float
    at_work: tuple[str, ...] = ()
    foreign: float = 0.0

    @property
    def watts(self):
        turns = [SOLO[tier] for tier in self.at_work]
        return FLOOR + self.foreign + (sum(turns) / len(turns) if turns else 0.0)


def scenario(*stretches, gpu=0, rest=""):
    """The stand-in's power over the stretches, and the bytes of a foreign program where there is one."""
    at, series = 0.0, []
    for stretch in stretches:
        series.append(f"{round(at, 4)}:{stretch.watts}")
        at += stretch.seconds
    return f"gpu {gpu} power {' '.join(series)} {at}:{FLOOR}\n{rest}"


def engine(**settings):
    opened = {"provider": "cuda", "device": "d", "device_uuid": uuid(0)} | settings
    return EngineOpened(t=0.0, runtime="r", threads=1, **opened)


def ready(tier, t=0.0, **settings):
    lane = {"model": "m", "precision": "fp16", "provider": "cuda", "context": 64, "slots": 4} | settings
    sizes = {"weights_bytes": 1, "kv_bytes": 1} | {k: lane.pop(k) for k in ("weights_bytes", "kv_bytes") if k in lane}
    return LaneReady(t=t, tier=tier, load_s=0.1, **sizes, **lane)


def worked(*stretches, tokens=3):
    """The engine's beats over the stretches."""
    ends, at = [], 0.0
    for stretch in stretches:
        at += stretch.seconds
        ends.append((at, stretch.at_work))
    beat = 0
    while (beat + 1) * BEAT_S <= at + 1e-9:
        start, end = beat * BEAT_S, (beat + 1) * BEAT_S
        busy = {}
        before = 0.0
        for until, tiers in ends:
            inside = min(end, until) - max(start, before)
            for tier in tiers if inside > 1e-9 else ():
                busy[tier] = busy.get(tier, 0.0) + inside / len(tiers)
            before = until
        works = tuple(
            LaneWork(tier=t.name, busy=busy.get(t.name, 0.0), emitted=tokens * (t.name in busy)) for t in TIERS
        )
        yield Worked(t=end, span=BEAT_S, lanes=works)
        beat += 1


def first(t=0.0):
    return FirstToken(t=t, tier="Free", request=1, submitted=t, admitted=t, prompt=1)


def fold(meter, *others):
    """The books of a run over the meter's facts and the others, in the order of their stamps."""
    rest = sorted([*meter.lines, *others], key=lambda fact: fact.t)
    facts = [run_started(at=-T0, tiers=TIERS), *rest, RunStopped(t=rest[-1].t, reason="stopped")]
    ledger = Ledger()
    return ledger, [period for fact in facts for period in ledger.post(fact)]


def shares(periods, start, end):
    """Active joules by tier between two moments."""
    found = dict.fromkeys(SOLO, 0.0)
    for period in periods:
        if start <= period.start and period.end <= end and period.joules is not None:
            for tier, account in period.tiers.items():
                found[tier] += account.active_joules
    return found


TAUGHT = (Stretch(2.0), Stretch(3.0, ("Free",)), Stretch(3.0, ("Ultra",)))
"""Long enough for floor and both lanes to be learned, as in a calibration."""


def taught(*stretches):
    return (*TAUGHT, *stretches)


def test_lanes_that_take_turns_bear_what_each_draws_alone(simulate):
    plan = taught(Stretch(6.0, ("Free", "Ultra")), Stretch(2.0))
    ledger, periods = fold(simulate(scenario(*plan), 16.0), engine(), first(), *worked(*plan))
    told = shares(periods, 8.5, 13.5)
    # Half of the time each: 30 W and 100 W above the floor.
    assert told["Free"] == pytest.approx(5.0 * SOLO["Free"] / 2, rel=0.02)
    assert told["Ultra"] == pytest.approx(5.0 * SOLO["Ultra"] / 2, rel=0.02)
    assert not periods[-6].uncalibrated
    assert ledger.standing.floor_watts == pytest.approx(FLOOR, rel=0.01)
    # Six of the twelve seconds at work somebody was alone, with (180 + 600) of the 780 + 780 joules.
    assert ledger.totals().exclusive_share == pytest.approx(0.5, abs=0.05)


def test_a_calibration_ordered_in_the_midst_of_work_teaches_the_same(simulate):
    """Nobody, then each lane alone, with both busy before and after; before it, the split is marked."""
    both = Stretch(3.0, ("Free", "Ultra"))
    plan = (both, Stretch(3.0), Stretch(3.0, ("Free",)), Stretch(3.0, ("Ultra",)), both)
    marks = [Calibrating(t=3.0 + 3.0 * n, tier=tier, seconds=3.0) for n, tier in enumerate(("", "Free", "Ultra"))]
    marks.append(Calibrated(t=12.0))
    lanes = [ready("Free"), ready("Ultra")]
    ledger, periods = fold(simulate(scenario(*plan), 15.5), engine(), *lanes, first(), *marks, *worked(*plan))
    assert all(period.uncalibrated for period in periods[1:6])
    assert not any(period.uncalibrated for period in periods[13:])
    told = shares(periods, 12.5, 15.0)
    assert told["Ultra"] / told["Free"] == pytest.approx(SOLO["Ultra"] / SOLO["Free"], rel=0.05)
    assert ledger.standing.doubt == ""
    texts = [event.text for period in periods for event in period.events]
    assert [text for text in texts if text.startswith("Calibrat")] == [
        "Calibrating: no lane steps",
        "Calibrating: Free alone",
        "Calibrating: Ultra alone",
        "Calibrated",
    ]


def test_while_it_calibrates_the_books_say_who_is_alone():
    ledger = Ledger()
    ledger.post(run_started(tiers=TIERS))
    assert ledger.standing.calibrating is None
    ledger.post(Calibrating(t=513.0, tier="Ultra", seconds=3.0))
    assert ledger.standing.calibrating == "Ultra"
    ledger.post(Calibrated(t=516.0))
    assert ledger.standing.calibrating is None


def test_what_was_learned_is_told_to_the_next_run(simulate):
    lanes = [ready("Free"), ready("Ultra", model="l")]
    before, _ = fold(simulate(scenario(*TAUGHT), 8.0), engine(), *lanes, first(), *worked(*TAUGHT))
    plan = (Stretch(4.0, ("Free", "Ultra")),)
    meter = simulate(scenario(*plan), 4.5)
    facts = before.learned(0.0)
    _, periods = fold(meter, *facts, engine(), *lanes, first(), *worked(*plan))
    told = shares(periods, 0.5, 4.0)
    assert told["Ultra"] / told["Free"] == pytest.approx(SOLO["Ultra"] / SOLO["Free"], rel=0.05)
    assert not any(period.uncalibrated for period in periods)
    # Another model is another lane: what was learned of the old one says nothing about it.
    _, periods = fold(meter, *facts, engine(), ready("Free"), ready("Ultra", model="xl"), first(), *worked(*plan))
    assert all(period.uncalibrated for period in periods[1:-1])


def test_another_power_limit_has_to_be_learned_anew(simulate):
    plan = taught(Stretch(12.0, ("Free", "Ultra")))
    text = scenario(*plan, rest="gpu 0 limit 400\n")
    lowered = [(9.0, "scenario", text.replace("limit 400", "limit 300"))]
    _, periods = fold(simulate(text, 20.0, events=lowered), engine(), first(), *worked(*plan))
    assert not any(period.uncalibrated for period in periods[17:19])
    assert all(period.uncalibrated for period in periods[-6:-2])


def test_models_in_memory_raise_the_floor_that_is_taken_off(simulate):
    """The card draws 50 W empty and 90 W with models in its memory, idle both times."""
    text = "gpu 0 power 0:50 4:90 8:290 12:90"
    plan = (Stretch(8.0), Stretch(4.0, ("Ultra",)), Stretch(2.0))
    lanes = [ready("Free", t=4.0), ready("Ultra", t=4.0)]
    _, periods = fold(simulate(text, 14.5), engine(), *lanes, first(), *worked(*plan))
    told = shares(periods, 8.5, 11.5)
    assert told["Ultra"] == pytest.approx(3.0 * 200.0, rel=0.02)


@given(
    st.lists(
        st.builds(
            Stretch,
            seconds=st.floats(0.3, 3.0).map(lambda s: round(s, 2)),
            at_work=st.sampled_from([(), ("Free",), ("Ultra",), ("Free", "Ultra")]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([20, 100, 250]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_accounts_add_up_over_any_schedule(simulate, plan, step):
    seconds = sum(stretch.seconds for stretch in plan) + 1.0
    meter = simulate(scenario(*plan, rest=f"gpu 0 step {step}"), seconds)
    _, periods = fold(meter, engine(), first(), *worked(*plan))
    assert all(balanced(period) for period in periods if period.joules is not None)
    edges = [edge for edges in meter.edges().values() for edge in edges]
    told = edges[-1][1] - edges[0][1] if len(edges) > 1 else 0.0
    assert sum(period.joules or 0.0 for period in periods) == pytest.approx(told, abs=1e-3)


def test_a_single_tier_bears_everything_but_the_idle_floor(simulate):
    plan = taught(Stretch(4.0, ("Ultra",)))
    _, periods = fold(simulate(scenario(*plan), 12.5), engine(), first(), *worked(*plan))
    for period in periods[17:23]:
        assert period.tiers["Ultra"].joules == pytest.approx(period.joules)
        assert (period.standby_joules, period.other_joules) == (0.0, 0.0)


def test_lanes_never_seen_alone_share_by_time_and_are_marked(simulate):
    plan = (Stretch(2.0), Stretch(6.0, ("Free", "Ultra")))
    ledger, periods = fold(simulate(scenario(*plan), 8.5), engine(), first(), *worked(*plan))
    told = shares(periods, 2.5, 7.5)
    assert told["Free"] == pytest.approx(told["Ultra"], rel=1e-6)
    assert all(period.uncalibrated for period in periods[5:15])
    assert ledger.totals().uncalibrated
    assert periods[-3].joules == pytest.approx(0.5 * (FLOOR + 130.0), rel=0.03)


def test_without_a_floor_all_is_the_tiers_own(simulate):
    plan = (Stretch(5.0, ("Ultra",)),)
    ledger, periods = fold(simulate(scenario(*plan), 5.0), engine(), first(), *worked(*plan))
    assert ledger.standing.floor_watts is None
    assert all(period.floor_joules == 0.0 for period in periods[1:-1])
    assert all(p.tiers["Ultra"].joules == pytest.approx(p.joules) for p in periods[1:-1])


def test_a_foreign_program_appears_amid_a_run(simulate):
    """While the lanes idle its watts are its own; while they work the tiers' figures say that they are not pure."""
    plan = taught(Stretch(3.0), Stretch(6.0, foreign=70.0), Stretch(4.0, ("Ultra",), foreign=70.0))
    text = scenario(*plan)
    foreign = [(11.0, "scenario", text + "gpu 0 process 1 4000")]
    ledger, periods = fold(simulate(text, 21.5, events=foreign), engine(), first(), *worked(*plan))
    # The processes are asked for every five seconds: from the fifteenth second on it is known.
    idle = [period for period in periods if period.start >= 16.0 and period.end <= 16.5]
    assert all(period.other_joules == pytest.approx(35.0, rel=0.05) for period in idle)
    assert all(period.standby_joules == pytest.approx(25.0, rel=0.05) for period in idle)
    assert all(period.uncalibrated for period in periods if period.start >= 17.5 and period.end <= 20.5)
    assert ledger.standing.floor_watts == pytest.approx(FLOOR, rel=0.01)
    assert "Another program" in ledger.standing.doubt


def test_tokens_without_energy_and_energy_without_tokens_give_no_ratio(simulate):
    plan = (Stretch(4.0, ("Ultra",)),)
    silent = simulate(scenario(*plan, rest="fail * 0 15 from=0"), 4.0)
    for meter, tokens in ((silent, 3), (simulate(scenario(*plan), 4.5), 0)):
        ledger, periods = fold(meter, engine(), first(), *worked(*plan, tokens=tokens))
        board = Board()
        for period in periods:
            board.add(period)
        totals = ledger.totals()
        assert board.value("tokens_per_joule") in (None, 0.0)
        assert board.value("joules_per_token") is None
        if tokens:
            assert (totals.joules, totals.tokens_per_joule) == (None, None)
            assert totals.tokens_out > 0
            assert board.value("tokens_per_second") > 0
        else:
            assert totals.joules > 0
            assert totals.tokens_per_joule == 0.0


def test_ten_idle_minutes_stand_by(simulate):
    meter = simulate(f"gpu 0 power 0:{FLOOR}", 600.0)
    ledger, periods = fold(meter, engine(), first(), Worked(t=599.9, span=0.1, lanes=()))
    totals = ledger.totals()
    assert totals.joules == totals.standby_joules == pytest.approx(FLOOR * 600.0, rel=1e-3)
    assert totals.tokens_per_joule == 0.0
    assert totals.exclusive_share is None
    board = Board()
    for period in periods:
        board.add(period)
    assert board.value("idle_tax") == 1.0
    assert board.value("joules_per_token") is None
    assert all(period.quality == "measured" for period in periods[1:-2])


def test_a_price_that_changes_holds_from_then_on(simulate):
    plan = (Stretch(8.0, ("Ultra",)),)
    cheap, dear = Tariff(dollars_per_kwh=0.1), Tariff(dollars_per_kwh=0.4)
    changes = [TariffChanged(t=0.0, tariff=cheap), TariffChanged(t=4.1, tariff=dear)]
    _, periods = fold(simulate(scenario(*plan), 8.5), engine(), first(), *changes, *worked(*plan))
    per_kwh = [period.energy_cost / period.joules * 3.6e6 for period in periods[1:15]]
    assert per_kwh[:6] == pytest.approx([0.1] * 6)
    assert per_kwh[8:] == pytest.approx([0.4] * 6)
    assert sum(period.tiers["Ultra"].energy_cost for period in periods[1:15]) == pytest.approx(
        sum(period.energy_cost for period in periods[1:15])
    )


# ---- through the books, the error against the truth


def test_figures_of_two_and_five_seconds_are_within_the_stated_error(simulate):
    """Random turns, steps of 100 ms: joules of the periods against the exact integral, window by window."""
    import random

    draw = random.Random(5)
    plan = [Stretch(2.0)] + [
        Stretch(round(draw.uniform(0.1, 0.9), 2), draw.choice([(), ("Free",), ("Ultra",), ("Free", "Ultra")]))
        for _ in range(240)
    ]
    seconds = sum(stretch.seconds for stretch in plan)
    _, periods = fold(simulate(scenario(*plan, rest="gpu 0 step 100 37"), seconds), engine(), *worked(*plan))

    def truth(start, end):
        at = joules = 0.0
        for stretch in plan:
            joules += max(0.0, min(end, at + stretch.seconds) - max(start, at)) * stretch.watts
            at += stretch.seconds
        return joules

    for window, most in ((4, 0.011), (10, 0.004)):
        errors = []
        for place in range(2, len(periods) - window - 4):
            chosen = periods[place : place + window]
            told = sum(period.joules for period in chosen)
            errors.append(told / truth(chosen[0].start, chosen[-1].end) - 1)
        rms = (sum(error * error for error in errors) / len(errors)) ** 0.5
        print(f"books, window {window / 2:g} s: {rms:.2%} rms of {len(errors)}")
        assert rms <= most


# ---- which GPU it is

GIB = 1 << 30
TWO = "gpu 0 memory 81920 1000 0\ngpu 1 memory 81920 1000 0\n"


def loads(into, meter_scenario=TWO, mib=12000):
    """A scenario in whose third second the memory of a GPU fills."""
    filled = meter_scenario.replace(f"gpu {into} memory 81920 1000", f"gpu {into} memory 81920 {1000 + mib}")
    return {"scenario": meter_scenario, "seconds": 8.0, "events": [(3.0, "scenario", filled)]}


def loading(at=2.5, until=3.5, weights=10 * GIB, kv=GIB, provider="cuda"):
    for tier in ("Free", "Ultra"):
        yield LaneLoading(t=at, tier=tier, model="m")
        yield ready(tier, t=until, weights_bytes=weights, kv_bytes=kv // 2, provider=provider)


def test_the_gpu_that_the_engine_names_and_fills_is_the_one_that_counts(simulate):
    for number in (0, 1):
        ledger, _ = fold(simulate(**loads(number)), engine(device_uuid=uuid(number)), *loading())
        assert ledger.standing.mapping.verdict == "proven"
        assert ledger.standing.counted == (device(number),)
        assert ledger.standing.doubt == ""


def test_cuda_may_count_from_the_other_end(simulate):
    """CUDA's fastest first is the meter's second, and the driver's own order is a third: only the UUID matters."""
    turned = TWO + "order 1 0\n"
    ledger, _ = fold(simulate(**loads(1, turned)), engine(device_uuid=uuid(1)), *loading())
    assert ledger.standing.counted == (device(1),)
    assert ledger.standing.mapping.verdict == "proven"


def test_memory_that_fills_elsewhere_switches_the_attribution_off(simulate):
    ledger, periods = fold(simulate(**loads(1)), engine(device_uuid=uuid(0)), first(), *loading())
    standing = ledger.standing
    assert standing.mapping.verdict == "contradicted"
    assert standing.counted == ()
    assert (standing.source, standing.quality) == ("none", "unavailable")
    assert standing.doubt == (
        "The engine names NVIDIA Stand-in 0 as its GPU, but the 11,264 MiB that it loaded went into "
        "NVIDIA Stand-in 1. No watts are given to the tiers."
    )
    assert [e.text for period in periods for e in period.events if e.kind == "trouble"] == [standing.doubt]
    assert periods[-2].joules is None
    # A new engine process is judged anew.
    ledger.post(ChildStarted(t=20.0, child="engine", pid=2))
    assert ledger.standing.counted == (device(0),)


def test_memory_that_does_not_fill_at_all_contradicts_as_well(simulate):
    ledger, _ = fold(simulate(TWO, 8.0), engine(device_uuid=uuid(0)), *loading())
    assert ledger.standing.mapping.verdict == "contradicted"
    assert "did not show in its memory" in ledger.standing.doubt


def test_a_gpu_whose_memory_cannot_be_read_is_believed(simulate):
    silent = TWO + "fail nvmlDeviceGetMemoryInfo 0 3\nfail nvmlDeviceGetMemoryInfo_v2 0 3\n"
    ledger, _ = fold(simulate(silent, 8.0), engine(device_uuid=uuid(0)), *loading())
    assert ledger.standing.mapping.verdict == "unproven"
    assert ledger.standing.counted == (device(0),)


def test_a_slice_of_a_gpu_is_found_by_the_memory_that_it_fills(simulate):
    """`CUDA_VISIBLE_DEVICES=MIG-...`: the driver's name of the slice is none that the meter knows."""
    meter = simulate(**loads(1))
    sliced = engine(device_uuid="GPU-0b5e55ed-0000-4000-8000-000000000000")
    ledger, _ = fold(meter, sliced, *loading())
    assert ledger.standing.counted == (device(1),)
    ledger, _ = fold(meter, sliced, *loading(weights=GIB // 64, kv=2))
    assert ledger.standing.counted == (device(0), device(1))
    assert ledger.standing.doubt.startswith("Which GPU the engine uses is not known")


def test_a_load_on_the_processor_says_nothing_about_a_gpu(simulate):
    ledger, _ = fold(simulate(TWO, 8.0), engine(provider="cpu", device_uuid=""), *loading(provider="cpu"))
    assert ledger.standing.mapping.verdict == "unproven"


# ---- engine and meter on different devices


def test_the_boards_joules_are_not_those_of_an_engine_on_the_processor(simulate):
    plan = (Stretch(4.0, ("Ultra",)),)
    meter = simulate(scenario(*plan), 4.0)
    ledger, _ = fold(meter, engine(provider="cpu", device_uuid=""), first(), *worked(*plan))
    standing, totals = ledger.standing, ledger.totals()
    assert (totals.joules, totals.tokens_per_joule, totals.source) == (None, None, "none")
    assert standing.doubt == "The engine runs on the processor, but only the watts of the GPU are measured here."
    assert standing.readings[device(0)].watts == pytest.approx(SOLO["Ultra"] + FLOOR)  # shown all the same


@pytest.mark.parametrize("provider", ["cpu", "cuda"])
def test_the_processors_watts_are_read_beside_and_count_where_the_engine_is(simulate, standin, provider):
    zone = standin.sysfs / "class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "name").write_text("package-0\n")
    (zone / "energy_uj").write_text("0\n")
    rising = [(n / 10, "write", [str(zone / "energy_uj"), f"{n * 3_000_000}\n"]) for n in range(1, 60)]
    meter = simulate("gpu 0 power 0:100", 6.0, events=rising, into=standin)
    opened = meter.opened[0]
    assert (opened.source, [each.source for each in opened.devices]) == ("nvml-counter", [None, "rapl"])
    plan = (Stretch(6.0, ("Ultra",)),)
    ledger, periods = fold(meter, engine(provider=provider), first(), *worked(*plan))
    watts = {"cpu": 30.0, "cuda": 100.0}[provider]
    assert periods[4].joules == pytest.approx(watts / 2, rel=0.05)
    assert ledger.totals().source == {"cpu": "rapl", "cuda": "nvml-counter"}[provider]
    assert ledger.standing.doubt == ""


# ---- estimates


def test_declared_watts_are_estimates_wherever_they_show(simulate):
    from desk.exports.summary import summary

    plan = (Stretch(4.0, ("Ultra",)),)
    declared = WattsDeclared(t=0.0, idle=20.0, busy=65.0)
    ledger, periods = fold(simulate(None, 4.5), engine(provider="cpu"), declared, first(), *worked(*plan))
    assert all(period.quality == "estimated" for period in periods)
    assert (ledger.standing.source, ledger.standing.quality) == ("declared", "estimated")
    assert summary(ledger, "live")["meter"] == {"source": "declared", "quality": "estimated"}
    assert ledger.totals().joules == pytest.approx(4.0 * 65.0 + 0.5 * 20.0, rel=0.02)


def test_an_amd_counter_that_freezes_in_a_run_gives_way_to_power():
    """What the meter then sends is power alone; a hole of two seconds is all that it costs."""
    lines = [MeterOpened(t=0.0, source="amd", quality="measured", devices=(BOARD,))]
    for n in range(1, 81):
        at = n / 10
        edges = ((at, 100.0 * at),) if at <= 3.0 else ()
        reading = DeviceReading(device=BOARD.id, edges=edges, samples=((at, 100.0),))
        lines.append(Read(t=at, devices=(reading,)))
    _, periods = fold(Facts(lines))
    watts = [None if period.joules is None else period.joules / period.covered for period in periods]
    assert watts[2:5] == pytest.approx([100.0] * 3)
    assert watts[-3:-1] == pytest.approx([100.0] * 2)
    assert sum(period.covered for period in periods) == pytest.approx(8.0 - 2.1, abs=0.2)


def test_the_stretches_of_a_plan_and_the_beats_agree():
    """The double itself: busy seconds of a plan are its seconds."""
    plan = taught(Stretch(0.37, ("Free", "Ultra")), Stretch(0.63))
    busy = {"Free": 0.0, "Ultra": 0.0}
    beats = list(worked(*plan))
    for beat in beats:
        for lane in beat.lanes:
            busy[lane.tier] += lane.busy
    assert busy == pytest.approx({"Free": 3.185, "Ultra": 3.185})
    assert all(later.t - earlier.t == pytest.approx(BEAT_S) for earlier, later in pairwise(beats))
