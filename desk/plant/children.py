"""One child process: how it is started, heard, asked, and made to end.

Facts come from its stdout and orders go to its stdin, one JSON line each; the end of stdin tells it to exit, so a child
outlives its parent only by the moment that it takes to notice. Nothing here ever waits for a child without a limit.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import IO

from desk.facts.codec import encode
from desk.facts.orders import AnyOrder

LONGEST_LINE = 1 << 20
"""A fact takes a few hundred bytes; a longer line than this many is not one, and is cut."""

LAST_WORDS = 20
"""Lines of stderr that are kept to tell why a child ended."""

WORDS_S = 0.3
"""What a child said last may come in so long after its end, not longer: a grandchild can hold the pipe open."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What native libraries put around their lines for a terminal."""

_CHECKOUT = Path(__file__).resolve().parents[2]


def command(*arguments: str) -> list[str]:
    """The command line of this program with `arguments`, a verb first: the only place that knows how it is started."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    # -P: a file such as random.py in the folder where the user happens to be must not shadow the standard library.
    return [sys.executable, "-P", "-m", "desk", *arguments]


def environment() -> dict[str, str]:
    """The environment of a child: the parent's, with quiet numpy threads, large pages and a stable order of devices."""
    surroundings = dict(os.environ)
    # The engine's parallelism is onnxruntime's own pool; a second pool beside it only takes cores away.
    surroundings.setdefault("OMP_NUM_THREADS", "1")
    surroundings.setdefault("OPENBLAS_NUM_THREADS", "1")
    # On Linux matrices then lie in pages of 2 MiB where the system gives them on request, as most do: a step reads all
    # weights, and a row by itself waits for their addresses. Steps of a 4-bit model of 135M parameters took 4 % less
    # time at one row and 2 % at four (three processes each way, in turns), and no more memory.
    surroundings.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    surroundings["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
    surroundings["PYTHONUTF8"] = "1"
    if (_CHECKOUT / "pyproject.toml").is_file():
        # A checkout need not be installed: a child finds the same package as its parent.
        paths = [str(_CHECKOUT), *filter(None, [surroundings.get("PYTHONPATH")])]
        surroundings["PYTHONPATH"] = os.pathsep.join(paths)
    return surroundings


class Child:
    """A running child process.

    Its whole lines of stdout go into `inbox` as `(child, line)`, newline included, in the order written, and
    `(child, None)` when stdout has ended. Starting raises `OSError` where the system cannot start a process.
    """

    def __init__(self, argv: list[str], inbox: SimpleQueue) -> None:
        self._inbox = inbox
        self._orders: SimpleQueue[AnyOrder | None] = SimpleQueue()
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        windows = sys.platform == "win32"
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            # Ctrl-C in the terminal is for the parent, which then stops its children in order.
            start_new_session=not windows,
            creationflags=(subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP) if windows else 0,
        )
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._listening = self._begin("words", self._listen, stderr)
        self._begin("facts", self._hear, stdout)
        self._begin("orders", self._send, stdin)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit(self) -> int | None:
        """The exit code once the child is gone (negative: the signal that ended it), `None` while it runs."""
        return self._process.poll()

    def epitaph(self) -> str:
        """How the child ended and its last line of stderr, to stand behind its name: `was ended by SIGSEGV: no memory`;
        empty while it runs."""
        code = self.exit
        if code is None:
            return ""
        self._listening.join(WORDS_S)
        words = next((line for line in reversed(list(self._words)) if line), "")
        return f"{describe_exit(code)}{': ' if words else ''}{words}".rstrip(".")

    def order(self, order: AnyOrder) -> None:
        """Send an order; never blocks, even where the child no longer reads."""
        self._orders.put(order)

    def ask(self) -> None:
        """Ask the child to exit: its stdin ends after the orders already sent."""
        self._orders.put(None)

    def terminate(self) -> None:
        """Tell the system to end the child; on Windows this is already final."""
        self._process.terminate()

    def kill(self) -> None:
        """End the child without its consent."""
        self._process.kill()

    def end(self, patience: float = 1.0) -> None:
        """See a child off whom no plant looks after: ask, then terminate, then kill, each for `patience` seconds."""
        for means in (self.ask, self.terminate, self.kill):
            means()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                return

    def forget(self) -> None:
        """Let go of a child that has ended: its threads end with its pipes, and close them."""
        self._orders.put(None)

    # ---- threads: each owns one pipe and closes it

    def _begin(self, name: str, task: Callable[[IO[bytes]], None], pipe: IO[bytes]) -> threading.Thread:
        thread = threading.Thread(target=task, args=(pipe,), name=f"{name}-{self.pid}", daemon=True)
        thread.start()
        return thread

    def _hear(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in iter(lambda: pipe.readline(LONGEST_LINE), b""):
                if line.endswith(b"\n"):  # else it is torn: its writer died over it
                    self._inbox.put((self, line))
        self._inbox.put((self, None))

    def _listen(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in iter(lambda: pipe.readline(LONGEST_LINE), b""):
                self._words.append(_COLOURS.sub("", line.decode(errors="replace")).strip())

    def _send(self, pipe: IO[bytes]) -> None:
        try:
            with pipe:
                for order in iter(self._orders.get, None):
                    pipe.write(encode(order))
                    pipe.flush()
        except OSError:
            pass  # the child closed its end; its exit is noticed elsewhere


def describe_exit(code: int) -> str:
    """An exit code in words, to stand behind the name of a child."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    memory = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"
