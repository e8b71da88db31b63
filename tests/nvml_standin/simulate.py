"""A meter under the stand-in's virtual clock: minutes in a moment, and every stamp exact.

Each line of stdin is a request in JSON: `environment`, `seconds`, `without`, `events`, and `out`, the file that the
facts go to. It is run in a fork of its own, because a driver library cannot be loaded twice; the fork spares the
imports. The answer is a line with the exit code, -1 for an exception (its traceback is in the file).

Events are lists of `[seconds, kind, argument]`: `scenario` puts another text in force, `write` a text into a file
(`[path, text]`), `sleep` suspends the machine, `stall` keeps the process from running.
"""

import ctypes
import json
import os
import sys
import traceback
from pathlib import Path

from desk.facts.codec import encode
from desk.facts.happened import Troubled
from desk.meters import process
from desk.meters.source import Renewal


class VirtualClock:
    """The stand-in's clock; where there is no stand-in, one of its own."""

    def __init__(self, events):
        self._events = sorted(events)
        self._own = 0.0
        self._slept = 0.0
        try:
            library = ctypes.CDLL("libnvidia-ml.so.1")
            self._get, self._set = library.standin_now, library.standin_set_now
            self._get.restype = ctypes.c_double
            self._set.argtypes = [ctypes.c_double]
            self._set.restype = None
        except OSError:
            self._get, self._set = lambda: self._own, lambda t: setattr(self, "_own", t)

    def now(self):
        return self._get()

    def wait(self, seconds):
        end = self.now() + seconds
        while self._events and self._events[0][0] <= end:
            at, kind, argument = self._events.pop(0)
            self._set(max(self.now(), at))
            end = self._happen(kind, argument) or end
        self._set(max(self.now(), end))
        return False

    def slept(self):
        return self._slept

    def _happen(self, kind, argument):
        if kind == "scenario":
            path = Path(os.environ["TOKEN_DESK_NVML_SCENARIO"])
            path.with_suffix(".new").write_text(argument, encoding="utf-8")
            path.with_suffix(".new").rename(path)
        elif kind == "write":
            path, text = argument
            Path(path).write_text(text, encoding="utf-8")
        elif kind == "sleep":
            self._slept += argument
        elif kind == "stall":
            return self.now() + argument
        else:
            raise ValueError(kind)
        return None


def simulate(request, out):
    """Meter as asked; the exit code of the child."""

    def tell(fact):
        out.write(encode(fact))

    os.environ.update(request["environment"])
    clock = VirtualClock(request["events"])
    try:
        process.Meter(tell, clock, frozenset(request["without"])).run(request["seconds"])
    except Renewal as renewal:
        tell(Troubled(t=clock.now(), where="meter", cause=renewal.cause, remedy=renewal.remedy))
        return process.RENEW
    return 0


def main():
    for line in sys.stdin:
        request = json.loads(line)
        if (child := os.fork()) == 0:
            with open(request["out"], "wb") as out:
                try:
                    code = simulate(request, out)
                except BaseException:
                    out.write(traceback.format_exc().encode())
                    code = 255
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(-1 if code == 255 else code, flush=True)


if __name__ == "__main__":
    main()
