"""Runs in a process of their own, killed without warning: the parent as a whole, or one of its children."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil

from desk import journal
from desk.facts.happened import ChildStarted, RunStarted
from desk.ledger.ledger import Ledger

HERE = Path(__file__).parent
VICTIMS = ("panel", "engine", "meter")
PATIENCE_S = 30.0

PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts it in the background lets it ignore this
sys.path.insert(0, {here!r})
from scripted_plant import LIMITS, script
from desk import headless
from desk.facts.tiers import Tier
from desk.plant.plant import Plant
tiers = [Tier(name=name, model={model!r}) for name in ("Free", "Ultra")]
headless.run(Plant(tiers, argv=script(), limits=LIMITS), json_out=True)
"""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How a killed run came back: whether its accounts balance, and how many seconds before the kill it lacks."""

    victim: str
    after_s: float
    lost_s: float
    torn: bool
    facts: int
    balanced: bool
    words: str = ""


def start(home, model):
    """A run without a window, with scripted children, in a home of its own."""
    program = PARENT.format(here=str(HERE), model=str(model))
    environment = os.environ | {"TOKEN_DESK_HOME": str(home), "PYTHONPATH": str(HERE.parent.parent)}
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    return subprocess.Popen([sys.executable, "-c", program], env=environment, **streams)


def recording(home, patience=PATIENCE_S):
    """The recording of the run that goes on there, once its first token is on disk."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for path in (home / "runs").glob("*.jsonl"):
            if b'"first_token"' in path.read_bytes():
                return path
        time.sleep(0.01)
    raise AssertionError("no token was recorded")


def child(path, role):
    """The process of a child, by the recording."""
    started = [fact for fact in journal.read(path) if isinstance(fact, ChildStarted) and fact.child == role]
    return psutil.Process(started[-1].pid)


def kill(process):
    """SIGKILL, and wait until it is gone; gives the moment on the clock of the facts."""
    moment = time.perf_counter_ns() / 1e9
    os.kill(process.pid, signal.SIGKILL)
    return moment


def balance(path):
    """The ledger of a recording whose accounts were added up, and whether they are right."""
    ledger = Ledger()
    emitted = joules = 0.0
    facts = list(journal.read(path))
    for fact in facts:
        for period in ledger.post(fact):
            emitted += sum(tier.emitted for tier in period.tiers.values())
            if period.joules is not None:
                parts = [tier.joules or 0.0 for tier in period.tiers.values()]
                shared = sum(parts) + (period.standby_joules or 0.0) + (period.other_joules or 0.0)
                if abs(shared - period.joules) > 1e-6:
                    return ledger, facts, False
                joules += period.joules
    totals = ledger.totals()
    parts = sum(tier.joules or 0.0 for tier in totals.tiers.values())
    whole = parts + (totals.standby_joules or 0.0) + (totals.other_joules or 0.0)
    right = abs(whole - (totals.joules or 0.0)) < 1e-6 and totals.tokens_out == emitted and joules >= whole - 1e-6
    return ledger, facts, right and isinstance(facts[0], RunStarted)
