"""What leaves the program as data: sums that agree, one digest, and no names."""

import csv
import gzip
import io
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_summary import T0, run

from desk import journal
from desk.exports.data import MARKS, data_of
from desk.exports.files import put
from desk.exports.periods import COLUMNS, as_csv, as_jsonl, rows
from desk.exports.privacy import Veil, bare
from desk.exports.receipt import digest
from desk.exports.report import report
from desk.exports.summary import summary
from desk.facts.alarmed import AlarmCleared, AlarmRaised
from desk.facts.codec import encode
from desk.facts.happened import EngineOpened, LaneReady, RunStarted
from desk.facts.trouble import Trouble
from desk.ledger.ledger import Ledger
from desk.ledger.standing import Standing

HOME = "/home/maria schmidt/models/tiny llama"
SERIAL = "GPU-5fd4a1c0-77aa-4c1e-8d1c-0123456789ab"


def folded(facts):
    ledger, periods = Ledger(), []
    for fact in facts:
        periods += ledger.post(fact)
    return ledger, periods


def summed(told, column):
    return sum(float(row[column]) for row in told if row[column] not in ("", None))


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(encode(fact) for fact in run()))
    return path


def test_csv_read_back_adds_up_to_what_the_ledger_settled(recording):
    told = list(csv.DictReader(io.StringIO(data_of(recording, "csv"))))
    ledger, periods = folded(journal.read(recording))
    totals = ledger.totals()
    assert tuple(told[0]) == COLUMNS
    assert summed(told, "output_tokens") == totals.tokens_out == 160
    assert summed(told, "input_tokens") == totals.tokens_in
    assert summed(told, "revenue_usd") == pytest.approx(totals.revenue, rel=1e-12)
    assert summed(told, "on_time_revenue_usd") == pytest.approx(totals.on_time_revenue, rel=1e-12)
    # Every account has its rows, so the joules of a period add up to the counter's difference.
    assert summed(told, "energy_J") == pytest.approx(sum(period.joules or 0.0 for period in periods), rel=1e-12)
    for period in (period for period in periods if period.joules is not None):
        mine = [row for row in told if float(row["end_s"]) == period.end]
        assert summed(mine, "energy_J") == pytest.approx(period.joules)
    assert {row["energy_source"] for row in told} == {"nvml-counter"}
    assert told[0]["time_utc"] == "1970-01-01T00:00:01.500Z"


def test_json_lines_tell_the_same_and_a_part_is_a_part(recording):
    lines = [json.loads(line) for line in data_of(recording, "jsonl").splitlines()]
    cells = list(csv.DictReader(io.StringIO(data_of(recording, "csv"))))
    assert [{key: "" if value is None else str(value) for key, value in line.items()} for line in lines] == [
        {key: cell[key] for key in line} for line, cell in zip(lines, cells, strict=True)
    ]
    part = [json.loads(line) for line in data_of(recording, "jsonl", 1.0, 2.0).splitlines()]
    assert part == [line for line in lines if line["end_s"] in (1.5, 2.0)]
    assert as_csv(rows(run(), 90.0)).splitlines() == [",".join(COLUMNS)]
    for form in ("csv", "jsonl"):
        with pytest.raises(Trouble, match="no rows between"):
            data_of(recording, form, 90.0)


def test_without_a_source_of_watts_energy_is_empty_and_never_zero():
    told = list(rows(run(source="none")))
    assert {row["energy_J"] for row in told} == {None}
    assert '"energy_J": null' in as_jsonl(told)


def test_the_receipt_adds_up_and_its_digest_is_that_of_the_facts(recording, tmp_path):
    told = json.loads(data_of(recording, "receipt-json"))
    totals = folded(run())[0].totals()
    tiers = told["tiers"]
    joules = [tier["joules"] for tier in tiers] + [told["standby_joules"], told["other_joules"]]
    assert sum(joules) == pytest.approx(told["joules"]) == pytest.approx(totals.joules)
    assert sum(tier["revenue_usd"] for tier in tiers) == pytest.approx(told["revenue_usd"])
    assert sum(tier["tokens_out"] for tier in tiers) == told["tokens_out"] == 160
    assert told["energy_cost_usd"] == pytest.approx(400 / 3.6e6 * 0.36)
    packed = tmp_path / "run.jsonl.gz"
    packed.write_bytes(gzip.compress(recording.read_bytes()))
    assert told["sha256"] == json.loads(data_of(packed, "receipt-json"))["sha256"] == digest(run())
    assert told["sha256"] != digest(run(seconds=4.5))
    page = data_of(recording, "receipt")
    assert told["sha256"] in page
    assert "nothing was sold" in page
    assert "Not included: Processor" in page


def test_the_page_and_the_object_tell_of_alarms():
    alarm = AlarmRaised(t=T0 + 1, alarm="late", subject="Ultra", title="Late", cause="Ultra is late.")
    facts = [*run(stopped=False), alarm, AlarmCleared(t=T0 + 3, alarm="late", subject="Ultra", title="In time")]
    ledger = folded(facts)[0]
    (told,) = summary(ledger, "replay")["alarms"]
    assert (told["subject"], told["raised_s"], told["cleared_s"]) == ("Ultra", 1.0, 3.0)
    assert "- warning (Ultra): Ultra is late." in report(ledger)
    ledger.post(AlarmRaised(t=T0 + 4, alarm="late", subject="Ultra", title="Late", cause="Again."))
    assert summary(ledger, "replay")["alarms"][1]["cleared_s"] is None


def at_home(fact):
    if isinstance(fact, RunStarted):
        tiers = tuple(msgspec.structs.replace(tier, model=HOME) for tier in fact.tiers)
        return msgspec.structs.replace(
            fact, tiers=tiers, scenario="/home/maria schmidt/rush.toml", preset="/home/m/p.toml"
        )
    if isinstance(fact, LaneReady):
        return msgspec.structs.replace(fact, model=HOME)
    return msgspec.structs.replace(fact, device_uuid=SERIAL) if isinstance(fact, EngineOpened) else fact


def test_no_export_names_the_machine_or_its_owner(tmp_path):
    alarm = AlarmRaised(t=T0 + 1, alarm="disk", title="Disk", cause=f"{HOME} on {SERIAL} and /srv/maria/x is full.")
    path = tmp_path / "run.jsonl"
    path.write_bytes(b"".join(encode(at_home(fact)) for fact in [*run(stopped=False), alarm]))
    ledger = folded(journal.read(path))[0]
    texts = [data_of(path, form) for form in ("csv", "jsonl", "markdown", "receipt", "receipt-json")]
    texts.append(json.dumps(summary(ledger, "replay")))
    for text in texts:
        for secret in ("maria", "/home", "/srv", SERIAL, SERIAL[4:12]):
            assert secret not in text
    assert "tiny llama" in texts[2]


@given(st.text(max_size=60))
def test_words_that_are_no_paths_stay_as_they_are(text):
    plain = text.replace("/", " ").replace("\\", " ").replace("~", " ").replace("GPU-", "").replace("MIG-", "")
    assert Veil(Standing())(plain) == plain
    for unit in ("tok/s/user", "$/Mtok", "1,220 tok/s at 312 W", "and/or", "https://example.org/a/b"):
        assert Veil(Standing())(unit) == unit


def test_names_lose_their_folders():
    assert bare("/home/x/models/tiny llama") == "tiny llama"
    assert bare(r"C:\Users\x\models\tiny") == "tiny"
    assert bare("smollm2-135m") == "smollm2-135m"
    assert Veil(Standing())(r"in C:\Users\maria\runs, and ~/runs/a.jsonl") == "in runs, and a.jsonl"


def test_files_are_whole_and_other_peoples_stay(tmp_path):
    theirs = tmp_path / "notes.csv"
    theirs.write_text("my own notes")
    with pytest.raises(Trouble, match="not a file of Token Desk"):
        put(theirs, b"x", "file", MARKS)
    assert theirs.read_text() == "my own notes"
    ours = tmp_path / "run.csv"
    for seconds in (2.0, 4.0):
        put(ours, as_csv(rows(run(seconds))).encode(), "file", MARKS)
    with pytest.raises(Trouble, match="cannot be written"):
        put(tmp_path / "nowhere" / "run.csv", b"x", "file", MARKS)
    for folder in (tmp_path, type(tmp_path)()):
        with pytest.raises(Trouble, match="is a folder"):
            put(folder, b"x", "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.csv", "run.csv"]
