"""A mix on trial: what the factory earns with it, beside what was predicted."""

from dataclasses import replace

from desk.board import Board
from desk.facts.tiers import Tier
from desk.panel.frontier.mixcard import Checked
from desk.panel.shown import Shown
from desk.panel.tiers.edits import Edits
from desk.panel.words import tr

SETTLE_S = 10.0
"""Full slots and drained ones are waited for so long before anything counts, ..."""
SHORTEST_S = 20.0
"""... and revenue is measured over this at least: prompts are paid for in bursts."""
WAITING = tr("Waiting for the lanes.")


class Trial:
    """Watches the tiers that were ordered: first until they are in force, then while they stay so.

    `doubt` is what sets the measured revenue apart from the prediction from the start.
    """

    def __init__(self, predicted: float, tiers: tuple[Tier, ...], doubt: str = "") -> None:
        self._predicted, self._doubt = predicted, doubt
        self._wanted = {tier.name: (tier.share, tier.slots) for tier in tiers}
        self._run = ""
        self._since: float | None = None
        self._over = False
        self.checked = Checked(predicted, words=WAITING)

    def look(self, board: Board, edits: Edits, shown: Shown) -> None:
        """Take in a moment."""
        if self._over:
            return
        now = {name: (tier.share, tier.slots) for name, tier in edits.now.items() if name in self._wanted}
        if now != self._wanted:
            wanted = {name: (tier.share, tier.slots) for name, tier in edits.wanted.items() if name in self._wanted}
            if wanted != self._wanted:
                self._end(tr("The tiers were changed since."))
        elif shown.state != "running":
            if self._since is not None:
                self._end(tr("The run did not go on."))
            else:
                self.checked = Checked(self._predicted, words=tr("Start a run to measure it."))
        elif any(line.state for line in shown.tiers):
            self._since = None
        elif self._since is None or shown.run != self._run:
            self._since, self._run = board.end + SETTLE_S, shown.run
            self.checked = Checked(self._predicted, words=WAITING)
        else:
            self._measure(board, max(0.0, board.end - self._since))

    def _measure(self, board: Board, seconds: float) -> None:
        hourly = board.value("revenue_per_hour", None, seconds) if seconds >= SHORTEST_S else None
        measured = None if hourly is None else hourly / 3600.0
        self.checked = Checked(self._predicted, measured, seconds, "" if measured is None else self._doubt)

    def _end(self, words: str) -> None:
        """What was measured stays, and the reason is told."""
        self._over = True
        self.checked = replace(self.checked, words=words)
