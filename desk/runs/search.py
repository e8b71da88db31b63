"""Which runs a search finds, and the words of a run that it looks at."""

from collections.abc import Iterable
from datetime import datetime

from desk.runs.store import Run


def found(runs: Iterable[Run], words: str, tag: str = "") -> list[Run]:
    """The runs in which all of these words occur, and that have this tag."""
    wanted = words.casefold().split()
    return [run for run in runs if (not tag or tag in run.marks.tags) and all(word in searched(run) for word in wanted)]


def searched(run: Run) -> str:
    """All the words of a run that a search looks at."""
    told = [run.name, run.title, *run.marks.tags, run.marks.note, started_words(run), *badges(run)]
    if (summary := run.summary) is not None:
        told += [summary.device, summary.processor, summary.provider, summary.scenario, summary.preset, *summary.models]
    return " ".join(told).casefold()


def tags(runs: Iterable[Run]) -> list[str]:
    """Every tag that some run has, in the order of the alphabet."""
    return sorted({tag for run in runs for tag in run.marks.tags}, key=str.casefold)


def badges(run: Run) -> tuple[str, ...]:
    """What must be known of a run before its figures are believed."""
    if run.state == "running":
        return ("recording",)
    if run.trouble:
        return ("cannot be read",)
    return run.summary.badges if run.summary else ("being summed up",)


def started_words(run: Run) -> str:
    """`2026-11-23 14:03` by the clock of this computer."""
    if run.summary is None:
        return ""
    return f"{datetime.fromtimestamp(run.summary.started):%Y-%m-%d %H:%M}"  # the reader's own clock on purpose
