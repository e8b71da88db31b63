"""A run as one object and as one table: the same from the live factory and from its recording."""

import io
import json

import pytest
from rich.console import Console

from desk import journal
from desk.exports.screen import screen
from desk.exports.summary import summary
from desk.exports.table import dollars, number, table
from desk.facts.codec import encode
from desk.facts.happened import (
    EngineOpened,
    Finished,
    FirstToken,
    LaneReady,
    LaneWork,
    Machine,
    RunStarted,
    RunStopped,
    TierChanged,
    WattsDeclared,
    Worked,
)
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.tiers import Price, Promise, Tariff, Tier
from desk.ledger.ledger import Ledger

T0 = 4096.0
RUN = {"id", "seconds", "mode", "warmup_seconds"}
TOTAL = {
    "tokens_in",
    "tokens_out",
    "tokens_per_second",
    "joules",
    "standby_joules",
    "other_joules",
    "tokens_per_joule",
    "revenue_usd",
    "on_time_revenue_usd",
    "energy_cost_usd",
}
TIER = {
    *("name", "model", "precision", "context", "slots", "users", "share", "tokens_in", "tokens_out"),
    *("tokens_per_second", "tokens_per_second_per_user", "ttft_p50_s", "ttft_p95_s", "itl_p50_s", "itl_p99_s"),
    *("joules", "tokens_per_joule", "revenue_usd", "on_time_revenue_usd", "energy_cost_usd"),
}


def run(seconds=4.0, source="nvml-counter", declared=None, tokens=True, stopped=True):
    """Ultra emits 40 tok/s of its own accord, Free does nothing; 100 W."""
    gpu = Device(id="gpu0", kind="gpu", name="Example GPU")
    yield RunStarted(
        t=T0,
        run="20260801-1200-ab",
        wall=1.0,
        desk="0",
        machine=Machine(system="Linux", processor="p", cores=2, memory_bytes=1),
        tiers=(
            Tier(name="Free", model="m", users=2),
            Tier(name="Ultra", model="m", price=Price(input=10.0, output=100.0), promise=Promise(ttft_s=1.0)),
        ),
        tariff=Tariff(dollars_per_kwh=0.36),
    )
    yield MeterOpened(t=T0, source=source, quality="measured", devices=(gpu,))
    if declared:
        yield declared
    yield EngineOpened(t=T0, runtime="r", provider="cuda", device="Example GPU", threads=2)
    yield LaneReady(
        t=T0,
        tier="Ultra",
        model="m",
        precision="q8",
        provider="cuda",
        context=512,
        slots=3,
        weights_bytes=1,
        kv_bytes=1,
        load_s=1.0,
    )
    if tokens:
        yield FirstToken(t=T0, tier="Ultra", request=1, submitted=T0 - 0.25, admitted=T0, prompt=30)
    yield Read(t=T0, devices=(DeviceReading(device="gpu0", edges=((T0, 0.0),)),))
    for beat in range(1, round(seconds * 8) + 1):
        t = T0 + beat / 8
        work = LaneWork(tier="Ultra", busy=0.1, emitted=5, gaps=dict.fromkeys(range(480, 485), 1))
        yield Worked(t=t, span=0.125, lanes=(work,) if tokens else ())
        yield Read(t=t, devices=(DeviceReading(device="gpu0", edges=((t, 12.5 * beat),)),))
    if tokens:
        yield Finished(
            t=t, tier="Ultra", request=1, submitted=T0 - 0.25, first=T0, prompt=30, emitted=160, reason="length"
        )
    if stopped:
        yield RunStopped(t=T0 + seconds, reason="stopped")


def folded(facts):
    ledger = Ledger()
    for fact in facts:
        ledger.post(fact)
    return ledger


def printed(ledger, width=80):
    out = io.StringIO()
    Console(file=out, width=width).print(table(ledger))
    return out.getvalue()


def test_a_tier_that_came_last_has_a_row_of_dashes_and_its_name_as_it_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    ledger = folded(run(stopped=False))
    ledger.post(TierChanged(t=T0 + 60.0, tier=Tier(name="[/b] :fire:", model="m")))
    screen().print(table(ledger))
    row = next(line for line in capsys.readouterr().out.splitlines() if "[/b] :fire:" in line)
    assert row.split()[2:7] == ["–"] * 5
    assert summary(ledger, "live")["tiers"][-1]["tokens_per_second"] is None


def test_the_object_has_the_agreed_keys_and_values():
    told = summary(folded(run()), "live")
    assert list(told) == ["run", "device", "provider", "meter", "currency", "total", "tiers", "alarms"]
    assert told["run"] == {"id": "20260801-1200-ab", "seconds": 4.0, "mode": "live", "warmup_seconds": 0.0}
    assert (told["device"], told["provider"]) == ("Example GPU", "cuda")
    assert told["meter"] == {"source": "nvml-counter", "quality": "measured"}
    assert set(told["run"]) == RUN
    assert set(told["total"]) == TOTAL
    assert all(set(tier) == TIER for tier in told["tiers"])
    total = told["total"]
    assert (total["tokens_in"], total["tokens_out"]) == (30, 160)
    assert total["tokens_per_second"] == pytest.approx(40.0)
    assert total["joules"] == pytest.approx(400.0)
    assert total["tokens_per_joule"] == pytest.approx(0.4)
    assert total["other_joules"] == 0.0
    assert total["revenue_usd"] == pytest.approx(160 * 100e-6 + 30 * 10e-6)
    assert total["on_time_revenue_usd"] == pytest.approx(total["revenue_usd"])
    assert total["energy_cost_usd"] == pytest.approx(400 * 1e-7)
    free, ultra = told["tiers"]
    assert (free["name"], free["model"], free["precision"], free["context"], free["users"]) == (
        "Free",
        "m",
        "",
        1024,
        2,
    )
    assert (free["tokens_out"], free["tokens_per_second"], free["joules"]) == (0, 0.0, 0.0)
    assert [free[key] for key in ("ttft_p50_s", "itl_p99_s", "tokens_per_second_per_user", "tokens_per_joule")] == [
        None
    ] * 4
    assert (ultra["precision"], ultra["context"], ultra["slots"]) == ("q8", 512, 3)
    assert ultra["ttft_p95_s"] == pytest.approx(0.25, rel=0.011)
    assert ultra["tokens_per_second_per_user"] == pytest.approx(1 / ultra["itl_p50_s"])
    assert ultra["joules"] + total["standby_joules"] == pytest.approx(400.0)


def test_a_recording_tells_the_same_but_for_the_mode(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(encode(fact) for fact in run()))
    live = json.dumps(summary(folded(run()), "live"), indent=2)
    replayed = json.dumps(summary(folded(journal.read(path)), "replay"), indent=2)
    assert replayed != live
    assert replayed.replace('"mode": "replay"', '"mode": "live"') == live


def test_what_comes_after_the_end_changes_nothing():
    ledger = folded(run())
    before = summary(ledger, "live")
    for beat in range(40):
        t = T0 + 5.0 + beat / 8
        ledger.post(Read(t=t, devices=(DeviceReading(device="gpu0", edges=((t, 500.0 + beat),)),)))
    assert summary(ledger, "live") == before


def test_what_is_not_available_is_null():
    told = summary(folded(run(source="none", tokens=False)), "live")
    assert told["run"]["seconds"] is None
    assert told["meter"] == {"source": "none", "quality": "unavailable"}
    assert told["total"]["tokens_out"] == 0
    nothing = {key for key, value in told["total"].items() if value is None}
    assert nothing == {
        *("tokens_per_second", "joules", "standby_joules", "other_joules", "tokens_per_joule", "energy_cost_usd"),
    }
    empty = summary(Ledger(), "live")
    assert empty["run"] == {"id": None, "seconds": None, "mode": "live", "warmup_seconds": None}
    assert (empty["device"], empty["provider"], empty["tiers"]) == (None, None, [])
    json.dumps(empty, allow_nan=False)


def test_a_run_cut_off_tells_what_was_settled():
    told = summary(folded(run(stopped=False)), "replay")
    assert told["run"]["seconds"] == pytest.approx(4.0)
    assert told["total"]["tokens_out"] == 160


def test_the_table_says_it_in_words():
    text = printed(folded(run()))
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in text
    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("Ultra", "Free", "All"))}
    assert list(rows) == ["Ultra", "Free", "All"]  # the dearest on top
    assert rows["Ultra"][1] == "40.0"
    assert rows["Ultra"][-1] == "100%"
    assert rows["Free"][2:6] == ["–", "–", "–", "–"]
    assert rows["All"][1:5] == ["40.0", "30", "160", "400"]
    assert "m q8 · cuda, Example GPU" in text
    sentence = "4.0 s from the first token; worth $0.0163 at list price, $0.0163 of it on time."
    assert sentence in " ".join(text.split())
    assert "Energy: NVML energy counter; it costs $4e-05." in text


def test_the_table_names_what_the_watts_are():
    declared = WattsDeclared(t=T0, idle=20.0, busy=65.0, assumed=True)
    text = printed(folded(run(source="none", declared=declared)))
    assert "Energy: estimated from assumed 20 W idle and 65 W busy" in text
    declared = WattsDeclared(t=T0, idle=20.0, busy=65.0)
    assert "declared 20 W" in printed(folded(run(source="none", declared=declared)))
    text = printed(folded(run(source="none")))
    assert "No source of watts." in text
    assert "No token was made." in printed(folded(run(tokens=False)))
    assert "no run" in printed(Ledger())


def test_the_table_says_what_is_missing_from_the_energy():
    facts = list(run())
    silent = [fact for fact in facts if not (isinstance(fact, Read) and fact.t > T0 + 2.0)]
    assert "Watts are known for 50% of the time." in printed(folded(silent))
    both = [
        Worked(t=f.t, span=f.span, lanes=(*f.lanes, LaneWork(tier="Free", busy=0.02))) if isinstance(f, Worked) else f
        for f in facts
    ]
    assert "by busy time alone: not calibrated" in printed(folded(both))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (1220, "1,220"),
        (0, "0"),
        (1220.4, "1,220"),
        (99.96, "100"),
        (87.04, "87.0"),
        (9.996, "10.0"),
        (3.906, "3.91"),
        (0.0224, "0.022"),
        (0.0, "0.00"),
    ],
)
def test_numbers_have_about_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "$0.00"), (0.0408, "$0.0408"), (9.5, "$9.5"), (1234.5, "$1,234.50")]
)
def test_money_of_a_short_run_is_finer_than_cents(value, text):
    assert dollars(value) == text
