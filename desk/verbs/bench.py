"""The findings of a bench for people: rows beside their floor, and ratios with their intervals."""

import itertools
from collections.abc import Iterator

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from desk import __version__
from desk.bench.contest import Contest, Plan
from desk.bench.findings import Bench, Load, Ratio, Row
from desk.exports.screen import screen
from desk.plant.machine import this_machine
from desk.verbs.printing import say


def main(plan: Plan, *, json_out: bool) -> int:
    """Make the bench and show it on stdout; gives the exit code: 5 where an engine that was asked for dropped out."""
    progress = screen(stderr=True)
    with (
        progress.status("Bringing up the engines …") as status,
        Contest(plan, lambda words: status.update(Text(words))) as contest,
    ):
        found = contest.run()
    if json_out:
        print(msgspec.json.encode(found).decode())
    else:
        show(found, screen())
    for sentence in found.lost:
        say(progress, sentence)
    return 5 if found.lost else 0


def show(found: Bench, console: Console) -> None:
    """Print what a bench found."""
    machine = found.machine
    console.print(f"Token Desk {__version__} · {this_machine().system}")
    console.print(f"{machine.processor} · {machine.cores} cores")
    console.print(
        f"Measured: reads {machine.read_bytes_per_second / 1e9:.0f} GB/s (numpy), multiplies and adds "
        f"{machine.eight_bit_madds_per_second / 1e9:,.0f} G/s in 8 bits, "
        f"{machine.float_madds_per_second / 1e9:,.0f} G/s in 32-bit floats (onnxruntime)",
    )
    console.print(
        f"Others kept the machine {machine.others_busy_median:.0%} busy (at most {machine.others_busy_most:.0%})",
    )
    for table in (*_rows(found.rows), *_ratios(found.ratios), *_loads(found.loads)):
        console.print(table)
        console.print()
    console.print(
        f"Medians of {found.rounds} interleaved rounds, prompts of {found.prompt} tokens and {found.steps} steps. "
        "Spread: range over median. Floor: every weight and key read once, every multiply-add made, at the measured "
        "speeds.",
        style="dim",
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def _rows(rows: tuple[Row, ...]) -> Iterator[Table]:
    """A table an engine and model."""
    for name, group in itertools.groupby(rows, key=lambda row: (row.engine, row.model, row.precision, row.version)):
        title = f"{' '.join(filter(None, name[:3]))} ({name[3]}), tokens a second"
        table = _table(title, "Batch", "Prefill", "Decode", "Spread", "Floor", "Of it", "Outside", "Memory")
        for row in group:
            floor, decode = row.floor_tokens_per_second, row.decode_tokens_per_second
            table.add_row(
                str(row.batch),
                _count(row.prefill_tokens_per_second),
                _count(decode),
                f"{row.spread:.0%}",
                _count(floor),
                f"{decode / floor:.0%}" if floor else "–",
                f"{1e6 * row.outside_run_s:.0f} µs" if row.outside_run_s is not None else "–",
                f"{row.peak_rss_bytes / 2**20:,.0f} MiB" if row.peak_rss_bytes is not None else "–",
            )
        yield table


def _ratios(ratios: tuple[Ratio, ...]) -> Iterator[Table]:
    """A table a pair: the words of a row are what was measured, a colon, and of whom."""

    def pair(ratio: Ratio) -> str:
        return f"{ratio.row.partition(': ')[2]} against {ratio.against}"

    for title, group in itertools.groupby(ratios, key=pair):
        table = _table(title, "What", "Ratio", "95 % interval")
        for ratio in group:
            known = ratio.low is not None and ratio.high is not None
            interval = f"{ratio.low:.2f} to {ratio.high:.2f}" if known else "–"
            table.add_row(ratio.row.partition(": ")[0], f"{ratio.ratio:.2f}", interval)
        yield table


def _loads(loads: tuple[Load, ...]) -> Iterator[Table]:
    """A table an engine and model."""
    for name, group in itertools.groupby(loads, key=lambda load: (load.engine, load.model, load.precision)):
        table = _table(f"{' '.join(filter(None, name))}, loads", "Load", "Figure", "Median")
        for load in group:
            for index, (figure, value) in enumerate(load.figures.items()):
                table.add_row("" if index else load.load, figure, _figure(figure, value))
        yield table


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{1e3 * value:.3g} ms" if name.endswith("_s") else f"{value:.3g}"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
