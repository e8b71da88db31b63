"""The condition of each model: one word for what has become of it, why, and what can be done about it.

It is worked out from three things alone: what lies on the disk, what the catalogue says, and which jobs are at work.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from desk.facts.happened import Job, Progressed
from desk.facts.trouble import Trouble
from desk.models.catalogue import catalogue, entry
from desk.models.fit import Fit, expected, fit
from desk.models.manifest import Manifest
from desk.models.partial import plan_in
from desk.models.store import (
    folder_of,
    imported,
    imported_dir,
    mismatch,
    open_model,
    part_of,
    require_whole,
    size_of,
    variant_of,
)

State = Literal[
    "available",
    "building",
    "importing",
    "downloading",
    "paused",
    "verifying",
    "ready",
    "hash mismatch",
    "incomplete",
    "does not fit",
    "unsupported",
]
Action = Literal["build", "get", "resume", "pause", "cancel", "discard", "verify", "remove", "get again", "build again"]

WINDOW_S = 5.0
"""The speed of a download is that of its last seconds; what an earlier session received does not count."""

Key = tuple[str, str]
"""A model and a precision; an imported model has none."""


@dataclass(slots=True)
class Running:
    """A job that is at work, as its facts tell: `done` of `total` bytes or steps of `stage`."""

    job: Job
    model: str
    precision: str = ""
    stage: str = ""
    done: int = 0
    total: int | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def hear(self, fact: Progressed) -> None:
        """Take in how far the job is; what is told again tells nothing."""
        if self._seen and self._seen[-1] == (fact.t, fact.done):
            return
        if fact.stage != self.stage or fact.done < self.done:
            self._seen.clear()
        self.stage, self.done, self.total = fact.stage, fact.done, fact.total
        self._seen.append((fact.t, fact.done))
        while len(self._seen) > 2 and fact.t - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()

    @property
    def per_second(self) -> float | None:
        """How much is done in a second, over the last few; `None` before a second has been seen."""
        if len(self._seen) < 2:
            return None
        (since, before), (until, after) = self._seen[0], self._seen[-1]
        return (after - before) / (until - since) if until - since >= 1.0 else None

    @property
    def left_s(self) -> float | None:
        """The seconds that are left at this speed; `None` where that cannot be said."""
        speed = self.per_second
        return (self.total - self.done) / speed if speed and self.total is not None else None


@dataclass(frozen=True, slots=True)
class Room:
    """What a lane is asked about: so many slots and tokens, and the free bytes where each provider computes.

    A provider that is not in `free` is not on this machine; `None` stands for one that does not say. While a factory
    runs, `loaded` names the graphs that its lanes share, by revision, precision and provider, and `replaced` the KV
    cache, in bytes by provider, of the lane that this one takes the place of.
    """

    free: Mapping[str, int | None]
    slots: int = 1
    context: int = 1024
    loaded: frozenset[tuple[str, str, str]] = frozenset()
    replaced: Mapping[str, int] = field(default_factory=dict)

    def holds(self, manifest: Manifest, provider: str) -> bool:
        """Whether some lane has that very graph in memory."""
        return (manifest.revision, manifest.precision, provider) in self.loaded

    def given_back(self, provider: str, cache: int) -> int:
        """The bytes that the lane before gives back to one with a KV cache of that size.

        Its weights are no part of them: they stay until the next ones are there, so that answers can go on. On CUDA
        the runtime keeps the block of a cache that is gone, for caches that fit into it.
        """
        block = self.replaced.get(provider, 0)
        return block if provider == "cpu" or cache <= block else 0


@dataclass(frozen=True, slots=True)
class Condition:
    """What has become of a model in one precision.

    `cause` is a sentence where something is wrong, `remedy` what to do. `done` and `total` are bytes (steps, while it
    is built) of what is at work or was stopped; `bytes` is what it takes on the disk, or will. `actions` are what can
    be asked for now, the likeliest first.
    """

    model: str
    precision: str
    title: str
    state: State
    actions: tuple[Action, ...]
    licence: str = ""
    cause: str = ""
    remedy: str = ""
    done: int | None = None
    total: int | None = None
    per_second: float | None = None
    left_s: float | None = None
    bytes: int | None = None
    manifest: Manifest | None = None
    fit: Fit | None = None


def conditions(running: Mapping[Key, Running], room: Room) -> list[Condition]:
    """Every model of the catalogue in every precision, then what was imported, then what is being imported."""
    keys = [(name, precision) for name, known in catalogue().items() for precision in known.precisions]
    keys += [(name, "") for name in imported()]
    keys += [key for key in running if key not in keys and key[0] not in catalogue()]
    return [condition(key, running.get(key), room) for key in keys]


def condition(key: Key, job: Running | None, room: Room) -> Condition:
    """The condition of one model in one precision, `job` being what is at work on it."""
    model, precision = key
    known = catalogue().get(model)
    folder = folder_of(model, precision) if known else imported_dir() / model
    about = {"model": model, "precision": precision, "title": known.title if known else model}
    about["licence"] = known.licence if known else ""
    here = folder.is_dir()
    if here:
        about["bytes"] = size_of(folder)
    elif known:
        about["bytes"] = variant_of(known, precision).bytes
    if job is not None:
        return _at_work(job, about, room)
    return _here(key, about, folder, room) if here else _absent(key, about, room)


def _at_work(job: Running, about: dict[str, Any], room: Room) -> Condition:
    states: dict[Job, State] = {
        "build": "building",
        "fetch": "downloading",
        "verify": "verifying",
        "import": "importing",
    }
    state = "verifying" if job.stage == "verifying" else states[job.job]
    actions: tuple[Action, ...] = ("pause", "discard") if state == "downloading" else ("cancel",)
    at = {"done": job.done, "total": job.total, "per_second": job.per_second, "left_s": job.left_s}
    return Condition(**about, state=state, actions=actions, **at, **_foreseen(about["model"], about["precision"], room))


def _absent(key: Key, about: dict[str, Any], room: Room) -> Condition:
    model, precision = key
    known = entry(model)
    variant = variant_of(known, precision)
    begun = part_of(folder_of(model, precision))
    if wrong := mismatch(begun):
        cause = f"The file {wrong.file} came with other content than it must have: its hash is another one."
        remedy = "Get it again; if that does not help, something between here and the hub changes it."
        return Condition(**about, state="hash mismatch", actions=("get again", "discard"), cause=cause, remedy=remedy)
    if plan := plan_in(begun):
        about |= {"done": plan.here(begun), "total": plan.bytes, "bytes": plan.bytes}
        return Condition(**about, state="paused", actions=("resume", "discard"), **_foreseen(model, precision, room))
    action: Action = "get" if known.repo else "build"
    usable = [provider for provider in variant.providers if provider in room.free]
    if not usable:
        cause, remedy = _no_gpu(about["title"], precision)
        return Condition(**about, state="unsupported", actions=(action,), cause=cause, remedy=remedy)
    return _fitted(about, "available", (action,), expected(known, precision), usable[0], room)


def _here(key: Key, about: dict[str, Any], folder: Path, room: Room) -> Condition:
    model, precision = key
    known = catalogue().get(model)
    again: Action = "verify" if known is None else "get again" if known.repo else "build again"
    try:
        require_whole(folder)
    except Trouble as trouble:
        state: State = "hash mismatch" if mismatch(folder) else "incomplete"
        told = {"cause": trouble.cause, "remedy": trouble.remedy}
        return Condition(**about, state=state, actions=(again, "remove"), **told)
    cause, remedy = _no_gpu(about["title"], precision)
    for provider in variant_of(known, precision).providers if known else ("cuda", "cpu"):
        if provider not in room.free:
            continue
        try:
            _, manifest = open_model(model, precision, provider)
        except Trouble as trouble:
            cause, remedy = trouble.cause, trouble.remedy
        else:
            return _fitted(about, "ready", ("verify", "remove"), manifest, provider, room)
    return Condition(**about, state="unsupported", actions=(again, "remove"), cause=cause, remedy=remedy)


def _no_gpu(title: str, precision: str) -> tuple[str, str]:
    cause = f"{title}{f' in {precision}' if precision else ''} runs on CUDA alone, and no GPU is usable here."
    return cause, "Choose another precision, or look at what is missing: desk doctor --gpu"


def _fitted(
    about: dict[str, Any],
    state: State,
    actions: tuple[Action, ...],
    manifest: Manifest | None,
    provider: str,
    room: Room,
) -> Condition:
    """The state, unless there is no memory for it: then that, with the same actions."""
    if manifest is None:
        return Condition(**about, state=state, actions=actions)
    found = _fit_in(room, manifest, provider)
    about |= {"manifest": manifest, "fit": found}
    if found.verdict in ("tight", "does not fit"):
        remedy = "Choose a smaller model or precision, or close other programs."
        return Condition(**about, state="does not fit", actions=actions, cause=found.words(), remedy=remedy)
    return Condition(**about, state=state, actions=actions)


def _foreseen(model: str, precision: str, room: Room) -> dict[str, Any]:
    """What the catalogue knows of a model that is on its way, and how that will fit; nothing where it knows too little.

    What does not fit is fetched all the same by whoever asked for it, so this does not change its state.
    """
    known = catalogue().get(model)
    manifest = expected(known, precision) if known else None
    usable = [provider for provider in variant_of(known, precision).providers if provider in room.free] if known else []
    if manifest is None or not usable:
        return {}
    return {"manifest": manifest, "fit": _fit_in(room, manifest, usable[0])}


def _fit_in(room: Room, manifest: Manifest, provider: str) -> Fit:
    context = min(room.context, manifest.context)
    back = room.given_back(provider, manifest.kv_bytes(room.slots, context))
    free, loaded = room.free.get(provider), room.holds(manifest, provider)
    return fit(manifest, provider, room.slots, context, free, loaded=loaded, back=back)
