"""The stub libraries, tiny models, and drills in child processes. On Linux x86-64 none of this may be skipped."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from cuda_stub.build import build

HERE = Path(__file__).parent
HAS_STUB = sys.platform == "linux" and platform.machine() == "x86_64"
DRILL_TIMEOUT_S = 60


def pytest_collection_modifyitems(items):
    """Leave out what needs the stub where it cannot exist; on Linux x86-64 a missing gcc or provider is a failure."""
    elsewhere = pytest.mark.skip(reason="the stub CUDA runtime is for Linux on x86-64")
    for item in items:
        if not HAS_STUB and "stub_libraries" in getattr(item, "fixturenames", ()):
            item.add_marker(elsewhere)


@pytest.fixture(scope="session")
def stub_libraries(tmp_path_factory):
    return build(tmp_path_factory.mktemp("cuda_stub"))


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """`model(precision, heads, kv_heads)` is the folder of a tiny model, built on first use."""
    from tiny_on_cuda import tiny_model

    folder, built = tmp_path_factory.mktemp("tiny_models"), {}

    def of(precision="fp16", heads=3, kv_heads=1):
        key = (precision, heads, kv_heads)
        if key not in built:
            built[key] = tiny_model(folder, *key)
        return built[key]

    return of


@pytest.fixture(scope="session")
def drill(stub_libraries, model):
    """`drill(name, model=..., capability=..., memory=...)` runs a drill in a child and gives what it saw.

    `expect` is the child's exit code; a child that is to die has seen nothing.
    """

    def run(name, expect=0, **settings):
        settings = {"model": str(settings.pop("model", None) or model()), **settings}
        command = [sys.executable, str(HERE / "drills.py"), name, str(stub_libraries), json.dumps(settings)]
        child = subprocess.run(command, capture_output=True, text=True, timeout=DRILL_TIMEOUT_S)
        assert child.returncode == expect, f"{name} ended with {child.returncode}:\n{child.stderr[-3000:]}"
        return None if expect else json.loads(child.stdout.splitlines()[-1])

    return run
