"""What takes time, done beside the window: one thread, one job after the other, results given as they come."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

from desk.facts.trouble import Trouble

REST_S = 0.0005
"""A job rests for so long after each thing it gives: the window's thread, if it waits, goes on then."""

PATIENCE_S = 5.0
"""How long the end of a job is waited for when the window closes."""

Job = Callable[[], Iterator[Any]]


class Worker(QObject):
    """Carries out jobs. A job is an iterator; `then` gets what it gives, in the window's thread, `None` left out.

    A job of the same `key` that has not ended yet is given up for the new one. What a job meets of trouble goes to
    `troubled` with its key; everything else that it raises is a fault of the program, and is raised there, too.
    """

    troubled = Signal(str, object)
    _gave = Signal(object, object)
    _raised = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: deque[tuple[str, object, Job]] = deque()
        self._wanted: dict[str, tuple[object, Callable[[Any], None]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._gave.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)
        self._raised.connect(self._raise, Qt.ConnectionType.QueuedConnection)

    def ask(self, key: str, job: Job, then: Callable[[Any], None]) -> None:
        """Have a job done."""
        number = object()
        with self._lock:
            self._wanted[key] = (number, then)
            self._jobs.append((key, number, job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="runs", daemon=True)
                self._thread.start()

    def drop(self, key: str) -> None:
        """Give a job up."""
        with self._lock:
            self._wanted.pop(key, None)

    def busy(self, key: str) -> bool:
        """Whether a job of that key, or of one that begins with it as a word, is waiting or at work."""
        return any(f"{each} ".startswith(f"{key} ") for each in self._wanted)

    @property
    def idle(self) -> bool:
        """Whether all that was asked for has been given."""
        return not self._wanted

    def close(self) -> None:
        """Give up everything, and wait for the job that is at work to notice."""
        with self._lock:
            self._wanted.clear()
            self._jobs.clear()
            thread = self._thread
        if thread is not None:
            thread.join(PATIENCE_S)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                key, number, job = self._jobs.popleft()
            try:
                self._work(number, key, job)
            except Trouble as trouble:
                self._gave.emit((key, number), trouble)
            except Exception as fault:
                self._raised.emit(fault)
            self._gave.emit((key, number), StopIteration())

    def _work(self, number: object, key: str, job: Job) -> None:
        if self._is_wanted(key, number):
            for given in job():
                if not self._is_wanted(key, number):
                    return
                if given is not None:
                    self._gave.emit((key, number), given)
                time.sleep(REST_S)

    def _is_wanted(self, key: str, number: object) -> bool:
        wanted = self._wanted.get(key)
        return wanted is not None and wanted[0] is number

    def _hand_over(self, at: tuple[str, object], given: object) -> None:
        key, number = at
        if not self._is_wanted(key, number):
            return
        if isinstance(given, StopIteration):
            self.drop(key)
        elif isinstance(given, Trouble):
            self.troubled.emit(key, given)
        else:
            self._wanted[key][1](given)

    def _raise(self, fault: BaseException) -> None:
        raise fault
