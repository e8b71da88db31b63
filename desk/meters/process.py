"""The meter process: asks the source of watts, writes what it hears ten times a second, leaves when stdin ends.

Native calls can hang or crash; so they happen here, alone, and the parent replaces this process where it falls silent.
"""

import math
import os
import sys
import threading
import time
from collections import deque
from itertools import pairwise
from operator import attrgetter

from desk.facts.codec import encode
from desk.facts.happened import AnyFact, Troubled, now
from desk.facts.metered import Read
from desk.meters.chain import Chain
from desk.meters.gpus import FIELDS
from desk.meters.rounds import Round
from desk.meters.source import Clock, Renewal, Tell

BEAT_S = 0.1
"""Seconds between two `Read` facts."""

AGAIN_S = 15.0
"""Seconds until sources that did not work are tried again."""

UNSEEN_S = 1.0
"""A stall of the meter of at least this many seconds (and three of its periods) is a gap, as is any suspend."""

KEPT_READINGS = 600
"""Readings that wait for a parent that does not listen: one minute of them."""

LEAVING_S = 0.5
"""Seconds that a call to a driver may still take when the process is asked to leave."""

RENEW = 75
"""Exit code that asks for a fresh process (EX_TEMPFAIL): nothing else reloads a driver's library."""

_due = attrgetter("due")


class RealClock:
    """Time as it passes."""

    def __init__(self) -> None:
        # A lock that is held while the meter runs: waiting for one takes a third of what an event's condition does.
        self._staying = threading.Lock()
        self._staying.acquire()

    def leave(self) -> None:
        """End the wait under way, or the next one."""
        self._staying.release()

    def now(self) -> float:
        return now()

    def wait(self, seconds: float) -> bool:
        return self._staying.acquire(timeout=seconds)

    def slept(self) -> float:
        # On Linux the difference of two clocks that nobody can set; elsewhere a set clock looks like a suspend.
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
        return time.time() - now()


class Meter:
    """The loop: one call at a time, with the beat between the calls."""

    def __init__(self, tell: Tell, clock: Clock, without: frozenset[str] = frozenset()) -> None:
        self._tell = tell
        self._clock = clock
        self._slept = clock.slept()
        self._chain = Chain(clock, tell, without)

    def run(self, seconds: float = math.inf) -> None:
        """Meter until the clock says to leave, or for so many seconds. Raises `Renewal` to ask for a fresh process."""
        clock = self._clock
        self._tell(self._chain.describe())
        beat = Round([self._beat], BEAT_S, clock.now)
        again = Round([self._look_again], AGAIN_S, clock.now, first=AGAIN_S)
        seen = clock.now()
        end = seen + seconds
        try:
            while (moment := clock.now()) < end:
                rounds = self._chain.rounds()
                if moment - seen > UNSEEN_S and moment - seen > 3 * min((each.period for each in rounds), default=0.0):
                    self._chain.forget()
                # A late beat goes before all else: it is what the parent judges this process by.
                late = beat.due < moment - BEAT_S / 2
                following = beat if late else min((*rounds, beat, again), key=_due)
                seen = moment
                if following.due > moment:
                    if clock.wait(following.due - moment):
                        return
                    self._notice_suspend()
                    continue
                following.step()
                seen = clock.now()
                if self._chain.take_changed():
                    self._retell()
        finally:
            self._chain.close()

    def _notice_suspend(self) -> None:
        slept = self._clock.slept()
        if abs(slept - self._slept) > UNSEEN_S:
            self._chain.forget()
        self._slept = slept

    def _beat(self) -> None:
        self._tell(Read(t=self._clock.now(), devices=self._chain.take()))

    def _look_again(self) -> None:
        if self._chain.better():
            self._chain.open()
            self._tell(self._chain.describe())

    def _retell(self) -> None:
        """A source is not what it was: describe it again, and take another where it has no more watts."""
        self._chain.open()
        self._tell(self._chain.describe())


class Wire:
    """The facts' way out: whole lines, written by a thread of their own, so that a deaf parent never stops the meter.

    Takes stdout for itself and points it at stderr, because native libraries like to print.
    """

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._readings: deque[int] = deque()
        self._lines: dict[int, bytes] = {}
        self._count = 0
        self._dropped = 0
        self._open = True
        self._filled = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="wire", daemon=True)
        self._thread.start()

    def tell(self, fact: AnyFact) -> None:
        """Send a fact; never blocks. Of too many waiting readings the oldest are dropped, and counted."""
        with self._filled:
            self._count += 1
            self._lines[self._count] = encode(fact)
            if isinstance(fact, Read):
                self._readings.append(self._count)
                if len(self._readings) > KEPT_READINGS:
                    del self._lines[self._readings.popleft()]
                    self._dropped += 1
            self._filled.notify()

    def close(self, timeout: float = LEAVING_S) -> None:
        """Write what waits, but never wait long for a parent that does not listen."""
        with self._filled:
            self._open = False
            self._filled.notify()
        self._thread.join(timeout)

    def _write(self) -> None:
        while True:
            with self._filled:
                self._filled.wait_for(lambda: self._lines or not self._open)
                if not self._lines:
                    return
                first = next(iter(self._lines))
                line = self._lines.pop(first)
                if self._readings and self._readings[0] == first:
                    self._readings.popleft()
                dropped, self._dropped = self._dropped, 0
            if dropped:
                cause = f"{dropped} readings of the meter were dropped, because nobody took them."
                line = encode(Troubled(t=now(), where="meter", cause=cause)) + line
            try:
                while line:
                    line = line[os.write(self._out, line) :]
            except OSError:
                os._exit(0)  # the parent is gone; nothing is left to be done for it


def _leave_with_stdin(clock: RealClock) -> None:
    """Wait for the end of stdin, then leave: in order if possible, in any case soon. No order means anything here."""
    while os.read(0, 4096):
        pass
    clock.leave()
    time.sleep(2 * LEAVING_S)
    os._exit(0)  # a call to the driver hangs


def main() -> int:
    """The meter child: `meter [--bare] [--without SOURCE ...]`; returns the exit code.

    `--bare` asks a driver for energy and power only, after crashes; `--without` passes a source over whose driver hung
    the child before this one.
    """
    arguments = sys.argv[1:]
    without = {name for flag, name in pairwise(arguments) if flag == "--without"}
    if "--bare" in arguments:
        without.add(FIELDS)
    if "nvml-power" in without:
        without.add("nvml-counter")  # one driver gives both
    wire = Wire()
    clock = RealClock()
    threading.Thread(target=_leave_with_stdin, args=(clock,), name="orders", daemon=True).start()
    try:
        Meter(wire.tell, clock, frozenset(without)).run()
    except Renewal as renewal:
        wire.tell(Troubled(t=now(), where="meter", cause=renewal.cause, remedy=renewal.remedy))
        return RENEW
    finally:
        wire.close()
    return 0
