"""The whole road of a watt: the stand-in driver, the real meter child, the plant, and the books."""

import sys
from pathlib import Path

import pytest
from nvml_standin.fixtures import driver_library, simulate, simulators, standin

__all__ = ["driver_library", "simulate", "simulators", "standin"]

# The scripted engine and its plant live with the tests of the plant, the builders of facts with those of the ledger.
sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("plant", "ledger")]

from road import Road  # noqa: E402 - it needs the path
from scripted_child import write_model  # noqa: E402


@pytest.fixture
def road(tmp_path, standin, monkeypatch):
    """`road(scenario, ...)`: an open plant whose meter reads the stand-in, and the ledger that folds its facts."""
    for name in ("LD_LIBRARY_PATH", "TOKEN_DESK_NVML_SCENARIO", "TOKEN_DESK_SYSFS"):
        monkeypatch.setenv(name, standin.environment[name])
    write_model(tmp_path / "model")
    roads = []

    def opened(scenario, **options):
        standin.write(scenario)
        roads.append(Road(standin, str(tmp_path / "model"), **options))
        return roads[-1]

    yield opened
    for each in roads:
        each.plant.close()
