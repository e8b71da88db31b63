"""The folders that real exporters wrote, and batches over them."""

import shutil
import sys
from pathlib import Path

import pytest
from answering import CONTEXT, DATA

from desk.engine.batch import Batch
from desk.engine.runtime import Runtime
from desk.models.store import open_model

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(scope="session")
def runtime():
    return Runtime("cpu")


@pytest.fixture(scope="session")
def network(runtime):
    """`network(layout, precision)` is the loaded model."""
    kept = {}

    def load(layout, precision=""):
        if (layout, precision) not in kept:
            folder, manifest = open_model(str(DATA / layout), precision)
            kept[layout, precision] = runtime.load(folder, manifest, "cpu")
        return kept[layout, precision]

    return load


@pytest.fixture
def copied(tmp_path):
    """`copied(layout)` is a copy of its folder, to be spoiled."""

    def copy(layout):
        return Path(shutil.copytree(DATA / layout, tmp_path / layout))

    return copy


@pytest.fixture
def batch(network):
    """`batch(layout, precision, slots)` is a fresh one."""

    def make(layout, precision="", slots=4):
        return Batch(network(layout, precision), slots, CONTEXT)

    return make
