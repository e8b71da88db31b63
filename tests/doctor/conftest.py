"""A doctor whose children are real, scripted, or see stand-ins for drivers that are not here."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import visited
from cuda_stub.build import build as build_stub
from nvml_standin.standin import Standin
from nvml_standin.standin import build as build_standin

from desk.doctor.examination import examine
from desk.plant.children import command

HERE = Path(__file__).parent
LINUX = sys.platform == "linux" and platform.machine() == "x86_64"


def pytest_collection_modifyitems(items):
    """The stand-ins are Linux libraries; there a missing compiler is a failure, not a reason to skip."""
    elsewhere = pytest.mark.skip(reason="the stand-in drivers are for Linux on x86-64")
    for item in items:
        if not LINUX and {"stub", "cuda_driver", "nvml"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(elsewhere)


@pytest.fixture(scope="session")
def stub_libraries(tmp_path_factory):
    return build_stub(tmp_path_factory.mktemp("doctor_stub"))


@pytest.fixture(scope="session")
def driver_libraries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor_driver")
    flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
    subprocess.run(["gcc", *flags, "-o", folder / "libcuda.so.1", HERE / "cuda_driver.c"], check=True)
    return folder


@pytest.fixture
def stub(stub_libraries, libraries):
    """Children find the stub CUDA runtime as they would find the driver and CUDA's libraries."""
    libraries(stub_libraries)


@pytest.fixture
def cuda_driver(driver_libraries, libraries, monkeypatch):
    """`cuda_driver(error=..., version=..., capability=..., cards=...)`: children find a driver that answers so."""

    def answers(**how):
        libraries(driver_libraries)
        for name, value in how.items():
            monkeypatch.setenv(f"DRIVER_{name.upper()}", str(value))

    return answers


@pytest.fixture
def nvml(request, tmp_path, libraries, monkeypatch):
    """`nvml(scenario)`: children find the stand-in of the driver's management library, which tells that."""

    def tells(scenario):
        told = Standin(tmp_path, build_standin(request.config.cache.mkdir("nvml_standin"), "new"))
        told.write(scenario)
        libraries(told.environment["LD_LIBRARY_PATH"])
        monkeypatch.setenv("TOKEN_DESK_NVML_SCENARIO", str(told.scenario))

    return tells


@pytest.fixture
def libraries(monkeypatch):
    """`libraries(folder)` puts a folder before the others that a child's loader searches."""
    folders = []

    def first(folder):
        folders.insert(0, str(folder))
        monkeypatch.setenv("LD_LIBRARY_PATH", ":".join(folders))

    return first


@pytest.fixture
def doctor():
    """`doctor(gpu=..., script=..., meter=...)` examines, and gives the checks by id and the diagnosis.

    With a `script` the checks on the CPU are answered by it (`{}`: all ok), with `every` those on the card, too;
    `meter` is the UUID of a scripted meter's card.
    """

    def visit(gpu=False, script=None, every=False, meter=None, patience=None):
        def argv(*arguments):
            if meter is not None and arguments[0] == "meter":
                return [*visited.PYTHON, "meter", meter]
            if script is not None and arguments[:2] == ("probe", "check") and (every or arguments[2] == "cpu"):
                return [*visited.PYTHON, "probe", json.dumps(script), *arguments[1:]]
            if every and arguments[:2] == ("probe", "hold"):
                return [*visited.PYTHON, "hold"]
            return command(*arguments)

        told = []
        limits = {"patience": patience} if patience else {}
        found = examine(gpu=gpu, told=told.append, argv=argv, **limits)
        assert sorted(told, key=lambda check: check.id) == sorted(found.checks, key=lambda check: check.id)
        return {check.id: check for check in found.checks}, found

    return visit
