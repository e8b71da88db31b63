"""The pen: the one place where facts are written down, and what stands by them."""

import contextlib
import shutil
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from desk.alarms import DISK_BACK, DISK_END, Alarms
from desk.facts import places
from desk.facts.codec import encode
from desk.facts.happened import (
    AnyFact,
    BudgetChanged,
    ChildGivenUp,
    ChildStarted,
    LoadChanged,
    Paused,
    Resumed,
    RunStarted,
    RunStopped,
    TariffChanged,
    TierChanged,
    TierRemoved,
    Troubled,
    Unrecorded,
    WattsDeclared,
    now,
)
from desk.facts.metered import MeterOpened
from desk.facts.tiers import Budget, Tariff, Tier
from desk.facts.trouble import Trouble
from desk.journal import Journal, existing
from desk.ledger.budget import reached
from desk.ledger.ledger import Ledger
from desk.plant.restating import restated
from desk.runs.store import Runs
from desk.runs.summary import Summary, Summing

DISK_EACH = 10
"""The disk is looked at with every tenth period, five seconds apart."""


@dataclass(frozen=True, slots=True)
class _Gap:
    """A stretch that is not being recorded: since when, and what was on as the recording has it."""

    since: float
    alarms: frozenset[tuple[str, str]]
    calibrating: bool


class Pen:
    """Writes each fact into the queue for `drain`, and while a run is on into its recording: same facts, same order.

    While the disk has no room nothing is recorded and the run goes on. When there is room again, the recording says
    since when it lacks facts (`Unrecorded`) and what stands by then.

    What stands is kept here because it is read off the facts: `tiers`, `tariff`, `load`, `budget` and whether the run
    is `paused`.
    One thread writes; `drain` and `recording` may be asked from any other.
    """

    def __init__(self, tiers: Iterable[Tier], tariff: Tariff) -> None:
        self.tiers = {tier.name: tier for tier in tiers}
        self.tariff = tariff
        self.load = 1.0
        self.budget = Budget()
        self.meter: MeterOpened | None = None
        self.paused = False
        self._meter_given_up: ChildGivenUp | None = None
        self._watts: WattsDeclared | None = None
        self._journal: Journal | None = None
        self._gap: _Gap | None = None
        self._path: Path | None = None
        self._compressing: list[threading.Thread] = []
        self._queue: deque[AnyFact] = deque()
        # The books go on between runs: what the meter sees while nothing runs is the floor of the next one.
        self._books = Ledger()
        self._summing = Summing(self._books)
        self._complete = False
        """Whether the recording holds all that the books do, so that what they sum up holds for it, too."""
        self._alarms = Alarms()
        self._free_bytes: float | None = None

    def drain(self) -> list[AnyFact]:
        """The facts since the last call."""
        facts = []
        while self._queue:
            facts.append(self._queue.popleft())
        return facts

    @property
    def recording(self) -> Path | None:
        """The file of the last run, compressed where that has been done; `None` before the first."""
        if self._path is None:
            return None
        return existing(self._path)

    @property
    def meter_known(self) -> bool:
        """Whether the meter has said what it can read, or will not."""
        return self.meter is not None or self._meter_given_up is not None

    @property
    def spent(self) -> bool:
        """Whether the run has used up its budget, by its totals."""
        return reached(self.budget, self._books.totals())

    def write(self, fact: AnyFact, line: bytes | None = None) -> None:
        """Write a fact down, as the bytes in which it came where it came from a child."""
        match fact:
            case TierChanged(tier=tier):
                self.tiers[tier.name] = tier
            case TierRemoved(tier=name):
                self.tiers.pop(name, None)
            case LoadChanged(load=load):
                self.load = load
            case BudgetChanged(budget=budget):
                self.budget = budget
            case TariffChanged(tariff=tariff):
                self.tariff = tariff
            case WattsDeclared():
                self._watts = fact
            case MeterOpened():
                self.meter = fact
            case ChildGivenUp(child="meter"):
                self._meter_given_up = fact
            case ChildStarted(child="meter"):
                self._meter_given_up = None
            case Paused() | Resumed():
                self.paused = isinstance(fact, Paused)
        if self._journal is not None:
            if self._gap is not None and isinstance(fact, RunStopped):
                self._go_on(fact.t)
            try:
                self._journal.write(encode(fact) if line is None else line)
            except Trouble as trouble:
                self._lose(trouble, fact.t)
        settled = self._books.post(fact)
        self._summing.see(fact, settled)
        self._queue.append(fact)
        for period in settled:
            if period.index % DISK_EACH == 0:
                self._look_at_disk(fact.t)
            for alarm in self._alarms.judge(period, self._books, fact.t, self._free_bytes):
                self.write(alarm)

    def begin(self, started: RunStarted, meter_pid: int | None) -> None:
        """Begin a recording with the start of a run, and say again what stands: the file needs nothing from before."""
        trouble: OSError | Trouble | None = None
        try:
            self._path = places.runs_dir() / f"{started.run}.jsonl"
            self._journal = Journal(self._path)
        except (OSError, Trouble) as error:
            trouble = error
        self.paused, self._gap, self._complete = False, None, True
        learned = self._books.learned(started.t)
        self.write(started)
        given_up = self._meter_given_up
        if meter_pid is not None:
            self.write(ChildStarted(t=started.t, child="meter", pid=meter_pid))
        for standing in (self.meter, given_up, self._watts):
            if standing is not None:
                self.write(msgspec.structs.replace(standing, t=started.t))
        for fact in learned:
            self.write(fact)
        if trouble is not None:
            self._lose(trouble, started.t)

    def put_away(self) -> None:
        """Close the recording and compress it, beside everything else."""
        journal, self._journal = self._journal, None
        if journal is None:
            return
        summary = self._summing.summary() if self._complete else None
        thread = threading.Thread(target=_close, args=(journal, summary), name="compress", daemon=True)
        self._compressing = [other for other in self._compressing if other.is_alive()] + [thread]
        thread.start()

    def wait_until_put_away(self, deadline: float) -> None:
        """Let a compression that is on finish until `deadline`; what is cut off leaves the plain file whole."""
        for thread in self._compressing:
            thread.join(max(0.0, deadline - now()))

    def _look_at_disk(self, moment: float) -> None:
        """See what is left where the recording goes: stop before nothing is, and go on when there is room again."""
        self._free_bytes = None
        if self._journal is None or self._path is None:
            return
        with contextlib.suppress(OSError):
            self._free_bytes = float(shutil.disk_usage(self._path.parent).free)
        if self._free_bytes is None:
            return
        if self._gap is not None and self._free_bytes >= DISK_BACK:
            self._go_on(moment)
        elif self._gap is None and self._free_bytes < DISK_END:
            left = f"Only {self._free_bytes / 1e6:.0f} MB are left on its disk: nothing more is recorded."
            self._lose(Trouble(left, "Make room, and it goes on; the run goes on unrecorded."), moment)

    def _lose(self, error: OSError | Trouble, moment: float) -> None:
        """The disk is full or the folder not writable: say it once; the factory goes on unrecorded."""
        if isinstance(error, OSError):
            remedy = "Make room, or set TOKEN_DESK_HOME to a folder that can be written; the run goes on unrecorded."
            error = Trouble(f"The folder of recordings cannot be made: {error.strerror or error}.", remedy)
        if self._journal is not None:
            self._journal.hold()
            self._complete = False
            standing = self._books.standing
            self._gap = _Gap(moment, frozenset(standing.alarms), standing.calibrating is not None)
        self.write(Troubled(t=moment, where="journal", cause=error.cause, remedy=error.remedy))

    def _go_on(self, moment: float) -> None:
        """Record again, if the disk takes it: how long nothing was recorded, and what stands now."""
        gap, journal = self._gap, self._journal
        assert gap is not None
        assert journal is not None
        facts = [Unrecorded(t=moment, since=gap.since), *restated(self._books, gap.alarms, gap.calibrating, moment)]
        journal.resume()
        try:
            for fact in facts:
                journal.write(encode(fact))
        except Trouble:
            journal.hold()
            return
        self._gap = None
        cause = f"The recording goes on; {moment - gap.since:.0f} s of the run are missing in it."
        self.write(Troubled(t=moment, where="journal", cause=cause))


def _close(journal: Journal, summary: Summary | None) -> None:
    # A recording that cannot be compressed stays as it is, and is read all the same; so is one without its summary.
    with contextlib.suppress(Trouble):
        journal.close()
    if summary is not None:
        with contextlib.suppress(Trouble):
            Runs(journal.path.parent).remember(journal.path, summary)
