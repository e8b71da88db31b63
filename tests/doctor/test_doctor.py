"""The doctor on this machine, with children that fail in every way, and with drivers that are not what they must be."""

import getpass
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from visited import STUB_UUID

from desk.doctor.cards import Seen, cards_told, driver
from desk.doctor.conversation import Conversation
from desk.doctor.examination import NAMES, nameless
from desk.facts import places
from desk.models import store
from desk.plant.children import command
from desk.plant.settings import Settings, Watts, save

STATUSES = {"ok", "warn", "fail", "skipped"}


@pytest.fixture
def no_card(tmp_path, monkeypatch):
    """No NVIDIA device on the bus, whatever machine runs the tests."""
    (tmp_path / "sys" / "bus" / "pci" / "devices").mkdir(parents=True)
    monkeypatch.setenv("TOKEN_DESK_SYSFS", str(tmp_path / "sys"))


def put_on_bus(folder):
    device = folder / "bus" / "pci" / "devices" / "0000:01:00.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x10de\n")
    (device / "class").write_text("0x030000\n")


# ---- this machine


def test_the_command_line_says_what_is_missing_and_leaves_with_its_verdict(no_card):
    """A fresh machine without a GPU, asked for one: every check is there, the real CPU ones are made, and it is 2."""
    ended = subprocess.run(command("doctor", "--gpu", "--json"), capture_output=True, text=True, timeout=120)
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["exit"], found["verdict"]) == (2, 2, "unusable"), ended.stderr
    assert [check["id"] for check in found["checks"]] == list(NAMES)
    checks = {check["id"]: check for check in found["checks"]}
    assert all(check.keys() == {"id", "name", "status", "cause", "remedy"} for check in checks.values())
    assert all(check["status"] in STATUSES and check["cause"] for check in checks.values())
    assert {checks[name]["status"] for name in ("software", "folder", "model", "cpu.opens", "cpu.numerics")} == {"ok"}
    assert checks["cpu.tokens"]["status"] == "skipped"
    assert "desk models build" in checks["cpu.tokens"]["remedy"]
    assert checks["gpu.driver"]["status"] == "fail"
    assert "no NVIDIA device" in checks["gpu.driver"]["cause"]
    assert "libcuda.so.1" in checks["gpu.driver"]["cause"]
    assert {checks[name]["status"] for name in NAMES if name.startswith("gpu.") and name != "gpu.driver"} == {"skipped"}


@pytest.mark.live
def test_the_embedded_model_says_what_is_recorded_and_its_speed_is_told(doctor, no_card, embedded_model):
    mine = store.folder_of("smollm2-135m", "q8")
    shutil.copytree(embedded_model.folder, mine)
    checks, _ = doctor()
    assert checks["model"].cause.startswith("SmolLM2 135M Instruct in q8 is whole")
    assert checks["cpu.tokens"].status == "ok"
    assert "of 32 recorded tokens" in checks["cpu.tokens"].cause
    assert "tok/s with 8 rows" in checks["cpu.speed"].cause
    assert checks["cpu.memory"].status in ("ok", "warn")
    assert "of KV cache" in checks["cpu.memory"].cause

    with (mine / "model.onnx.data").open("r+b") as file:
        file.seek(1_000_000)
        file.write(bytes(64))
    checks, found = doctor(script={})
    assert checks["model"].status == "fail"
    assert "not what was built" in checks["model"].cause
    assert found.exit == 2


def test_without_a_card_its_checks_are_skipped_and_watts_alone_degrade(doctor, no_card):
    checks, found = doctor(script={})
    skipped = [check for name, check in checks.items() if name.startswith("gpu.")]
    assert {check.status for check in skipped} == {"skipped"}
    assert len({check.cause for check in skipped}) == 1
    if checks["watts"].status == "warn":  # a machine with a meter is fine
        assert "Declare what the machine draws" in checks["watts"].remedy
        assert (found.verdict, found.exit) == ("degraded", 1)


def test_declared_watts_are_enough_and_what_a_library_prints_is_no_answer(doctor, no_card):
    save(Settings(watts=Watts(idle=20, busy=65)))
    checks, found = doctor(script={"numerics": "noise"})
    assert checks["watts"].status == "ok"
    assert checks["cpu.numerics"].cause == "Heard."
    assert (found.verdict, found.exit) == ("fine", 0)


@pytest.mark.skipif(os.name == "nt", reason="folders are closed with other means there")
def test_a_data_folder_that_cannot_be_is_unusable(doctor, no_card, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TOKEN_DESK_HOME", str(tmp_path / "file" / "home"))
    checks, found = doctor(script={})
    assert checks["folder"].status == "fail"
    assert "TOKEN_DESK_HOME" in checks["folder"].remedy
    assert found.exit == 2


# ---- children that fail


def test_a_check_that_crashes_is_a_failed_check_and_the_others_go_on(doctor, no_card):
    """So do settings that cannot be read; nothing names their folder."""
    places.settings_file().write_text("preset = 5\n")
    checks, found = doctor(script={"opens": "ok", "numerics": "crash"})
    assert checks["cpu.opens"].status == "ok"
    assert checks["cpu.numerics"].status == "fail"
    assert "was ended by SIGSEGV" in checks["cpu.numerics"].cause
    assert "about to crash" in checks["cpu.numerics"].cause
    assert checks["cpu.numerics"].remedy
    assert checks["folder"].status == "warn"
    assert "settings.toml" in checks["folder"].cause
    assert os.environ["TOKEN_DESK_HOME"] not in checks["folder"].cause
    assert found.exit == 2


def test_a_check_that_hangs_is_ended_and_the_others_go_on(doctor, no_card):
    checks, _ = doctor(script={"numerics": "hang"}, patience={"opens": 20.0, "numerics": 0.3})
    assert checks["cpu.opens"].status == "ok"
    assert checks["cpu.numerics"].status == "fail"
    assert "did not answer within 0.3 s" in checks["cpu.numerics"].cause


def test_after_a_runtime_that_does_not_open_nothing_else_is_asked(doctor, no_card):
    checks, _ = doctor(script={"opens": "crash"})
    assert checks["cpu.opens"].status == "fail"
    assert checks["cpu.numerics"].status == "skipped"


def test_after_a_lost_device_a_fresh_process_goes_on(doctor, cuda_driver, no_card):
    cuda_driver()
    checks, found = doctor(gpu=True, script={"numerics": "leave", "oom": "ok"}, every=True)
    assert checks["gpu.numerics"].cause == "The device is lost."
    assert checks["gpu.oom"].status == "ok"
    assert found.exit == 2


def test_a_card_that_fails_unasked_only_degrades(doctor, cuda_driver, no_card):
    cuda_driver()
    checks, found = doctor(script={"placement": "fail"}, every=True)
    assert checks["cpu.opens"].status == "ok"
    assert checks["gpu.placement"].status == "fail"
    assert checks["gpu.numerics"].status == checks["gpu.kill"].status == "skipped"
    assert (found.verdict, found.exit) == ("degraded", 1)


# ---- drivers that are not what they must be


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ({"error": 100}, "no NVIDIA device"),
        ({"error": 803}, "replaced while it ran"),
        ({"error": 999}, "answers with error 999"),
        ({"cards": 0}, "shows no card"),
        ({"version": 12040}, "goes up to CUDA 12.4, and this program needs 13.0"),
        ({"capability": 61}, "compute capability 6.1, for which onnxruntime carries no machine code"),
        ({"capability": 100}, "compute capability 10.0, for which onnxruntime carries no machine code"),
    ],
)
def test_what_stands_between_is_named(cuda_driver, how, cause):
    cuda_driver(**how)
    verdict = driver(asked())
    assert verdict.status == "fail"
    assert cause in verdict.cause
    assert verdict.remedy


def asked():
    """What the child that asks the driver tells, without what a meter or the bus would say."""
    probed = subprocess.run(command("probe", "driver"), capture_output=True, text=True, check=True, timeout=60)
    told = json.loads(probed.stdout)
    cards = cards_told(told["cards"])
    return Seen(library=told["library"], error=told["error"], version=told["version"], cards=cards)


def test_a_driver_that_crashes_is_a_failed_check(doctor, cuda_driver, no_card):
    cuda_driver(crash=1)
    checks, found = doctor(gpu=True, script={})
    assert checks["gpu.driver"].status == "fail"
    assert "was ended by SIGSEGV" in checks["gpu.driver"].cause
    assert checks["gpu.driver"].remedy
    assert checks["gpu.opens"].status == "skipped"
    assert found.exit == 2


def test_a_driver_that_hangs_is_given_up(doctor, cuda_driver, no_card, monkeypatch):
    monkeypatch.setattr("desk.doctor.examination.DRIVER_S", 1.0)
    cuda_driver(hang=1)
    checks, _ = doctor(gpu=True, script={})
    assert "asked the NVIDIA driver did not answer within 1 s" in checks["gpu.driver"].cause


def test_a_device_without_a_driver_is_told_apart_from_none(doctor, tmp_path, monkeypatch):
    put_on_bus(tmp_path / "sys")
    monkeypatch.setenv("TOKEN_DESK_SYSFS", str(tmp_path / "sys"))
    checks, found = doctor(script={})
    assert "An NVIDIA device is present, but no driver" in checks["gpu.driver"].cause
    assert "580" in checks["gpu.driver"].remedy
    assert found.exit == 1


def test_an_old_driver_is_named_with_its_version(doctor, nvml, cuda_driver, no_card):
    cuda_driver(version=12020)
    nvml("driver 535.183.01\ngpu 0")
    checks, _ = doctor(gpu=True, script={})
    assert checks["gpu.driver"].cause == "The NVIDIA driver is 535.183.01, and CUDA 13 needs 580 or newer."


def test_a_driver_without_its_compute_library_is_named(doctor, nvml, no_card):
    nvml("gpu 0")
    checks, _ = doctor(gpu=True, script={})
    assert "its compute library libcuda.so.1 is missing" in checks["gpu.driver"].cause


def test_the_words_of_the_management_library_are_passed_on(doctor, nvml, cuda_driver, no_card):
    cuda_driver(error=999)
    nvml("gpu 0\nfail nvmlInitWithFlags * 4")
    checks, _ = doctor(gpu=True, script={})
    assert "error 999 (this user may not ask the NVIDIA driver)" in checks["gpu.driver"].cause


def test_a_missing_library_of_cuda_is_named(doctor, stub_libraries, libraries, no_card, tmp_path):
    for library in stub_libraries.glob("lib*.so*"):
        if library.suffix != ".map" and "cublasLt" not in library.name:
            (tmp_path / library.name).write_bytes(library.read_bytes())
    libraries(tmp_path)
    checks, found = doctor(gpu=True, script={})
    assert checks["gpu.driver"].status == "ok"
    assert checks["gpu.libraries"].status == "fail"
    assert "libcublasLt.so.13" in checks["gpu.libraries"].cause
    assert "nvidia-cublas" in checks["gpu.libraries"].remedy
    assert found.exit == 2


# ---- the card itself, under the stub


def test_under_the_stub_all_but_the_numbers_hold(doctor, stub, no_card, monkeypatch):
    """Kernels of the stub compute nothing, so the check of numbers must fail, and it alone."""
    monkeypatch.setattr("desk.doctor.conversation.FRESH_S", 0.25)  # the scripted meter looks ten times a second
    checks, found = doctor(gpu=True, script={}, meter=STUB_UUID)
    statuses = {name.removeprefix("gpu."): check.status for name, check in checks.items() if name.startswith("gpu.")}
    assert statuses.pop("numerics") == "fail", checks["gpu.numerics"]
    assert {name for name, status in statuses.items() if status == "skipped"} == {"tokens", "speed"}
    assert set(statuses.values()) == {"ok", "skipped"}, checks
    assert "Stub card, driver 580.65.06, compute capability 8.9, " in checks["gpu.driver"].cause
    assert "Recorded steps give what plain ones give; a step of 2 layers takes" in checks["gpu.graphs"].cause
    assert "FLASH_ATTENTION, XQA" in checks["gpu.placement"].cause
    assert "256 MiB were planned, taken and given back" in checks["gpu.memory"].cause
    assert found.exit == 2


@pytest.mark.parametrize(
    ("capability", "status", "words"),
    [
        (70, "fail", "compute capability 7.0, for which"),
        (75, "ok", "compute capability 7.5."),
        (87, "warn", "compute capability 8.7 (untried)"),
        (103, "fail", "compute capability 10.3, for which"),
        (120, "ok", "compute capability 12.0."),
        (121, "warn", "compute capability 12.1 (untried)"),
    ],
)
def test_the_generation_that_the_driver_tells_is_judged(stub, monkeypatch, capability, status, words):
    monkeypatch.setenv("CUDA_STUB_CAPABILITY", str(capability))
    seen = asked()
    assert seen.cards[0].capability == divmod(capability, 10)
    verdict = driver(seen)
    assert (verdict.status, words in verdict.cause) == (status, True), verdict


def probed(folder, *checks):
    """What a child finds that makes these checks on the card, by their names."""
    found = {}
    with Conversation(command("probe", "check", "cuda", str(folder), "", "", *checks)) as probe:
        while told := probe.answer(60.0):
            found[told["check"]] = told
    return found


def test_a_generation_without_machine_code_is_named_by_the_runtime(stub, tmp_path, monkeypatch):
    """Where the driver does not tell the capability, onnxruntime itself refuses."""
    monkeypatch.setenv("CUDA_STUB_CAPABILITY", "70")
    monkeypatch.setenv("CUDA_STUB_SILENT", "1")
    opens = probed(tmp_path, "opens")["opens"]
    assert opens["status"] == "fail"
    assert "no machine code for the generation of this card" in opens["cause"]


def test_a_device_lost_on_the_way_fails_its_check_and_ends_the_child(stub, tmp_path, monkeypatch):
    """The doctor then goes on in a fresh one, as with the scripted child."""
    monkeypatch.setenv("CUDA_STUB_LOST_AFTER", "1500")
    found = probed(tmp_path, "numerics", "oom")
    assert list(found) == ["numerics"]
    assert found["numerics"]["status"] == "fail"
    assert "failed in a run" in found["numerics"]["cause"]


# ---- what is said


def test_nothing_said_names_folders_users_or_computers():
    home = Path.home() / "models" / "a b"
    text = f"{home} and /opt/some/where/libx.so.1:7 and C:\\Users\\ann\\f.dll on {platform.node()}, 5 tok/s and/or 1/2."
    said = nameless(text)
    assert str(Path.home()) not in said
    assert "/opt" not in said
    assert "ann" not in said
    assert platform.node() not in said
    assert said.endswith("5 tok/s and/or 1/2.")
    assert "…/libx.so.1:7" in said
    assert "…/f.dll" in said
    if len(getpass.getuser()) > 1:
        assert nameless(f"user {getpass.getuser()} may not") == "user … may not"
