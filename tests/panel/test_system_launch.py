"""The desktop entry in a real session: its line opens a window, later starts come to it, and a failure is shown."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from configparser import ConfigParser

import pytest
from test_real_window import PATIENCE_S, TOOLS, Hand, screen, until

from desk.facts import places
from desk.verbs import desktop_entry

__all__ = ["screen"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is an X server of Linux"),
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}"),
]


@pytest.fixture
def double_click(screen, tmp_path, monkeypatch):
    """Starts what the installed entry says, as a desktop does: for a file or for none, and without a terminal."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    entry, *_ = desktop_entry.install()
    parsed = ConfigParser(interpolation=None)
    parsed.optionxform = str
    parsed.read(entry)
    line = shlex.split(parsed["Desktop Entry"]["Exec"])
    assert line[-1] == "%f"
    running = []

    def start(*files, **environment):
        with (tmp_path / "stderr").open("a") as stderr:
            words = [*line[:-1], *map(str, files)]
            running.append(subprocess.Popen(words, env=screen | environment, stdin=subprocess.DEVNULL, stderr=stderr))
        return running[-1]

    yield start
    for program in running:
        if program.poll() is None:
            program.kill()
        program.wait()


def test_the_entry_opens_one_window_and_one_for_a_recording(double_click, screen, tmp_path):
    hand = Hand(screen)
    first = double_click()
    window = hand.find("^Token Desk$")
    run = shutil.copy(places.shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz"), tmp_path)
    assert double_click(run).wait(PATIENCE_S) == 0
    replay = hand.find("^five-tiers-cpu.jsonl.gz – Token Desk$")
    assert double_click().wait(PATIENCE_S) == 0
    until(lambda: hand.xdotool("getactivewindow") == [window], "the first window to come to the front")
    hand.xdotool("windowminimize", window)
    until(lambda: hand.xdotool("getactivewindow") == [replay], "the other window")
    assert double_click().wait(PATIENCE_S) == 0
    until(lambda: hand.xdotool("getactivewindow") == [window], "the first window to come back")
    assert set(hand.xdotool("search", "--onlyvisible", "--name", "Token Desk$")) == {window, replay}
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE_S) == 0
    assert (tmp_path / "stderr").read_text() == ""


def test_a_start_that_fails_says_why_in_a_dialog(double_click, screen, tmp_path):
    hand = Hand(screen)
    (tmp_path / "file").write_text("")
    program = double_click(TOKEN_DESK_HOME=os.fspath(tmp_path / "file"))
    hand.find("^Token Desk does not open$")
    hand.key("Return")
    assert program.wait(PATIENCE_S) == 1
    assert "data folder cannot be made" in (tmp_path / "stderr").read_text()
