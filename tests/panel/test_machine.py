"""The device card: every device with its state, the source and age of its watts, and nothing added up in silence."""

import msgspec
import numpy as np
import pytest
from PySide6.QtGui import QImage
from scripted import T0, facts, meter, unwatched, watched

from desk.facts.happened import Calibrated, ChildGivenUp, ChildStale, EngineOpened, Worked
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.panel.books import Books
from desk.panel.look import look, setting_of
from desk.panel.machine import FORGOTTEN_S, SILENT_S
from desk.panel.machinecard import MachineCard
from desk.panel.numbers import DASH, Numbers
from desk.panel.shot import shoot
from desk.panel.theme import Theme

STATES = {
    "stale": "stale, 2 s old",
    "asleep": "asleep",
    "not supported": "not supported",
    "no permission": "no permission",
    "lost": "lost",
    "not answering": "not answering",
    "gap": "gap",
    "estimated": "estimated",
}


@pytest.fixture
def two_gpus(books):
    return books(seconds=30.0, source="two-gpus", stopped=False)


@pytest.fixture
def card(application, qtbot):
    made = MachineCard(Theme("dark"))
    qtbot.addWidget(made)
    made.resize(496, 288)
    return made


def shown(books, **options):
    return look(books, Numbers(), **options)


def value(seen, key):
    return next(value for value in seen.values if value.key == key)


def after(books, *further):
    for fact in further:
        books.post(fact)
    return books


def test_all_gpus_are_shown_and_the_used_one_is_marked(two_gpus, card):
    machine = shown(two_gpus).machine
    assert (machine.title, machine.name, machine.used, machine.state) == ("GPU 0", "Example GPU 24.0 GB", True, "")
    (peer,) = machine.peers
    assert (peer.title, peer.name, peer.used) == ("GPU 1", "Other GPU", False)
    assert (peer.brief, peer.troubled) == ("lost", True)
    card.show_machine(machine)
    said = card.accessibleDescription()
    assert said.startswith("in use.")
    assert "GPU 1 Other GPU: lost: the driver does not find it" in said


def test_the_watts_are_those_of_the_used_gpu_alone(books):
    alone = books(seconds=15.0, source="nvml-counter", stopped=False)
    beside = books(seconds=15.0, source="two-gpus", stopped=False)
    assert value(shown(beside), "watts").value == value(shown(alone), "watts").value


def test_readings_stand_on_their_scales_against_their_limits(two_gpus):
    power, celsius, memory, busy, clock = shown(two_gpus).machine.pointers
    assert power.note == "of 350 W limit"
    assert power.limit == pytest.approx(1 / 1.15)
    assert celsius.note == "°C, slows at 88"
    assert celsius.at < celsius.limit
    assert memory.note == "of 24.0 GB"
    assert ("Other processes", "1.2 GB") in shown(two_gpus).machine.words
    assert memory.foreign == pytest.approx(1.2 / 24)
    assert busy.note == "%"
    assert clock.note == "of 2,610 MHz"


def test_the_limiter_is_plain_and_no_alarm(two_gpus):
    seen = shown(two_gpus)
    assert ("Limiter", "at the power limit") in seen.machine.words
    assert not any("limit" in notice.cause for notice in seen.notices)


def test_every_watt_names_its_source_and_its_age(two_gpus):
    assert ("Watts", "GPU board only, NVML energy counter, fresh") in shown(two_gpus).machine.words
    assert value(shown(two_gpus), "watts").note == "GPU board only, NVML energy counter, 10 s"
    later = shown(two_gpus, now=T0 + 34.2)
    assert ("Watts", "GPU board only, NVML energy counter, 4 s old") in later.machine.words
    assert value(later, "watts").note.endswith("4 s old")
    covers = setting_of(two_gpus, later, 300.0, 3.0).notes["watts"]
    assert covers == "GPU board only, NVML energy counter, {smooth}"


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_the_used_gpu_has_its_word(two_gpus, card, state):
    after(two_gpus, Read(t=T0 + 32.0, devices=(DeviceReading(device="gpu0", state=state),)))
    seen = shown(two_gpus)
    assert STATES[state] in seen.machine.state
    card.show_machine(seen.machine)
    assert STATES[state] in card.accessibleDescription()


def test_a_gpu_that_tells_nothing_keeps_its_bars_with_dashes(two_gpus):
    after(two_gpus, Read(t=T0 + 32.0, devices=(DeviceReading(device="gpu0", state="lost"),)))
    pointers = shown(two_gpus).machine.pointers
    assert [pointer.label for pointer in pointers] == ["Power", "Temp", "Memory", "Busy", "Clock"]
    assert {pointer.value for pointer in pointers} == {DASH}
    assert {pointer.at for pointer in pointers} == {None}


def test_a_silent_meter_goes_grey_then_unanswered_then_to_dashes(two_gpus):
    after(two_gpus, ChildStale(t=T0 + 30.3, child="meter", age=0.3))
    seen = [shown(two_gpus, now=T0 + 30 + past).machine for past in (0.5, 2.0, SILENT_S + 0.5, FORGOTTEN_S + 1)]
    assert [machine.state.partition(":")[0] for machine in seen] == ["", "stale, 2 s old", *["not answering"] * 2]
    assert [machine.pointers[0].faded for machine in seen] == [False, True, True, False]
    assert seen[-1].pointers[0].value == DASH


def test_a_meter_that_was_given_up_offers_another_try(two_gpus):
    after(two_gpus, ChildGivenUp(t=T0 + 31.0, child="meter", cause="The meter failed often.", remedy="Try again."))
    notice = shown(two_gpus).notices[0]
    assert (notice.cause, notice.action) == ("The meter failed often.", "Try the meter again")
    assert value(shown(two_gpus), "watts").note == "the meter was given up"


def test_a_lost_gpu_in_use_is_named_where_its_watts_are_missing():
    books = Books()
    lost = DeviceReading(device="gpu0", state="lost")
    for fact in watched(
        Read(t=fact.t, devices=(lost,)) if isinstance(fact, Read) and fact.t > T0 + 20 else fact
        for fact in unwatched(seconds=40.0, source="nvml-counter", stopped=False)
    ):
        books.post(fact)
    seen = shown(books)
    for key in ("watts", "tokens_per_joule", "energy_cost_per_mtok"):
        assert value(seen, key).value is None
        assert value(seen, key).note == "GPU 0 is lost"
    assert value(seen, "tokens_per_second").value > 0
    assert seen.notices[0].cause.startswith("GPU 0 is lost")


def test_a_gpu_beside_an_engine_on_the_cpu_is_shown_and_not_counted():
    books = Books()
    for fact in facts(seconds=15.0, stopped=False):
        books.post(meter("two-gpus") if isinstance(fact, MeterOpened) else fact)
        if isinstance(fact, Read):
            books.post(Read(t=fact.t, devices=(DeviceReading(device="gpu0", edges=((fact.t, fact.t),), watts=38.0),)))
    seen = shown(books)
    assert ("Watts", "not counted: this GPU makes no tokens") in seen.machine.words
    assert value(seen, "watts").value is None
    assert value(seen, "watts").note == "only the GPU is metered, not the CPU"
    assert seen.watts_wanted
    assert "utilization" in setting_of(books, seen, 300.0, 3.0).without


def test_several_counted_devices_are_named_as_such():
    books = Books()
    for fact in facts(seconds=15.0, source="two-gpus", stopped=False):
        if fact.t > T0 + 9:
            break
        if isinstance(fact, EngineOpened):
            fact = msgspec.structs.replace(fact, device_uuid="")
        books.post(fact)
    assert value(shown(books), "watts").note.startswith("2 devices, GPU board only")


def test_the_idle_baseline_is_told_once_it_is_known():
    books = Books()
    books.post(meter("nvml-counter"))
    assert shown(books).idles_at == ""
    for tick in range(1, 200):
        t = T0 + tick / 10
        books.post(Read(t=t, devices=(DeviceReading(device="gpu0", edges=((t, 3.8 * tick),), watts=38.0),)))
    assert shown(books).idles_at == "Your GPU idles at 38.0 W."


def test_eight_gpus_fit_their_card(card):
    devices = tuple(Device(id=f"gpu{n}", kind="gpu", name="Example GPU") for n in range(8))
    books = Books()
    books.post(MeterOpened(t=T0, source="nvml-counter", quality="measured", devices=devices))
    books.post(Read(t=T0 + 1, devices=tuple(DeviceReading(device=device.id, watts=38.0) for device in devices)))
    machine = shown(books).machine
    assert len(machine.peers) == 7
    card.show_machine(machine)
    assert card.minimumSizeHint().height() <= 288
    assert card.accessibleDescription().count("38.0 W") == 8


def test_a_gap_of_the_meter_is_a_gap_in_the_power_strip(books):
    folded = Books()
    for fact in facts(seconds=60.0, source="nvml-counter", stopped=False):
        if isinstance(fact, Read) and 30 < fact.t - T0 < 42:
            fact = Read(t=fact.t, devices=(DeviceReading(device="gpu0", state="lost", epoch=1),))
        elif isinstance(fact, Read) and fact.t - T0 >= 42:
            fact = Read(t=fact.t, devices=(msgspec.structs.replace(fact.devices[0], epoch=2),))
        folded.post(fact)
    x, y = folded.board.curve("watts", None, 60.0, 600)
    inside = y[(x > -27) & (x < -19)]
    assert inside.size > 5
    assert np.isnan(inside).all()
    assert np.isfinite(y[(x > -50) & (x < -35)]).all()


def test_two_gpus_one_of_them_lost_make_a_picture(application, record, tmp_path):
    recording = record(seconds=30.0, source="two-gpus")
    whole = QImage(str(shoot(recording, tmp_path / "whole.png")))
    before = QImage(str(shoot(recording, tmp_path / "before.png", at=15.0)))
    assert (whole.width(), whole.height()) == (1440, 900)
    assert whole != before


def test_the_floor_has_room_for_two_gpus(application, qtbot, two_gpus):
    from desk.panel.window import Window

    window = Window("live", Theme("dark"))
    qtbot.addWidget(window)
    window.show_all(shown(two_gpus))
    window.show()
    application.processEvents()
    table, machine = window.floor.table.geometry(), window.floor.machine.geometry()
    assert machine.top() - table.bottom() >= 8
    assert window.floor.machine.minimumSizeHint().height() <= machine.height()


# ---- how far the joules of the tiers can be trusted


UNKNOWN = "The watts of each lane alone are not known yet; lanes that work together share by time."


def test_a_doubt_stands_on_the_card_and_over_the_tokens_per_watt(books, two_gpus):
    for folded, doubt in (
        (books(seconds=15.0, source="nvml-counter", stopped=False), UNKNOWN),
        (two_gpus, "Another program uses the GPU; while the lanes work its watts cannot be told from theirs."),
    ):
        seen = shown(folded)
        assert ("In doubt", doubt) in seen.machine.words
        clause = f"{doubt[:1].lower()}{doubt[1:]}".rstrip(".")
        assert setting_of(folded, seen, 300.0, 3.0).notes["tokens_per_joule"] == f"{{smooth}}; {clause}"


def test_a_doubt_does_not_flicker_with_the_periods_and_ends_with_its_last_joules(books):
    folded = books(seconds=15.0, source="nvml-counter", stopped=False)
    folded.ledger.standing.uncalibrated = False
    assert folded.doubt == UNKNOWN
    after(folded, Calibrated(t=T0 + 15.0))
    assert folded.doubt == ""
    assert "In doubt" not in dict(shown(folded).machine.words)


def one_tier_at_a_time(**script):
    """A run in which only Ultra ever works."""
    folded = Books()
    for fact in facts(source="nvml-counter", stopped=False, **script):
        if isinstance(fact, Worked):
            lanes = tuple(lane for lane in fact.lanes if lane.tier == "Ultra")
            fact = msgspec.structs.replace(fact, lanes=lanes)
        folded.post(fact)
    return folded


def test_the_part_that_nobody_had_to_divide_is_the_word_of_trust():
    folded = one_tier_at_a_time(seconds=15.0)
    note = setting_of(folded, shown(folded), 300.0, 3.0).notes["tokens_per_joule"]
    assert note == "{smooth}; bold: the whole; tiers: their own joules, 100 % measured with one tier alone"


def test_declared_watts_claim_no_part_measured_alone(books):
    folded = books(seconds=15.0, declared=(20.0, 65.0), stopped=False)
    notes = setting_of(folded, shown(folded), 300.0, 3.0).notes
    assert notes["tokens_per_joule"] == "{smooth}; bold: the whole; tiers: their own joules"


def test_watts_that_do_not_count_say_so():
    folded = Books()
    for fact in facts(seconds=5.0, stopped=False):
        folded.post(meter("nvml-counter") if isinstance(fact, MeterOpened) else fact)
    doubt = "The engine runs on the processor, but only the watts of the GPU are measured here."
    assert dict(shown(folded).machine.words)["In doubt"] == doubt


def test_a_device_beside_names_the_source_of_its_own_joules():
    opened = meter("nvml-counter")
    beside = Device(id="cpu0", kind="cpu", name="Example CPU", source="rapl")
    folded = after(Books(), msgspec.structs.replace(opened, devices=(*opened.devices, beside)))
    (peer,) = shown(folded).machine.peers
    assert (peer.title, peer.name, peer.used) == ("CPU", "Example CPU, RAPL package counter", False)
