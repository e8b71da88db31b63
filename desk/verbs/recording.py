"""Which recording somebody means who names a file or a run."""

from pathlib import Path

from desk.facts.trouble import Trouble


def recording_of(words: str) -> Path:
    """The file of a recording, or that of the run of this name or title; raises `Trouble` where there is neither."""
    from desk.runs.store import Runs

    path = Path(words).expanduser()
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        raise Trouble(f"There is no recording {words}.", "Name a .jsonl or .jsonl.gz file, or a run of desk runs list.")
    return Runs().find(words).path
