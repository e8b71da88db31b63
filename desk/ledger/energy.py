"""Joules: the accounts of tiers, standby and foreign programs, over all devices that count.

In each tick of a device the floor comes off first, the rest is split by busy seconds x solo watts, and nothing is
lost: the accounts of a tick add up to its energy. Times are seconds since the run started.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from desk.facts.metered import DeviceReading, FloorLearned, MeterOpened, SoloLearned, Source
from desk.ledger.account import Account, Busy, Solo, Sums, Tick

Solos = Mapping[str, float]
"""The dynamic watts of each tier that runs alone, of those that are known."""

Settings = tuple[str, str, int, int]
"""What a lane draws depends on its model, its precision, its context and its slots."""

KEPT_S = 10.0
"""A device whose counter stands still longer than this finds the work of the meantime summed up, not spread."""


@dataclass(slots=True)
class Flow:
    """Energy by account. sum(active) + floor + other = sum(loaded) + standby + other = joules.

    `exclusive` is the part of the active joules that fell while one tier was alone: nobody had to divide it.
    """

    joules: float = 0.0
    standby: float = 0.0
    other: float = 0.0
    floor: float = 0.0
    loaded: dict[str, float] = field(default_factory=dict)
    active: dict[str, float] = field(default_factory=dict)
    covered: float = 0.0
    edges: int = 0
    uncalibrated: bool = False
    exclusive: float = 0.0

    def add(self, flow: "Flow") -> None:
        """Count in the flow of the time that follows."""
        self.joules += flow.joules
        self.standby += flow.standby
        self.other += flow.other
        self.floor += flow.floor
        self.covered += flow.covered
        self.edges += flow.edges
        self.exclusive += flow.exclusive
        self.uncalibrated = self.uncalibrated or flow.uncalibrated
        for mine, theirs in ((self.loaded, flow.loaded), (self.active, flow.active)):
            for tier, joules in theirs.items():
                mine[tier] = mine.get(tier, 0.0) + joules


def book(flow: Flow, tick: Tick, floor_watts: float | None, foreign: bool, solos: Solos) -> None:
    """Divide the energy of a tick among the accounts.

    While no lane is busy all of it stands by, except what foreign programs draw above the floor. Else the floor is
    shared equally by the busy tiers, and the rest by busy seconds x solo watts: by busy seconds alone, and flagged,
    where the solo watts of one of them are not known. What foreign programs draw meanwhile cannot be told apart from
    the tiers' own, which is flagged, too.
    """
    seconds, joules, busy = tick
    flow.joules += joules
    flow.covered += seconds
    flow.edges += 1
    if not busy:
        floor = joules
        if foreign:
            floor = 0.0 if floor_watts is None else min(joules, floor_watts * seconds)
            flow.other += joules - floor
        flow.floor += floor
        flow.standby += floor
        return
    floor = 0.0 if floor_watts is None else min(joules, floor_watts * seconds)
    flow.floor += floor
    dynamic, borne = joules - floor, floor / len(busy)
    weights: Mapping[str, float] = busy
    if len(busy) == 1:
        flow.exclusive += dynamic
    else:
        weights = {tier: each * solos[tier] for tier, each in busy.items() if tier in solos}
        if len(weights) < len(busy) or sum(weights.values()) <= 0.0:
            weights = busy
            flow.uncalibrated = True
    if foreign:
        flow.uncalibrated = True
    each = dynamic / sum(weights.values())
    active, loaded = flow.active, flow.loaded
    for tier, weight in weights.items():
        joules = each * weight
        active[tier] = active.get(tier, 0.0) + joules
        loaded[tier] = loaded.get(tier, 0.0) + joules + borne


class Energy:
    """The accounts of all devices, and of the watts that the user declared."""

    def __init__(self) -> None:
        self.busy = Busy()
        self._source: Source = "none"
        self._sources: dict[str, Source] = {}
        self._accounts: dict[str, Account] = {}
        self._lanes: dict[str, Settings] = {}
        self._declared_until = 0.0
        self._declared_busy: Sums = []

    def open(self, fact: MeterOpened) -> None:
        """The meter reads other sources from now on, or describes the same ones again."""
        self._source = fact.source
        self._sources = {device.id: device.source or fact.source for device in fact.devices}
        kept = {name: each for name, each in self._accounts.items() if each.source == self._source_of(name)}
        self._accounts = kept

    def read(self, reading: DeviceReading, origin: float) -> None:
        """Take in a reading; `origin` is the run's start on the clock of the facts."""
        self._account(reading.device).read(reading, origin)

    def interrupt(self) -> None:
        """Another meter process takes over."""
        for account in self._accounts.values():
            account.interrupt()

    def lane(self, tier: str, settings: Settings) -> None:
        """A lane was loaded: where its settings are others than before, its solo watts have to be learned anew."""
        if self._lanes.get(tier, settings) != settings:
            for account in self._accounts.values():
                account.forget_lane(tier)
        self._lanes[tier] = settings

    def recall(self, fact: FloorLearned | SoloLearned) -> None:
        """What was learned before this run."""
        account = self._account(fact.device)
        if isinstance(fact, FloorLearned):
            account.floors[fact.loaded].tell(fact.watts, fact.seconds)
        else:
            account.solo.setdefault(fact.tier, Solo()).tell(fact.watts, fact.seconds)
            self._lanes[fact.tier] = (fact.model, fact.precision, fact.context, fact.slots)

    def learned(self, t: float) -> Iterator[FloorLearned | SoloLearned]:
        """What the next run should know from its start on, as facts of that moment."""
        for name, account in self._accounts.items():
            for loaded, floor in account.floors.items():
                if floor.watts is not None:
                    yield FloorLearned(t=t, device=name, watts=floor.watts, seconds=floor.seconds, loaded=loaded)
            for tier, solo in account.solo.items():
                if solo.watts is not None and tier in self._lanes:
                    model, precision, context, slots = self._lanes[tier]
                    yield SoloLearned(
                        t=t,
                        device=name,
                        tier=tier,
                        watts=solo.watts,
                        seconds=solo.seconds,
                        model=model,
                        precision=precision,
                        context=context,
                        slots=slots,
                    )

    def known_past(self, moment: float, counted: tuple[str, ...]) -> bool:
        """Whether the energy of all counted devices is known up to a moment, or beyond; so it is where none counts."""
        for name in counted:
            account = self._accounts.get(name)
            if account is None or account.newest < moment:
                return False
        return True

    def floor_watts(self, counted: tuple[str, ...], loaded: bool) -> float | None:
        """Watts of the counted devices with no lane running; `None` until it was seen on each of them."""
        floors = [self._accounts[name].floor_watts(loaded) for name in counted if name in self._accounts]
        known = [floor for floor in floors if floor is not None]
        return sum(known) if known and len(known) == len(counted) else None

    def measured(self, counted: tuple[str, ...], until: float, quiet: bool, loaded: bool) -> Flow:
        """What the counted devices drew since this was last asked, up to `until`.

        `quiet`: nothing is being loaded; `loaded`: models are in memory.
        """
        flows: list[Flow] = []
        for name, account in self._accounts.items():
            if name not in counted:
                account.pass_over(until)
                continue
            flow, floor, solos = Flow(), account.floor_watts(loaded), account.solo_watts()
            for tick in account.ticks(until, self.busy):
                account.learn(tick, quiet, loaded)
                if len(tick[2]) < 2:  # others teach nothing
                    floor, solos = account.floor_watts(loaded), account.solo_watts()
                book(flow, tick, floor, account.foreign, solos)
            flows.append(flow)
        if not flows or len(flows) < len(counted):
            return Flow()  # with a device missing the sum is not the machine's: then nothing is covered
        whole = flows[0]
        for flow in flows[1:]:
            covered, edges = min(whole.covered, flow.covered), min(whole.edges, flow.edges)
            whole.add(flow)
            whole.covered, whole.edges = covered, edges
        return whole

    def _account(self, device: str) -> Account:
        account = self._accounts.get(device)
        if account is None:
            account = self._accounts[device] = Account(self._source_of(device))
        return account

    def _source_of(self, device: str) -> Source:
        return self._sources.get(device, self._source)

    def declared(self, idle: float, busy: float, until: float) -> Flow:
        """The same by declared watts: idle + (busy - idle) x busy share, a tick for every span of work."""
        flow = Flow()
        start = self._declared_until
        for stop in [*self.busy.ends(start, until), until]:
            total = self.busy.at(stop)
            worked = self.busy.grown(self._declared_busy, total)
            joules = idle * (stop - start) + (busy - idle) * sum(worked.values())
            book(flow, (stop - start, joules, worked), idle, False, dict.fromkeys(worked, busy - idle))
            start, self._declared_busy = stop, total
        self._declared_until = until
        return flow

    def settle(self, until: float) -> None:
        """A period has ended: what is older than all accounts is forgotten."""
        oldest = min((account.settled for account in self._accounts.values()), default=until)
        self.busy.settle(max(min(oldest, until), until - KEPT_S))
        if self._declared_until < until:
            self._declared_until, self._declared_busy = until, self.busy.at(until)
