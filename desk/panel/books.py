"""The books that a window or a picture keeps of one stream of facts."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from desk.board import Board, Mark
from desk.facts.happened import AnyFact, Calibrated, RunStarted
from desk.facts.metered import DeviceReading, Read
from desk.ledger.ledger import Ledger
from desk.ledger.stream import FOLLOWED, Streams
from desk.panel.machine import HEADLINE_S

State = tuple[Ledger, Streams, float, dict[str, DeviceReading], float | None, str]
"""All that folding changes beside the board."""


@dataclass
class Books:
    """Ledger and board of one stream of facts.

    `moment` is the stamp of the newest fact, `heard` what each device last told of energy or power. `split` is the end
    of the last period whose joules were shared among tiers without knowing what each of them draws.
    """

    ledger: Ledger = field(default_factory=Ledger)
    board: Board = field(default_factory=Board)
    moment: float = 0.0
    heard: dict[str, DeviceReading] = field(default_factory=dict)
    split: float | None = None
    streams: Streams = field(default_factory=Streams)
    _doubt: str = ""

    def post(self, fact: AnyFact) -> None:
        """Take in the next fact."""
        self.take((fact,))

    def take(self, facts: Iterable[AnyFact]) -> None:
        """Take in the next facts."""
        for period in self.ledger.fold(self._seen(facts)):
            self.board.add(period)
            if period.uncalibrated:
                self.split, self._doubt = period.end, self.ledger.standing.doubt

    def _seen(self, facts: Iterable[AnyFact]) -> Iterator[AnyFact]:
        """Note of each fact what neither ledger nor board keeps."""
        for fact in facts:
            if isinstance(fact, Read):
                for reading in fact.devices:
                    if reading.edges or reading.samples:
                        self.heard[reading.device] = reading
            elif isinstance(fact, RunStarted):
                self.moment, self.heard, self.split, self.streams = 0.0, {}, None, Streams()
            elif isinstance(fact, Calibrated):
                self.split = None
            if type(fact) in FOLLOWED:
                self.streams.see(fact)
            if fact.t > self.moment:
                self.moment = fact.t
            yield fact

    def mark(self) -> tuple[State, Mark]:
        """Where these books stand, for `back_to`: some forty kilobytes, the columns of the board are shared."""
        state = (self.ledger, self.streams, self.moment, self.heard, self.split, self._doubt)
        return deepcopy(state), self.board.mark()

    def back_to(self, mark: tuple[State, Mark]) -> None:
        """Stand again where these books stood in the same run, as often as is wanted."""
        state, place = mark
        self.ledger, self.streams, self.moment, self.heard, self.split, self._doubt = deepcopy(state)
        self.board.back_to(place)

    def ages(self, now: float | None = None) -> dict[str, float]:
        """Seconds since each device was heard, by the newest fact, or by the clock of the facts where it is given."""
        moment = self.moment if now is None else max(now, self.moment)
        return {device: max(0.0, moment - _newest(reading)) for device, reading in self.heard.items()}

    @property
    def uncalibrated(self) -> bool:
        """Whether the tiers' headline figures hold joules of such a period: one alone comes and goes."""
        return self.split is not None and self.board.end - self.split < HEADLINE_S

    @property
    def doubt(self) -> str:
        """What stands against the joules of the tiers, as long as their headline figures hold such joules."""
        return self.ledger.standing.doubt or (self._doubt if self.uncalibrated else "")


def _newest(reading: DeviceReading) -> float:
    """The stamp of the newest energy or power in a reading that tells of some."""
    return max(t for t, _ in (*reading.edges[-1:], *reading.samples[-1:]))
