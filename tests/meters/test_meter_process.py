"""The meter as a process of its own: how it speaks, how it leaves, and what hangs and crashes do to it."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import pairwise

import psutil
import pytest
from nvml_standin.metering import decode

from desk.facts.codec import decode_fact, encode
from desk.facts.happened import now
from desk.facts.metered import MeterOpened, Read
from desk.facts.orders import Pause

WITHIN_S = 10.0


@contextmanager
def meter(standin, scenario, *arguments, **options):
    """A running meter child, gone at the end."""
    standin.write(scenario)
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        standin.command(*arguments), stdin=pipe, stdout=pipe, stderr=pipe, env=standin.environment, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WITHIN_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def read_until(process, wanted):
    """Facts up to the first that is `wanted`; fails where the child ends before."""
    facts = []
    for line in process.stdout:
        facts.append(decode_fact(line))
        if wanted(facts[-1]):
            return facts
    raise AssertionError(f"ended: {process.stderr.read().decode()[-2000:]}")


def is_read(fact):
    return isinstance(fact, Read)


def test_it_beats_ten_times_a_second_on_the_clock_of_the_machine(standin):
    before = now()
    with meter(standin, "clock real 0\ngpu 0") as process:
        facts = read_until(process, is_read)
        for _ in range(10):
            facts += read_until(process, is_read)
    assert isinstance(facts[0], MeterOpened)
    assert facts[0].source == "nvml-counter"
    stamps = [fact.t for fact in facts[1:]]
    assert before < facts[0].t < stamps[0] < stamps[-1] < now()
    assert sorted(after - before for before, after in pairwise(stamps))[5] == pytest.approx(0.1, rel=0.3)


def test_it_leaves_at_the_end_of_stdin(standin):
    with meter(standin, "clock real 0\ngpu 0") as process:
        read_until(process, is_read)
        process.stdin.write(encode(Pause()))  # an order that means nothing to it
        process.stdin.flush()
        read_until(process, is_read)
        process.stdin.close()
        assert process.wait(WITHIN_S) == 0
        assert process.stderr.read() == b""


def test_it_leaves_though_the_driver_hangs(standin):
    with meter(standin, "clock real 0\ngpu 0") as process:
        read_until(process, is_read)
        standin.write("clock real 0\ngpu 0\nhang nvmlDeviceGetFieldValues 0")
        silent(process)
        process.stdin.close()
        assert process.wait(WITHIN_S) == 0


def silent(process):
    """Wait until no line has come for a third of a second."""
    os.set_blocking(process.stdout.fileno(), False)
    quiet = time.monotonic()
    while time.monotonic() - quiet < 0.35:
        if process.stdout.read():
            quiet = time.monotonic()
        time.sleep(0.05)


def test_a_hang_silences_it_and_the_next_one_opens_cleanly(standin):
    with meter(standin, "clock real 0\ngpu 0") as process:
        read_until(process, is_read)
        standin.write("clock real 0\ngpu 0\nhang nvmlDeviceGetFieldValues 0")
        silent(process)
        process.terminate()  # a hung driver call holds signals back
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.kill()
        assert process.wait(WITHIN_S) == -signal.SIGKILL
    with meter(standin, "clock real 0\ngpu 0") as process:
        facts = read_until(process, is_read)
        assert facts[0].source == "nvml-counter"


def test_a_hang_in_state_d_can_be_seen_and_killed(standin):
    with meter(standin, "clock real 0\ngpu 0") as process:
        read_until(process, is_read)
        standin.write("clock real 0\ngpu 0\nfreeze nvmlDeviceGetFieldValues 0")
        deadline = time.monotonic() + WITHIN_S
        main = psutil.Process(process.pid)
        while main.status() != psutil.STATUS_DISK_SLEEP:
            assert time.monotonic() < deadline, main.status()
            time.sleep(0.02)
        process.kill()
        assert process.wait(WITHIN_S) == -signal.SIGKILL


@pytest.mark.parametrize("source", ["nvml-counter", "nvml-power"])
def test_an_opening_that_hangs_can_be_passed_over(standin, source):
    with meter(standin, "clock real 0\ngpu 0\nhang nvmlInitWithFlags *", "--without", source) as process:
        facts = read_until(process, is_read)
        assert facts[0].source == "none"
        assert "did not answer" in facts[0].tried[0].cause


def test_a_native_crash_ends_it_by_its_signal(standin):
    with meter(standin, "clock real 0\ngpu 0\ncrash nvmlDeviceGetMemoryInfo_v2 0") as process:
        assert process.wait(WITHIN_S) == -signal.SIGSEGV
    # The call that crashed is among those that it can do without.
    scenario = "clock real 0\ngpu 0\ncrash nvmlDeviceGetUtilizationRates 0"
    with meter(standin, scenario, "--bare") as process:
        for _ in range(8):
            facts = read_until(process, is_read)
        assert facts[-1].devices[0].watts == 100.0


def test_a_replaced_driver_asks_for_a_fresh_process(standin):
    with meter(standin, "clock real 0\ngpu 0") as process:
        read_until(process, is_read)
        standin.write("clock real 0\ngpu 0\nfail * * 18")
        output = process.stdout.read()
        assert process.wait(WITHIN_S) == 75
        assert decode(output).troubles == [
            "The NVIDIA driver was replaced by another version while the meter ran; the meter starts anew."
        ]


def test_what_native_code_prints_never_spoils_a_line(standin):
    code = "import os, sys; from desk.meters import process; w = process.Wire(); os.write(1, b'chatter')"
    code += "; from desk.facts.metered import Read; w.tell(Read(t=1.0)); w.close()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=standin.environment, capture_output=True, timeout=WITHIN_S, check=True
    )
    assert [decode_fact(line) for line in done.stdout.splitlines()] == [Read(t=1.0)]
    assert done.stderr == b"chatter"


def test_a_deaf_parent_costs_the_oldest_readings_and_no_memory(standin):
    """The pipe is full and nobody reads: the newest are kept, the lost are counted, the opening is never lost."""
    code = """
import sys, tracemalloc
from desk.meters import process
from desk.facts.metered import MeterOpened, Read
wire = process.Wire()
wire.tell(MeterOpened(t=0.0, source="none", quality="unavailable", scope="x" * 60000))
wire.tell(MeterOpened(t=0.0, source="none", quality="unavailable", scope="x" * 60000))
tracemalloc.start()
for n in range(20_000):
    wire.tell(Read(t=float(n)))
print(tracemalloc.get_traced_memory()[1], file=sys.stderr, flush=True)
wire.close(30)
"""
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=standin.environment, stdout=pipe, stderr=pipe) as process:
        peak = int(process.stderr.readline())
        facts = decode(process.stdout.read())
    assert peak < 1_000_000
    assert len(facts.opened) == 2
    assert [read.t for read in facts.reads[-600:]] == [float(n) for n in range(20_000 - 600, 20_000)]
    lost = sum(int(cause.split()[0]) for cause in facts.troubles)
    assert lost == 20_000 - len(facts.reads)


def test_it_costs_little(standin):
    """Two GPUs at 20 Hz; the bounds are loose because this machine is shared, the figures are printed."""
    with meter(standin, "clock real 0\ngpu 0 power 0:60 1:300 repeat=2\ngpu 1") as process:
        read_until(process, is_read)
        child = psutil.Process(process.pid)
        before, began = sum(child.cpu_times()[:2]), time.monotonic()
        for _ in range(20):
            read_until(process, is_read)
        share = (sum(child.cpu_times()[:2]) - before) / (time.monotonic() - began)
        memory = child.memory_full_info().uss / 2**20
    print(f"{share:.2%} of a core, {memory:.0f} MiB")
    assert share < 0.05
    assert memory < 40
