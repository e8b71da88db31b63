"""The engine child: orders come in on stdin, facts go out on stdout, one JSON line each; end of stdin means exit."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

from desk.engine.factory import Factory
from desk.facts.codec import decode_order, encode
from desk.facts.happened import AnyFact, Troubled, now
from desk.facts.orders import Halt
from desk.facts.trouble import Trouble

BEAT_S = 0.1
LOAD_END_S = 0.5


class Wire:
    """The two pipes to the parent. Stdout is theirs alone: whatever a native library prints goes to stderr."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.broken = threading.Event()

    def tell(self, fact: AnyFact) -> None:
        """Write a fact as one whole line. A parent that is gone is noted in `broken`, not raised."""
        line = encode(fact)
        with self._lock:
            try:
                self._out.write(line)
                self._out.flush()
            except OSError:
                self.broken.set()

    def lines(self) -> Iterator[bytes]:
        """The parent's lines until it closes the pipe."""
        rest = b""
        while chunk := os.read(0, 65536):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole


def main() -> int:
    """Run the factory that the first order opens, until stdin ends; 0, or 1 where only a fresh process can go on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to handle: it ends this process in order
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # the order in which the meter counts devices
    wire = Wire()
    factory = Factory(wire.tell)
    over = threading.Event()

    def listen() -> None:
        for line in wire.lines():
            try:
                factory.order(decode_order(line))
            except Trouble as trouble:
                wire.tell(Troubled(t=now(), where="engine", cause=trouble.cause, remedy="Update both sides."))
        factory.order(Halt())

    def beat() -> None:
        due = now() + BEAT_S
        while not over.wait(max(0.0, due - now())):
            factory.beat()
            if factory.hung:
                leave(1)
            if wire.broken.is_set():
                factory.order(Halt())
            due = max(due + BEAT_S, now())

    def leave(code: int) -> NoReturn:
        """End without the interpreter's own tidying up. The last line of stderr is the reason that the parent tells."""
        if code:
            with contextlib.suppress(OSError):  # the parent is gone
                sys.stderr.write(f"{factory.last_trouble}\n")
                sys.stderr.flush()
        os._exit(code)

    for job in (listen, beat):
        threading.Thread(target=job, name=job.__name__, daemon=True).start()
    try:
        code = factory.run()
    finally:
        over.set()
    if code or not factory.rest(LOAD_END_S):
        leave(code)  # neither a poisoned device nor a model half-way loaded survives the tidying up
    return code


if __name__ == "__main__":
    sys.exit(main())
