"""Which output tokens the energy of a period belongs to: its own, and those of a gap that it bridges."""

from desk.ledger.energy import Flow
from desk.ledger.period import Period


class Bridge:
    """Keeps the tokens of periods without energy until the counter tells of that time, too, or goes on without it."""

    def __init__(self) -> None:
        self._unmetered: dict[str, int] = {}
        self._unmetered_s = 0.0

    def book(self, period: Period, flow: Flow) -> None:
        """Say of each tier how many tokens were `metered` by the energy of this period."""
        seconds = period.end - period.start
        if flow.covered <= 0.0 or flow.covered < seconds / 2:
            for name, tier in period.tiers.items():
                self._unmetered[name] = self._unmetered.get(name, 0) + tier.emitted
            self._unmetered_s += seconds
            return
        bridged = flow.covered > seconds + self._unmetered_s / 2
        for name, tier in period.tiers.items():
            tier.metered = tier.emitted + (self._unmetered.get(name, 0) if bridged else 0)
        self._unmetered, self._unmetered_s = {}, 0.0
