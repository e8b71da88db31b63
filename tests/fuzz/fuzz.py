"""A long run of hostile cases over everything that is read: `uv run python tests/fuzz/fuzz.py --cases 1000000`.

Every case must end in a value or a `Trouble`: no other exception, no crash, no hang, and nothing touched outside its
folder. The number of a case is its seed, so `--case hub:4711` runs one again, and `--first` goes on where a run ended.
"""

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from ctypes import c_int64
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).parent)]

from targets import TARGETS  # noqa: E402 - the package need not be installed to be tried
from watch import outcome  # noqa: E402

MOST_BYTES = 4 << 30
"""The memory that a process of cases may take: more, and the case fails."""

HANG_S = 180.0
"""A case that waits so long, on whatever, hangs (what computes so long is ended sooner, by its processor time)."""

ROUNDS = 200
"""Targets take turns, so that a run that is stopped has seen all of them."""

PLACE, SEED, FIRST_COUNT = 0, 1, 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--first", type=int, default=0, help="the number of each target's first case")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one (may be repeated)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--case", help="run this one alone, as TARGET:NUMBER, with its exception")
    asked = parser.parse_args()
    if asked.case:
        name, _, seed = asked.case.partition(":")
        print(outcome(name, TARGETS[name][0], int(seed)))
        return 0
    names = asked.target or list(TARGETS)
    weight = sum(TARGETS[name][1] for name in names)
    plan = {name: max(1, round(asked.cases * TARGETS[name][1] / weight)) for name in names}
    return _run(plan, asked.first, asked.jobs)


def _run(plan: dict[str, int], first: int, jobs: int) -> int:
    """Run the plan in so many processes; each that dies or hangs has found something, and another takes its place."""
    start, context = time.monotonic(), multiprocessing.get_context("spawn")
    size = FIRST_COUNT + 3 * len(plan)
    boards = [context.Array(c_int64, size, lock=False) for _ in range(jobs)]
    workers: dict[int, tuple[BaseProcess, float, tuple[int, ...]]] = {}
    order = list(plan)

    def begin(number: int) -> None:
        process = context.Process(target=_work, args=(plan, first, number, jobs, boards[number]), daemon=True)
        process.start()
        workers[number] = (process, time.monotonic(), tuple(boards[number]))

    for number in range(jobs):
        begin(number)
    for stop in (signal.SIGINT, signal.SIGTERM):  # whoever ends it is told how far it came
        signal.signal(stop, signal.default_int_handler)
    try:
        while workers:
            time.sleep(1.0)
            for number, (process, since, seen) in list(workers.items()):
                now, board = time.monotonic(), boards[number]
                if process.is_alive() and tuple(board) == seen and now - since > HANG_S:
                    process.kill()
                    process.join()
                elif process.is_alive():
                    workers[number] = (process, since if tuple(board) == seen else now, tuple(board))
                    continue
                del workers[number]
                if process.exitcode:
                    place = board[PLACE] % len(order)
                    print(f"FAILED {order[place]}:{board[SEED]} ended its process ({process.exitcode})", flush=True)
                    board[FIRST_COUNT + 3 * place + 2] += 1
                    begin(number)
    except KeyboardInterrupt:
        print("stopped")
    return _tell(order, boards, time.monotonic() - start)


def _work(plan: dict[str, int], first: int, number: int, jobs: int, board: Any) -> None:
    """Every `jobs`-th case from the one on that the board names; what has been done is kept there."""
    os.nice(19)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    order = list(plan)
    went = (board[PLACE], board[SEED])
    for turn in range(ROUNDS * len(order)):
        name = order[turn % len(order)]
        step = turn // len(order)
        begin, end = (first + plan[name] * part // ROUNDS for part in (step, step + 1))
        for seed in range(begin + (number - begin) % jobs, end, jobs):
            if went != (0, 0) and (turn, seed) <= went:
                continue
            board[PLACE], board[SEED] = turn, seed
            board[FIRST_COUNT + 3 * (turn % len(order)) + _one(name, seed)] += 1


def _one(name: str, seed: int) -> int:
    """0 for a value, 1 for a trouble, 2 for anything else, which is told."""
    try:
        return int(outcome(name, TARGETS[name][0], seed) != "value")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if f"{os.sep}desk{os.sep}" in frame.filename] or where
        told = f"{type(error).__name__}: {error!s:.200} ({Path(ours[-1].filename).name}:{ours[-1].lineno})"
        print(f"FAILED {name}:{seed} {told}", flush=True)
        return 2


def _tell(order: list[str], boards: list[Any], seconds: float) -> int:
    sums = [
        [sum(board[FIRST_COUNT + 3 * place + kind] for board in boards) for kind in range(3)]
        for place in range(len(order))
    ]
    print(f"{'target':12} {'cases':>10} {'values':>10} {'troubles':>10} {'failed':>8}")
    for name, (values, troubles, failed) in [
        *zip(order, sums, strict=True),
        ("all", map(sum, zip(*sums, strict=True))),
    ]:
        print(f"{name:12} {values + troubles + failed:10,} {values:10,} {troubles:10,} {failed:8,}")
    print(f"{seconds:,.0f} s")
    return 1 if any(failed for _, _, failed in sums) else 0


if __name__ == "__main__":
    sys.exit(main())
