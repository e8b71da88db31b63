"""The journal: every line at once on disk, whole or torn readable, and never in the way."""

import errno
import gzip
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.facts.codec import decode_fact, encode
from desk.facts.happened import FORMAT, Machine, Noted, RunContinued, RunStarted
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.journal import Claim, Journal, claimed, compress, parts, read

START = RunStarted(
    t=1.0,
    run="r1",
    wall=2.0,
    desk="0",
    machine=Machine(system="Linux", processor="p", cores=1, memory_bytes=1),
    tiers=(),
    tariff=Tariff(),
)
FACTS = [START, *(Noted(t=float(number), text=f"note {number} – ü") for number in range(5))]
LINES = [encode(fact) for fact in FACTS]


def written(path, *lines):
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def test_lines_are_on_disk_as_they_are_written(path):
    journal = Journal(path)
    for count, line in enumerate(LINES, 1):
        journal.write(line)
        assert list(read(path)) == FACTS[:count]
    journal.close()


def test_a_closed_journal_is_compressed_and_reads_the_same(path):
    journal = Journal(path)
    for line in LINES:
        journal.write(line)
    closed = journal.close()
    assert closed == path.with_name("run.jsonl.gz")
    assert sorted(path.parent.iterdir()) == [closed]
    reading = read(closed)
    assert list(reading) == FACTS
    assert (reading.unknown, reading.broken, reading.torn) == (0, 0, False)
    assert list(read(path)) == FACTS  # found under its plain name, too
    assert gzip.decompress(closed.read_bytes()) == b"".join(LINES)


def test_equal_facts_give_equal_files(tmp_path):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(compress(written(tmp_path / name / f"{name}.jsonl", *LINES)).read_bytes())
    assert files[0] == files[1]


def test_a_journal_never_overwrites_another(path):
    written(path, LINES[0])
    with pytest.raises(Trouble, match="cannot be written"):
        Journal(path)
    assert path.read_bytes() == LINES[0]


def test_a_folder_that_is_not_there_is_trouble(tmp_path):
    with pytest.raises(Trouble, match=r"gone\.jsonl cannot be written: No such file") as caught:
        Journal(tmp_path / "none" / "gone.jsonl")
    assert caught.value.remedy


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the always-full device is Linux's")
def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path):
    journal = Journal(tmp_path / "run.jsonl")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, journal._file.fileno())
    os.close(full)
    with pytest.raises(Trouble, match="No space left on device"):
        journal.write(LINES[0])
    journal.write(LINES[1])
    journal.close()


def test_no_room_to_compress_leaves_the_plain_file(path, monkeypatch):
    journal = Journal(path)
    for line in LINES:
        journal.write(line)

    def full(source, target, length):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("desk.journal.files.shutil.copyfileobj", full)
    with pytest.raises(Trouble, match=r"run\.jsonl could not be compressed: No space left"):
        journal.close()
    assert [each.name for each in path.parent.iterdir()] == ["run.jsonl"]
    assert list(read(path)) == FACTS


@given(st.integers(0, sum(map(len, LINES))))
@settings(deadline=None, max_examples=200)
def test_torn_at_any_byte_the_whole_lines_are_read(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("torn") / "run.jsonl"
    whole = b"".join(LINES)[:cut]
    path.write_bytes(whole)
    lines = whole.split(b"\n")
    # A last line whose newline alone is missing is whole.
    expected = [fact for fact, line in zip(FACTS, lines, strict=False) if line + b"\n" == encode(fact)]
    if not expected:
        with pytest.raises(Trouble, match=r"empty|not a recording"):
            read(path)
        return
    reading = read(path)
    assert list(reading) == expected
    assert reading.torn is (lines[-1] != b"" and len(lines) > len(expected))
    assert (reading.unknown, reading.broken) == (0, 0)


@given(st.data())
@settings(deadline=None, max_examples=100)
def test_a_cut_archive_gives_what_it_still_holds(tmp_path_factory, data):
    packed = gzip.compress(b"".join(LINES), mtime=0)
    cut = data.draw(st.integers(0, len(packed) - 1))
    path = tmp_path_factory.mktemp("torn") / "run.jsonl.gz"
    path.write_bytes(packed[:cut])
    try:
        reading = read(path)
    except Trouble:
        return  # not even the first line is left
    facts = list(reading)
    assert facts == FACTS[: len(facts)]
    assert reading.torn


def test_a_damaged_archive_is_torn_not_a_crash(tmp_path):
    packed = bytearray(gzip.compress(b"".join(LINES) * 200, mtime=0))
    packed[-6] ^= 0xFF  # the checksum
    path = tmp_path / "run.jsonl.gz"
    path.write_bytes(packed)
    reading = read(path)
    assert len(list(reading)) >= len(FACTS)
    assert reading.torn
    packed[40] ^= 0xFF
    packed[41] ^= 0xFF
    path.write_bytes(packed)
    try:
        reading = read(path)
    except Trouble:
        return
    list(reading)
    assert reading.torn


def test_facts_of_another_version_are_passed_over_and_counted(path):
    strange = b'{"fact":"dreamt","t":1.0,"of":"sheep"}\n'
    broken = b'{"fact":"noted","t":"soon"}\n'
    reading = read(written(path, LINES[0], strange, LINES[1], broken, b"\xff\xfe\n", LINES[2]))
    assert list(reading) == FACTS[:3]
    assert (reading.unknown, reading.broken, reading.torn) == (1, 2, False)


ONE, TWO = LINES[1][:-1], LINES[2][:-1]


@pytest.mark.parametrize(
    "lines",
    [
        b"\n%b%b\n" % (ONE, TWO),
        b"%b\n%b\n%b%b\n" % (ONE[:8], ONE[8:], TWO, TWO),
        b"%b\n%b\n" % (ONE[:9], ONE[9:]),
        b"%b\r%b\r\n\n" % (ONE, TWO),
        b"%b\r%b\n" % (ONE[:8], ONE[8:]),
    ],
)
def test_what_is_no_fact_on_a_line_of_its_own_is_counted(path, lines):
    """Two facts on one line make up for no other that tells none, nor are two lines one because their text would be."""
    text, found, lost = LINES[0] + lines + LINES[3], [], []
    for line in text.splitlines(keepends=True):
        try:
            found.append(decode_fact(line))
        except Trouble:
            lost.append(line)
    reading = read(written(path, text))
    assert list(reading) == found
    assert reading.broken == sum(line.endswith(b"\n") for line in lost) > 0
    assert reading.torn == (reading.broken < len(lost))


def test_fields_of_another_version_are_passed_over(path):
    line = LINES[1].replace(b'"text"', b'"mood":"calm","text"')
    assert list(read(written(path, LINES[0], line))) == FACTS[:2]


def test_a_newer_format_is_refused_in_one_sentence(path):
    line = encode(msgspec.structs.replace(START, format=FORMAT + 1))
    with pytest.raises(Trouble) as caught:
        read(written(path, line, *LINES[1:]))
    assert caught.value.cause == "The recording run.jsonl was written by a newer version of Token Desk."
    assert caught.value.remedy == "Update Token Desk to open it."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello\n", "is not a recording"),
        (b"\x89PNG\r\n\x1a\n", "is not a recording"),
        (LINES[1], "is not a recording"),
        (b'{"fact":"run_started","t":1.0}\n', "begins with a broken line"),
    ],
)
def test_other_files_are_refused(path, content, words):
    with pytest.raises(Trouble, match=words) as caught:
        read(written(path, content))
    assert caught.value.remedy


def test_a_file_that_cannot_be_read_is_trouble(tmp_path):
    with pytest.raises(Trouble, match="There is no recording"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(Trouble, match="cannot be read"):
        read(tmp_path)


# ---- parts


@pytest.fixture
def parted(tmp_path):
    """A recording of several parts, closed."""
    journal = Journal(tmp_path / "r1.jsonl", part_bytes=len(LINES[0]) + 1)
    for line in LINES:
        journal.write(line)
        journal.write(line)
    return journal.close()


def test_a_long_run_goes_on_in_parts_that_read_as_one(parted, tmp_path):
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == "r1.2.jsonl.gz"
    assert len(names) > 2
    assert all(name.endswith(".jsonl.gz") for name in names)
    assert list(read(parted)) == [fact for fact in FACTS for _ in range(2)]
    assert b"".join(read(parted).raw()) == b"".join(line * 2 for line in LINES)
    # Joined by whoever knows no better, they are the same recording still.
    joined = written(tmp_path / "joined.jsonl.gz", *(path.read_bytes() for path in parts(parted)))
    assert list(read(joined)) == list(read(parted))


def test_a_part_alone_is_named_as_what_it_is(parted, tmp_path):
    with pytest.raises(Trouble, match=r"r1\.2\.jsonl\.gz is a further part"):
        read(tmp_path / "r1.2.jsonl.gz")


def test_a_file_that_has_such_a_name_by_chance_is_no_part(tmp_path):
    path = written(tmp_path / "run.jsonl", *LINES)
    other = encode(RunContinued(t=2.0, run="another", part=2))
    written(tmp_path / "run.2.jsonl", other, LINES[1])
    assert list(read(path)) == FACTS


def test_no_room_for_another_part_is_said_and_the_next_line_tries_again(tmp_path):
    journal = Journal(tmp_path / "r1.jsonl", part_bytes=1)
    journal.write(LINES[0])
    (tmp_path / "r1.2.jsonl").mkdir()
    with pytest.raises(Trouble, match="cannot be written"):
        journal.write(LINES[1])
    (tmp_path / "r1.2.jsonl").rmdir()
    journal.resume()
    journal.write(LINES[2])
    assert list(read(journal.close())) == [FACTS[0], FACTS[2]]


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as a full disk would")
def test_half_a_line_is_taken_back_when_the_disk_is_full(path):
    import resource

    journal = Journal(path)
    journal.write(LINES[0])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINES[0]) + 7, before[1]))
        with pytest.raises(Trouble):
            journal.write(LINES[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == LINES[0]
    journal.write(LINES[2])  # not asked for again yet
    journal.resume()
    journal.write(LINES[3])
    reading = read(journal.close())
    assert list(reading) == [FACTS[0], FACTS[3]]
    assert not reading.broken


# ---- who writes it


def test_a_recording_is_claimed_as_long_as_its_writer_lives(path):
    journal = Journal(path)
    assert claimed(path)
    with pytest.raises(OSError, match=r"."):
        Claim(path)
    journal.close()
    assert not claimed(path)
    assert [each.name for each in path.parent.iterdir()] == ["run.jsonl.gz"]


def test_a_lock_that_its_holder_left_behind_holds_nothing(path):
    path.with_name("run.lock").touch()
    assert not claimed(path)
    Claim(path).release()
    assert not path.with_name("run.lock").exists()


# ---- from the middle


@given(st.integers(0, 2 * len(LINES) - 1), st.integers(1, 400), st.booleans())
@settings(deadline=None, max_examples=60)
def test_reading_goes_on_from_any_place_it_has_been_at(tmp_path_factory, told, block, packed):
    folder = tmp_path_factory.mktemp("places")
    whole = b"".join(LINES * 2)
    path = written(folder / "run.jsonl.gz", gzip.compress(whole)) if packed else written(folder / "run.jsonl", whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("desk.journal.reading.BLOCK", block)
        reading = read(path)
        for _ in range(told):
            next(reading)
        place = reading.place()
        rest = list(reading)
        for other in (reading, read(path)):
            other.go(place)
            assert list(other) == rest


def test_the_last_stamp_is_found_without_reading_all(path):
    assert read(written(path, *LINES)).last() == FACTS[-1].t
    assert read(compress(path)).last() == FACTS[-1].t


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_flipped_bit_costs_a_line_or_the_rest_and_never_more(tmp_path_factory, data):
    packed = data.draw(st.booleans())
    content = bytearray(gzip.compress(b"".join(LINES), mtime=0) if packed else b"".join(LINES))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = written(tmp_path_factory.mktemp("flipped") / "run.jsonl", bytes(content))
    try:
        reading = read(path)
        facts = list(reading)
    except Trouble:
        return  # it hit the first line
    if not packed:
        assert len(facts) >= len(FACTS) - 2  # an end of line that is gone joins two of them
        assert len(facts) + reading.broken + reading.unknown + reading.torn >= len(FACTS) - 1
