"""Building the stand-in driver library, and telling it what to do.

`tests/` is on the path of every test, so any of them may say `from nvml_standin.standin import Standin`. The grammar of
a scenario stands in `scenario.h`. A process finds the library through `LD_LIBRARY_PATH`, which must be set before it
starts.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ("nvml.c", "scenario.c", "scenario.h")
VERSIONS = {"new": [], "535": ["-DDRIVER_535"]}


def build(cache: Path, version: str) -> Path:
    """The folder with `libnvidia-ml.so.1` of that driver, compiled once for each state of its source."""
    text = b"".join((HERE / name).read_bytes() for name in SOURCES)
    folder = cache / f"{version}-{hashlib.sha256(text).hexdigest()[:16]}"
    library = folder / "libnvidia-ml.so.1"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{os.getpid()}.so"
        flags = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", *VERSIONS[version]]
        sources = [str(HERE / name) for name in SOURCES if name.endswith(".c")]
        soname = "-Wl,-soname,libnvidia-ml.so.1"
        subprocess.run(["gcc", *flags, soname, "-o", str(fresh), *sources, "-lm"], check=True)
        fresh.rename(library)
    return folder


class Standin:
    """One scenario, for the processes that are started with its `environment`."""

    def __init__(self, folder: Path, library: Path | None) -> None:
        self.scenario = folder / "scenario.txt"
        self.log = folder / "calls.log"
        self.sysfs = folder / "sys"
        self.sysfs.mkdir(exist_ok=True)
        self._library = library

    def write(self, text: str) -> None:
        """Put a scenario in force, also for processes that are already running."""
        fresh = self.scenario.with_suffix(".new")
        # A lone "log" is short for a log in this folder. Names may hold bytes that are no text.
        told = f"log {self.log}\n{text}" if "log" in text.splitlines() else text
        fresh.write_text(told, encoding="utf-8", errors="surrogateescape")
        fresh.rename(self.scenario)

    @property
    def environment(self) -> dict[str, str]:
        surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "TOKEN_DESK_SYSFS": str(self.sysfs)}
        surroundings["TOKEN_DESK_NVML_SCENARIO"] = str(self.scenario)
        if self._library is not None:
            surroundings["LD_LIBRARY_PATH"] = str(self._library)
        return surroundings

    @property
    def calls(self) -> list[str]:
        """The calls that were logged, as `SYMBOL GPU`."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []

    def command(self, *arguments: str) -> list[str]:
        """The meter child, on the real clock."""
        code = "import sys; from desk.meters.process import main; sys.exit(main())"
        return [sys.executable, "-P", "-c", code, *arguments]
