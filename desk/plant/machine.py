"""What the computer is, for the first line of a recording: nothing that names its owner."""

import functools
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from desk.facts.happened import Machine


@functools.cache
def this_machine() -> Machine:
    """The machine as it stands in `RunStarted`. `cores` are the logical ones this program may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor() or platform.machine(),
        cores=cores,
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
    )


def _processor() -> str:
    if sys.platform == "linux":
        try:
            lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    if sys.platform == "darwin":
        try:
            asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(asked, capture_output=True, text=True, timeout=1.0, check=True).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return ""
    return platform.processor()
