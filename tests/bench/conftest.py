"""A bench of a tiny random model, beside engines that follow a script."""

import sys
from pathlib import Path

import pytest

from desk.engine.toy import EIGHT_BIT, Toy

SCRIPTED = Path(__file__).with_name("scripted_peer.py")


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """The folder of a tiny decoder in 8 bits."""
    folder = tmp_path_factory.mktemp("bench") / "toy"
    folder.mkdir()
    Toy(3).write(folder, EIGHT_BIT)
    return folder


@pytest.fixture
def rival():
    """`rival(behaviour)` is the command line of a scripted engine."""
    return lambda behaviour="steady": [sys.executable, "-P", str(SCRIPTED), behaviour]
