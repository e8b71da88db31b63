"""What the Floor shows at one moment, as plain values: the widgets read nothing else.

One value of `Shown` is taken from ledger and board twice a second (`desk.panel.look`), also by the pictures that need
no window. Freezing the display is keeping the last one. An absent number is `None` and is drawn as a dash.
"""

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from desk.facts.alarmed import Severity
from desk.facts.currency import USD
from desk.facts.metered import Tried
from desk.facts.tiers import Budget, Tier
from desk.panel.words import tr

Mode = Literal["live", "replay"]
State = Literal["idle", "opening", "running", "paused", "stopped"]
Provenance = Literal["measured", "derived", "assumed", "estimated", "unavailable"]


@dataclass(frozen=True, slots=True)
class Value:
    """One headline figure. `spark` are its last five minutes, oldest first; `note` says what it covers or lacks."""

    key: str
    title: str
    unit: str
    value: float | None = None
    provenance: Provenance = "unavailable"
    note: str = ""
    spark: tuple[float | None, ...] = ()
    limit: float | None = None
    limit_word: str = ""


EMPTY = (
    Value("tokens_per_second", tr("Tokens out"), "tok/s", note=tr("no run yet")),
    Value("watts", tr("Power"), "W", note=tr("the meter is opening")),
    Value("tokens_per_joule", tr("Tokens per watt"), "tok/J", note=tr("needs tokens and watts of one window")),
    Value("energy_cost_per_mtok", tr("Energy cost"), "$/Mtok", note=tr("needs tokens and watts")),
    Value("revenue_per_hour", tr("Implied revenue"), "$/h", note=tr("needs tokens; prices are set")),
)
"""The headline figures before anything is known."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One slot in use: the part of its answer's limit that is out, or that it is still at its prompt."""

    filled: float
    prefill: bool = False
    request: int = 0


LANE_WORDS = {"loading": tr("loading"), "draining": tr("draining"), "failed": tr("failed")}
"""What a lane is busy with, as people read it."""


@dataclass(frozen=True, slots=True)
class TierLine:
    """One tier in the table. Rates are per second, `on_time` is a fraction of the finished tokens in the window.

    `cells` are the slots in use, `cancelled` the requests of the run that were not answered to their end, and `lag` by
    how many seconds the generator itself was late with the most belated request of the run.
    """

    tier: Tier
    state: str = ""
    tokens_per_second: float | None = None
    speed: float | None = None
    ttft_p95: float | None = None
    queue: int | None = None
    dollars_per_hour: float | None = None
    on_time: float | None = None
    tokens_per_joule: float | None = None
    cells: tuple[Cell, ...] = ()
    cancelled: int = 0
    lag: float = 0.0

    @property
    def state_word(self) -> str:
        """The state as people read it."""
        return LANE_WORDS.get(self.state, self.state)

    @property
    def slow(self) -> bool:
        """Tokens per second per user are under the promise."""
        promised = self.tier.promise.tokens_per_second_per_user
        return promised is not None and self.speed is not None and self.speed < promised

    @property
    def late(self) -> bool:
        """The 95th percentile of TTFT is over the promise."""
        promised = self.tier.promise.ttft_s
        return promised is not None and self.ttft_p95 is not None and self.ttft_p95 > promised

    @property
    def misses(self) -> bool:
        return self.slow or self.late


@dataclass(frozen=True, slots=True)
class Stream:
    """The request whose text is read: its number, what kind of prompt it had, and the text so far.

    `rate` is tokens per second since its first token, `ended` empty while it is being made.
    """

    tier: str
    request: int
    kind: str = ""
    text: str = ""
    ttft: float | None = None
    rate: float | None = None
    tokens: int = 0
    limit: int = 0
    ended: str = ""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line about a device: what, how much, and where that comes from or what it means."""

    head: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """All there is to say about a device, in groups under headings."""

    title: str
    name: str
    state: str = ""
    groups: tuple[tuple[str, tuple[SheetRow, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Pointer:
    """One reading of the device on its scale: `at`, `limit` and the `normal` range are fractions of the full scale.

    `foreign` is the fraction that other programs hold. A `faded` reading is older than it should be.
    """

    label: str
    value: str
    note: str = ""
    at: float | None = None
    limit: float | None = None
    normal: tuple[float, float] | None = None
    foreign: float | None = None
    faded: bool = False


@dataclass(frozen=True, slots=True)
class Peer:
    """Another device of the machine, in one line: its readings, or its `state` where there is nothing to read.

    `used` marks one whose energy counts, and `troubled` one that should answer and does not; `brief` is the state, or
    the first reading, for half a line.
    """

    title: str
    name: str
    readings: str = ""
    state: str = ""
    used: bool = False
    brief: str = ""
    troubled: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """The device card: pointers, words below them, the other devices, and the watt sources that were tried in vain.

    `name` is the maker's; `used` whether the device is one of several and its energy counts; `state` is empty where all
    is well.
    """

    title: str = tr("Machine")
    pointers: tuple[Pointer, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    tried: tuple[Tried, ...] = ()
    name: str = ""
    used: bool = False
    state: str = ""
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is under way before or beside the run; `done` is a fraction, `None` while its size is unknown."""

    text: str
    done: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One line that asks for attention, with what to do; `action` is the word of a button that does it.

    `alarm` names an alarm and its subject, which can be put away; other notices stay until their reason has gone.
    `short` stands for the cause where there is no room for it. `put_away` is the word of a button that ends a notice
    which is no alarm; `recording` is what its action opens.
    """

    cause: str
    remedy: str = ""
    severity: Severity = "warning"
    tier: str = ""
    action: str = ""
    alarm: tuple[str, str] | None = None
    short: str = ""
    put_away: str = ""
    recording: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why no GPU makes the tokens, and what to do."""

    cause: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """One limit of the budget: how much of it is used, in words and as a fraction, `None` if unknown."""

    words: str
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The run so far."""

    seconds: float = 0.0
    tokens: int = 0
    joules: float | None = None
    revenue: float | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """One moment of the Floor. `calibration_s` says how long a calibration takes where one is offered, `no_gpu` why no
    GPU can be used, where that is known.

    `users` and `arrivals` a second are those of all tiers at the `load` set by hand; `spent` has the limit that is
    nearest to its end first; `warming`: what happens is not counted yet. `currency` (ISO 4217) is what all money is in.
    """

    mode: Mode = "live"
    state: State = "idle"
    run: str = ""
    wall: float | None = None
    clock: str = ""
    model: str = ""
    provider: str = ""
    device: str = ""
    meter: str = ""
    scenario: str = "steady"
    preset: str = ""
    users: int = 0
    load: float = 1.0
    arrivals: float = 0.0
    budget: Budget = field(default_factory=Budget)
    spent: tuple[Spent, ...] = ()
    warming: bool = False
    values: tuple[Value, ...] = EMPTY
    tiers: tuple[TierLine, ...] = ()
    machine: Machine = Machine()
    job: Job | None = None
    notices: tuple[Notice, ...] = ()
    totals: Totals = Totals()
    recording_bytes: int | None = None
    idles_at: str = ""
    watts_wanted: bool = False
    calibration_s: float | None = None
    dashed: bool = False
    stream: Stream | None = None
    sheets: tuple[Sheet, ...] = ()
    no_gpu: Obstacle | None = None
    currency: str = USD

    @property
    def scenario_title(self) -> str:
        """The scenario in words: a recording may name one that this program does not have, or a file."""
        return PurePath(self.scenario).stem.replace("-", " ").capitalize()
