"""What the user brings: taken in when it can run, refused with the reason when it could do harm or would not."""

import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import gguf
import pytest
import tiny
from given import DATA, quietly
from hypothesis import given
from hypothesis import strategies as st

from desk.facts.trouble import Trouble
from desk.models import archives, imports, store
from desk.models.text import Text

LAYOUT = DATA / "layouts" / "js-llama"


@pytest.fixture
def folder(tmp_path):
    """A model folder of the user's, to be spoiled."""
    return Path(shutil.copytree(LAYOUT, tmp_path / "Mine v1"))


def refused(path, words):
    with pytest.raises(Trouble, match=words) as raised:
        imports.take_in(str(path), "", quietly)
    assert raised.value.remedy
    assert store.imported() == {}
    assert list(store.imported_dir().iterdir()) == []


def zipped(path, *entries):
    """An archive of (name, content) entries; an entry may be a ZipInfo instead of a name."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries:
            packed.writestr(name, content)
    return path


def taped(path, *members):
    with tarfile.open(path, "w:gz") as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return path


# ---- taken in


def test_a_folder_is_copied_checked_and_opened_by_its_name(folder, home):
    heard = []
    place = imports.take_in(str(folder), "", lambda *report: heard.append(report))
    assert store.imported() == {"mine-v1": place}
    shutil.rmtree(folder)
    opened, manifest = store.open_model("mine-v1")
    assert (opened, manifest.layers) == (place, 2)
    assert Text(opened, manifest).encode("power")
    assert store.origin(place).imported == "Mine v1"
    assert [stage for stage, _, _ in heard][-1] == "verifying"
    store.verify(place, quietly)
    with pytest.raises(Trouble, match="There is a model mine-v1 already"):
        store.name_for(Path("mine-v1"))
    assert store.remove("mine-v1") > 300_000
    assert store.imported() == {}


@pytest.mark.parametrize("kind", ["zip", "gztar"])
@pytest.mark.parametrize("root", [".", "Mine v1"])
def test_an_archive_is_unpacked_with_or_without_a_folder_around_it(folder, tmp_path, kind, root):
    around = str(folder.parent) if root != "." else str(folder)
    archive = shutil.make_archive(str(tmp_path / "packed"), kind, around, root)
    place = imports.take_in(archive, "mine", quietly)
    assert sorted(path.name for path in place.iterdir() if path.is_dir()) == ["onnx"]
    assert store.ready("mine")


def test_a_gguf_file_is_built(tmp_path):
    tiny.write(tmp_path / "Small Model.gguf", gguf.GGMLQuantizationType.Q4_1)
    place = imports.take_in(str(tmp_path / "Small Model.gguf"), "", quietly, "fp16")
    opened, manifest = store.open_model("small-model")
    assert (opened, manifest.precision, manifest.title) == (place, "fp16", "Small Model")
    store.verify(place, quietly)


def test_a_link_inside_the_folder_is_followed(folder):
    (folder / "onnx" / "model_q4.onnx").rename(folder / "weights.onnx")
    (folder / "onnx" / "model_q4.onnx").symlink_to(Path("..") / "weights.onnx")
    place = imports.take_in(str(folder), "", quietly)
    assert not (place / "onnx" / "model_q4.onnx").is_symlink()


# ---- refused: folders and files


def test_a_pickle_is_refused_wherever_it_lies(folder, tmp_path):
    (folder / "onnx" / "Extra.PKL").write_bytes(b"\x80\x04.")
    refused(folder, r"holds Extra\.PKL, a pickle: a program")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    refused(tmp_path / "pytorch_model.bin", "is a pickle")


@pytest.mark.parametrize("name", ["onnx", "tokenizer.json"])
def test_a_link_out_of_the_folder_is_refused(folder, tmp_path, name):
    (folder / name).rename(tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    refused(folder, f"{name} is a link that leads out of it")


def test_what_would_not_run_is_refused_before_it_is_copied(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "_copy", None)
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    refused(folder, r"has no tokenizer\.json")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no model of a known layout")
    refused(tmp_path / "nowhere", "There is nothing at")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.onnx", "is a graph alone"),
        ("model.safetensors", "weights without a graph"),
        ("notes.txt", "is no model that is known here"),
        ("torn.gguf", r"torn\.gguf"),
    ],
)
def test_other_files_are_refused_by_their_kind(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"something else")
    refused(tmp_path / name, words)


def test_a_precision_for_what_is_taken_in_as_it_is_is_refused(folder, tmp_path):
    for source in (folder, shutil.make_archive(str(tmp_path / "packed"), "zip", folder)):
        with pytest.raises(Trouble, match="taken in as it is"):
            imports.take_in(str(source), "mine", quietly, "q8")
    assert store.imported() == {}


def test_a_disk_without_room_is_asked_first(folder, monkeypatch):
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=(256 << 20) + 1))
    refused(folder, "takes 3.. kB on the disk, and 268 MB are free")


def test_a_data_folder_that_takes_no_notes_is_told_in_words(folder, home):
    (home / "held").write_text("no folder")
    with pytest.raises(Trouble, match="cannot be written"):
        imports.take_in(str(folder), "", quietly)


def test_an_import_that_is_broken_off_leaves_nothing(folder):
    def stop(stage, done, total):
        if stage == "copying":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imports.take_in(str(folder), "", stop)
    assert list(store.imported_dir().iterdir()) == []


# ---- refused: archives

HOSTILE = [
    "../out",
    "a/../../out",
    "/etc/passwd",
    "C:/out",
    "a\\..\\out",
    "//host/share",
    "nul",
    "a/con.json",
    "a. ",
    "a\nb",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    taped(tmp_path / "bad.tar.gz", (tarfile.TarInfo(name), b"x"))
    refused(tmp_path / "bad.tar.gz", "names a file")
    if "\\" not in name:  # the writer itself turns these round
        zipped(tmp_path / "bad.zip", (name, b"x"))
        refused(tmp_path / "bad.zip", "names a file")
    assert not (tmp_path.parent / "out").exists()


@given(
    st.text(max_size=40) | st.lists(st.sampled_from(["..", ".", "", "a", "C:", "\\", "\0", "nul", " "])).map("/".join)
)
def test_no_name_ever_leads_out_of_the_folder(name):
    try:
        place = archives.place_of(name)
    except Trouble:
        return
    if place is not None:
        home = Path("/home/of/this")
        assert Path(os.path.normpath(home / place)).is_relative_to(home)
        assert os.path.normpath(home / place) == str(home / place) != str(home)
        assert not any(letter in name for letter in "\0\\")


def odd(kind):
    info = tarfile.TarInfo("config.json")
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a dev"),
    ],
)
def test_a_tape_holds_plain_files_only(tmp_path, kind, words):
    refused(taped(tmp_path / "bad.tar.gz", (odd(kind), b"")), f"holds {words}")


def test_a_link_in_a_zip_is_refused(tmp_path):
    info = zipfile.ZipInfo("config.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(zipped(tmp_path / "bad.zip", (info, "/etc/passwd")), "holds a link")


def test_an_archive_that_grows_beyond_all_measure_is_refused(tmp_path):
    bomb = zipped(tmp_path / "bomb.zip", ("onnx/model.onnx", bytes(80 << 20)))
    assert bomb.stat().st_size < 100_000
    refused(bomb, r"of 8.* kB would unpack to more than 67\.1 MB")
    refused(taped(tmp_path / "bomb.tar.gz", (tarfile.TarInfo("model.onnx"), bytes(80 << 20))), "would unpack to more")


def test_an_archive_that_says_less_than_it_holds_is_refused(tmp_path):
    """The sizes that a zip names are what the check goes by, so they must be what comes out."""
    lying = zipped(tmp_path / "lying.zip", ("model.onnx", bytes(1 << 20)))
    content = lying.read_bytes()
    assert content.count(struct.pack("<I", 1 << 20)) == 2
    lying.write_bytes(content.replace(struct.pack("<I", 1 << 20), struct.pack("<I", 1000)))
    refused(lying, "longer than it says|is torn or of another kind")


@pytest.mark.parametrize("name", ["torn.zip", "torn.tar.gz", "torn.tar"])
def test_a_torn_archive_is_refused(folder, tmp_path, name):
    kind = {"torn.zip": "zip", "torn.tar.gz": "gztar", "torn.tar": "tar"}[name]
    whole = Path(shutil.make_archive(str(tmp_path / "whole"), kind, folder))
    (tmp_path / name).write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    refused(tmp_path / name, "is torn or of another kind|is cut off")
    (tmp_path / name).write_bytes(b"")
    refused(tmp_path / name, "is torn or of another kind|holds no files")


def test_the_same_name_twice_and_too_many_are_refused(tmp_path, monkeypatch):
    with pytest.warns(UserWarning, match="Duplicate"):
        zipped(tmp_path / "twice.zip", ("a.json", b"1"), ("a.json", b"2"))
    refused(tmp_path / "twice.zip", "holds 'a.json' twice")
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    refused(zipped(tmp_path / "many.zip", *((f"{n}.json", b"1") for n in range(3))), "more than 2 files")


def test_a_file_with_a_password_is_refused(tmp_path):
    locked = zipped(tmp_path / "locked.zip", ("a.json", b"1"))
    content = bytearray(locked.read_bytes())
    for header in (b"PK\3\4", b"PK\1\2"):
        content[content.index(header) + (6 if header == b"PK\3\4" else 8)] |= 1
    locked.write_bytes(content)
    refused(locked, "a file with a password")
