"""The verbs. The children and the bare window start without the libraries that only the other verbs need."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

from desk.facts.trouble import Trouble


def main() -> int:
    """Do what the command line asks; gives the exit code."""
    return _tell(_dispatch)


def window() -> int:
    """Open the panel: `token-desk` on a double-click on the program, or on a recording that it is given."""
    return _tell(lambda: _open(*sys.argv[1:2]))


def _tell(do: Callable[[], int]) -> int:
    """Trouble is told in words, with exit code 1; any other exception is a bug and shows where."""
    try:
        return do()
    except Trouble as trouble:
        if sys.stderr is not None:  # a double-click on Windows has none
            sys.stderr.write(f"{trouble}\n")
        return 1


def _dispatch() -> int:
    match sys.argv[1:]:
        case []:
            return _open()
        case [name] if name.endswith((".jsonl", ".jsonl.gz")):
            return _open(name)
        case ["engine"]:
            from desk.engine.process import main as engine

            return engine()
        case ["meter", *_]:
            from desk.meters.process import main as meter

            return meter()
        case ["probe", "driver"]:
            from desk.engine.cards import main as cards

            return cards()
        case ["probe", *arguments]:
            from desk.engine.probe import main as probe

            return probe(arguments)
        case ["answer"]:
            from desk.engine.answer import main as answer

            return answer()
        case ["contestant", *arguments]:
            from desk.engine.contestant import main as contestant

            return contestant(arguments)
        case ["roofline", *arguments]:
            from desk.engine.roofline import main as roofline

            return roofline(arguments)
        case ["worker", *arguments]:
            from desk.models.worker import main as worker

            return worker(arguments)
        case _:
            from desk.verbs.app import main as verbs

            return verbs()


def _open(recording: str = "") -> int:
    from desk.verbs.display import require_display

    require_display()
    gc.disable()  # until all is there, as the panel itself does where it is opened otherwise
    from desk.panel.app import open_window

    return open_window(Path(recording) if recording else None)


if __name__ == "__main__":
    sys.exit(main())
