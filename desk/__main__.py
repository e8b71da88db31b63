"""The verbs. The children and the bare window start without the libraries that only the other verbs need."""

import sys

from desk.facts.trouble import Trouble


def main() -> int:
    """Dispatch the command line; gives the exit code."""
    try:
        match sys.argv[1:]:
            case []:
                return window()
            case ["engine"]:
                from desk.engine.process import main as engine

                return engine()
            case ["meter", *_]:
                from desk.meters.process import main as meter

                return meter()
            case ["worker", *arguments]:
                from desk.models.worker import main as worker

                return worker(arguments)
            case _:
                from desk.verbs.app import main as verbs

                return verbs()
    except Trouble as trouble:
        if sys.stderr is not None:  # a double-click on Windows has none
            sys.stderr.write(f"{trouble}\n")
        return 1


def window() -> int:
    """Open the panel: the bare `desk`, and `token-desk` on a double-click."""
    from desk.verbs.display import require_display

    require_display()
    from desk.panel.app import open_window

    return open_window()


if __name__ == "__main__":
    sys.exit(main())
