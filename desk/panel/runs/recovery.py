"""What a crash has left is closed at the next start, beside the window, and told."""

from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer

from desk.facts.trouble import Trouble
from desk.panel.runs.work import Worker
from desk.panel.shown import Notice
from desk.panel.window import Window
from desk.panel.words import tr
from desk.runs.store import Run, Runs, recovered_in_words

WAIT_MS = 1500
"""A start shows its numbers first."""

OPEN = tr("Open")
KEEP = tr("Keep")


class Recovery(QObject):
    """Closes the runs that were cut off and offers each to `window`; they are among the runs whatever is answered."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self.worker = Worker(self)
        self.worker.troubled.connect(lambda _key, trouble: window.show_trouble(trouble))
        QTimer.singleShot(WAIT_MS, self, lambda: self.worker.ask("recover", _recovered, self._offer))

    def _offer(self, run: Run) -> None:
        self._window.offer(
            Notice(
                cause=f"{recovered_in_words(run)}.",
                remedy=tr("It is kept among the runs."),
                severity="notice",
                action="" if run.trouble else OPEN,
                recording=str(run.path),
                put_away=KEEP,
            )
        )

    def close(self) -> None:
        """Give up what is not closed yet: the next start finds it."""
        self.worker.close()


def _recovered() -> Iterator[Run]:
    runs, left = Runs(), None
    for run in runs.cut_off():
        try:
            yield runs.recover(run)
        except Trouble as trouble:  # the others come all the same
            left = trouble
    if left is not None:
        raise left
