"""Timed scenarios: how the load goes up and down during a run."""

import math
import tomllib
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

import msgspec

from desk.facts.codec import NOT_TOML
from desk.facts.places import shipped
from desk.facts.trouble import Trouble


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A curve of load over time: what tiers ask for in full is multiplied by it.

    `points` are (seconds, load), straight lines between them; the last load stays, or the curve begins anew where it
    `repeats`.
    """

    title: str
    note: str = ""
    points: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    repeats: bool = False

    def __post_init__(self) -> None:
        """Refuse a curve that does not say what the load is at every moment."""
        times = [seconds for seconds, _ in self.points]
        if not times or times[0] != 0.0 or any(later <= sooner for sooner, later in pairwise(times)):
            raise ValueError("the points must start at 0 seconds and go on in time")
        if any(not 0.0 <= load <= 100.0 for _, load in self.points):
            raise ValueError("a load must lie between 0 and 100")
        if self.repeats and self._work < max(1e-3 * times[-1], 1e-6):
            raise ValueError("a curve that repeats must last, with a load of 0.001 on average or more")

    @property
    def constant(self) -> bool:
        return len({load for _, load in self.points}) == 1

    def load(self, seconds: float) -> float:
        """The load so many seconds after the start."""
        _, _, load = self._leg(seconds)
        return load

    def after(self, seconds: float, work: float) -> float | None:
        """When the load since `seconds` has summed up to `work` (seconds of load 1); `None` if it never does."""
        if self.repeats:
            rounds, work = divmod(work, self._work)
            seconds += rounds * self.points[-1][0]
        while True:
            left, slope, load = self._leg(seconds)
            if left is None:
                return seconds + work / load if load > 0.0 else None
            done = (load + slope * left / 2) * left
            if done >= work and done > 0.0:
                return seconds + _solve(slope / 2, load, work)
            work -= done
            seconds = max(seconds + left, math.nextafter(seconds, math.inf))

    @property
    def _work(self) -> float:
        """Seconds of load 1 from the first point to the last."""
        return sum((end - start) * (low + high) / 2 for (start, low), (end, high) in pairwise(self.points))

    def _leg(self, seconds: float) -> tuple[float | None, float, float]:
        """Seconds left on the straight line of that moment (`None`: for ever), its slope, and the load."""
        last, final = self.points[-1]
        if self.repeats:
            seconds %= last
        index = bisect_right(self.points, seconds, key=lambda point: point[0])
        if index == len(self.points):
            return None, 0.0, final
        (start, low), (end, high) = self.points[index - 1], self.points[index]
        slope = (high - low) / (end - start)
        return end - seconds, slope, low + slope * (seconds - start)


def _solve(square: float, linear: float, work: float) -> float:
    """The smallest t >= 0 with square t^2 + linear t = work, in the form that loses nothing where square is small."""
    root = max(0.0, linear * linear + 4.0 * square * work) ** 0.5
    return 2.0 * work / (linear + root) if linear + root > 0.0 else 0.0


def names() -> tuple[str, ...]:
    """The scenarios that ship, `steady` first."""
    found = sorted(path.stem for path in shipped("assets", "scenarios").glob("*.toml"))
    return tuple(sorted(found, key=lambda name: name != "steady"))


def scenario(name: str) -> Scenario:
    """The scenario of that name, or in the TOML file of that path; raises `Trouble` with what is wrong."""
    path = shipped("assets", "scenarios", f"{name}.toml") if name in names() else Path(name).expanduser()
    if path.suffix != ".toml" or not path.is_file():
        raise Trouble(f"There is no scenario {name}.", f"Choose {', '.join(names())}, or name a TOML file.")
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Scenario)
    except (OSError, *NOT_TOML, msgspec.ValidationError) as error:
        cause = f"The scenario {path.name} cannot be read: {error}."
        raise Trouble(cause, "Correct the file, or choose another.") from error
