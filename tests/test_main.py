"""The command line as a user meets it: in real processes, but for slips that start none."""

import os
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from desk import __version__
from desk.facts.codec import encode
from desk.facts.happened import Machine, RunStarted
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.plant.children import command
from desk.verbs import desktop_entry
from desk.verbs.app import app

VERBS = [
    ["run"],
    ["replay"],
    ["demo"],
    ["shot"],
    ["export"],
    ["doctor"],
    ["bench"],
    ["generate"],
    ["install-desktop-entry"],
    ["uninstall-desktop-entry"],
    ["models", "build"],
    ["runs", "show"],
    ["compare"],
    ["sweep"],
    ["mix"],
]


def desk(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "desk", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env=os.environ | environment,
    )


def loaded_by(statement):
    """The top-level modules that a statement brings in."""
    program = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_each_verb_explains_itself_with_an_example(verb):
    shown = desk(*verb, "--help", TERM="dumb", COLUMNS="120")
    assert shown.returncode == 0
    assert f"Example: desk {' '.join(verb)}" in shown.stdout


def test_every_verb_is_known_here():
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    groups = {group.name for group in app.registered_groups}
    assert names | groups == {verb[0] for verb in VERBS}


def test_the_version():
    assert desk("--version").stdout == f"Token Desk {__version__}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ["nosuch"],
        ["run", "--seconds", "soon"],
        ["run", "--watts", "65,20"],
        ["run", "--preset", "nosuch"],
        ["run", "--provider", "gpu"],
        ["run", "--shot", "floor.jpg"],
        ["run", "--shot", "nowhere/floor.png"],
        ["export", "r.jsonl", "--csv", "--start", "5", "--stop", "5"],
        ["export", "r.jsonl", "--receipt", "--stop", "5"],
        ["bench", "--peers", "nowhere/python"],
        ["shot"],
        ["shot", "r.jsonl", "-o", "a.png", "--figure", "watts"],
    ],
    ids=" ".join,
)
def test_a_slip_in_the_command_is_usage_and_starts_nothing(wrong, home):
    shown = CliRunner().invoke(app, wrong)
    assert shown.exit_code == 2
    assert shown.stdout == ""
    assert isinstance(shown.exception, SystemExit)
    assert not (home / "runs").exists()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="these systems always have a screen")
@pytest.mark.parametrize("entry", ["main", "window"])
def test_without_a_screen_the_window_says_so_plainly(entry):
    none = ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY")
    surroundings = {key: value for key, value in os.environ.items() if key not in none}
    program = f"import sys; sys.argv = ['desk']; from desk.__main__ import {entry}; sys.exit({entry}())"
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=surroundings
    )
    assert shown.returncode == 1
    assert "DISPLAY" in shown.stderr
    assert "desk run" in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_trouble_is_one_line_and_exit_code_1(tmp_path):
    (tmp_path / "x.jsonl").write_text("hello\n")
    shown = desk("replay", str(tmp_path / "x.jsonl"), "--json")
    assert shown.returncode == 1
    assert "Traceback" not in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path):
    machine = Machine(system="Linux", processor="", cores=2, memory_bytes=1)
    common = {"wall": 0.0, "desk": "0", "machine": machine, "tiers": (), "tariff": Tariff()}
    (tmp_path / "r.jsonl").write_bytes(encode(RunStarted(t=1.0, run="r", **common)))
    nobody, pipe = os.pipe()
    os.close(nobody)
    try:
        shown = subprocess.run(
            [sys.executable, "-m", "desk", "replay", str(tmp_path / "r.jsonl"), "--json"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        os.close(pipe)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_children_and_window_start_without_the_libraries_of_the_other_verbs():
    heavy = {"typer", "rich", "click", "numpy", "onnxruntime", "tokenizers", "pynvml", "onnx", "gguf", "PySide6"}
    assert not loaded_by("import desk.__main__") & heavy
    # Alarms are judged on a board, and so is all that is shown: who opens a plant has numpy anyway.
    assert not loaded_by("import desk.plant.plant, desk.plant.replay") & (heavy - {"numpy"})
    assert not loaded_by("import desk.plant.settings") & (heavy | {"psutil", "subprocess"})


def test_a_child_is_found_from_any_folder_and_not_shadowed_by_what_lies_there(tmp_path):
    (tmp_path / "random.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "__init__.py").write_text("raise RuntimeError('shadowed')")
    shown = subprocess.run(command("--version"), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert shown.stdout == f"Token Desk {__version__}\n", shown.stderr


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="a matter of Linux desktops")
class TestDesktopEntry:
    @pytest.fixture(autouse=True)
    def data_home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
        return tmp_path / "share"

    def test_it_is_accepted_and_starts_this_program(self):
        entry, icon, _ = desktop_entry.install()
        validator = shutil.which("desktop-file-validate")
        if validator:
            checked = subprocess.run([validator, entry], capture_output=True, text=True)
            assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
        parsed = ConfigParser(interpolation=None)
        parsed.optionxform = str
        parsed.read(entry)
        section = parsed["Desktop Entry"]
        assert section["Exec"].split() == [*command(), "%f"]
        assert Path(section["TryExec"]).is_file()
        assert section["Icon"] == icon.stem
        assert section["StartupWMClass"] == "token-desk"
        assert "<svg" in icon.read_text()

    def test_uninstall_removes_what_install_wrote_and_twice_is_no_trouble(self, data_home):
        written = desktop_entry.install()
        assert desktop_entry.uninstall() == written
        # What is left is the desktop's own: lists of all types and entries there are.
        ours = [path for path in data_home.rglob("*") if path.is_file() and "token-desk" in path.read_text("latin1")]
        assert not ours
        assert desktop_entry.uninstall() == []
        written[0].mkdir()
        with pytest.raises(Trouble, match="could not be removed"):
            desktop_entry.uninstall()

    @pytest.mark.parametrize(
        ("program", "quoted"),
        [
            ("/opt/desk/python", "/opt/desk/python"),
            ("/opt/my desk/python", '"/opt/my desk/python"'),
            ('/opt/a"b/100%', r'"/opt/a\\"b/100%%"'),
            ("/opt/$x/`y`", r'"/opt/\\$x/\\`y\\`"'),
        ],
    )
    def test_unusual_paths_are_quoted_as_the_specification_wants(self, monkeypatch, program, quoted):
        monkeypatch.setattr(desktop_entry, "command", lambda: [program, "-m"])
        entry, *_ = desktop_entry.install()
        line = next(line for line in entry.read_text().splitlines() if line.startswith("Exec="))
        assert line == f"Exec={quoted} -m %f"

    def test_a_folder_that_cannot_be_written_is_trouble(self, data_home):
        data_home.write_text("a file stands where the folder should be")
        shown = desk("install-desktop-entry", XDG_DATA_HOME=str(data_home))
        assert shown.returncode == 1
        assert "could not be written" in shown.stderr


def test_the_scripts_of_the_package_exist():
    project = Path(__file__).parents[1] / "pyproject.toml"
    declared = tomllib.loads(project.read_text())["project"]
    for target in [*declared["scripts"].values(), *declared["gui-scripts"].values()]:
        module, _, name = target.partition(":")
        assert module == "desk.__main__"
        assert callable(getattr(__import__(module, fromlist=[name]), name))
