"""The NVIDIA GPUs of the machine as a source of watts: found by UUID, looked for when lost, left alone when asleep."""

from pathlib import Path

from desk.facts.metered import Device, DeviceReading, Source, Tried
from desk.facts.trouble import Trouble
from desk.meters import nvml, sysfs
from desk.meters.gpu import Gpu
from desk.meters.nvml import Board, Driver, DriverError
from desk.meters.rounds import Round
from desk.meters.source import Clock, Renewal, Tell

LOOK_S = 1.0
"""Seconds between two looks at whether a GPU woke up, or whether a lost one is due to be looked for."""

DESERTED_S = 30.0
"""A GPU that may sleep, and on which no program has run for so long, is let go: an open driver keeps it awake."""

FALLING_ASLEEP_S = 20.0
"""Seconds that it is given to fall asleep. One that has not by then is being used, or never sleeps."""

NOT_OURS = nvml.CANNOT | {nvml.NO_PERMISSION, nvml.NOT_FOUND}

FIELDS = "fields"
"""Passed over by a process that is to ask for energy and power only."""


class Gpus:
    """All NVIDIA GPUs, those without watts included."""

    stays = True

    def __init__(self, root: Path, clock: Clock, tell: Tell, without: frozenset[str]) -> None:
        self._root, self._bus = root, sysfs.devices_of(root)
        self._clock = clock
        self._tell = tell
        self._fields = FIELDS not in without
        self._gpus: list[Gpu] = []
        self._driver: Driver | None = None
        self._deserted_since: float | None = None
        self._let_go_at: float | None = None
        self._sleepless = False
        self._look = Round([self._look_around], LOOK_S, clock.now, first=LOOK_S)
        self.driver = ""
        self._open()
        if not self._gpus:
            self.close()
            raise Trouble("the NVIDIA driver sees no GPU")
        self.changed = False

    # ---- what it is

    @property
    def changed(self) -> bool:
        return any(gpu.changed for gpu in self._gpus)

    @changed.setter
    def changed(self, value: bool) -> None:
        for gpu in self._gpus:
            gpu.changed = value

    @property
    def source(self) -> Source | None:
        """The counter where every GPU that gives watts has one: sums of both kinds carry the lesser name."""
        metered = [gpu for gpu in self._gpus if gpu.has_watts]
        if not metered:
            return None
        return "nvml-counter" if all(gpu.counted for gpu in metered) else "nvml-power"

    @property
    def tried(self) -> tuple[Tried, ...]:
        source = self.source
        if source == "nvml-counter":
            return (Tried(source=source, cause=""),)
        uncounted = "; ".join(gpu.uncounted or f"{gpu.name} is {gpu.state}" for gpu in self._gpus if not gpu.counted)
        if source == "nvml-power":
            return Tried(source="nvml-counter", cause=uncounted), Tried(source=source, cause="")
        powerless = "; ".join(_why_powerless(gpu) for gpu in self._gpus)
        return Tried(source="nvml-counter", cause=uncounted), Tried(source="nvml-power", cause=powerless)

    @property
    def scope(self) -> str:
        boards = [gpu.board for gpu in self._gpus if gpu.board and gpu.has_watts]
        words = "module (processor, GPU and memory)" if any(board.module_scope for board in boards) else "GPU board"
        if any(board.mig for board in boards):
            words += ", whole (MIG slices have no meter)"
        if self.source == "nvml-power":
            averaged = any(not board.has_instant_power for board in boards)
            words += ", power readings added up" + (" (each the mean of a second)" if averaged else "")
        return words

    @property
    def rounds(self) -> list[Round]:
        return [self._look, *(round_ for gpu in self._gpus for round_ in gpu.rounds)]

    def devices(self) -> tuple[Device, ...]:
        return tuple(gpu.device() for gpu in self._gpus)

    def take(self) -> tuple[DeviceReading, ...]:
        return tuple(gpu.take() for gpu in self._gpus)

    def forget(self) -> None:
        for gpu in self._gpus:
            gpu.forget()

    def close(self) -> None:
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    # ---- finding them

    def _open(self) -> None:
        """Open the driver and find the GPUs, unless all there are sleep: merely asking would wake them."""
        on_bus = sysfs.nvidia_on_bus(self._root) or []
        if not on_bus or any(not self._sleeps(pci) for pci in on_bus):
            self._driver = Driver()
            self.driver = self._driver.version
        try:
            self._find(on_bus)
        except DriverError as error:
            self.close()
            raise Trouble(nvml.words(error.code)) from error

    def _find(self, on_bus: list[str]) -> None:
        """Match what the driver and the bus show now with the GPUs known so far, by UUID."""
        asleep = [pci for pci in on_bus if self._sleeps(pci)]
        boards, refused = self._look_up(asleep, on_bus)
        known = [gpu for gpu in self._gpus if gpu.uuid or gpu.state == "asleep"]
        nameless = {gpu.pci: gpu for gpu in self._gpus if gpu not in known}
        found: list[Gpu] = []
        for board in boards:
            gpu = _matching(known, board) or Gpu(board.pci, self._clock, self._tell)
            gpu.attach(board, fields=self._fields)
            found.append(gpu)
        for pci in asleep:
            gpu = next((each for each in known if each.pci == pci), None) or Gpu(pci, self._clock, self._tell)
            gpu.detach("asleep")
            found.append(gpu)
        # A GPU that is refused cannot tell its UUID: it is taken for one that is missing, if there is one.
        missing = [gpu for gpu in known if gpu not in found]
        for place in list(refused)[len(missing) :]:
            missing.append(nameless.get(place) or Gpu(place, self._clock, self._tell))
        codes = [*refused.values(), *[None] * len(missing)]
        for gpu, code in zip(missing, codes, strict=False):
            gpu.lose(code)
        self._gpus = sorted([*found, *missing], key=lambda gpu: gpu.pci)
        _tell_apart(self._gpus)

    def _look_up(self, asleep: list[str], on_bus: list[str]) -> tuple[list[Board], dict[str, int]]:
        """The GPUs that answer, and the return codes for those that should, but do not, by their place."""
        boards: list[Board] = []
        refused: dict[str, int] = {}
        driver = self._driver
        if driver is None:
            return boards, refused
        # By number, the driver wakes all of them.
        places = [pci for pci in on_bus if pci not in asleep] if asleep else range(driver.count())
        for place in places:
            try:
                boards.append(driver.board_at(place) if isinstance(place, int) else driver.board_on_bus(place))
            except DriverError as error:
                if error.code in nvml.GONE:
                    raise
                # The others are not for us: a container sees the whole bus, but not every GPU on it.
                if error.code not in NOT_OURS:
                    refused[f"number {place}" if isinstance(place, int) else place] = error.code
        return boards, refused

    def _search(self) -> None:
        """Open the driver anew, because some of its GPUs are lost; the others go on counting meanwhile."""
        self.close()
        try:
            self._open()
        except Trouble as trouble:
            raise Renewal(f"The NVIDIA driver went away: {trouble.cause}.") from trouble

    # ---- sleep

    def _sleeps(self, pci: str) -> bool:
        return sysfs.text(self._bus / pci / "power" / "runtime_status") == "suspended"

    def _may_sleep(self, pci: str) -> bool:
        return sysfs.text(self._bus / pci / "power" / "control") == "auto"

    def _look_around(self) -> None:
        now = self._clock.now()
        for gpu in self._gpus:
            if gpu.board is not None and self._sleeps(gpu.pci):
                gpu.detach("asleep")
        if self._let_go_at is not None:
            self._watch_let_go(now)
        elif any(self._is_due(gpu, now) for gpu in self._gpus):
            self._search()
        else:
            self._let_go_when_deserted(now)

    def _is_due(self, gpu: Gpu, now: float) -> bool:
        """Whether a GPU that is not being asked should be looked for."""
        if gpu.state == "asleep":
            return not self._sleeps(gpu.pci)
        return gpu.search_at is not None and gpu.search_at <= now

    def _let_go_when_deserted(self, now: float) -> None:
        """Close the driver where it alone keeps idle GPUs from sleeping."""
        boards = [gpu for gpu in self._gpus if gpu.board is not None]
        if not boards or not all(gpu.deserted and self._may_sleep(gpu.pci) for gpu in boards):
            self._deserted_since = None
            self._sleepless = False
            return
        if self._deserted_since is None:
            self._deserted_since = now
        if now - self._deserted_since >= DESERTED_S and not self._sleepless:
            for gpu in boards:
                gpu.detach("asleep")
            self.close()
            self._deserted_since, self._let_go_at = None, now

    def _watch_let_go(self, now: float) -> None:
        """Once a GPU that was let go has fallen asleep it is watched like any other; else it is taken up again."""
        assert self._let_go_at is not None
        if all(self._sleeps(gpu.pci) for gpu in self._gpus if gpu.state == "asleep"):
            self._let_go_at = None
        elif now - self._let_go_at >= FALLING_ASLEEP_S:
            self._let_go_at, self._sleepless = None, True
            self._search()


def _matching(known: list[Gpu], board: Board) -> Gpu | None:
    """The known GPU that a board is: by UUID, or by address where it has slept since the beginning."""
    return next((gpu for gpu in known if (gpu.uuid == board.uuid if gpu.uuid else gpu.pci == board.pci)), None)


def _tell_apart(gpus: list[Gpu]) -> None:
    """Two cards of one name get their addresses beside it."""
    models = [gpu.model for gpu in gpus]
    for gpu in gpus:
        if models.count(gpu.model) > 1:
            gpu.name = f"{gpu.model} ({gpu.pci.removeprefix('0000:')})"


def _why_powerless(gpu: Gpu) -> str:
    if gpu.state == "no permission":
        return f"this user may not read the power of {gpu.name}"
    if gpu.state == "not supported":
        return f"{gpu.name} gives no power readings"
    return f"{gpu.name} is {gpu.state}"
