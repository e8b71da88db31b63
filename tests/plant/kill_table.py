"""By hand: kill panel, engine and meter at random moments, and print how the runs came back.

python tests/plant/kill_table.py [KILLS_PER_VICTIM] [SEED]
"""

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import psutil
from killing import VICTIMS, Told, balance, child, kill, recording, start
from scripted_child import write_model

from desk import journal
from desk.facts.happened import ChildEnded, RunStopped, Worked
from desk.runs.store import Runs, recovered_in_words

WINDOW_S = 2.0
"""A kill falls anywhere in the first so many seconds after the first token."""
CHILDREN_KILLS = 2
"""So many kills of a child share one run: after each it comes back, after a third it would be given up."""


def killed_parent(home, model, after_s):
    """Kill a whole parent; gives how its recording came back."""
    parent = start(home, model)
    try:
        path = recording(home)
        time.sleep(after_s)
        moment = kill(parent)
    finally:
        parent.kill()
        parent.wait()
    runs = Runs(home / "runs")
    (run,) = runs.cut_off()
    reading = journal.read(path)
    last = max(fact.t for fact in reading)
    closed = runs.recover(run)
    _, facts, balanced = balance(closed.path)
    whole = closed.state == "closed" and closed.summary.badges[0] == "recovered" and not runs.cut_off()
    lost = moment - last
    right, words = balanced and whole, recovered_in_words(closed)
    return Told(
        victim="panel", after_s=after_s, lost_s=lost, torn=reading.torn, facts=len(facts), balanced=right, words=words
    )


def killed_children(home, model, role, moments):
    """Kill a child of one run again and again; gives how the recording tells of each."""
    parent = start(home, model)
    kills = []
    try:
        path = recording(home)
        victim = _next(path, role, None)
        for after_s in moments:
            time.sleep(after_s)
            kills.append((after_s, kill(victim)))
            victim = _next(path, role, victim.pid)
            _worked_since(path, kills[-1][1])
        parent.send_signal(signal.SIGINT)
        parent.wait(30.0)
    finally:
        parent.kill()
        parent.wait()
    (run,) = Runs(home / "runs").all()
    _, facts, balanced = balance(run.path)
    closed = run.state == "closed" and isinstance(facts[-1], RunStopped)
    told = []
    for after_s, moment in kills:
        ended = [fact for fact in facts if isinstance(fact, ChildEnded) and fact.child == role and fact.t > moment]
        before = [fact.t for fact in facts if fact.t <= moment]
        told.append(
            Told(
                victim=role,
                after_s=after_s,
                lost_s=moment - max(before),
                torn=False,
                facts=len(facts),
                balanced=balanced and closed and bool(ended),
            )
        )
    return told


def _next(path, role, before):
    """The living child that is not the one before."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            found = child(path, role)
            if found.pid != before and found.status() != psutil.STATUS_ZOMBIE:
                return found
        time.sleep(0.02)
    raise AssertionError(f"the {role} did not come back")


def _worked_since(path, moment):
    """Wait until the engine has worked after a moment."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        if any(isinstance(fact, Worked) and fact.t > moment for fact in journal.read(path)):
            return
        time.sleep(0.05)
    raise AssertionError("the engine does not work again")


def all_told(kills, seed):
    """Every kill of every victim, as they come."""
    drawn = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        write_model(model)
        for victim in VICTIMS:
            left = kills
            while left:
                home = Path(folder) / f"{victim}-{left}"
                home.mkdir()
                if victim == "panel":
                    yield killed_parent(home, model, drawn.uniform(0.0, WINDOW_S))
                    left -= 1
                else:
                    moments = [drawn.uniform(0.0, WINDOW_S) for _ in range(min(CHILDREN_KILLS, left))]
                    yield from killed_children(home, model, victim, moments)
                    left -= len(moments)


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    told = []
    for each in all_told(kills, seed):
        told.append(each)
        print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{'victim':8}{'kills':>6}{'came back':>11}{'balanced':>10}{'torn':>6}{'lost, median':>14}{'lost, most':>12}")
    for victim in VICTIMS:
        mine = [each for each in told if each.victim == victim]
        lost = sorted(each.lost_s for each in mine)
        good, torn = sum(each.balanced for each in mine), sum(each.torn for each in mine)
        print(f"{victim:8}{len(mine):6}{len(mine):11}{good:10}{torn:6}{lost[len(lost) // 2]:12.3f} s{lost[-1]:10.3f} s")
    print(next((each.words for each in told if each.words), ""))
    return 0 if all(each.balanced and each.lost_s <= 1.0 for each in told) else 1


if __name__ == "__main__":
    os.environ.pop("TOKEN_DESK_HOME", None)
    sys.exit(main())
