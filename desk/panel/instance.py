"""One program for each user and data folder: a later start tells the first what it was asked for, and leaves.

The first listens on a socket of the file system, which no other machine and no other user can reach. The kernel lets
go of it with the process, so what a crash leaves is a file that nobody answers at: it is put away by the next start.
Python has such sockets on Linux and macOS only; on Windows each start opens a window of its own.
"""

import contextlib
import os
import socket
import tempfile
import zlib
from pathlib import Path

from PySide6.QtCore import QObject, QSocketNotifier, Signal

from desk.facts import places
from desk.facts.trouble import Trouble
from desk.panel.words import tr

PATIENCE_S = 5.0
"""How long either side waits for the other; the first answers from its window's thread, which may be busy."""

LONGEST = 4096
"""Bytes of what is asked: a path."""

TAKEN = b"taken"
LONGEST_ADDRESS = 100
"""What fits into the address of a socket on every system, in bytes."""


class Instance(QObject):
    """The first start. `asked` carries what a later one was asked for: a recording's path, or nothing."""

    asked = Signal(str)

    def __init__(self, listening: socket.socket | None, address: Path | None) -> None:
        super().__init__()
        self._listening, self._address = listening, address
        self._notifier: QSocketNotifier | None = None

    def answer(self) -> None:
        """Answer from now on; there must be an application. Who asked before waits for it."""
        if self._listening is not None:
            self._notifier = QSocketNotifier(self._listening.fileno(), QSocketNotifier.Type.Read, self)
            self._notifier.activated.connect(self._answer)

    def _answer(self) -> None:
        assert self._listening is not None
        with contextlib.suppress(OSError):  # whoever asked may be gone
            caller, _ = self._listening.accept()
            with caller:
                caller.settimeout(PATIENCE_S)
                words = caller.recv(LONGEST)
                caller.sendall(TAKEN)
            self.asked.emit(os.fsdecode(words.rstrip(b"\0")))

    def close(self) -> None:
        """Listen no more."""
        if self._notifier is not None:
            self._notifier.setEnabled(False)
        if self._address is not None and self._listening is not None:
            self._address.unlink(missing_ok=True)
            self._listening.close()


def first(asked: str = "") -> Instance | None:
    """Be the first start, or let the one that is there have what was `asked`: `None` then, for there is no more to do.

    Raises `Trouble` where there can be no data folder.
    """
    address = _address()
    if address is None:
        return Instance(None, None)
    if _told(address, asked):
        return None
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(address))
        address.chmod(0o600)
        listening.listen()
        listening.setblocking(False)
    except OSError:  # a file system without sockets, or a folder of somebody else's: then there may be two windows
        listening.close()
        return Instance(None, None)
    return Instance(listening, address)


def _told(address: Path, asked: str) -> bool:
    """Whether a first start took it. What nobody answers at is put away."""
    try:
        if address.stat().st_uid != os.getuid():
            return False
    except OSError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE_S)
        try:
            line.connect(str(address))
        except OSError:
            with contextlib.suppress(OSError):
                address.unlink()
            return False
        try:
            line.sendall(os.fsencode(asked) or b"\0")
            return line.recv(len(TAKEN)) == TAKEN
        except OSError:  # it hangs: better a second window than none
            return False


def _address() -> Path | None:
    """Where the first start of this user listens for this data folder; `None` where there are no such sockets."""
    try:
        home = places.data_dir().resolve()
    except OSError as error:
        cause = tr("The data folder cannot be made: {cause}.", cause=error.strerror or error)
        remedy = tr("Make room for it, or set TOKEN_DESK_HOME to a folder that can be written to.")
        raise Trouble(cause, remedy) from error
    if not hasattr(socket, "AF_UNIX") or not hasattr(os, "getuid"):
        return None
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # Two folders of one user are to be told apart, nothing more: a hash for secrets takes a while to import.
    told = f"{os.getuid()} {home}".encode(errors="surrogateescape")
    name = f"token-desk-{zlib.crc32(told):08x}{zlib.adler32(told):08x}"
    folders = [Path(runtime)] if runtime else []
    for folder in (*folders, home, Path(tempfile.gettempdir())):
        if folder.is_dir() and os.access(folder, os.W_OK) and len(os.fsencode(folder / name)) <= LONGEST_ADDRESS:
            return folder / name
    return None
