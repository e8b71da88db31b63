"""The whole program in a real window, driven by mouse and keys as a person would, from an empty home to the last child.

What happened is read from the recording: a click counts when its fact has come back.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from itertools import count

import psutil
import pytest
from PySide6.QtGui import QImage

from desk.facts import places

TOOLS = ("Xvfb", "openbox", "xdotool")
PATIENCE_S = 100.0
"""The first start builds the model, on a machine that may have other work; nothing here waits for less than it must."""

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="Xvfb is an X server of Linux"),
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}"),
]

# Where things stand in a window of 1440 by 900; tests of the Floor hold these measures.
GO, STOP = (128, 64), (1368, 64)
ULTRA = (1000, 308)


def until(true, what):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


@pytest.fixture
def screen(tmp_path):
    """A display of its own with a window manager; gives the environment of programs on it."""
    number, said = os.pipe()
    command = ["Xvfb", "-displayfd", str(said), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(said,), stderr=subprocess.DEVNULL)
    os.close(said)
    with os.fdopen(number) as told:
        display = told.readline().strip()
    assert display, "Xvfb did not start"
    gone = ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    environment |= {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb", "HOME": str(tmp_path)}
    manager = subprocess.Popen(["openbox"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    # A window that opens while the window manager is still coming up may be lost to it, and is never shown.
    until(lambda: Hand(environment).xdotool("get_num_desktops"), "the window manager")
    yield environment
    for process in (manager, server):
        process.terminate()
        process.wait(10)


class Hand:
    """Mouse and keyboard on one display."""

    def __init__(self, environment):
        self._environment = environment

    def xdotool(self, *words):
        told = subprocess.run(["xdotool", *map(str, words)], env=self._environment, capture_output=True, text=True)
        return told.stdout.split() if told.returncode == 0 else []

    def find(self, name):
        """The window of that title, once it is there and has the keyboard."""
        window = until(lambda: self.xdotool("search", "--onlyvisible", "--name", name), f"the window {name}")[0]
        until(lambda: self._has_focus(window), f"{name} to take the keyboard")
        return window

    def _has_focus(self, window):
        if self.xdotool("getactivewindow") == [window]:
            return True
        self.xdotool("windowactivate", window)
        return False

    def click(self, window, place):
        self.xdotool("mousemove", "--window", window, *place, "click", 1)

    def key(self, *names):
        self.xdotool("key", "--clearmodifiers", *names)

    def write(self, text):
        self.xdotool("type", "--clearmodifiers", "--delay", 20, text)


class Recording:
    """The journal of the one run, as far as it is written."""

    def facts(self, *kinds):
        found = []
        for path in places.runs_dir().glob("*.jsonl"):
            for line in path.read_bytes().split(b"\n")[:-1]:
                fact = json.loads(line)
                if fact["fact"] in kinds:
                    found.append(fact)
        return found

    def tells(self, kind, times=1, **fields):
        """Whether a fact with these fields has been written so many times."""
        told = [fact for fact in self.facts(kind) if all(fact.get(name) == value for name, value in fields.items())]
        return told if len(told) >= times else None

    def prices(self, tier):
        """The output prices that were brought into force for a tier."""
        changed = [fact["tier"] for fact in self.facts("tier_changed")]
        return [settings["price"]["output"] for settings in changed if settings["name"] == tier]


def insist(act, true, what):
    """Do it, and again where nothing came of it for a while: a click may meet a window that is still being laid out."""
    tries = count()

    def came():
        if next(tries) % 100 == 0:
            act()
        return true()

    return until(came, what)


def test_a_run_by_mouse_and_keys_leaves_a_recording_a_picture_and_no_child(screen, tmp_path):
    hand, journal = Hand(screen), Recording()
    with (tmp_path / "stderr").open("w") as stderr:
        program = subprocess.Popen([sys.executable, "-m", "desk"], env=screen, stderr=stderr)
    try:
        window = hand.find("^Token Desk$")
        insist(lambda: hand.click(window, GO), lambda: journal.tells("run_started"), "the run to start")
        until(lambda: journal.tells("first_token", tier="Ultra"), "tokens")

        hand.click(window, ULTRA)
        hand.write("3.5")
        hand.key("Return")
        until(lambda: journal.prices("Ultra")[-1:] == [3.5], "the new price of Ultra")
        hand.key("Escape")

        insist(lambda: hand.click(window, GO), lambda: journal.tells("paused"), "the pause")
        insist(lambda: hand.click(window, GO), lambda: journal.tells("resumed"), "the run to go on")

        hand.key("ctrl+shift+e")
        hand.find("^Picture of this view$")
        picture = tmp_path / "floor.png"
        hand.key("ctrl+a")
        hand.write(str(picture))
        hand.key("Return")
        until(lambda: picture.exists() and not QImage(str(picture)).isNull(), "the picture")
        about = json.loads(QImage(str(picture)).text("Description"))
        assert about["mode"] == "live"
        assert about["tiers"]["Ultra"]["tokens_per_second"] is not None

        hand.find("^Token Desk$")
        pids = {fact["pid"] for fact in journal.facts("child_started")}
        assert len(pids) >= 2
        hand.click(window, STOP)
        recording = until(lambda: list(places.runs_dir().glob("*.jsonl.gz")), "the recording to be put away")
        hand.key("alt+F4")
        assert program.wait(PATIENCE_S) == 0
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
        assert about["run"] in recording[0].name
        assert "Traceback" not in (tmp_path / "stderr").read_text()
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()
