"""Fetching from a hub: every way in which it goes wrong leaves a sentence and what was received, and can go on."""

import errno
import hashlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub.constants
import msgspec
import pytest
from given import DATA, quietly

from desk.facts import places
from desk.facts.happened import JobEnded, Progressed
from desk.facts.trouble import Trouble
from desk.models import hub, store
from desk.models.catalogue import catalogue, entry
from desk.models.claims import alone, worker_on
from desk.models.condition import Room, condition, conditions
from desk.models.contacts import contacts
from desk.plant.jobs import Jobs

sys.path.insert(0, str(Path(__file__).parents[1]))

from hub_standin.server import COMMIT, Fault, Hub

REPO, GRAPH, CARD = "someone/tiny", "onnx/model_q4.onnx", "README.md"
ROOM = Room({"cpu": 1 << 40})
DEADLINE_S = 120.0
"""How long anything may take on a machine that is busy with other things."""


@pytest.fixture
def served():
    layout = DATA / "layouts" / "js-llama"
    files = {path.name: path.read_bytes() for path in layout.iterdir() if path.is_file()}
    del files["expected.json"]
    files[GRAPH] = (layout / GRAPH).read_bytes()
    files["onnx/model_fp16.onnx"] = b"another variant"
    files["pytorch_model.bin"] = b"a pickle"
    files[CARD] = b"license: apache-2.0\n" + hashlib.shake_256(b"card").digest(3 << 20)
    return files


@pytest.fixture
def far(served, tmp_path, monkeypatch):
    """A hub with one model, which a catalogue of one entry knows; this process and its children speak to it."""
    with Hub(REPO, served) as running:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "catalogue.toml").write_text(
            f'[tiny]\ntitle = "Tiny"\nlicence = "Apache-2.0"\nrepo = "{REPO}"\n'
            f'[tiny.variants.q4]\nproviders = ["cpu"]\npath = "{GRAPH}"\n'
            f'[tiny.variants.int2]\nproviders = ["cuda"]\npath = "onnx/model_int2.onnx"\n'
        )
        monkeypatch.setattr(places, "shipped", lambda *parts: tmp_path.joinpath(*parts))
        point_at(running.url, monkeypatch)
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setattr(hub, "WAITS_S", (0.0, 0.0, 0.0))
        catalogue.cache_clear()
        yield running
        huggingface_hub.close_session()
    catalogue.cache_clear()


def point_at(url, monkeypatch):
    """Have this process take `url` for the hub, as HF_ENDPOINT does for one that starts."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "ENDPOINT", url)


def fetched():
    return hub.fetch(entry("tiny"), "q4", quietly)


def state():
    return condition(("tiny", "q4"), None, ROOM)


def test_a_fetched_model_is_ready_and_says_where_it_came_from(far, served, home):
    assert contacts() == []
    with pytest.raises(Trouble, match="not on this computer") as refused:
        store.open_model("tiny", "q4")
    assert refused.value.remedy == "Get it: desk models get tiny q4"
    assert (state().state, state().actions) == ("available", ("get",))
    heard = []
    folder = hub.fetch(entry("tiny"), "", lambda *report: heard.append(report))
    opened, manifest = store.open_model("tiny", "q4")
    assert (opened, manifest.name, manifest.title) == (folder, "tiny", "Tiny")
    assert (state().state, state().actions) == ("ready", ("verify", "remove"))
    source = store.origin(folder)
    assert (source.repo, source.revision) == (REPO, COMMIT)
    assert {name: stamp.sha256 for name, stamp in source.files.items()} == {
        name: hashlib.sha256(served[name]).hexdigest() for name in served if name.endswith((".json", ".jinja", ".md"))
    } | {GRAPH: hashlib.sha256(served[GRAPH]).hexdigest()}
    done = [done for stage, done, _ in heard if stage == "downloading"]
    assert done == sorted(done)
    assert heard[-1] == ("downloading", done[-1], done[-1])
    assert done[-1] == sum(stamp.bytes for stamp in source.files.values())
    assert {contact.host for contact in contacts()} == {"127.0.0.1", "localhost"}
    assert {contact.why for contact in contacts()} == {"fetching tiny"}


def test_a_connection_that_breaks_is_taken_up_where_it_broke(far, served):
    far.fault = Fault(CARD, times=2, cut=1_000_000)
    folder = fetched()
    assert (folder / CARD).read_bytes() == served[CARD]
    # The second connection is cut before its first byte, so it is asked again for the same.
    first, *later = far.asked(CARD)
    assert (first, len(later), len(set(later))) == (0, 2, 1)
    assert 0 < later[0] <= 1_000_000


def test_a_hub_that_stays_away_is_given_up_and_gone_on_with_another_day(far, served):
    far.fault = Fault(CARD, cut=700_000)
    with pytest.raises(Trouble, match="cannot be reached") as gone:
        fetched()
    assert "What has been fetched is kept" in gone.value.remedy
    stopped = state()
    assert (stopped.state, stopped.actions) == ("paused", ("resume", "discard"))
    assert 0 < stopped.done < stopped.total == sum(file.bytes for file in hub.plan_in(part()).files)
    far.fault, far.requests[:] = Fault(times=0), []
    assert (fetched() / CARD).read_bytes() == served[CARD]
    assert far.asked(CARD) == [part_bytes(stopped, served)]
    assert not any(path.startswith("/api") for path, _ in far.requests)


def part():
    return store.part_of(store.folder_of("tiny", "q4"))


def part_bytes(stopped, served):
    """How much of the card there was when a fetch was stopped: it is the largest file, and comes last."""
    return stopped.done - (stopped.total - len(served[CARD]))


def test_a_hub_that_does_not_go_on_in_the_middle_is_heard_from_the_beginning(far, served):
    far.fault = Fault(CARD, cut=500_000)
    with pytest.raises(Trouble):
        fetched()
    far.fault = Fault(CARD, times=1, whole=True)
    assert (fetched() / CARD).read_bytes() == served[CARD]


@pytest.mark.parametrize("name", [CARD, GRAPH, "config.json"])
def test_other_content_than_the_hub_has_is_never_ready(far, home, name):
    far.fault = Fault(name, times=1, flip=7)
    with pytest.raises(Trouble, match=f"{name} came with other content"):
        fetched()
    assert not store.ready("tiny", "q4")
    assert (state().state, state().actions) == ("hash mismatch", ("get again", "discard"))
    assert state().remedy.startswith("Get it again")
    fetched()
    assert state().state == "ready"


def test_a_hash_of_the_catalogue_counts_more_than_the_hubs(far, monkeypatch):
    known = entry("tiny")
    variant = msgspec.structs.replace(known.variants["q4"], sha256={GRAPH: "0" * 64})
    with pytest.raises(Trouble, match="other content"):
        hub.fetch(msgspec.structs.replace(known, variants={"q4": variant}), "q4", quietly)


GATED = (("X-Error-Code", "GatedRepo"),)


@pytest.mark.parametrize(
    ("fault", "cause", "remedy"),
    [
        (
            Fault("/revision/main", status=404, headers=(("X-Error-Code", "RepoNotFound"),)),
            "or shows it only to",
            "hf auth login",
        ),
        (Fault("/revision/main", status=404, headers=(("X-Error-Code", "RevisionNotFound"),)), "no revision", "other"),
        (Fault("/revision/main", status=401), r"refuses Tiny .*HTTP 401", "hf auth login"),
        (Fault(GRAPH, status=401, headers=GATED), "is gated.*Apache-2.0", "Accept it at http.*hf auth login"),
        (Fault(GRAPH, status=403), r"refuses Tiny .*HTTP 403", "hf auth login"),
        (Fault(GRAPH, status=404, headers=(("X-Error-Code", "EntryNotFound"),)), "is gone from", "Remove"),
        (Fault(GRAPH, status=404), "HTTP 404", "precision"),
        (Fault("/revision/main", status=429, headers=(("Retry-After", "77"),)), "too many requests", "60 seconds"),
        (Fault(GRAPH, status=429), "too many requests", "a few minutes"),
        (Fault(GRAPH, status=500), "trouble of its own", "is kept"),
        (Fault(GRAPH, status=418), "HTTP 418", "is kept"),
    ],
    ids=lambda value: f"{value.path}-{value.status}" if isinstance(value, Fault) else "",
)
def test_what_the_hub_refuses_is_said_with_what_to_do(far, fault, cause, remedy):
    import re

    far.fault = fault
    with pytest.raises(Trouble, match=cause) as refused:
        fetched()
    assert re.search(remedy, refused.value.remedy)
    assert not store.ready("tiny", "q4")
    assert state().state in ("available", "paused")


def test_a_hub_that_is_busy_for_a_moment_is_asked_again(far):
    far.fault = Fault(GRAPH, times=2, status=429, headers=(("Retry-After", "0"),))
    assert fetched().is_dir()


def test_nobody_at_that_address(far, monkeypatch):
    point_at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(Trouble, match=r"127\.0\.0\.1:9 cannot be reached") as gone:
        fetched()
    assert "Check the network" in gone.value.remedy


def test_offline_means_that_nobody_is_asked(far, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Trouble, match="HF_HUB_OFFLINE forbids"):
        fetched()
    assert far.requests == []
    assert state().state == "available"
    assert not part().exists()


def test_a_variant_that_is_not_there_any_more(far):
    with pytest.raises(Trouble, match=r"has no onnx/model_int2\.onnx"):
        hub.fetch(entry("tiny"), "int2", quietly)


@pytest.mark.parametrize("name", ["onnx/../../out", "onnx//../out", "onnx/a\\..\\out", "onnx/nul"])
def test_a_listing_that_leads_out_of_the_folder_is_refused(far, name):
    far.files[name] = b"x"
    whole = {"q4": msgspec.structs.replace(entry("tiny").variants["q4"], path="onnx/")}
    with pytest.raises(Trouble, match="The repository someone/tiny names a file"):
        hub.fetch(msgspec.structs.replace(entry("tiny"), variants=whole), "q4", quietly)
    assert not any("/resolve/" in path for path, _ in far.requests)


def test_a_folder_of_a_repository_is_taken_whole_and_its_own_files_count(far, served):
    # The folder lies somewhere below, and has a tokenizer of its own.
    for place in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        far.files[f"cpu/int4/{place}"] = served[place] + b"\n"
    far.files["cpu/int4/model.onnx"] = served[GRAPH]
    far.files["cpu/int4/code.py"] = b"import os"
    whole = {"q4": msgspec.structs.replace(entry("tiny").variants["q4"], path="cpu/int4/")}
    folder = hub.fetch(msgspec.structs.replace(entry("tiny"), variants=whole), "q4", quietly)
    assert (folder / "tokenizer.json").read_bytes() == served["tokenizer.json"] + b"\n"
    assert (folder / "model.onnx").is_file()
    assert not (folder / "code.py").exists()
    assert not (folder / "onnx").exists()
    assert store.ready("tiny", "q4")


def test_a_disk_without_room_is_asked_before_the_first_file(far, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=300 << 20))
    fetched()
    store.remove("tiny")
    far.requests.clear()
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=(256 << 20) + 1000))
    with pytest.raises(Trouble, match=r"takes 3\.\d+ MB on the disk, and 268 MB are free"):
        fetched()
    assert not any("/resolve/" in path for path, _ in far.requests)


def test_a_disk_that_fills_up_meanwhile_keeps_what_is_there(far, monkeypatch):
    def refuse(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(hub.os, "fsync", refuse)
        with pytest.raises(Trouble, match="the disk is full"):
            fetched()
    assert state().state == "paused"
    assert fetched().is_dir()


def test_two_do_not_fetch_the_same_at_once(far):
    with alone(store.folder_of("tiny", "q4"), "It is fetched"), pytest.raises(Trouble, match="by another process"):
        fetched()
    assert fetched().is_dir()
    with alone(store.folder_of("tiny", "q4"), "It is fetched"), pytest.raises(Trouble, match="A job is at work on"):
        store.remove("tiny")


# ---- the child, and the jobs that start it

CHILD = """
import sys
from pathlib import Path
from desk.facts import places
places.shipped = lambda *parts: Path(sys.argv[1]).joinpath(*parts)
from desk.models.worker import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.fixture
def jobs(tmp_path, far):
    running = Jobs(lambda *words: [sys.executable, "-c", CHILD, str(tmp_path), *words])
    yield running
    running.close()


def until(jobs, wanted):
    """Facts of the jobs until one that is wanted, that one included."""
    facts, deadline = [], time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for fact in jobs.drain():
            facts.append(fact)
            if wanted(fact):
                return facts
        time.sleep(0.005)
    raise AssertionError(f"not in {DEADLINE_S} s: {facts[-3:]}")


def over(fact):
    return isinstance(fact, JobEnded)


def receive(jobs, size=1_000_000):
    """Wait until so many bytes lie on the disk: facts come too seldom to tell."""
    until(jobs, lambda fact: isinstance(fact, Progressed) and fact.stage == "downloading")
    deadline = time.monotonic() + DEADLINE_S
    while state().done <= size:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_fetch_is_paused_killed_and_gone_on_with(far, jobs, served):
    far.fault = Fault(CARD, hold=2_000_000)
    key = jobs.fetch("tiny", "q4")
    assert key == ("tiny", "q4")
    with pytest.raises(Trouble, match="at work on tiny already"):
        jobs.fetch("tiny")
    receive(jobs)
    (shown,) = [found for found in conditions(jobs.running, ROOM) if found.precision == "q4"]
    assert (shown.state, shown.actions) == ("downloading", ("pause", "discard"))
    assert 0 <= shown.done < shown.total
    with pytest.raises(Trouble, match="at work on tiny"):
        jobs.remove("tiny")

    # The hub holds the rest back, and the worker sits in a read that nothing ends: cancel is true all the same.
    assert far.holding.wait(DEADLINE_S)
    jobs.cancel(key)
    assert until(jobs, over)[-1].cause == "Cancelled."
    assert state().state == "paused"
    kept = state().done

    jobs.fetch("tiny", "q4")
    receive(jobs)
    worker = worker_on(store.folder_of("tiny", "q4"))
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    ended = until(jobs, over)[-1]
    assert "SIGKILL" in ended.cause
    assert ended.remedy
    assert state().state == "paused"
    assert state().done >= kept

    far.fault, far.requests[:] = Fault(times=0), []
    jobs.fetch("tiny", "q4")
    assert until(jobs, over)[-1].cause == ""
    assert far.asked(CARD)[0] >= part_bytes(SimpleNamespace(done=kept, total=total(served)), served) > 0
    assert (store.folder_of("tiny", "q4") / CARD).read_bytes() == served[CARD]

    jobs.verify("tiny", "q4")
    assert until(jobs, over)[-1].cause == ""
    content = bytearray(served[CARD])
    content[99] ^= 1
    (store.folder_of("tiny", "q4") / CARD).write_bytes(content)
    assert state().state == "ready"
    jobs.verify("tiny", "q4")
    assert "another hash" in until(jobs, over)[-1].cause
    assert (state().state, state().actions) == ("hash mismatch", ("get again", "remove"))
    assert not store.ready("tiny", "q4")
    assert jobs.remove("tiny") > len(served[CARD])
    assert state().state == "available"


def total(served):
    wanted = [name for name in served if "/" not in name and not name.endswith(".bin")]
    return sum(len(served[name]) for name in [*wanted, GRAPH])


def test_a_fetch_that_is_discarded_leaves_nothing(far, jobs):
    far.fault = Fault(CARD, hold=2_000_000)
    key = jobs.fetch("tiny", "q4")
    receive(jobs)
    jobs.cancel(key, discard=True)
    until(jobs, over)
    assert not part().exists()
    assert state().state == "available"
