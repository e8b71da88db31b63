"""Verdicts from what was told: causes of an unusable card, memory in the meter, distributions, and the table."""

import io

import msgspec
import pytest
from rich.console import Console

from desk.doctor import cards, premises
from desk.doctor.cards import Card, Held, Seen
from desk.doctor.examination import NAMES, Check, diagnosis
from desk.engine import checks
from desk.engine.checks import Bench
from desk.engine.toy import EIGHT_BIT, PLAIN, Toy
from desk.facts.metered import Device, MeterOpened, Tried
from desk.facts.tiers import Tier
from desk.verbs.doctor import show

GIB = 1 << 30
CARD = Card("Card", "GPU-1", (8, 9))
OPENED = MeterOpened(
    t=0.0,
    source="nvml-counter",
    quality="measured",
    driver="580.65.06",
    devices=(Device(id="gpu0", kind="gpu", name="Card", uuid="GPU-1", memory_bytes=24 * GIB),),
)
AGED = msgspec.structs.replace(OPENED, driver="535.183.01")


@pytest.mark.parametrize(
    ("seen", "status", "words"),
    [
        (Seen(), "fail", "no NVIDIA device: no driver library"),
        (Seen(on_bus=0), "fail", "none on the PCI bus"),
        (Seen(on_bus=1), "fail", "present, but no driver"),
        (Seen(on_bus=1, library=True, error=100), "fail", "its driver finds none"),
        (Seen(on_bus=1, library=True, error=100, denied=True), "fail", "no permission"),
        (Seen(on_bus=1, library=True, error=100, hidden=True), "fail", "CUDA_VISIBLE_DEVICES"),
        (Seen(library=True, version=13000, cards=(CARD,), on_bus=1), "ok", "Card, CUDA 13.0, compute capability 8.9."),
        (Seen(library=True, version=12080, cards=(CARD,), opened=OPENED), "fail", "up to CUDA 12.8"),
        (
            Seen(library=True, version=13000, cards=(CARD,), opened=OPENED, memory={"GPU-1": 4 * GIB}),
            "ok",
            "driver 580.65.06, compute capability 8.9, 20 GiB of 24 GiB free",
        ),
        (Seen(library=True, version=13000, cards=(Card("Orin", "GPU-2", (8, 7)),)), "warn", "8.7 (untried)"),
        # An older driver under a newer compute library, as CUDA's package of compatibility has it.
        (Seen(library=True, version=13000, cards=(CARD,), opened=AGED), "ok", "driver 535.183.01"),
        (Seen(library=True, version=12020, cards=(CARD,), opened=AGED), "fail", "is 535.183.01, and CUDA 13 needs 580"),
    ],
)
def test_what_is_seen_of_a_card(seen, status, words):
    verdict = cards.driver(seen)
    assert verdict.status == status
    assert words in verdict.cause
    assert (verdict.remedy != "") == (status == "fail")


def test_a_card_behind_one_that_cannot_be_used_is_named():
    old = Card("Old card", "GPU-0", (6, 1))
    verdict = cards.driver(Seen(library=True, version=13000, cards=(old, CARD)))
    assert verdict.status == "fail"
    assert "Old card has compute capability 6.1" in verdict.cause
    assert verdict.remedy == "Let Card be the first: start with CUDA_VISIBLE_DEVICES=1."


def test_only_a_sign_of_nvidia_counts_as_a_card():
    assert not Seen(on_bus=0).present
    assert not Seen(library=True, error=100).present
    assert Seen(on_bus=2).present
    assert Seen(library=True, error=999).present
    assert Seen(opened=OPENED).present


def held(rise, size=256 << 20, left=0, elsewhere=0):
    base = {"GPU-1": GIB, "GPU-2": GIB}
    during = {"GPU-1": GIB + rise, "GPU-2": GIB + elsewhere}
    return Held(
        uuid="GPU-1", bytes=size, before=base, opened=base, held=during, after={"GPU-1": GIB + left, "GPU-2": GIB}
    )


SIZE = 256 << 20
PLANNED = premises.Verdict("ok", "Enough room.")


@pytest.mark.parametrize(
    ("told", "mapping", "memory", "killed"),
    [
        (held(SIZE), "ok", "ok", "ok"),
        (held(0), "warn", "warn", "skipped"),
        (held(0, elsewhere=SIZE), "fail", "warn", "skipped"),
        (held(2 * SIZE), "ok", "warn", "ok"),
        (held(SIZE, left=SIZE), "ok", "warn", "fail"),
    ],
)
def test_memory_in_the_meter(told, mapping, memory, killed):
    assert cards.mapping(told).status == mapping
    assert cards.memory_as_planned(told, PLANNED).status == memory
    assert cards.killed(told).status == killed


def test_a_meter_that_does_not_know_the_card_proves_nothing():
    told = Held(uuid="GPU-9", bytes=SIZE, before={}, opened={}, held={}, after={})
    assert cards.mapping(told).status == "warn"
    assert cards.killed(told).status == cards.memory_as_planned(told, PLANNED).status == "skipped"


# ---- verdicts


def every(**statuses):
    given = {name.replace("_", "."): status for name, status in statuses.items()}
    return [Check(id=name, name=NAMES[name], status=given.get(name, "ok"), cause=".") for name in reversed(NAMES)]


@pytest.mark.parametrize(
    ("gpu", "statuses", "verdict"),
    [
        (False, {}, "fine"),
        (True, {}, "fine"),
        (False, {"gpu_driver": "skipped"}, "fine"),
        (False, {"watts": "warn"}, "degraded"),
        (False, {"watts": "fail"}, "degraded"),
        (False, {"gpu_numerics": "fail"}, "degraded"),
        (True, {"gpu_numerics": "fail"}, "unusable"),
        (True, {"gpu_mapping": "warn"}, "degraded"),
        (False, {"cpu_numerics": "fail"}, "unusable"),
        (False, {"software": "fail", "watts": "warn"}, "unusable"),
    ],
)
def test_verdicts(gpu, statuses, verdict):
    found = diagnosis(every(**statuses), gpu)
    assert found.verdict == verdict
    assert found.exit == ["fine", "degraded", "unusable"].index(verdict)
    assert [check.id for check in found.checks] == list(NAMES)


def test_the_table_tells_by_shapes_and_words_and_puts_skipped_checks_together():
    checks_ = [
        Check(id=check.id, name=check.name, status="skipped", cause="There is no card.")
        if check.id.startswith("gpu.")
        else check
        for check in every(watts="warn", model="fail")
    ]
    out = io.StringIO()
    show(diagnosis(checks_, gpu=False), Console(file=out, width=100, no_color=True))
    text = out.getvalue()
    assert "✓ ok" in text
    assert "! warn" in text
    assert "✗ fail" in text
    assert text.count("There is no card.") == 1
    assert "GPU: 12 checks" in text
    assert "Unusable" in text


# ---- the machine


def distribution(folder, name, module):
    info = folder / f"{name.replace('-', '_')}-9.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.0\n")
    (info / "top_level.txt").write_text(module)


@pytest.mark.parametrize(
    ("name", "module", "words"),
    [
        ("onnxruntime-directml", "onnxruntime", "installed over each other"),
        ("pynvml", "pynvml", "takes the place of nvidia-ml-py"),
    ],
)
def test_distributions_that_must_not_lie_beside_each_other(tmp_path, monkeypatch, name, module, words):
    assert premises.software().status == "ok"
    distribution(tmp_path, name, module)
    monkeypatch.syspath_prepend(tmp_path)
    verdict = premises.software()
    assert verdict.status == "fail"
    assert words in verdict.cause
    assert f"pip uninstall {name}" in verdict.remedy


def test_a_meter_that_never_opened_is_no_missing_source():
    assert premises.watts(None, "was ended by SIGSEGV", None).status == "fail"
    nothing = MeterOpened(
        t=0.0, source="none", quality="unavailable", tried=(Tried(source="rapl", cause="no permission"),)
    )
    assert "rapl: no permission" in premises.watts(nothing, "", None).cause


def test_a_plan_beyond_the_free_memory_is_told(monkeypatch):
    monkeypatch.setattr(premises, "planned_bytes", lambda tiers, provider: (3 * GIB, GIB, 5))
    tier = Tier(name="Free", model="any")
    assert premises.memory_plan([tier], "cpu", 8 * GIB).status == "ok"
    short = premises.memory_plan([tier], "cpu", 2 * GIB)
    assert short.status == "warn"
    assert "4 GiB" in short.cause


# ---- the numbers


def test_a_decoder_with_one_wrong_weight_fails_the_check_of_numbers(tmp_path, monkeypatch):
    bench = Bench("cpu", tmp_path)
    assert checks.numerics(bench).status == "ok"
    honest = Toy.weights

    def spoiled(self):
        weights = honest(self)
        weights["attn_output.1"][:, :64] *= -1  # one head of the last layer
        return weights

    monkeypatch.setattr(Toy, "weights", spoiled)
    for precision in (PLAIN, EIGHT_BIT):
        monkeypatch.setattr(checks, "EIGHT_BIT", precision)
        monkeypatch.setattr(checks, "PLAIN", precision)
        finding = checks.numerics(bench)
        assert finding.status == "fail"
        assert "other numbers than it must" in finding.cause


def test_numbers_that_are_none_fail_the_check(tmp_path, monkeypatch):
    monkeypatch.setattr(Toy, "logits", lambda self, ids: checks.np.full((len(ids), 512), checks.np.nan))
    with checks.np.errstate(invalid="ignore"):
        assert checks.numerics(Bench("cpu", tmp_path)).status == "fail"
