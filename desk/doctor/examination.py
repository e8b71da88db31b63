"""The doctor: whether this machine can run the factory, and what exactly is missing where it cannot.

Whatever loads a driver or a native library happens in a child with a time limit; one that crashes or hangs is a check
that failed, with a sentence. What the engine computes is judged by `desk.engine.checks`, the machine and the card by
`premises` and `cards` beside this module.
"""

import getpass
import os
import platform
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from desk.doctor import cards, premises
from desk.doctor.cards import Held, Seen
from desk.doctor.conversation import Conversation, MeterTalk
from desk.doctor.premises import Status, Verdict
from desk.facts.happened import now
from desk.facts.tiers import Provider, Tier
from desk.facts.trouble import Trouble
from desk.models import store
from desk.models.ram import free_memory
from desk.plant import presets, settings
from desk.plant.children import command

EMBEDDED = "smollm2-135m"

NAMES: Mapping[str, str] = {
    "software": "Python and libraries",
    "folder": "Data folder and settings",
    "model": "Model files",
    "watts": "Source of watts",
    "cpu.opens": "CPU: runtime",
    "cpu.numerics": "CPU: numbers",
    "cpu.tokens": "CPU: tokens of the model",
    "cpu.memory": "CPU: memory plan",
    "cpu.speed": "CPU: speed",
    "gpu.driver": "GPU: driver and card",
    "gpu.libraries": "GPU: CUDA libraries",
    "gpu.opens": "GPU: runtime",
    "gpu.placement": "GPU: whole model on it",
    "gpu.numerics": "GPU: numbers",
    "gpu.tokens": "GPU: tokens of the model",
    "gpu.speed": "GPU: speed",
    "gpu.oom": "GPU: out of memory",
    "gpu.graphs": "GPU: captured graphs",
    "gpu.mapping": "GPU: seen by the meter",
    "gpu.memory": "GPU: memory as planned",
    "gpu.kill": "GPU: killed engine",
}
"""Every check by its id, in the order in which they are shown."""

SUBJECTS: Mapping[str, str] = {
    "software": "Whether Python is new enough, and no two distributions of one library lie over each other.",
    "folder": "Whether runs and models can be written, the disk has room, and the settings can be read.",
    "model": "Whether the files of the first tier's model are here and whole, or it can be built.",
    "watts": "Which source measures watts, and why not one before it.",
    "cpu.opens": "Whether onnxruntime starts on the processor.",
    "cpu.numerics": "Whether a tiny decoder computes the numbers that numpy computes.",
    "cpu.tokens": "Whether the model gives the tokens that are recorded of it, in a batch of several rows.",
    "cpu.memory": "Whether weights and KV caches of the tiers fit into the memory that is free.",
    "cpu.speed": "How fast the model decodes in batches of several sizes.",
    "gpu.driver": "Which card is there, and whether its driver is new enough and answers.",
    "gpu.libraries": "Whether every library of CUDA that onnxruntime needs loads.",
    "gpu.opens": "Whether onnxruntime starts on the card and computes there.",
    "gpu.placement": "Whether every node of a decoder lies on the card, none on the processor.",
    "gpu.numerics": "Whether a tiny decoder computes the numbers that numpy computes.",
    "gpu.tokens": "Whether the model gives the tokens that are recorded of it, in a batch of several rows.",
    "gpu.speed": "How fast the model decodes, and what it costs to launch a step.",
    "gpu.oom": "Whether what does not fit into the card's memory is refused, and smaller runs go on.",
    "gpu.graphs": "Whether steps recorded as CUDA graphs give what plain ones give, and what they save.",
    "gpu.mapping": "Whether the meter sees memory rise on the card that computes, and on no other.",
    "gpu.memory": "Whether a KV cache takes the memory that was planned, and gives it back.",
    "gpu.kill": "Whether the memory of an engine that is killed comes back.",
}
"""What each check looks at, in a line for those who have not asked for it yet."""

BEARABLE = frozenset({"watts", "cpu.memory", "cpu.speed"})
"""Checks of the machine that may fail and leave it usable. So may those of a GPU, unless one was asked for."""

PATIENCE_S: Mapping[str, float] = {"tokens": 60.0, "speed": 60.0}
OTHER_S = 30.0
"""Seconds that a check of the engine may take, the start of its process and loading included."""

METER_S, DRIVER_S, HOLD_S, SHOWN_S, BACK_S = 10.0, 10.0, 30.0, 3.0, 5.0
"""Seconds for the meter to open, the driver to answer, memory to be taken, to show in the meter, and to come back."""

HELD_BYTES = 256 << 20


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: `cause` is what was found, or what is wrong; `remedy` what to do about it."""

    id: str
    name: str
    status: Status
    cause: str = ""
    remedy: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What all checks come to. `exit` is 0 where all is fine, 1 where something is degraded, 2 where the machine (or
    the GPU that was asked for) is unusable. No text in it names the user, the computer or a folder."""

    verdict: Literal["fine", "degraded", "unusable"]
    exit: int
    checks: tuple[Check, ...]


def examine(
    *,
    gpu: bool = False,
    told: Callable[[Check], None] | None = None,
    argv: Callable[..., list[str]] = command,
    patience: Mapping[str, float] = PATIENCE_S,
) -> Diagnosis:
    """Check this machine, and its GPU where there is one; `gpu` makes one necessary.

    `told` hears each check as it is done. `argv` gives the command line of a child, `patience` the seconds per check.
    """
    with tempfile.TemporaryDirectory(prefix="token-desk-", ignore_cleanup_errors=True) as scratch:
        examination = _Examination(gpu, told or (lambda check: None), argv, patience, scratch)
        return diagnosis(examination.checks(), gpu)


def diagnosis(checks: Sequence[Check], gpu: bool) -> Diagnosis:
    """The verdict on checks, in the order of `NAMES`."""
    order = list(NAMES)
    ordered = tuple(sorted(checks, key=lambda check: order.index(check.id)))
    failed = [check.id for check in ordered if check.status == "fail"]
    if any(gpu if name.startswith("gpu.") else name not in BEARABLE for name in failed):
        return Diagnosis(verdict="unusable", exit=2, checks=ordered)
    if failed or any(check.status == "warn" for check in ordered):
        return Diagnosis(verdict="degraded", exit=1, checks=ordered)
    return Diagnosis(verdict="fine", exit=0, checks=ordered)


class _Examination:
    """One visit to the doctor."""

    def __init__(
        self,
        gpu: bool,
        told: Callable[[Check], None],
        argv: Callable[..., list[str]],
        patience: Mapping[str, float],
        scratch: str,
    ) -> None:
        self._gpu, self._told, self._argv, self._patience, self._scratch = gpu, told, argv, patience, scratch
        self._done: dict[str, Check] = {}
        self._settings, self._unsettled = settings.load()
        try:
            self._tiers: tuple[Tier, ...] = presets.preset(self._settings.preset).tiers
        except Trouble as trouble:
            self._unsettled, self._tiers = self._unsettled or trouble, ()
        first = self._tiers[0] if self._tiers else None
        self._model, self._precision = (first.model, first.precision) if first else (EMBEDDED, "")

    def checks(self) -> tuple[Check, ...]:
        """Make every check."""
        with MeterTalk(self._argv("meter")) as meter:
            self._machine()
            self._cpu()
            opened = meter.opened(METER_S)
            self._note("watts", premises.watts(opened, meter.epitaph(), self._settings.watts))
            self._card(meter)
        return tuple(self._done.values())

    def _machine(self) -> None:
        self._note("software", premises.software())
        self._note("folder", premises.folder(self._unsettled))
        homeless = self._failed("folder")
        self._note("model", _HOMELESS if homeless else premises.model_files(self._model, self._precision))

    def _cpu(self) -> None:
        model, why = self._ready("cpu", self._precision)
        names = ("opens", "numerics", *(("tokens", "speed") if model else ()))
        self._note("cpu.memory", self._plan("cpu", free_memory()))
        opened = self._ask("cpu", names, model, self._precision)
        self._skip("cpu.", why if opened else _SHUT)

    def _card(self, meter: MeterTalk) -> None:
        seen = self._look(meter)
        verdict = seen if isinstance(seen, Verdict) else cards.driver(seen)
        if isinstance(seen, Seen) and not seen.present and not self._gpu:
            self._skip("gpu.", Verdict("skipped", verdict.cause, verdict.remedy))
            return
        self._note("gpu.driver", verdict)
        if isinstance(seen, Verdict) or verdict.status == "fail":
            self._skip("gpu.", Verdict("skipped", "The card cannot be reached."))
            return
        model, why = self._ready("cuda", "")
        # Some in a process of their own: a failure there is often a crash, and placement slows whatever follows it.
        for names in (
            ("libraries",),
            ("opens",),
            ("placement",),
            ("numerics", *(("tokens", "speed") if model else ()), "oom"),
            ("graphs",),
        ):
            if not self._ask("cuda", names, model):
                self._skip("gpu.", _SHUT)
                return
        self._skip(("gpu.tokens", "gpu.speed"), why)
        self._memory(meter, seen)

    def _ready(self, provider: Provider, precision: str) -> tuple[str, Verdict]:
        """The configured model where it can be loaded, else nothing and why."""
        if self._failed("folder"):
            return "", _HOMELESS
        try:
            store.open_model(self._model, precision, provider)
        except Trouble as trouble:
            return "", Verdict("skipped", trouble.cause, trouble.remedy)
        return self._model, Verdict("skipped")

    def _plan(self, provider: Provider, free: int) -> Verdict:
        return _HOMELESS if self._failed("folder") else premises.memory_plan(self._tiers, provider, free)

    # ---- asking children

    def _ask(self, provider: Literal["cpu", "cuda"], names: Sequence[str], model: str, precision: str = "") -> bool:
        """Let children make the checks of that name, a fresh one after each that was lost; gives whether it is worth
        going on."""
        prefix = "gpu." if provider == "cuda" else "cpu."
        left = list(names)
        while left:
            arguments = ("check", provider, self._scratch, model, precision, *left)
            with Conversation(self._argv("probe", *arguments)) as probe:
                answered = self._hear(probe, prefix, left)
                if left and (not answered or not probe.ended or probe.epitaph()):
                    name = left.pop(0)
                    self._note(prefix + name, _lost(probe, "The process of this check", self._seconds(name)))
            if any(self._failed(prefix + name) for name in ("libraries", "opens", "placement")):
                return False
        return True

    def _hear(self, probe: Conversation, prefix: str, left: list[str]) -> int:
        """Note what a child finds and strike it off `left`; gives how many checks that were."""
        answered = 0
        while left and (told := probe.answer(self._seconds(left[0]))) is not None:
            self._note(prefix + left.pop(0), Verdict(told["status"], told["cause"], told["remedy"]))
            answered += 1
        return answered

    def _look(self, meter: MeterTalk) -> Seen | Verdict:
        """What is known about NVIDIA here, or how its driver failed the child that asked it."""
        with Conversation(self._argv("probe", "driver")) as probe:
            told = probe.answer(DRIVER_S)
            if told is None:
                return _lost(probe, "The process that asked the NVIDIA driver", DRIVER_S)
        opened = meter.opened(0.0)
        return Seen(
            on_bus=cards.on_bus(),
            library=told["library"],
            error=told["error"],
            version=told["version"],
            cards=cards.cards_told(told["cards"]),
            opened=opened,
            denied=cards.denied(),
            hidden="CUDA_VISIBLE_DEVICES" in os.environ,
            memory=meter.memory(now()) if opened is not None and opened.devices else {},
        )

    def _memory(self, meter: MeterTalk, seen: Seen) -> None:
        """Take memory on the card, let go of it in two ways, and see what the meter makes of it."""
        free = seen.free
        plan = Verdict("skipped") if free is None else self._plan("cuda", free)
        left, shot = self._hold(meter, kill=False), self._hold(meter, kill=True)
        if isinstance(left, Verdict):
            self._note("gpu.memory", left)
        else:
            self._note("gpu.mapping", cards.mapping(left))
            self._note("gpu.memory", cards.memory_as_planned(left, plan))
        self._note("gpu.kill", shot if isinstance(shot, Verdict) else cards.killed(shot))
        self._skip("gpu.", Verdict("skipped", "No memory could be taken on the card."))

    def _hold(self, meter: MeterTalk, *, kill: bool) -> Held | Verdict:
        """Let a child take memory on the card, then leave or be killed; or why it took none."""
        before = meter.memory(now())
        with Conversation(self._argv("probe", "hold", self._scratch, str(HELD_BYTES))) as probe:
            ready = probe.answer(HOLD_S)
            opened = meter.memory(now()) if ready else {}
            probe.go_on()
            taken = probe.answer(HOLD_S) if ready and "uuid" in ready else ready
            if not ready or not taken:
                return _lost(probe, "The process that takes memory", HOLD_S)
            if "cause" in taken:
                return Verdict("fail", taken["cause"], taken["remedy"])
            uuid, size = ready["uuid"], taken["held"]
            held = meter.memory_when(lambda now: now.get(uuid, 0) - opened.get(uuid, 0) >= size / 2, SHOWN_S)
            if kill:
                probe.kill()
        slack = before.get(uuid, 0) + cards.SLACK_BYTES
        after = meter.memory_when(lambda now: now.get(uuid, 0) <= slack, BACK_S)
        return Held(uuid=uuid, bytes=size, before=before, opened=opened, held=held, after=after)

    # ---- taking notes

    def _seconds(self, name: str) -> float:
        return self._patience.get(name, OTHER_S)

    def _failed(self, name: str) -> bool:
        return name in self._done and self._done[name].status == "fail"

    def _note(self, name: str, verdict: Verdict) -> None:
        check = Check(
            id=name,
            name=NAMES[name],
            status=verdict.status,
            cause=nameless(verdict.cause),
            remedy=nameless(verdict.remedy),
        )
        self._done[name] = check
        self._told(check)

    def _skip(self, prefix: str | tuple[str, ...], why: Verdict) -> None:
        """What begins with that and is not done yet is not done at all."""
        for name in NAMES:
            if name.startswith(prefix) and name not in self._done:
                self._note(name, why)


_HOMELESS = Verdict("skipped", "There is no data folder to look into.")
_SHUT = Verdict("skipped", "What comes before it failed.")


def _lost(probe: Conversation, who: str, patience: float) -> Verdict:
    """A child that gave no answer, as a verdict; it is ended where it has not ended by itself."""
    if not probe.ended:
        probe.kill()
        return Verdict("fail", f"{who} did not answer within {patience:g} s, and was ended.", _REPORT)
    return Verdict("fail", f"{who} {probe.epitaph() or 'ended without an answer'}.", _REPORT)


_REPORT = "Ask again; if it stays so, update the driver or install Token Desk again, and report this text."

_PATH = re.compile(r"(?<![\w.])(?:~|[A-Za-z]:)?(?:[/\\][^\s/\\'\":;,()]+){2,}")


def nameless(text: str) -> str:
    """The text without folders, and without the names of user and computer."""
    for folder in (str(Path.home()), os.environ.get("TOKEN_DESK_HOME", "")):
        if len(folder) > 1:
            text = text.replace(folder, "~")
    text = _PATH.sub(lambda found: "…/" + re.split(r"[/\\]", found[0])[-1], text)
    for name in {getpass.getuser(), platform.node(), platform.node().partition(".")[0]}:
        if len(name) > 1:
            text = re.sub(rf"\b{re.escape(name)}\b", "…", text)
    return text
