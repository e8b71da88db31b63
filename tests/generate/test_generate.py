"""`desk generate` from end to end: one process that shows, and one that computes."""

import json
import os
import subprocess
import sys

import pytest

from desk.facts.orders import Generate
from desk.facts.trouble import Trouble
from desk.plant.children import command
from desk.verbs import generate

TIMEOUT_S = 60


@pytest.fixture
def desk(tmp_path):
    """`desk(...)` runs the program with these arguments."""

    def run(*arguments):
        environment = os.environ | {"TOKEN_DESK_HOME": str(tmp_path), "PYTHONUTF8": "1"}
        line = command("generate", *arguments)
        return subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment)

    return run


def test_it_prints_one_object_or_the_text_as_it_comes(desk, folder):
    said = [str(folder), "--prompt", " w3 w1", "--max-tokens", "9", "--temperature", "0.8", "--seed", "5", "--raw"]
    whole = desk(*said, "--json")
    assert whole.returncode == 0, whole.stderr
    found = json.loads(whole.stdout)
    assert whole.stdout.count("\n") == 1
    assert len(found["token_ids"]) == 9
    shown = desk(*said)
    assert shown.stdout == found["text"] + "\n"
    assert "length" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing", "--prompt", "x"], 1, "no model nothing"),
        (["FOLDER", "--prompt", "", "--raw"], 1, "empty"),
        (["FOLDER"], 2, "--prompt"),
        (["FOLDER", "--prompt", "x", "--max-tokens", "0"], 2, "--max-tokens"),
        (["FOLDER", "--prompt", "x", "--stop", ""], 2, "--stop"),
    ],
)
def test_what_cannot_be_answered_is_told_in_words(desk, folder, arguments, code, words):
    done = desk(*(str(folder) if argument == "FOLDER" else argument for argument in arguments))
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_showing_process_never_loads_the_runtime(folder):
    code = (
        "import sys; from desk.verbs.generate import main; from desk.facts.orders import Generate;"
        f"main(Generate(model={str(folder)!r}, prompt='x', max_tokens=2), json_out=False);"
        "print(sorted({'onnxruntime', 'tokenizers', 'onnx'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_child_that_dies_is_told_with_its_last_words(monkeypatch, capsys):
    dying = [sys.executable, "-c", "import os, sys; sys.stderr.write('no more\\n'); sys.stderr.flush(); os.abort()"]
    monkeypatch.setattr(generate, "command", lambda verb: dying)
    with pytest.raises(Trouble, match=r"SIGABRT.*no more"):
        generate.main(Generate(model="m", prompt="x"), json_out=True)
    assert capsys.readouterr().out == ""


def test_a_model_that_is_missing_is_built_and_asked_again(monkeypatch, capsys, tmp_path):
    """The child says what is missing the first time, and answers once it was built."""
    built = tmp_path / "built"
    child = (
        "import json, os, sys; sys.stdin.readline();"
        f"there = os.path.exists({str(built)!r});"
        "print(json.dumps({'text': 'yes', 'finish': 'eos'} if there else {'missing': 'q8'}))"
    )
    monkeypatch.setattr(generate, "command", lambda verb: [sys.executable, "-c", child])
    asked = []
    monkeypatch.setattr(generate.headless, "build", lambda *how: (asked.append(how), built.touch()))
    assert generate.main(Generate(model="m", prompt="x"), json_out=True) == 0
    assert asked == [("m", "q8")]
    assert json.loads(capsys.readouterr().out)["text"] == "yes"
