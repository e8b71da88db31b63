"""The engine as a child process: lines in, lines out, and an end that loses nothing."""

import os
import subprocess
import sys
import threading
import time

import pytest

from desk.facts.codec import decode_fact, encode
from desk.facts.happened import EngineOpened, Finished, FirstToken, LaneReady, Troubled, Worked
from desk.facts.orders import Halt, OpenFactory

PATIENCE_S = 30.0

CHILD = """
import sys
from pathlib import Path
from desk.scenario import texts
texts.shipped = lambda *parts: Path({folder!r}).joinpath(*parts)
from desk.engine import process
{prank}
sys.exit(process.main())
"""


@pytest.fixture
def child(prompt_folder):
    """`child(prank)` is a running engine on the test's prompts; `prank` is what it also does before it starts."""
    started = []

    def start(prank=""):
        code = CHILD.format(folder=str(prompt_folder), prank=prank)
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        for end in (process.stdin, process.stdout, process.stderr):
            end.close()
        process.wait()


def send(process, *orders):
    process.stdin.write(b"".join(encode(order) for order in orders))
    process.stdin.flush()


def until(process, kind, count=1):
    """Read facts up to the `count`-th of a kind; gives all that were read."""
    facts = []
    timer = threading.Timer(PATIENCE_S, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            facts.append(decode_fact(line))
            count -= isinstance(facts[-1], kind)
            if count == 0:
                return facts
    finally:
        timer.cancel()
        timer.join()
    raise AssertionError(f"the engine ended without {kind.__name__}: {process.stderr.read().decode()[-2000:]}")


def rest(process):
    process.wait(PATIENCE_S)
    return [decode_fact(line) for line in process.stdout]


def totals(facts):
    beaten = sum(lane.emitted for fact in facts if isinstance(fact, Worked) for lane in fact.lanes)
    return beaten, sum(fact.emitted for fact in facts if isinstance(fact, Finished))


@pytest.mark.parametrize("ending", ["end of stdin", "halt"])
def test_it_works_until_told_and_settles_every_account(child, tier, ending):
    process = child()
    send(process, OpenFactory(tiers=(tier("Free"), tier("High", slots=1))))
    facts = until(process, LaneReady, 2)
    facts += until(process, Finished, 6)
    if ending == "halt":
        send(process, Halt())
    else:
        process.stdin.close()
    facts += rest(process)
    assert process.returncode == 0
    beaten, finished = totals(facts)
    assert beaten == finished > 0
    assert isinstance(facts[-1], Worked)
    firsts = {fact.request for fact in facts if isinstance(fact, FirstToken)}
    assert firsts <= {fact.request for fact in facts if isinstance(fact, Finished)}
    assert [type(fact) for fact in facts if isinstance(fact, EngineOpened | LaneReady)] == [
        EngineOpened,
        LaneReady,
        LaneReady,
    ]


def test_it_beats_ten_times_a_second_from_the_start_and_without_work(child):
    process = child()
    beats = [fact for fact in until(process, Worked, 12) if isinstance(fact, Worked)]
    assert all(fact.lanes == () for fact in beats)
    spans = sorted(fact.span for fact in beats[1:])
    assert 0.05 < spans[len(spans) // 2] < 0.5  # a busy machine may take its time
    process.stdin.close()
    rest(process)
    assert process.returncode == 0


def test_a_line_that_is_no_order_is_told_and_passed_over(child, tier):
    process = child()
    process.stdin.write(b'{"order":"dance"}\nnot json\n')
    send(process, OpenFactory(tiers=(tier("Free"),)))
    facts = until(process, Finished)
    assert sum(isinstance(fact, Troubled) for fact in facts) == 2
    process.stdin.close()
    rest(process)
    assert process.returncode == 0


def test_what_libraries_print_cannot_spoil_a_line(child, tier):
    """The prank writes to the process's own stdout, as native code does, at every beat."""
    prank = (
        "import os\n"
        "beat = process.Factory.beat\n"
        "process.Factory.beat = lambda self: (os.write(1, b'chatter'), print('chatter'), beat(self))\n"
    )
    process = child(prank)
    send(process, OpenFactory(tiers=(tier("Free"),)))
    facts = until(process, Worked, 4)
    process.stdin.close()
    facts += rest(process)
    assert process.returncode == 0
    assert b"chatter" in process.stderr.read()


def test_a_parent_that_is_gone_ends_it(child, tier):
    process = child()
    send(process, OpenFactory(tiers=(tier("Free"),)))
    until(process, FirstToken)
    process.stdout.close()
    assert process.wait(PATIENCE_S) == 0


def test_it_does_not_wait_for_a_model_that_is_still_loading(child, tier):
    process = child("import time\nfrom desk.engine import loader\nloader.open_model = lambda *how: time.sleep(600)\n")
    send(process, OpenFactory(tiers=(tier("Free"),)))
    facts = until(process, Worked, 3)
    assert isinstance(facts[-1], Worked)
    asked = time.monotonic()
    process.stdin.close()
    assert isinstance(rest(process)[-1], Worked)
    assert process.returncode == 0
    assert time.monotonic() - asked < 5.0


def test_a_bug_ends_it_with_a_traceback(child, tier):
    process = child("from desk.engine.lane import Lane\nLane.settle = lambda self, run, now: 1 / 0\n")
    send(process, OpenFactory(tiers=(tier("Free"),)))
    assert process.wait(PATIENCE_S) == 1
    assert b"ZeroDivisionError" in process.stderr.read()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C goes to a whole process group only under POSIX")
def test_ctrl_c_is_left_to_the_parent(child, tier):
    import signal

    process = child()
    send(process, OpenFactory(tiers=(tier("Free"),)))
    until(process, FirstToken)
    process.send_signal(signal.SIGINT)
    until(process, Finished, 2)
    process.stdin.close()
    rest(process)
    assert process.returncode == 0
