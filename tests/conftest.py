"""What every test stands on: an offscreen Qt, a home of its own, and nothing left behind."""

import faulthandler
import gc
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

# Before anything imports PySide6; a job under Xvfb may set another platform.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
faulthandler.enable()

SETTLE_S = 5.0
"""How long a process or a thread that was asked to end may take to be gone."""


def pytest_collection_finish():
    """Take all that was imported out of the reach of the garbage collector, which looks for leaks after every test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A data folder of its own for each test, so that none sees the user's models, runs or settings."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TOKEN_DESK_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def embedded_model(tmp_path_factory):
    """The embedded model in 8 bits, built once for all tests by the worker as users start it; nobody writes into it.

    `folder` lies in the store of a `home` of its own; `said` is what the worker wrote, `exit` how it ended.
    """
    home = tmp_path_factory.mktemp("embedded")
    line = [sys.executable, "-m", "desk", "worker", "build", "smollm2-135m"]
    environment = os.environ | {"TOKEN_DESK_HOME": str(home)}
    # The end of its stdin would cancel it.
    with subprocess.Popen(line, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        said = worker.stdout.read()
    folder = home / "models" / "smollm2-135m" / "q8"
    return SimpleNamespace(home=home, folder=folder, said=said, exit=worker.returncode)


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """Fail a test that leaks a child process, a thread, an open file or a top-level widget."""
    gc.freeze()  # the collections below look at what this test has made, not at all that a long session holds
    before = _held()
    yield
    _sweep_widgets()
    deadline = time.monotonic() + SETTLE_S
    while (left := _leaked(before, _held())) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)
    assert not left, f"left behind: {', '.join(left)}"


def _held():
    me = psutil.Process()
    return {
        "processes": {child.pid for child in me.children(recursive=True) if _alive(child)},
        "threads": {thread.ident for thread in threading.enumerate()},
        "files": {entry.path for entry in me.open_files()},
        "widgets": _widgets(),
    }


def _leaked(before, after):
    return [f"{kind} {sorted(after[kind] - before[kind])}" for kind in before if after[kind] - before[kind]]


def _alive(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _application():
    """The running application, without importing Qt into tests that have none."""
    widgets = sys.modules.get("PySide6.QtWidgets")
    return widgets.QApplication.instance() if widgets else None


def _widgets():
    application = _application()
    return {f"{type(w).__name__}@{id(w):x}" for w in application.topLevelWidgets()} if application else set()


def _sweep_widgets():
    if (application := _application()) is None:
        return
    from PySide6.QtCore import QEvent

    gc.collect()
    application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    application.processEvents()
    gc.collect()
