"""The way in: what is imported before the first paint, what never is, and how much work it is."""

import json
import os
import subprocess
import sys

import pytest

EARLY = {
    "onnxruntime",
    "tokenizers",
    "pynvml",
    "numpy",
    "typer",
    "rich",
    "onnx",
    "gguf",
    "huggingface_hub",
    "pyqtgraph",
}
NEVER = {"onnxruntime", "tokenizers", "pynvml", "onnx", "gguf", "huggingface_hub"}

PAINTED_CPU_S, CHARTS_CPU_S = 1.0, 3.0
"""Seconds of processor time, some three times what a start takes: more than a busy machine or coverage explains."""

START = """
import json, sys, time
life_ms = int(sys.argv.pop(1))
from PySide6.QtCore import QTimer
from desk.__main__ import window as way_in
from desk.panel.window import Window

seen = {}
show = Window.show

def watched(self):
    self.painted.connect(lambda: seen.update(painted=time.process_time(), early=roots()))
    self.looking = QTimer(self, interval=20, timeout=lambda: look(self))
    self.looking.start()
    show(self)

def roots():
    return sorted({name.partition(".")[0] for name in sys.modules})

def look(window):
    from PySide6.QtWidgets import QGraphicsView
    if any(view.isVisible() for view in window.findChildren(QGraphicsView)):
        window.looking.stop()
        seen.update(charts=time.process_time())
        # Some life, so that what is imported by beating is seen, too.
        QTimer.singleShot(life_ms, lambda: (seen.update(late=roots()), window.close()))

Window.show = watched
code = way_in()
print(json.dumps(seen))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """One start from an empty home, and a second of life."""
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "TOKEN_DESK_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", START, "1000"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def test_nothing_heavy_is_imported_before_the_first_paint(start):
    assert not EARLY & set(start["early"])


def test_the_libraries_of_the_engine_never_enter_the_panel(start):
    assert {"numpy", "pyqtgraph"} <= set(start["late"])
    assert not NEVER & set(start["late"])


def test_the_window_comes_first_and_neither_it_nor_the_charts_take_long(start):
    assert start["painted"] < PAINTED_CPU_S
    assert start["painted"] < start["charts"] < CHARTS_CPU_S


def test_without_a_screen_one_sentence_says_so(tmp_path):
    environment = {"PATH": "", "TOKEN_DESK_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "desk"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    if sys.platform.startswith("linux"):
        assert "no screen" in done.stderr
        assert "Traceback" not in done.stderr
