"""The console that tables and sentences are printed on."""

import sys

from rich.console import Console


def screen(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr. Names are of people's making, so nothing in a text is read as markup or emoji, and
    nothing is coloured for looking like a number."""
    return Console(file=sys.stderr if stderr else sys.stdout, markup=False, emoji=False, highlight=False)
