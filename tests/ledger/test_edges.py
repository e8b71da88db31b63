"""What happens seldom: alarms that nobody raised, loads too small to prove anything, answers told out of turn."""

from story import T0, run_started

from desk.board import Board
from desk.facts.alarmed import AlarmCleared, AlarmShelved
from desk.facts.happened import (
    ChildEnded,
    ChildStarted,
    EngineOpened,
    Finished,
    FirstToken,
    LaneLoading,
    LaneReady,
    LaneWork,
    LoadChanged,
    RunStopped,
    Said,
    Slot,
    Worked,
)
from desk.facts.histogram import bucket_of
from desk.facts.metered import Device, DeviceReading, FloorLearned, MeterOpened, Read, SoloLearned
from desk.facts.swept import PointMissed, PointStarted
from desk.facts.tiers import Tariff, Tier
from desk.ledger.account import LEARNED, Account, Busy, Solo
from desk.ledger.earnings import earnings
from desk.ledger.energy import Energy
from desk.ledger.ledger import Ledger
from desk.ledger.mapping import Mapping
from desk.ledger.period import Period, TierPeriod, Totals
from desk.ledger.seeing import see
from desk.ledger.standing import Standing
from desk.ledger.stream import Streams


def said(text, request=1, at=2.0):
    return Said(t=T0 + at, tier="Free", request=request, text=text)


def test_a_text_is_followed_from_its_first_token_to_its_end():
    streams = Streams()
    streams.see(FirstToken(t=T0 + 1.0, tier="Free", request=1, submitted=T0, admitted=T0, prompt=3))
    for fact in (Worked(t=T0 + 1.0, span=0.1, lanes=()), said("Hello")):
        streams.see(fact)
    assert (streams.ttft, streams.rate) == (1.0, None)
    other = LaneWork(tier="Ultra", slots=(Slot(1, 3, 3, 99),))
    mine = LaneWork(tier="Free", slots=(Slot(7, 3, 3, 50), Slot(1, 3, 3, 5)))
    streams.see(Worked(t=T0 + 3.0, span=0.1, lanes=(other, mine)))
    streams.see(Worked(t=T0 + 4.0, span=0.1, lanes=(mine,)))  # not one token more
    assert (streams.tokens, streams.rate) == (5, 2.0)
    # A crash has it prefilled again: its first token comes once more.
    streams.see(FirstToken(t=T0 + 5.0, tier="Free", request=1, submitted=T0, admitted=T0, prompt=3))
    assert streams.ttft == 5.0
    end = Finished(t=T0 + 9.0, tier="Free", request=1, submitted=T0, first=T0 + 5.0, prompt=3, emitted=9, reason="eos")
    streams.see(end)
    streams.see(Worked(t=T0 + 9.5, span=0.1, lanes=(mine,)))
    assert (streams.ended, streams.tokens, streams.rate) == ("eos", 9, 2.0)
    streams.see(ChildEnded(t=T0 + 10.0, child="engine", exit=-9))
    assert streams.ended == "eos"


def test_a_text_ends_with_its_engine_and_an_empty_view_has_none():
    streams = Streams()
    streams.see(ChildEnded(t=T0, child="engine", exit=0))
    assert streams.ended == ""
    streams.see(said("Hello"))
    streams.see(ChildEnded(t=T0, child="meter", exit=0))
    assert streams.ended == ""
    streams.see(ChildEnded(t=T0, child="engine", exit=-9))
    assert streams.ended == "cancelled"
    streams.see(RunStopped(t=T0, reason="stopped"))  # is nothing to a text
    streams.see(said("Another", request=2, at=9.0))
    streams.see(said(" word", request=2, at=9.1))
    other = {"tier": "Free", "request": 3, "submitted": T0, "first": T0 + 5.0, "prompt": 3, "emitted": 9}
    streams.see(Finished(t=T0 + 9.2, reason="eos", **other))
    assert (streams.request, streams.text, streams.ttft, streams.ended) == (2, "Another word", None, "")


def test_an_alarm_that_nobody_raised_clears_without_a_word_and_may_be_shelved():
    standing = Standing()
    cleared = see(standing, AlarmCleared(t=T0, alarm="ttft", title="Gone", subject="Nobody"))
    assert cleared == ("cleared", "Gone", "")
    see(standing, AlarmShelved(t=T0, alarm="ttft", until=T0 + 60.0))
    see(standing, AlarmShelved(t=T0, alarm="heat"))
    assert list(standing.shelved.values()) == [T0 + 60.0, float("inf")]


def test_a_load_too_small_proves_nothing():
    device = Device(id="gpu0", kind="gpu", name="Example GPU", uuid="GPU-0")
    engine = EngineOpened(t=T0, runtime="1", provider="cuda", device="Example GPU", threads=1, device_uuid="GPU-0")
    sizes = {"context": 64, "slots": 1, "weights_bytes": 1000, "kv_bytes": 1000, "load_s": 1.0}
    ready = LaneReady(t=T0 + 2.0, tier="Free", model="m", precision="q4", provider="cuda", **sizes)

    def seen(at):
        return Read(t=T0 + at, devices=(DeviceReading(device="gpu0", memory_used=10_000),))

    standing = Standing()
    opened = MeterOpened(t=T0, source="nvml-counter", quality="measured", devices=(device,))
    for fact in (run_started(), opened, ChildStarted(t=T0, child="engine", pid=1), engine, seen(0.5)):
        see(standing, fact)
    for fact in (LaneLoading(t=T0 + 1.0, tier="Free", model="m"), ready, seen(10.0)):
        see(standing, fact)
    assert standing.mapping.verdict == "unproven"
    assert standing.counted == ("gpu0",)


def test_requests_that_an_engine_takes_with_it_are_cancelled_once():
    """Those of its last beat, and what it told since: one that came and ended, one that only began, one more end."""
    held = LaneWork(tier="Free", queue=2, slots=(Slot(1, 3, 3, 1),))

    def begun(request):
        return FirstToken(t=T0 + 1.2, tier="Free", request=request, submitted=T0, admitted=T0, prompt=3)

    def over(request):
        about = {"tier": "Free", "request": request, "submitted": T0, "prompt": 3, "emitted": 9}
        return Finished(t=T0 + 1.3, first=T0 + 1.2, reason="eos", **about)

    ledger = Ledger()
    for fact in (run_started(), Worked(t=T0 + 1.0, span=0.1, lanes=(held,)), begun(2), over(2), over(1), begun(3)):
        ledger.post(fact)
    for fact in (ChildEnded(t=T0 + 1.5, child="engine", exit=-9), RunStopped(t=T0 + 2.0, reason="stopped")):
        ledger.post(fact)
    tier = ledger.totals().tiers["Free"]
    assert (tier.finished, tier.cancelled) == (2, 1)


def test_a_load_is_marked_when_it_changes_and_while_something_runs():
    standing = Standing()
    assert see(standing, LoadChanged(t=T0, load=2.0)) is None
    see(standing, run_started())
    assert see(standing, LoadChanged(t=T0, load=1.0)) is None
    assert see(standing, LoadChanged(t=T0, load=0.5)) == ("load", "Load 100% to 50%", "")


def test_memory_that_another_program_holds_is_a_doubt():
    device = Device(id="gpu0", kind="gpu", name="Example GPU", uuid="GPU-0")
    engine = EngineOpened(t=T0, runtime="1", provider="cuda", device="Example GPU", threads=1, device_uuid="GPU-0")
    standing = Standing()
    see(standing, MeterOpened(t=T0, source="nvml-counter", quality="measured", devices=(device,)))
    see(standing, engine)
    see(standing, Read(t=T0, devices=(DeviceReading(device="gpu0", memory_foreign=1 << 30),)))
    assert standing.doubt.startswith("Another program uses the GPU")
    see(standing, Read(t=T0, devices=(DeviceReading(device="gpu0", memory_foreign=0),)))
    assert standing.doubt == ""


def test_nothing_is_judged_before_engine_and_meter_are_known():
    mapping = Mapping()
    sizes = {"context": 64, "slots": 1, "weights_bytes": 1 << 30, "kv_bytes": 1000, "load_s": 1.0}
    mapping.loading("Free", {"gpu0": 0})
    mapping.ready(LaneReady(t=T0, tier="Free", model="m", precision="q4", provider="cuda", **sizes))
    reading = Read(t=T0 + 9.0, devices=(DeviceReading(device="gpu0", memory_used=2 << 30),))
    assert not mapping.judge(reading, None, None)
    assert mapping.verdict == "unproven"


def test_what_was_not_learned_is_not_told_on():
    energy, t = Energy(), T0
    energy.recall(FloorLearned(t=t, device="gpu0", watts=20.0, seconds=5.0))
    lane = {"model": "m", "precision": "q4", "context": 64, "slots": 1}
    energy.recall(SoloLearned(t=t, device="gpu0", tier="Free", watts=9.0, seconds=5.0, **lane))
    energy._accounts["gpu0"].solo["Nobody"] = type(energy._accounts["gpu0"].solo["Free"])()
    assert [type(fact) for fact in energy.learned(t)] == [FloorLearned, SoloLearned]
    assert list(Ledger().learned(t)) == []
    ledger = Ledger()
    told = FloorLearned(t=t, device="gpu0", watts=20.0, seconds=5.0)
    for fact in (run_started(), told):
        ledger.post(fact)
    assert ledger.learned(t) == [told]


def test_a_board_that_no_longer_holds_a_moment_begins_with_it():
    def told(board, periods):
        for index in periods:
            tiers = {"Free": TierPeriod(emitted=5)}
            board.add(Period(index=index, start=index / 2, end=(index + 1) / 2, tiers=tiers, worked=0.5))

    board = Board(hours=0.01)
    told(board, range(10))
    early = board.mark()
    assert board.kept_s == 36.0
    told(board, range(10, 400))
    board.back_to(early)
    assert board.end == 5.0
    assert board.value("tokens_per_second") is None
    assert board.samples("itl_p50", "Free") == board.samples("itl_p50", "Nobody") == 0
    told(board, range(10, 30))
    assert board.value("tokens_per_second") == 10.0


def test_where_nobody_measures_there_is_no_cost_and_no_margin():
    found = earnings(Totals(seconds=10.0, tiers={"Free": TierPeriod(revenue=1.0, on_time_revenue=0.5)}), None)
    assert found.cost is found.margin is found.on_time_margin is found.dollars_per_mtok is None
    assert found.revenue_per_second_per_mw is found.break_even is None
    hourly = earnings(
        Totals(seconds=3600.0, tiers={"Free": TierPeriod(on_time_revenue=2.0)}), Tariff(dollars_per_hour=1.0)
    )
    assert hourly.on_time_margin == 0.5
    assert hourly.break_even is None


def test_what_was_told_late_does_not_replace_what_was_learned():
    solo = Solo()
    for _ in range(LEARNED):
        solo.add(9.0, 1.0)
    solo.tell(50.0, 7.0)
    assert (solo.watts, solo.seconds) == (9.0, 7.0)


def test_another_power_limit_makes_another_device_to_learn_about():
    account = Account("nvml-counter")
    account.floors[True].tell(20.0, 5.0)
    account.solo["Free"] = Solo()
    known = []
    for limit in (300.0, 301.0, 200.0):
        account.read(DeviceReading(device="gpu0", power_limit=limit), T0)
        known.append((account.floors[True].watts, len(account.solo)))
    assert known == [(20.0, 1), (20.0, 1), (None, 0)]


def test_an_amd_card_whose_counter_stands_still_is_read_by_its_power():
    account = Account("amd")
    account.read(DeviceReading(device="amd0", edges=((T0 + 1.0, 10.0),), samples=((T0 + 1.0, 50.0),)), T0)
    for at in (2.0, 3.0, 4.0, 5.0, 6.0):
        account.read(DeviceReading(device="amd0", samples=((T0 + at, 50.0),)), T0)
    drawn = [(seconds, joules) for seconds, joules, _ in account.ticks(6.0, Busy())]
    assert drawn == [(1.0, 50.0), (1.0, 50.0)]  # two seconds are waited for, and the gap is not bridged


def test_a_sweep_leaves_marks():
    tier = Tier(name="Sweep", model="m", slots=4)
    started = PointStarted(t=T0, number=2, count=6, tier=tier)
    assert see(Standing(), started) == ("note", "Point 2 of 6: 4 slots", "")
    assert see(Standing(), PointMissed(t=T0, cause="No room.")) == ("trouble", "No room.", "")


def test_the_accounts_of_a_tier_tell_speed_and_efficiency():
    tier = TierPeriod(finished_tokens=30, finished_s=10.0, metered=40, joules=20.0, gaps={bucket_of(0.01): 5})
    assert (tier.tokens_per_second_end_to_end, tier.tokens_per_joule) == (3.0, 2.0)
    assert tier.tokens_per_second_per_user == 1.0 / tier.itl(0.5)
    nothing = TierPeriod()
    assert (
        nothing.tokens_per_second_per_user is nothing.tokens_per_second_end_to_end is nothing.tokens_per_joule is None
    )
    assert Totals().exclusive_share is None
    alone = Totals(tiers={"Free": TierPeriod(active_joules=8.0)}, exclusive_joules=2.0)
    assert alone.exclusive_share == 0.25


def test_a_lane_remembers_its_most_belated_request():
    standing = Standing()
    for lag in (0.5, 2.0, 1.0):
        see(standing, Worked(t=T0, span=0.1, lanes=(LaneWork(tier="Free", lag=lag),)))
    assert standing.lanes["Free"].lag == 2.0


def test_a_meter_that_dies_leaves_what_its_devices_could_never_tell():
    standing = Standing()
    states = ("ok", "no permission")
    see(standing, Read(t=T0, devices=tuple(DeviceReading(device=state, state=state) for state in states)))
    see(standing, ChildEnded(t=T0, child="meter", exit=1, cause="The meter ended."))
    assert [reading.state for reading in standing.readings.values()] == ["not answering", "no permission"]
