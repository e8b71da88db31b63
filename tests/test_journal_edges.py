"""The journal where the disk gives out in the middle of things."""

import errno
import os
import threading
from io import FileIO
from types import SimpleNamespace

import pytest

from desk.facts.codec import encode
from desk.facts.happened import Machine, Noted, RunStarted
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.journal import Journal, files, read, writing

MACHINE = Machine(system="Linux", processor="p", cores=1, memory_bytes=1)
START = RunStarted(t=1.0, run="r", wall=2.0, desk="0", machine=MACHINE, tiers=(), tariff=Tariff())
NOTES = [Noted(t=float(number), text="a note") for number in range(20)]


@pytest.mark.parametrize("refuses", ["short", "wholly"])
def test_no_room_for_the_next_part_keeps_the_one_there_is(tmp_path, monkeypatch, refuses):
    class Full(FileIO):
        def write(self, content):
            if refuses == "wholly":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(bytes(content)[:5])

    journal = Journal(tmp_path / "r.jsonl", part_bytes=100)
    journal.write(encode(START))
    monkeypatch.setattr(writing, "FileIO", Full)
    with pytest.raises(Trouble, match="No space left"):
        journal.write(encode(NOTES[1]))
    journal.write(encode(NOTES[0]))  # held: takes nothing
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["r.jsonl"]
    monkeypatch.undo()
    journal.resume()
    journal._part_bytes = 10_000
    journal.write(encode(Noted(t=99.0, text="room again")))
    assert journal.close() == tmp_path / "r.jsonl.gz"
    assert journal.close() == tmp_path / "r.jsonl"  # twice does no harm
    facts = list(read(tmp_path / "r.jsonl"))
    assert facts == [START, Noted(t=99.0, text="room again")]


def test_a_file_system_without_locks_still_records(tmp_path, monkeypatch):
    def refuse(path):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(writing, "Claim", refuse)
    journal = Journal(tmp_path / "r.jsonl")
    journal.write(encode(START))
    assert list(read(journal.close())) == [START]


def test_a_disk_that_fails_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(encode(START) + b"".join(map(encode, NOTES)))
    reading = read(path)
    gone = os.open(os.devnull, os.O_WRONLY)
    os.dup2(gone, reading._tape._file.fileno())
    os.close(gone)
    with pytest.raises(Trouble, match=r"r\.jsonl cannot be read"):
        list(reading)
    reading.close()


def test_a_claim_whose_file_was_removed_under_it_is_none(tmp_path, monkeypatch):
    real = os.fstat
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fstat", lambda number: SimpleNamespace(st_ino=real(number).st_ino + 1))
        with pytest.raises(BlockingIOError):
            files.Claim(tmp_path / "r.jsonl")


def test_the_disk_is_asked_only_for_what_is_new(tmp_path, monkeypatch):
    asked, looked = [], threading.Semaphore(0)

    class Clock(threading.Event):
        def wait(self, timeout=None):
            looked.release()
            return super().wait(0.001)

    monkeypatch.setattr(writing.threading, "Event", Clock)
    journal = Journal(tmp_path / "r.jsonl")
    monkeypatch.undo()
    monkeypatch.setattr(writing.os, "fsync", asked.append)
    journal.write(encode(START))
    for _ in range(20):
        assert looked.acquire(timeout=30.0)
    assert len(asked) == 1
    journal.close()
