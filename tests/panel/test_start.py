"""The way in: what is imported before the first paint, what never is, and how long it takes."""

import json
import os
import statistics
import subprocess
import sys
import time

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

START = """
import json, sys, time
born, life_ms = float(sys.argv.pop(1)), int(sys.argv.pop(1))
from PySide6.QtCore import QTimer
from desk.__main__ import window as way_in
from desk.panel.window import Window

seen = {}
show = Window.show

def watched(self):
    self.painted.connect(lambda: seen.update(painted=time.monotonic() - born, early=roots()))
    self.looking = QTimer(self, interval=20, timeout=lambda: look(self))
    self.looking.start()
    show(self)

def roots():
    return sorted({name.partition(".")[0] for name in sys.modules})

def look(window):
    from PySide6.QtWidgets import QGraphicsView
    if any(view.isVisible() for view in window.findChildren(QGraphicsView)):
        window.looking.stop()
        seen.update(charts=time.monotonic() - born, late=roots())
        # Some life, so that what is imported by beating is seen, too.
        QTimer.singleShot(life_ms, lambda: (seen.update(late=roots()), window.close()))

Window.show = watched
code = way_in()
print(json.dumps(seen))
sys.exit(code)
"""


def started(home, life_ms):
    environment = {**os.environ, "TOKEN_DESK_HOME": str(home), "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", START, str(time.monotonic()), str(life_ms)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return started(tmp_path_factory.mktemp("home"), 1000)


def test_nothing_heavy_is_imported_before_the_first_paint(start):
    assert not EARLY & set(start["early"])


def test_the_libraries_of_the_engine_never_enter_the_panel(start):
    assert {"numpy", "pyqtgraph"} <= set(start["late"])
    assert not NEVER & set(start["late"])


def test_the_window_comes_first_and_the_charts_soon(home, capsys):
    """The budget is 0.3 s and 1.0 s on a quiet machine; a busy one cannot tell, so its load stands beside the times."""
    starts = [started(home, 0) for _ in range(5)]
    painted, charts = (statistics.median(start[what] for start in starts) for what in ("painted", "charts"))
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    with capsys.disabled():
        print(f"\nwindow painted after {painted:.2f} s, charts after {charts:.2f} s (medians of 5{load})")
    assert all(start["painted"] < start["charts"] for start in starts)
    assert painted < 3
    assert charts < 10


def test_without_a_screen_one_sentence_says_so(tmp_path):
    environment = {"PATH": "", "TOKEN_DESK_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "desk"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    if sys.platform.startswith("linux"):
        assert "no screen" in done.stderr
        assert "Traceback" not in done.stderr
