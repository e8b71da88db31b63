"""A look at the facts that come out of a meter, and the process that simulates one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from nvml_standin.standin import HERE, ROOT

from desk.facts.codec import decode_fact
from desk.facts.happened import Troubled
from desk.facts.metered import Compared, DeviceReading, MeterOpened, Read


@dataclass
class Facts:
    """What a meter told, and how it ended."""

    lines: list
    exit: int = 0

    @property
    def opened(self) -> list[MeterOpened]:
        return [fact for fact in self.lines if isinstance(fact, MeterOpened)]

    @property
    def reads(self) -> list[Read]:
        return [fact for fact in self.lines if isinstance(fact, Read)]

    @property
    def troubles(self) -> list[str]:
        return [fact.cause for fact in self.lines if isinstance(fact, Troubled)]

    @property
    def ratios(self) -> list[float]:
        """What the energy counter gave, over what the power readings add up to; one for each minute of load."""
        return [fact.ratio for fact in self.lines if isinstance(fact, Compared)]

    def of(self, place: int = 0) -> Iterator[tuple[float, DeviceReading]]:
        """The readings of the GPU of that number."""
        for read in self.reads:
            for reading in read.devices:
                if reading.device == f"gpu-{0xA0000000 + place:08x}":
                    yield read.t, reading

    def last(self, place: int = 0) -> DeviceReading:
        return [reading for _, reading in self.of(place)][-1]

    def states(self, place: int = 0) -> list[str]:
        """The states in the order met, each run of equals once."""
        states: list[str] = []
        for _, reading in self.of(place):
            if not states or states[-1] != reading.state:
                states.append(reading.state)
        return states

    def edges(self, place: int = 0) -> dict[int, list[tuple[float, float]]]:
        """By epoch."""
        found: dict[int, list[tuple[float, float]]] = {}
        for _, reading in self.of(place):
            if reading.edges:
                found.setdefault(reading.epoch, []).extend(reading.edges)
        return found

    def samples(self, place: int = 0) -> list[tuple[float, float]]:
        return [sample for _, reading in self.of(place) for sample in reading.samples]

    def why(self, source: str) -> str:
        """The cause that the last opening gives for a source; `-` where it was not tried."""
        return next((each.cause for each in self.opened[-1].tried if each.source == source), "-")


def decode(output: bytes, code: int = 0) -> Facts:
    return Facts([decode_fact(line) for line in output.splitlines()], code)


class Simulator:
    """The process that simulates under one driver (`None`: no driver library at all)."""

    def __init__(self, library, path=()):
        paths = os.pathsep.join(map(str, (*path, ROOT)))
        surroundings = {**os.environ, "PYTHONPATH": paths, "LD_LIBRARY_PATH": str(library or "")}
        command = [sys.executable, "-P", str(HERE / "simulate.py")]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=surroundings, text=True)

    @property
    def pid(self) -> int:
        """The parent of the meters that it runs."""
        return self._process.pid

    def run(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(10)
