"""What a bench finds: rows, ratios with their intervals, loads, and the floor that physics sets."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""The 0.975 quantile of Student's t for 1, 2, ... degrees of freedom."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One engine at one batch size: medians over the rounds.

    Speeds are of all rows together. `spread` is the range of the decode speeds over their median. Prompts are measured
    one at a time, so prefill stands in the rows of batch 1 alone. `outside_run_s` is what a step takes beside the run
    of the graph, sampling and facts included.
    """

    engine: str
    version: str
    model: str
    precision: str
    threads: int
    batch: int
    prefill_tokens_per_second: float | None = None
    decode_tokens_per_second: float
    spread: float
    peak_rss_bytes: int | None = None
    floor_tokens_per_second: float | None = None
    outside_run_s: float | None = None


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as fast a row is as what it is held `against`, with the 95 % interval of the mean; no interval
    comes of a single round."""

    row: str
    against: str
    ratio: float
    low: float | None = None
    high: float | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A load that is more than rows in step, and its figures: medians over the rounds."""

    load: str
    engine: str
    model: str
    precision: str
    figures: dict[str, float | None]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, how fast it was measured to read and multiply, and how busy others kept it (median and most, as a
    part of all cores)."""

    processor: str
    cores: int
    read_bytes_per_second: float
    eight_bit_madds_per_second: float
    float_madds_per_second: float
    others_busy_median: float
    others_busy_most: float


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What a bench found; `lost` are the engines that dropped out, in a sentence each."""

    machine: Surroundings
    rounds: int
    prompt: int
    steps: int
    rows: tuple[Row, ...]
    ratios: tuple[Ratio, ...]
    loads: tuple[Load, ...]
    lost: tuple[str, ...]


def floor_of(machine: Mapping[str, float], work: Mapping[str, Any], batch: int, context: float) -> float:
    """Tokens a second at which either the memory or the units that multiply are busy all the time: `batch` rows of
    `context` tokens, on a machine as `desk.engine.roofline` measured it."""
    peak = machine["eight_bit_madds_per_second" if work["quantised"] else "float_madds_per_second"]
    read = (work["weight_bytes"] + batch * context * work["kv_bytes"]) / machine["read_bytes_per_second"]
    attend = batch * context * work["attention_madds"] / machine["float_madds_per_second"]
    return batch / max(read, batch * work["madds"] / peak + attend)


def ratio_of(row: str, against: str, pairs: Sequence[float]) -> Ratio:
    """The geometric mean of one ratio a round, with Student's interval of the mean of their logarithms."""
    logs = [math.log(pair) for pair in pairs]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return Ratio(row=row, against=against, ratio=math.exp(mean))
    freedom = len(logs) - 1
    half = _T_95[min(freedom, len(_T_95)) - 1] * statistics.stdev(logs) / math.sqrt(len(logs))
    return Ratio(row=row, against=against, ratio=math.exp(mean), low=math.exp(mean - half), high=math.exp(mean + half))
