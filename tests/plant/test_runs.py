"""The folder of runs: listed without reading them, marked, removed and brought back, carried elsewhere, compared."""

import gzip
import json

import msgspec
import pytest
from typer.testing import CliRunner

from desk import journal
from desk.facts.codec import encode
from desk.facts.happened import (
    FORMAT,
    EngineOpened,
    FirstToken,
    LaneWork,
    Machine,
    Noted,
    Paused,
    Resumed,
    RunStarted,
    RunStopped,
    Said,
    TierChanged,
    Troubled,
    Worked,
    now,
)
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.tiers import Tariff, Tier
from desk.facts.trouble import Trouble
from desk.plant.pen import Pen
from desk.runs import carry, store
from desk.runs.comparison import compare
from desk.runs.store import Runs
from desk.runs.summary import summary_of
from desk.verbs.app import app

UUID = "GPU-12345678-9abc-def0-1234-56789abcdef0"
OTHER = "GPU-ffffffff-9abc-def0-1234-56789abcdef0"
FREE = Tier(name="Free", model="/home/alice/models/llama", users=2)


def story(run="r1", wall=1e9, seconds=40.0, rate=10, watts=50.0, seed=0, stop=True, tiers=(FREE,), model="m"):
    """The facts of a run on a GPU at a steady rate, with names in them that are nobody's business."""
    t0 = 100.0
    machine = Machine(system="Linux 6.1.0-alices-own", processor="Example CPU", cores=2, memory_bytes=1)
    tiers = tuple(msgspec.structs.replace(tier, model=model) for tier in tiers) if model != "m" else tiers
    yield RunStarted(
        t=t0, run=run, wall=wall, desk="0", machine=machine, tiers=tiers, tariff=Tariff(), format=FORMAT, seed=seed
    )
    board = Device(id="gpu0", kind="gpu", name="Example GPU", uuid=UUID)
    yield MeterOpened(t=t0, source="nvml-counter", quality="measured", driver="1.2", devices=(board,))
    yield EngineOpened(t=t0 + 0.1, runtime="ort", provider="cuda", device="Example GPU", threads=1, device_uuid=UUID)
    yield Troubled(t=t0 + 0.2, where="engine", cause=f"{OTHER} is lost: see /home/alice/logs/engine.log", remedy="")
    yield FirstToken(t=t0 + 1.0, tier="Free", request=1, submitted=t0, admitted=t0, prompt=5)
    for beat in range(11, round(seconds * 10)):
        t = t0 + beat / 10
        jitter = rate + (beat // 100) % 2  # a spread to speak of
        yield Worked(t=t, span=0.1, lanes=(LaneWork(tier="Free", busy=0.1, emitted=jitter, steps=1),))
        yield Read(t=t, devices=(DeviceReading(device="gpu0", edges=((t, watts * beat / 10),)),))
    if stop:
        yield RunStopped(t=t0 + seconds, reason="stopped")


def put(folder, facts, name="", packed=True):
    """A recording of these facts in a folder."""
    facts = list(facts)
    path = folder / f"{name or facts[0].run}.jsonl"
    path.write_bytes(b"".join(map(encode, facts)))
    return journal.compress(path) if packed else path


@pytest.fixture
def runs():
    return Runs()


@pytest.fixture
def folder(runs):
    return runs.folder


def names(runs):
    return [run.name for run in runs.all()]


def test_a_list_comes_from_summaries_alone(runs, folder, monkeypatch):
    for number in range(3):
        put(folder, story(f"r{number}", wall=1e9 + number))
    first = list(runs.summed_all(runs.all()))
    monkeypatch.setattr(journal, "read", lambda path: pytest.fail("a recording was read"))
    assert names(runs) == ["r2", "r1", "r0"]
    assert [run.summary for run in runs.all()] == [run.summary for run in sorted(first, key=lambda r: r.name)[::-1]]


def test_a_summary_is_made_anew_when_its_file_or_the_rules_change(runs, folder, monkeypatch):
    put(folder, story())
    runs.summed(runs.find("r1"))
    assert runs.find("r1").summary is not None
    monkeypatch.setattr(store, "_MADE_BY", "other rules")
    assert runs.find("r1").summary is None
    runs.summed(runs.find("r1"))
    assert runs.find("r1").summary.seconds == 40.0
    put(folder, story(seconds=50.0))
    assert runs.find("r1").summary is None
    assert runs.summed(runs.find("r1")).summary.seconds == 50.0
    (folder / "index.json").write_bytes(b"{torn")
    assert runs.find("r1").summary is None


def test_what_the_pen_sums_up_is_what_the_file_folds_to(runs):
    pen = Pen([FREE], Tariff())
    facts = story()
    pen.begin(next(facts), None)
    for fact in facts:
        pen.write(fact)
    pen.put_away()
    pen.wait_until_put_away(now() + 30.0)
    (run,) = runs.all()
    assert run.summary == summary_of(run.path)
    assert run.summary.tokens_per_second.low < run.summary.tokens_per_second.value < run.summary.tokens_per_second.high
    assert run.summary.watts.value == pytest.approx(50.0)
    assert run.summary.driver == "1.2"


def test_phases_and_badges_say_what_happened(runs, folder):
    facts = list(story(stop=False))
    paused = [Paused(t=110.0), Resumed(t=112.0), Noted(t=112.0, text="x")]
    foreign = Read(t=113.0, devices=(DeviceReading(device="gpu0", memory_foreign=1),))
    put(folder, [*facts[:200], *paused, foreign, *facts[200:]])
    about = runs.summed(runs.find("r1")).summary
    assert [phase.stage for phase in about.phases] == ["loading", "running", "paused", "running"]
    assert about.phases[2].end - about.phases[2].start == pytest.approx(2.0)
    assert set(about.badges) >= {"recovered", "shared GPU"}


def test_an_unreadable_recording_is_listed_with_its_reason(runs, folder):
    (folder / "x.jsonl.gz").write_bytes(b"no archive")
    put(folder, story())
    about = {run.name: run for run in runs.summed_all(runs.all())}
    assert "is not a recording" in about["x"].trouble
    assert about["r1"].summary is not None
    assert runs.find("x").trouble == about["x"].trouble  # found out once


def test_titles_tags_and_notes_stay_and_go(runs, folder):
    put(folder, story())
    run = runs.rename(runs.find("r1"), " Keynote ")
    run = runs.tag(runs.note(run, "Fans full."), ["demo", "loud", "demo"])
    runs.tag(run, ["new"], ["loud"])
    found = Runs().find("Keynote")
    assert (found.marks.title, found.marks.tags, found.marks.note) == ("Keynote", ("demo", "new"), "Fans full.")
    assert Runs().find("Key").name == "r1"
    bare = runs.note(runs.tag(runs.rename(found, ""), (), ["demo", "new"]), "")
    assert bare.marks == store.Marks()
    assert sorted(path.name for path in folder.iterdir()) == ["r1.jsonl.gz"]


def test_what_is_removed_comes_back_until_the_trash_is_emptied(runs, folder):
    writer = journal.Journal(folder / "r1.jsonl", part_bytes=20_000)
    for fact in story():
        writer.write(encode(fact))
    writer.close()
    put(folder, story("r2"))
    before = runs.summed(runs.tag(runs.find("r1"), ["demo"]))
    assert len(journal.parts(before.path)) > 2
    runs.remove(before)
    runs.remove(runs.find("r2"))
    assert names(runs) == []
    assert runs.disk_use().trash > before.bytes
    assert runs.undo().name == "r2"
    back = runs.undo()
    assert (back.name, back.bytes, back.marks, runs.summed(back).summary) == (
        before.name,
        before.bytes,
        before.marks,
        before.summary,
    )
    with pytest.raises(Trouble, match="No removed run"):
        runs.undo()
    runs.remove(back)
    put(folder, story("r1"))
    with pytest.raises(Trouble, match="another run r1"):
        runs.undo()
    assert runs.empty_trash() > 0
    assert runs.disk_use().trash == 0


def test_a_run_travels_without_names_and_folds_to_the_same(runs, folder, tmp_path):
    said = Said(t=130.0, tier="Free", request=1, text="cat /etc/passwd")
    facts = list(story())
    moved = msgspec.structs.replace(FREE, model="C:\\Users\\bob\\llama")
    put(folder, [*facts[:-1], said, TierChanged(t=131.0, tier=moved), facts[-1]])
    mine = runs.summed(runs.find("r1"))
    out = carry.send(mine, tmp_path)
    text = gzip.decompress(out.read_bytes()).decode()
    for name in ("alice", "bob", UUID, OTHER, "/home", "/logs", "Users"):
        assert name not in text
    assert text.count('"gpu0"') > 300
    assert "gpu1 is lost: see engine.log" in text
    assert "cat /etc/passwd" in text  # what a model says is nobody's folder
    runs.remove(mine)
    theirs, missing = carry.bring(out, runs)
    assert missing == ""
    same = {name: getattr(mine.summary, name) for name in ("models", "tiers", "system")}
    about = msgspec.structs.replace(theirs.summary, **same)
    assert about == mine.summary
    assert (theirs.summary.models, theirs.summary.system) == (("llama",), "Linux 6.1.0")
    with pytest.raises(Trouble, match="already here, as r1"):
        carry.bring(out, runs)
    with pytest.raises(Trouble, match="There is already a file"):
        carry.send(theirs, out)
    put(tmp_path, story(rate=20), "other")
    assert carry.bring(tmp_path / "other.jsonl.gz", runs)[0].name == "r1-2"
    assert [path for path in folder.iterdir() if path.name.endswith(".part")] == []


def test_what_cannot_be_taken_in_is_refused_in_a_sentence_and_leaves_nothing(runs, folder, tmp_path):
    lines = [encode(fact) for fact in story()]
    newer = encode(msgspec.structs.replace(next(story()), format=FORMAT + 1))
    evil = encode(msgspec.structs.replace(next(story()), run="../../etc/x"))
    bad = {
        "empty": (b"", "is empty"),
        "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(99), "is not a recording"),
        "json": (b'{"some": "json"}\n', "is not a recording"),
        "newer": (newer + b"".join(lines[1:]), "newer version"),
        "cut": (lines[0], "breaks off"),
        "bytes": (gzip.compress(bytes(17 * 2**20)), "is not a recording"),
    }
    for name, (content, words) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Trouble, match=words) as caught:
            carry.bring(tmp_path / name, runs)
        assert caught.value.remedy
    assert list(folder.iterdir()) == []
    (tmp_path / "evil").write_bytes(evil + b"".join(lines[1:]))
    assert carry.bring(tmp_path / "evil", runs)[0].name == "etc-x"
    (tmp_path / "torn").write_bytes(b"".join(lines[:9]) + b"{broken}\n" + lines[9] + lines[10][:20])
    torn, missing = carry.bring(tmp_path / "torn", runs)
    assert "its end is missing, 1 broken lines were passed over" in missing
    assert "damaged" in torn.summary.badges


def test_nothing_is_left_where_a_file_cannot_be_written(runs, folder, tmp_path, monkeypatch):
    put(folder, story())
    with pytest.raises(Trouble, match="cannot be written"):
        carry.send(runs.find("r1"), tmp_path / "none" / "out.jsonl.gz")
    with pytest.raises(Trouble, match="no name of a compressed recording"):
        carry.send(runs.find("r1"), tmp_path / "out.txt")
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Trouble, match="No space left"):
        carry.send(runs.find("r1"), tmp_path)
    assert list(tmp_path.glob("*r1*")) == []


@pytest.mark.parametrize(
    ("other", "doubt"),
    [
        ({"rate": 20}, ""),
        ({}, "spreads overlap"),
        ({"rate": 20, "seed": 1}, "seeds differ"),
        ({"rate": 20, "model": "other"}, "models differ"),
        ({"rate": 20, "tiers": (msgspec.structs.replace(FREE, users=3),)}, "asked of the tiers"),
        ({"rate": 20, "seconds": 20.0}, "too short"),
    ],
)
def test_one_run_is_called_faster_only_beyond_doubt(tmp_path, other, doubt):
    first = summary_of(put(tmp_path, story("a")))
    second = summary_of(put(tmp_path, story("b", **other)))
    found = compare([first, second])
    speed = found.differences[0]
    if not doubt:
        assert speed.claim == "faster"
        assert compare([second, first]).differences[0].claim == "slower"
        assert 0 < speed.low < speed.ratio < speed.high
        assert found.comparable
    else:
        assert speed.claim == ""
        assert doubt in " ".join(speed.doubts)
        assert found.comparable == (doubt in ("spreads overlap", "too short"))


def test_two_to_four_runs_are_compared(tmp_path):
    about = summary_of(put(tmp_path, story()))
    assert len(compare([about] * 4).differences) == 9
    for number in (1, 5):
        with pytest.raises(Trouble, match="cannot be compared"):
            compare([about] * number)


def test_the_verbs_do_all_of_it(folder, tmp_path):
    def desk(*words, code=0):
        done = CliRunner().invoke(app, [*words], env={"COLUMNS": "100"})
        assert done.exit_code == code, done.output + repr(done.exception)
        return done.output

    with pytest.raises(Trouble, match="No run was recorded here yet"):
        CliRunner().invoke(app, ["runs", "show"], catch_exceptions=False)
    put(folder, story("20260101-a"))
    put(folder, story("20260102-b", rate=20, wall=2e9))
    put(folder, story("20260103-c", wall=3e9, stop=False), packed=False)
    assert "20260103-c was cut off" in desk("runs", "list")
    assert "Recovered run of" in desk("runs", "recover")
    assert "No run was cut off" in desk("runs", "recover")
    assert json.loads(desk("runs", "list", "--json"))[0]["name"] == "20260103-c"
    assert [run["name"] for run in json.loads(desk("runs", "list", "recovered", "--json"))] == ["20260103-c"]
    figures = [json.loads(desk("replay", "20260101", "--json", *words)) for words in ([], ["--at", "20"])]
    assert [found["run"]["seconds"] for found in figures] == pytest.approx([39.0, 19.0], abs=0.6)
    with pytest.raises(Trouble, match="There is no run nowhere"):
        CliRunner().invoke(app, ["replay", "nowhere", "--json"], catch_exceptions=False)
    assert "Phases: loading" in desk("runs", "show", "latest")
    assert json.loads(desk("runs", "show", "20260101", "--json"))["summary"]["tokens_out"] > 0
    assert "faster (tok/s)" in desk("compare", "20260101", "20260102")
    comparison = json.loads(desk("compare", "20260101", str(put(tmp_path, story("d", seed=2))), "--json", code=5))
    assert not comparison["comparable"]
    desk("runs", "rename", "20260101", "First")
    desk("runs", "note", "First", "A note.")
    assert "demo" in desk("runs", "tag", "First", "demo")
    assert "A note." in desk("runs", "show", "First")
    wrote = desk("runs", "export", "First", "-o", str(tmp_path))
    assert "20260101-a.jsonl.gz" in wrote
    desk("runs", "remove", "First")
    desk("runs", "undo")
    desk("runs", "remove", "First")
    assert "Freed" in desk("runs", "empty-trash", "--yes")
    assert "is taken in" in desk("runs", "import", str(tmp_path / "20260101-a.jsonl.gz"))


def test_every_verb_of_runs_shows_an_example():
    for command in app.registered_groups[1].typer_instance.registered_commands:
        assert f"Example: desk runs {command.name}" in command.callback.__doc__
