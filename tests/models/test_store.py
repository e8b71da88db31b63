"""What lies on the disk and what can be done about it: conditions, claims, removal, and the command line over them."""

import json
import subprocess
import sys

import psutil
import pytest
from given import DATA, quietly
from typer.testing import CliRunner

from desk.facts.happened import LaneReady, Progressed
from desk.facts.trouble import Trouble
from desk.models import builder, claims, store
from desk.models.catalogue import Variant, catalogue
from desk.models.condition import Room, Running, condition, conditions
from desk.models.contacts import contacted, contacts
from desk.plant.children import environment
from desk.plant.loads import Loads
from desk.verbs.app import app

ROOM = Room({"cpu": 1 << 40})
KEY = ("tiny", "q4")


def state(key=KEY, job=None, room=ROOM):
    found = condition(key, job, room)
    return found.state, found.actions


def ready(model, precision, **more):
    about = {"tier": "Free", "provider": "cpu", "context": 64, "slots": 1, "load_s": 0.1}
    return LaneReady(t=1.0, model=model, precision=precision, weights_bytes=1, kv_bytes=1, **about, **more)


# ---- conditions


def test_a_folder_that_cannot_be_made_is_trouble_for_whoever_asks(tiny_catalogue, home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("TOKEN_DESK_HOME", str(home / "file" / "below"))
    for ask in (lambda: conditions({}, ROOM), lambda: store.open_model("tiny"), lambda: store.located("elsewhere")):
        with pytest.raises(Trouble, match="folder of models cannot be made"):
            ask()
    assert not store.ready("tiny")


def test_every_condition_has_its_actions_and_none_hides_its_row(tiny_catalogue, home):
    keys = {(found.model, found.precision) for found in conditions({}, ROOM)}
    assert keys == {("tiny", "q8"), ("tiny", "q4"), ("tiny", "fp16")}
    assert state() == ("available", ("build",))
    assert state(job=Running("build", *KEY)) == ("building", ("cancel",))
    assert state(job=Running("fetch", *KEY)) == ("downloading", ("pause", "discard"))
    assert state(job=Running("fetch", *KEY, stage="verifying")) == ("verifying", ("cancel",))
    folder = builder.build("tiny", "q4", quietly)
    assert state() == ("ready", ("verify", "remove"))
    assert condition(KEY, None, ROOM).bytes == store.size_of(folder)
    assert state(room=Room({"cpu": 1000})) == ("does not fit", ("verify", "remove"))
    assert state(room=Room({"cuda": 1 << 40})) == ("unsupported", ("build again", "remove"))

    weights = next(path for path in folder.iterdir() if path.stat().st_size > 100_000)
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    assert state() == ("incomplete", ("build again", "remove"))
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert state() == ("ready", ("verify", "remove"))
    with pytest.raises(Trouble, match="another hash"):
        store.verify(folder, quietly)
    assert state() == ("hash mismatch", ("build again", "remove"))
    assert not store.ready("tiny", "q4")
    weights.write_bytes(content)
    store.verify(folder, quietly)
    assert state() == ("ready", ("verify", "remove"))
    (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace(builder.BUILDER, "token-desk 0")
    )
    assert state() == ("unsupported", ("build again", "remove"))
    assert {(found.model, found.precision) for found in conditions({}, ROOM)} == keys


def test_a_job_on_something_new_has_a_row(tiny_catalogue):
    found = conditions({("mine", ""): Running("import", "mine")}, ROOM)
    assert [(row.model, row.state) for row in found if row.model == "mine"] == [("mine", "importing")]


def test_a_variant_for_another_provider_is_unsupported_with_the_reason(tiny_catalogue, monkeypatch):
    monkeypatch.setitem(catalogue()["tiny"].variants, "q4", Variant(providers=("cuda",)))
    found = condition(KEY, None, ROOM)
    assert (found.state, found.actions) == ("unsupported", ("build",))
    assert "runs on CUDA alone" in found.cause
    assert found.remedy


def test_the_speed_is_that_of_the_last_seconds_and_of_this_session():
    running = Running("fetch", "tiny", "q4")
    resumed = 500_000_000
    for second in range(20):
        assert (running.per_second is None) == (second < 2)
        done = resumed + (1_000_000 if second < 10 else 3_000_000) * second
        running.hear(_progress(float(second), done, 2 * resumed))
    assert running.per_second == pytest.approx(3_000_000)
    assert running.left_s == pytest.approx((2 * resumed - done) / 3_000_000)
    running.hear(_progress(99.0, 1, 10, stage="verifying"))
    assert (running.stage, running.per_second, running.left_s) == ("verifying", None, None)


def _progress(t, done, total, stage="downloading"):
    return Progressed(t=t, job="fetch", model="tiny", precision="q4", stage=stage, done=done, total=total)


# ---- claims and removal


def test_a_model_in_use_is_not_removed(tiny_catalogue):
    folder = builder.build("tiny", "q4", quietly)
    loads = Loads()
    loads.hear(ready("tiny", "q4"))
    assert claims.holders(folder) == [psutil.Process().pid]
    with pytest.raises(Trouble, match="A running factory uses tiny") as refused:
        store.remove("tiny", "q4")
    assert "Stop the factory" in refused.value.remedy
    loads.release()
    size = store.size_of(folder)
    assert store.remove("tiny", "q4") == size
    assert not folder.exists()
    with pytest.raises(Trouble, match="Nothing of tiny lies in"):
        store.remove("tiny", "q4")


def test_a_process_that_is_gone_holds_nothing(tmp_path, home):
    program = "import sys; from pathlib import Path; from desk.models import claims; claims.hold([Path(sys.argv[1])])"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environment(), check=True)
    assert len(list((home / "held").iterdir())) == 1
    assert claims.holders(tmp_path) == []
    assert list((home / "held").iterdir()) == []


def test_a_number_that_another_process_has_now_holds_nothing(tmp_path, home):
    claims.hold([tmp_path])
    assert claims.holders(tmp_path)
    (note,) = (home / "held").iterdir()
    held = json.loads(note.read_text())
    note.write_text(json.dumps(held | {"born": held["born"] - 60}))
    assert claims.holders(tmp_path) == []


def test_what_a_load_took_is_kept_for_the_next_estimate(tiny_catalogue):
    from desk.models.fit import last_load

    builder.build("tiny", "q4", quietly)
    _, manifest = store.open_model("tiny", "q4")
    loads = Loads()
    loads.hear(ready("tiny", "q4", revision=manifest.revision, taken_bytes=12_346))  # one for the cache
    loads.hear(ready("tiny", "q4", revision=manifest.revision))  # shares what the other has loaded
    assert last_load(manifest, "cpu").beside == 12_345
    assert last_load(manifest, "cuda") is None
    loads.release()


def test_hosts_are_kept_with_why_and_when(home):
    contacted("one.example", "fetching a")
    contacted("two.example", "fetching a")
    contacted("one.example", "fetching b")
    with (home / "hosts.jsonl").open("ab") as file:
        file.write(b"torn")
    assert [(found.host, found.why, found.times) for found in contacts()] == [
        ("one.example", "fetching b", 2),
        ("two.example", "fetching a", 1),
    ]


# ---- the catalogue


def test_the_catalogue_says_where_each_model_comes_from_and_what_it_takes():
    for name, known in catalogue().items():
        assert known.licence, name
        assert bool(known.repo) != bool(known.distribution), name
        assert known.precisions, name
        for precision in known.precisions:
            variant = store.variant_of(known, precision)
            assert variant.providers, (name, precision)
            assert bool(variant.path) == bool(known.repo), (name, precision)
            assert store.precision_for(name, precision, "auto") == precision
    assert next(iter(catalogue())) == "smollm2-135m"
    sizes = [known.parameters for known in catalogue().values()]
    assert sizes == sorted(sizes)
    with pytest.raises(Trouble, match="is fetched from the hub, not built here") as refused:
        builder.build("qwen3-0.6b", "q4", quietly)
    assert refused.value.remedy == "Get it: desk models get qwen3-0.6b"


# ---- the command line


def desk(*words):
    """The verb as the command line has it, but in this process; its workers are children as ever."""
    return CliRunner().invoke(app, ["models", *words], catch_exceptions=False)


def test_the_command_line_imports_lists_verifies_and_removes(home):
    taken = desk("import", str(DATA / "layouts" / "js-llama"), "--name", "Mine")
    assert "mine is ready" in taken.stderr
    rows = json.loads(desk("list", "--json", "--slots", "256", "--context", "1048576").stdout)
    (beyond,) = [row for row in rows if (row["model"], row["precision"]) == ("llama-3.2-1b", "q4")]
    assert beyond["state"] == "does not fit"
    assert beyond["memory"]["risk"].startswith("It will not load: this computer has less memory")
    (row,) = [row for row in rows if row["model"] == "mine"]
    assert (row["state"], row["actions"], row["memory"]["provider"]) == ("ready", ["verify", "remove"], "cpu")
    assert row["disk_bytes"] == store.size_of(home / "models" / "imported" / "mine")
    assert "Every byte of mine" in desk("verify", "mine").stderr
    assert "Freed 3" in desk("remove", "mine", "--yes").stdout
    with pytest.raises(Trouble, match="Nothing of mine is here") as gone:
        desk("verify", "mine")
    assert gone.value.remedy == "Look at what is there: desk models list"
