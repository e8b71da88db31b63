"""Talking to one child, with patience for each answer: what a doctor may do, and a running factory may not."""

import json
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

from desk.facts.codec import decode_fact
from desk.facts.happened import now
from desk.facts.metered import MeterOpened, Read
from desk.facts.orders import Resume
from desk.facts.trouble import Trouble
from desk.plant.children import Child

LEAVING_S = 2.0
"""A child may take this long to leave when asked, and again when killed."""

FRESH_S = 0.8
"""A reading so long after a moment tells of that moment: the meter asks for memory twice a second."""

_POLL_S = 0.01


class Conversation:
    """A child that answers in lines, for the length of a `with` block; at its end the child is gone.

    Starting it raises `Trouble` where the system cannot start a process.
    """

    def __init__(self, argv: list[str]) -> None:
        self._inbox: SimpleQueue[tuple[Child, bytes | None]] = SimpleQueue()
        self._ended = False
        try:
            self._child = Child(argv, self._inbox)
        except OSError as error:
            cause = f"No process could be started: {error.strerror or error}."
            raise Trouble(cause, "Close other programs, then ask again.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def line(self, patience: float) -> bytes | None:
        """The next line, `None` where the child has ended or stays silent for `patience` seconds."""
        if self._ended:
            return None
        try:
            _, line = self._inbox.get(timeout=max(0.0, patience))
        except Empty:
            return None
        self._ended = line is None
        return line

    def answer(self, patience: float) -> dict[str, Any] | None:
        """The next line that is a JSON object, `None` as with `line`."""
        until = now() + patience
        while (line := self.line(until - now())) is not None:
            try:
                told = json.loads(line)
            except ValueError:
                continue  # a native library that prints past all precautions
            if isinstance(told, dict):
                return told
        return None

    def go_on(self) -> None:
        """Send a line, which is all that a child in stages waits for."""
        self._child.order(Resume())

    def kill(self) -> None:
        """End the child without its consent."""
        self._child.kill()
        self._wait(LEAVING_S)

    def leave(self) -> None:
        """Ask the child to end, and end it where it does not."""
        self._child.ask()
        if self._wait(LEAVING_S) is None:
            self.kill()
        self._child.forget()

    def epitaph(self) -> str:
        """How the child ended, in words to stand behind its name: `was ended by SIGSEGV`; empty where it ended well
        or still lives."""
        code = self._wait(LEAVING_S) if self._ended else None
        return self._child.epitaph() if code else ""

    @property
    def ended(self) -> bool:
        """Whether the child has closed its pipe: it will say no more."""
        return self._ended

    def _wait(self, patience: float) -> int | None:
        until = now() + patience
        while (code := self._child.exit) is None and now() < until:
            time.sleep(_POLL_S)
        return code


class MeterTalk(Conversation):
    """The meter child: `opened` is what it found, and `memory` what devices hold."""

    def __init__(self, argv: list[str]) -> None:
        super().__init__(argv)
        self._opened: MeterOpened | None = None
        self._read: Read | None = None

    def opened(self, patience: float) -> MeterOpened | None:
        """What the meter found, `None` where it does not say so in time."""
        self._hear(patience, lambda: self._opened is not None)
        return self._opened

    def memory(self, since: float) -> dict[str, int]:
        """Bytes in use by the driver's UUID, as they are after the moment `since`; without what cannot be read."""
        uuids = {device.id: device.uuid for device in self._opened.devices if device.uuid} if self._opened else {}
        if not uuids:
            return {}
        self._hear(2 * FRESH_S, lambda: self._read is not None and self._read.t >= since + FRESH_S)
        if self._read is None or self._read.t < since:
            return {}
        return {
            uuids[reading.device]: reading.memory_used
            for reading in self._read.devices
            if reading.memory_used is not None and reading.device in uuids
        }

    def memory_when(self, enough: Callable[[dict[str, int]], bool], patience: float) -> dict[str, int]:
        """Bytes in use as soon as they satisfy `enough`, else as they are when patience ends."""
        until = now() + patience
        while (held := self.memory(now() - FRESH_S)) and not enough(held) and now() < until and not self.ended:
            self._hear(FRESH_S / 4, lambda: False)
        return held

    def _hear(self, patience: float, enough: Callable[[], bool]) -> None:
        until = now() + patience
        while not enough() and (line := self.line(until - now())) is not None:
            try:
                fact = decode_fact(line)
            except Trouble:
                continue
            if isinstance(fact, MeterOpened):
                self._opened = fact
            elif isinstance(fact, Read):
                self._read = fact
