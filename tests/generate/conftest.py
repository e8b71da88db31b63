"""The tiny decoder of the engine's tests, under whatever end marks a test wants."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engine"))

import tiny_decoder

from desk.models.manifest import MANIFEST, read_manifest


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The tiny decoder; its answers end by their length alone."""
    return tiny_decoder.write(tmp_path_factory.mktemp("models") / "tiny", end=-1)


@pytest.fixture
def ending_with(tmp_path):
    """`ending_with(7, 9)` is the tiny decoder whose answers end with either token."""

    def write(*marks):
        written = tiny_decoder.write(tmp_path / "ending", end=-1)
        manifest = msgspec.structs.replace(read_manifest(written), eos=marks)
        (written / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return written

    return write
