"""The parent's end of a contestant of `desk bench`: a child that answers one line of JSON with another."""

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import psutil

from desk.facts.trouble import Trouble
from desk.plant.children import describe_exit, environment

PATIENCE_S = 300.0
LEAVING_S = 3.0


class Contestant:
    """A child under that command line; `name` begins the sentences about it. Raises `Trouble` where it does not start,
    does not answer, or answers with one.

    One of ours gets the environment that the engine gets and tells its own trouble, a `stranger` that of its own users.
    """

    def __init__(self, argv: Sequence[str], name: str, patience: float = PATIENCE_S, *, stranger: bool = False) -> None:
        self.name = name
        self._patience, self._stranger = patience, stranger
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                env=None if stranger else environment(),
            )
        except OSError as error:
            self._words.close()
            cause = f"{name} does not start: {argv[0]}: {error.strerror or error}."
            raise Trouble(cause, "Name a program that exists and may be run.") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: IO[bytes] = self._process.stdin
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._hearing = threading.Thread(target=self._hear, args=(self._process.stdout,), daemon=True)
        self._hearing.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_seconds(self) -> float:
        """What the child has computed so far, on all cores."""
        try:
            times = psutil.Process(self.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send an order and wait for its answer."""
        with contextlib.suppress(OSError):  # one that has ended says so by its silence
            self._orders.write(json.dumps(order).encode() + b"\n")
            self._orders.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer. A child that gives none is ended."""
        try:
            return self._told()
        except Trouble:
            self.close()
            raise

    def _told(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self._patience)
        except Empty:
            self._process.kill()
            words = f"{self.name} did not answer within {self._patience:g} s."
            raise Trouble(words, "Measure less at a time.") from None
        if not line:
            raise Trouble(f"{self.name} {self._epitaph()}.", "Start it by hand to see more.")
        try:
            told = json.loads(line)
        except ValueError:
            raise Trouble(f"{self.name} answers what is no JSON.", "Update both sides.") from None
        if "cause" in told:
            whose = f"{self.name}: " if self._stranger else ""
            raise Trouble(f"{whose}{told['cause'].rstrip('.')}.", told["remedy"] or "Check its files.")
        return told

    def close(self) -> None:
        """End the child, in order where it lets itself be asked; once more does no harm."""
        with contextlib.suppress(OSError):
            self._orders.close()
        try:
            self._process.wait(LEAVING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._hearing.join()
        self._words.close()

    def _epitaph(self) -> str:
        code = self._process.wait(LEAVING_S)
        self._words.seek(0)
        words = self._words.read().decode(errors="replace").strip().splitlines()
        last = f": {words[-1].strip()}" if words else ""
        return f"{describe_exit(code)}{last.rstrip('.')}"

    def _hear(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                self._lines.put(line)
        self._lines.put(b"")


def peak_memory(pid: int) -> int | None:
    """The most bytes of memory that a process ever held, `None` where the system does not tell."""
    if sys.platform == "win32":
        return psutil.Process(pid).memory_info().peak_wset
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(kilobytes)
