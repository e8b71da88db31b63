"""Fixtures for whoever tests with the stand-in driver; a conftest imports the ones it wants."""

import sys

import pytest
from nvml_standin.metering import Facts, Simulator, decode
from nvml_standin.standin import Standin, build

from desk.meters.process import RENEW


@pytest.fixture(scope="session")
def driver_library(request):
    """`driver_library("new")` or `("535")`: the folder of the compiled stand-in."""
    if sys.platform != "linux":
        pytest.skip("the stand-in is a Linux library; the meter finds another name elsewhere")
    cache = request.config.cache.mkdir("nvml_standin")
    return lambda version: build(cache, version)


@pytest.fixture
def standin(tmp_path, driver_library):
    return Standin(tmp_path, driver_library("new"))


@pytest.fixture(scope="session")
def simulators(driver_library):
    """One simulator for each driver version and one without any driver."""
    running = {version: Simulator(driver_library(version)) for version in ("new", "535")}
    running["none"] = Simulator(None)
    yield running
    for each in running.values():
        each.close()


@pytest.fixture
def simulate(tmp_path, standin, simulators):
    """Run a meter for some virtual seconds under a scenario (`None`: no driver library at all)."""

    def run(scenario, seconds, *without, events=(), version="new", into=None, by=None, **environment) -> Facts:
        told = into or standin
        told.write(f"clock virtual\n{scenario or ''}")
        out = tmp_path / "facts.jsonl"
        code = (by or simulators["none" if scenario is None else version]).run(
            environment={
                "TOKEN_DESK_NVML_SCENARIO": str(told.scenario),
                "TOKEN_DESK_SYSFS": str(told.sysfs),
                **environment,
            },
            seconds=seconds,
            without=without,
            events=[(at, kind, f"clock virtual\n{what}" if kind == "scenario" else what) for at, kind, what in events],
            out=str(out),
        )
        assert code in (0, RENEW), out.read_text(errors="replace")[-3000:] if code == -1 else f"ended with {code}"
        return decode(out.read_bytes(), code)

    return run
