"""What a GPU cannot tell, will not tell, or tells wrongly, and what is shown instead. No fault may look like a 0."""

import pytest
from nvml_standin.metering import Simulator

TWO = "gpu 0\ngpu 1\n"


# ---- start and load


def test_without_a_driver_library_the_chain_says_what_was_tried(simulate):
    facts = simulate(None, 1)
    assert facts.opened[0].source == "none"
    assert facts.opened[0].quality == "unavailable"
    assert [(each.source, each.cause) for each in facts.opened[0].tried] == [
        ("nvml-counter", "no NVIDIA driver library on this machine"),
        ("amd", "no AMD GPU on this machine"),
        ("rapl", "this machine shows no energy counters of its processor"),
        ("battery", "this machine has no battery"),
    ]
    assert len(facts.reads) == pytest.approx(10, abs=1)
    assert all(read.devices == () for read in facts.reads)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (9, "the NVIDIA driver is not loaded"),
        (4, "this user may not ask the NVIDIA driver"),
        (999, "the NVIDIA driver reports an unknown error"),
        (18, "the NVIDIA driver was updated while it ran; restart the machine to finish the update"),
        (77, "the NVIDIA driver reports error 77"),
    ],
)
def test_a_driver_that_does_not_open_is_named(simulate, code, cause):
    facts = simulate(f"gpu 0\nfail nvmlInitWithFlags * {code}", 1)
    assert facts.opened[-1].source == "none"
    assert facts.why("nvml-counter") == cause


def test_a_driver_that_opens_later_is_taken(simulate):
    facts = simulate("gpu 0\nfail nvmlInitWithFlags * 9 to=20", 40)
    assert [fact.source for fact in facts.opened] == ["none", "nvml-counter"]
    assert 20 <= facts.opened[1].t <= 36


def test_another_distribution_named_pynvml_is_refused(simulate, driver_library, tmp_path):
    (tmp_path / "pynvml.py").write_text("class NVMLError(Exception): pass\n")
    simulator = Simulator(driver_library("new"), path=[tmp_path])
    try:
        facts = simulate("gpu 0", 0.5, by=simulator)
    finally:
        simulator.close()
    assert "the module pynvml is not the one of nvidia-ml-py" in facts.why("nvml-counter")


def test_a_driver_without_a_gpu_is_not_an_error(simulate):
    facts = simulate("driver 580.65", 0.5)
    assert facts.why("nvml-counter") == "the NVIDIA driver sees no GPU"


@pytest.mark.parametrize("version", ["new", "535"])
def test_every_field_arrives_under_both_symbol_sets(simulate, version):
    scenario = "gpu 0 power 0:200\ngpu 0 utilization 0:75\ngpu 0 temperature 0:64\ngpu 0 clock 0:1950\n"
    facts = simulate(scenario + "gpu 0 reasons 0:36\ngpu 0 limit 320\ngpu 0 name NVIDIA L4", 6, version=version)
    opened = facts.opened[-1]
    assert (opened.source, opened.scope, opened.driver) == ("nvml-counter", "GPU board", "580.65.06")
    device = opened.devices[0]
    assert (device.name, device.power_limit, device.slowdown_celsius) == ("NVIDIA L4", 320.0, 90)
    assert device.memory_bytes == 24576 * 2**20
    reading = facts.last()
    assert (reading.state, reading.watts, reading.utilization, reading.celsius) == ("ok", 200.0, 0.75, 64)
    assert (reading.clock_hz, reading.clock_max_hz) == (1950e6, 2520e6)
    assert (reading.memory_used, reading.memory_foreign) == (9000 * 2**20, 0)
    assert reading.limiter == "too hot, power limit"
    assert facts.troubles == []
    assert len(facts.opened) == 1


def test_unknown_reasons_are_left_out(simulate):
    facts = simulate(f"gpu 0 reasons 0:{0x8000_0000 + 1}", 1)
    assert facts.last().limiter == "idle"


# ---- per field


def test_without_a_counter_power_is_added_up_and_says_so(simulate):
    scenario = (
        "gpu 0 capability 6 1\ngpu 0 name Tesla P4\nfail field:83 * 3\nfail nvmlDeviceGetTotalEnergyConsumption * 3"
    )
    facts = simulate(scenario + "\nfail field:185 * 3\nfail field:186 * 3\ngpu 0 power 0:60", 2)
    opened = facts.opened[-1]
    assert (opened.source, opened.scope) == ("nvml-power", "GPU board, power readings added up")
    assert facts.why("nvml-counter") == "Tesla P4 has no energy counter"
    assert facts.why("nvml-power") == ""
    assert facts.edges() == {}
    assert {watts for _, watts in facts.samples()} == {60.0}
    assert facts.last().watts == 60.0


def test_the_old_counter_call_serves_where_the_field_does_not(simulate):
    facts = simulate("gpu 0 power 0:100\nfail nvmlDeviceGetFieldValues * 13", 3)
    assert facts.opened[-1].source == "nvml-counter"
    (edges,) = facts.edges().values()
    assert edges[-1][1] - edges[0][1] == pytest.approx(100 * (edges[-1][0] - edges[0][0]), rel=1e-3)


def test_instant_power_missing_leaves_the_mean_and_its_label(simulate):
    scenario = (
        "gpu 0 power 0:60 1:200\nfail field:83 * 3\nfail nvmlDeviceGetTotalEnergyConsumption * 3\nfail field:186 * 3"
    )
    facts = simulate(scenario, 2)
    assert facts.opened[-1].scope == "GPU board, power readings added up (each the mean of a second)"
    midway = [watts for t, watts in facts.samples() if 1.4 < t < 1.6]
    assert all(100 < watts < 160 for watts in midway)


def test_a_failed_field_with_a_possible_number_is_not_believed(simulate):
    facts = simulate("gpu 0 power 0:60\nfail field:186 0 3\nfail field:185 0 3\ngpu 0 capability 7 5", 2)
    assert {watts for _, watts in facts.samples()} == {60.0}


def test_a_field_that_fails_for_a_moment_leaves_no_false_value(simulate):
    facts = simulate("gpu 0 power 0:60\nfail field:186 0 3 from=1 to=1.3", 3)
    assert {watts for _, watts in facts.samples()} == {60.0}
    assert set(facts.states()) == {"ok"}


def test_all_power_unsupported_goes_down_the_chain_and_still_shows_the_gpu(simulate):
    scenario = "gpu 0 name GRID A10-4Q\nfail field:83 * 3\nfail field:185 * 3\nfail field:186 * 3\n"
    scenario += "fail nvmlDeviceGetTotalEnergyConsumption * 3\nfail nvmlDeviceGetPowerUsage * 3\n"
    facts = simulate(scenario, 2)
    opened = facts.opened[-1]
    assert (opened.source, opened.quality) == ("none", "unavailable")
    assert opened.devices[0].name == "GRID A10-4Q"
    assert facts.why("nvml-power") == "GRID A10-4Q gives no power readings"
    assert facts.why("battery") == "this machine has no battery"
    reading = facts.last()
    assert (reading.state, reading.watts, reading.utilization) == ("not supported", None, 0.5)


@pytest.mark.parametrize("fields", [3, 4], ids=["by the calls alone", "by fields and calls"])
def test_power_without_permission_is_told_once_with_the_reason(simulate, fields):
    scenario = "".join(f"fail field:{field} * {fields}\n" for field in (83, 185, 186))
    scenario += "fail nvmlDeviceGetTotalEnergyConsumption * 4\nfail nvmlDeviceGetPowerUsage * 4\n"
    facts = simulate("gpu 0\nlog\n" + scenario, 3)
    assert facts.opened[-1].source == "none"
    assert facts.why("nvml-counter") == "this user may not read the energy counter of NVIDIA Stand-in 0"
    assert facts.states() == ["no permission"]


@pytest.mark.parametrize(
    ("statement", "field"),
    [
        ("gpu 0 limit -1", "power_limit"),
        ("fail nvmlDeviceGetTemperature * 3\nfail nvmlDeviceGetTemperatureV * 3", "celsius"),
        ("fail nvmlDeviceGetUtilizationRates * 3", "utilization"),
        ("fail nvmlDeviceGetClockInfo * 3", "clock_hz"),
        ("gpu 0 clockmax -1", "clock_max_hz"),
        ("fail nvmlDeviceGetMemoryInfo * 3\nfail nvmlDeviceGetMemoryInfo_v2 * 3", "memory_used"),
        ("gpu 0 process 1 -1", "memory_foreign"),
        ("fail nvmlDeviceGetUtilizationRates * 999", "utilization"),
    ],
)
def test_what_a_gpu_does_not_tell_is_absent_and_not_zero(simulate, statement, field):
    facts = simulate(f"gpu 0\n{statement}", 6)
    reading = facts.last()
    assert getattr(reading, field) is None
    assert reading.state == "ok"
    assert reading.watts == 100.0


def test_a_laptop_without_a_settable_limit_still_has_the_enforced_one(simulate):
    facts = simulate("gpu 0 limit 95\nfail nvmlDeviceGetPowerManagementLimit * 3", 1)
    assert facts.last().power_limit == 95.0


def test_the_old_memory_call_is_used_and_labelled(simulate):
    facts = simulate("gpu 0\nfail nvmlDeviceGetMemoryInfo_v2 * 13", 1)
    assert facts.last().memory_used == (9000 + 400) * 2**20
    assert facts.troubles == [
        "NVIDIA Stand-in 0 counts memory that the driver reserved as used, because the driver is old."
    ]


def test_a_struct_version_that_the_driver_refuses_leads_to_the_older_call(simulate):
    facts = simulate("gpu 0\nfail nvmlDeviceGetMemoryInfo_v2 * 25\nfail nvmlDeviceGetTemperatureV * 25", 1)
    assert facts.last().memory_used == 9400 * 2**20
    assert facts.last().celsius == 60


def test_what_a_driver_lacks_is_not_asked_for_again(simulate, standin):
    simulate("log\ngpu 0\nfail nvmlDeviceGetTemperatureV * 13\nfail nvmlDeviceGetUtilizationRates * 3", 5, into=standin)
    calls = [call.split()[0] for call in standin.calls]
    assert calls.count("nvmlDeviceGetTemperatureV") == 1
    assert calls.count("nvmlDeviceGetUtilizationRates") == 1
    assert calls.count("nvmlDeviceGetTemperature") >= 9


def test_calls_that_are_known_to_lie_or_to_dawdle_are_not_made(simulate, standin):
    """Utilization by process answers NOT_FOUND, or SUCCESS with nothing; fans and PCIe traffic tell nothing here."""
    simulate("log\ngpu 0\nfail nvmlDeviceGetProcessUtilization * 6\nfail nvmlDeviceGetFanSpeed * 3", 6, into=standin)
    calls = {call.split()[0] for call in standin.calls}
    assert not calls & {"nvmlDeviceGetProcessUtilization", "nvmlDeviceGetFanSpeed", "nvmlDeviceGetPcieThroughput"}


def test_foreign_memory_is_that_of_other_programs(simulate, simulators):
    ours, other = simulators["new"].pid, 1  # process 1 is nobody's child
    facts = simulate(f"gpu 0 process {ours} 700\ngpu 0 process {other} 300", 6)
    assert facts.last().memory_foreign == 300 * 2**20


def test_processes_that_cannot_be_seen_leave_the_foreign_memory_unknown(simulate):
    facts = simulate("gpu 0 process 4194303 300", 6)
    assert facts.last().memory_foreign is None


def test_a_process_told_to_do_without_fields_asks_for_energy_and_power_only(simulate, standin):
    facts = simulate("log\ngpu 0", 6, "fields", into=standin)
    calls = {call.split()[0] for call in standin.calls[20:]}
    assert calls == {"nvmlDeviceGetFieldValues", "nvmlShutdown"}
    assert facts.last().watts == 100.0
    assert facts.last().memory_used is None  # not what it once was
    assert facts.opened[-1].devices[0].memory_bytes == 24576 * 2**20


def test_a_source_passed_over_is_said_to_be(simulate):
    facts = simulate("gpu 0\nlog", 1, "nvml-counter")
    assert facts.why("nvml-counter") == "passed over, because it did not answer when it was last asked"


# ---- bad values


@pytest.mark.parametrize(
    ("statement", "field", "words"),
    [
        ("gpu 0 power 0:100 2:3700000", "watts", "claims to draw 3,700,000 W"),
        ("gpu 0 utilization 0:4294967295", "utilization", "claims a utilization of 4,294,967,295 %"),
        ("gpu 0 temperature 0:4000", "celsius", "claims a temperature of 4,000 °C"),
        ("gpu 0 memory 8000 9000 100", "memory_used", "claims more memory in use than it has"),
        ("gpu 0 power 0:100 2:0", "watts", "claims to draw 0 W while it is busy"),
    ],
)
def test_impossible_values_are_left_out_and_told_once(simulate, statement, field, words):
    facts = simulate(f"gpu 0\n{statement}", 6)
    assert getattr(facts.last(), field) is None
    assert len([cause for cause in facts.troubles if words in cause]) == 1
    assert all(watts == 100.0 for _, watts in facts.samples())


def test_a_card_without_a_limit_is_believed_up_to_what_no_board_exceeds(simulate):
    facts = simulate("gpu 0 limit -1\ngpu 0 power 0:2000 1:2600\ngpu 0 sensor 0 0", 3)
    assert {watts for _, watts in facts.samples()} == {2000.0}


def test_a_counter_that_falls_begins_a_new_epoch_and_adds_nothing(simulate):
    facts = simulate("gpu 0 power 0:100\ngpu 0 reset 5", 10)
    before, after = facts.edges()[0], facts.edges()[1]
    assert before[-1][1] == pytest.approx(480, abs=20)
    assert 0 <= after[0][1] - before[-1][1] <= 21
    assert after[-1][1] - after[0][1] == pytest.approx(100 * (after[-1][0] - after[0][0]), abs=10)
    assert facts.troubles == ["NVIDIA Stand-in 0 began to count anew; what it drew in that moment is not known."]


def test_a_jump_of_a_megajoule_is_left_out(simulate):
    facts = simulate("gpu 0 power 0:100\ngpu 0 jump 5 1e6", 10)
    assert sorted(facts.edges()) == [0, 1]
    assert facts.edges()[1][-1][1] == pytest.approx(980, abs=25)
    assert "counted more energy at once" in facts.troubles[0]


@pytest.mark.parametrize("step", [10, 20, 100, 1000])
def test_no_honest_counter_is_taken_for_a_jump(simulate, step):
    facts = simulate(f"gpu 0 step {step}\ngpu 0 limit 350\ngpu 0 power 0:20 3:350\ngpu 0 utilization 0:90", 12)
    assert sorted(facts.edges()) == [0]
    assert facts.troubles == []


def test_a_counter_that_stands_still_is_replaced_by_power(simulate):
    facts = simulate("gpu 0 power 0:100\ngpu 0 stuck 4", 10)
    assert [fact.source for fact in facts.opened] == ["nvml-counter", "nvml-power"]
    assert facts.opened[1].t == pytest.approx(6.1, abs=0.3)
    assert facts.why("nvml-counter") == "the energy counter of NVIDIA Stand-in 0 stands still while it draws power"
    assert facts.last().state == "ok"
    assert max(t for t, _ in facts.samples()) > 9.8


def test_a_counter_at_odds_with_power_is_told_after_a_minute_of_load(simulate):
    facts = simulate("gpu 0 scale 0.57\ngpu 0 utilization 0:95", 65)
    assert [cause[:48] for cause in facts.troubles] == ["NVIDIA Stand-in 0 counts 0.57 times the energy t"]
    assert facts.ratios == [pytest.approx(0.57, rel=0.02)]


def test_counter_and_power_of_a_steady_minute_agree(simulate):
    facts = simulate("gpu 0 power 0:210\ngpu 0 limit 350\ngpu 0 utilization 0:95", 65)
    assert facts.ratios == [pytest.approx(1.0, abs=0.03)]
    assert facts.troubles == []


def test_a_counter_at_odds_with_power_at_idle_is_not_news(simulate):
    facts = simulate("gpu 0 scale 0.57\ngpu 0 utilization 0:3", 65)
    assert facts.troubles == []
    assert facts.ratios == []


@pytest.mark.parametrize("name", ["N" * 95, "Gr\u00fcn", "NVIDIA \udcff\udcfe card"])
def test_a_name_of_any_bytes_is_shown(simulate, name):
    facts = simulate(f"gpu 0 name {name}\n", 0.5)
    assert facts.opened[0].devices[0].name == name.encode(errors="surrogateescape").decode(errors="replace")


# ---- whose watts


def test_a_module_is_labelled_as_one(simulate):
    facts = simulate("gpu 0 name NVIDIA GH200 480GB\ngpu 0 module\ngpu 0 power 0:900\ngpu 0 limit 700", 2)
    assert facts.opened[-1].scope == "module (processor, GPU and memory)"
    assert facts.last().watts == pytest.approx(900)


def test_mig_shows_the_whole_gpu_and_says_so(simulate):
    facts = simulate("gpu 0 mig 1\nfail nvmlDeviceGetUtilizationRates * 3", 1)
    assert facts.opened[-1].scope == "GPU board, whole (MIG slices have no meter)"
    assert facts.last().utilization is None


def test_one_gpu_without_a_counter_gives_the_sum_the_lesser_name(simulate):
    scenario = TWO + "gpu 1 name Tesla P4\ngpu 1 capability 6 1\nfail field:83 1 3\n"
    facts = simulate(scenario + "fail nvmlDeviceGetTotalEnergyConsumption 1 3", 2)
    assert facts.opened[-1].source == "nvml-power"
    assert facts.why("nvml-counter") == "Tesla P4 has no energy counter"
    assert facts.edges(0)
    assert not facts.edges(1)


# ---- identity


@pytest.mark.parametrize("visible", ["1", "1,0", "GPU-a0000001-0000-4000-8000-000000000000", "MIG-x", ""])
def test_what_cuda_may_see_does_not_change_what_is_metered(simulate, visible):
    facts = simulate(TWO, 0.3, CUDA_VISIBLE_DEVICES=visible)
    assert [device.uuid[:12] for device in facts.opened[0].devices] == ["GPU-a0000000", "GPU-a0000001"]


def test_the_order_of_the_driver_does_not_matter(simulate):
    one = simulate(TWO + "gpu 1 power 0:250", 1)
    other = simulate(TWO + "gpu 1 power 0:250\norder 1 0", 1)
    assert one.opened[0].devices == other.opened[0].devices
    assert other.last(1).watts == 250.0


@pytest.mark.parametrize("pci", ["0000:65:00.0", "00000000:65:00.0", "00000000:65:00.0".upper()])
def test_pci_domains_of_four_and_of_eight_digits_are_the_same(simulate, standin, pci):
    bus = standin.sysfs / "bus/pci/devices"
    for address, status in (("0000:65:00.0", "active"), ("0000:66:00.0", "suspended")):
        (bus / address / "power").mkdir(parents=True)
        (bus / address / "vendor").write_text("0x10de\n")
        (bus / address / "class").write_text("0x030000\n")
        (bus / address / "power/runtime_status").write_text(status + "\n")
    # With one asleep the other is looked up by its address.
    facts = simulate(f"log\ngpu 0 pci {pci}\ngpu 1 pci 00000000:66:00.0", 1, into=standin)
    assert facts.last(0).watts == 100.0
    assert not [call for call in standin.calls if call.endswith(" 1")]


def test_two_cards_of_one_name_are_told_apart(simulate):
    facts = simulate("gpu 0 name NVIDIA L4\ngpu 1 name NVIDIA L4", 0.5)
    assert [device.name for device in facts.opened[0].devices] == ["NVIDIA L4 (01:00.0)", "NVIDIA L4 (02:00.0)"]


def test_eight_gpus(simulate):
    facts = simulate("".join(f"gpu {i} power 0:{100 + i}\n" for i in range(8)), 3)
    assert [facts.last(i).watts for i in range(8)] == [100.0 + i for i in range(8)]
    assert len(facts.reads) == pytest.approx(30, abs=1)
