"""The requests that are open: they end with their engine."""

from desk.facts.happened import Finished, FirstToken, LaneWork


class OpenRequests:
    """Requests that hold a slot or wait, by the engine's last beat and by what it told since."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """None is open."""
        self._lanes: tuple[LaneWork, ...] = ()
        self._since: list[FirstToken | Finished] = []

    def beat(self, lanes: tuple[LaneWork, ...]) -> None:
        """What the lanes hold now."""
        self._lanes, self._since = lanes, []

    def see(self, fact: FirstToken | Finished) -> None:
        """A request got its slot, or gave it back, after the last beat."""
        self._since.append(fact)

    def by_tier(self) -> dict[str, int]:
        """How many there are of each tier."""
        held = {work.tier: {slot.request for slot in work.slots} for work in self._lanes}
        waiting = {work.tier: work.queue for work in self._lanes}
        for fact in self._since:
            here = held.setdefault(fact.tier, set())
            if fact.request not in here:
                waiting[fact.tier] = max(0, waiting.get(fact.tier, 0) - 1)
            if isinstance(fact, FirstToken):
                here.add(fact.request)
            else:
                here.discard(fact.request)
        return {name: len(requests) + waiting.get(name, 0) for name, requests in held.items()}
