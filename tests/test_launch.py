"""How the program is started: once for each user and folder, by its recordings too, and never in silence."""

import os
import plistlib
import shutil
import socket
import subprocess
import sys

import pytest

from desk import __version__
from desk.panel import instance
from desk.verbs import desktop_entry, shortcuts

PATIENCE_MS = 60_000

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets of the file system")

SECOND = "import sys; from desk.panel import instance; sys.exit(0 if instance.first(sys.argv[1]) is None else 9)"


@pytest.fixture
def started(qapp, monkeypatch, tmp_path):
    """Become the first start, on whatever is there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    made = []

    def first():
        found = instance.first()
        if found is not None:
            made.append(found)
            found.answer()
        return found

    yield first
    for each in made:
        each.close()


def second(asked, **environment):
    return subprocess.Popen([sys.executable, "-c", SECOND, asked], env=os.environ | environment)


def test_a_second_start_hands_over_what_it_was_asked_for_and_leaves(started, qtbot, tmp_path):
    first = started()
    for asked in ("", "/some where/ünusual.jsonl.gz"):
        with qtbot.waitSignal(first.asked, timeout=PATIENCE_MS) as told:
            later = second(asked)
        assert told.args == [asked]
        assert later.wait(60) == 0
    other = second("", TOKEN_DESK_HOME=str(tmp_path / "another"))
    assert other.wait(60) == 9, "another data folder is another program"
    first.close()
    assert second("").wait(60) == 9
    assert instance._address().exists(), "a start that ended without a word leaves its socket"
    assert started()._listening is not None, "which is put away by the next"


def test_one_that_hangs_or_is_not_ours_does_not_keep_the_window_shut(started, monkeypatch):
    monkeypatch.setattr(instance, "PATIENCE_S", 0.05)
    address = instance._address()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(address))
        silent.listen()
        assert started()._listening is None
    address.unlink()
    address.write_text("something else")
    assert started()._listening is not None


def test_a_data_folder_that_cannot_be_is_told_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, words in (
        ([], "data folder cannot be made"),
        (["no.jsonl.gz"], "There is no recording no.jsonl.gz"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "desk", *arguments],
            env=os.environ | {"TOKEN_DESK_HOME": str(tmp_path / "file")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert words in done.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="a matter of Linux desktops")
def test_recordings_are_known_by_name_or_first_line(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    desktop_entry.install()
    (tmp_path / "run.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (tmp_path / "plain").write_text('{"fact":"run_started","run":"r"}\n')
    (tmp_path / "other.jsonl").write_text('{"a":1}\n')
    program = (
        "import sys; from PySide6.QtCore import QMimeDatabase;"
        " print(*[QMimeDatabase().mimeTypeForFile(name).name() for name in sys.argv[1:]])"
    )
    names = [str(tmp_path / name) for name in ("run.jsonl.gz", "plain", "other.jsonl")]
    told = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=True)
    compressed, plain, other = told.stdout.split()
    assert (compressed, plain) == (f"{desktop_entry.MIME}-compressed", desktop_entry.MIME)
    assert desktop_entry.MIME not in other
    if shutil.which("gio"):
        shown = subprocess.run(["gio", "mime", compressed], capture_output=True, text=True)
        assert "token-desk.desktop" in shown.stdout


def test_the_application_for_macos_starts_this_program(tmp_path):
    about, start = shortcuts.application(tmp_path / "Token Desk.app")
    told = plistlib.loads(about.read_bytes())
    assert (about.parent / "MacOS" / told["CFBundleExecutable"]) == start
    shown = subprocess.run([start, "--version"], capture_output=True, text=True, timeout=60)
    assert shown.stdout == f"Token Desk {__version__}\n"


def test_the_shortcut_for_windows_goes_to_the_start_menu_without_a_console(tmp_path, monkeypatch):
    ran = []
    (tmp_path / "pythonw.exe").touch()
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setattr(shortcuts, "command", lambda: [str(tmp_path / "python.exe"), "-P", "-m", "desk"])
    monkeypatch.setattr(shortcuts.sys, "platform", "win32")
    monkeypatch.setattr(shortcuts.subprocess, "run", lambda line, **options: ran.append((line, options)))
    (link,) = shortcuts.install()
    monkeypatch.undo()
    ((line, options),) = ran
    assert link.parts[-3:] == ("Start Menu", "Programs", "Token Desk.lnk")
    assert line[0] == "powershell"
    told = {name: value for name, value in options["env"].items() if name.startswith("DESK_")}
    assert told == {
        "DESK_LINK": str(link),
        "DESK_PROGRAM": str(tmp_path / "pythonw.exe"),
        "DESK_ARGUMENTS": "-P -m desk",
    }
