"""The lines of the list: a model in one precision, its figures, its state in words, and what can be asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from desk.facts.tiers import Tier
from desk.ledger.standing import Standing
from desk.models.catalogue import Entry, catalogue
from desk.models.condition import Action, Condition, Key, Room, State
from desk.models.store import variant_of
from desk.panel.numbers import DASH, Numbers
from desk.panel.words import tr

Deed = Action | Literal["use"]
"""What a button of a line does: a job, or `use`, which gives the model to a tier."""

WORDS: Mapping[Deed, str] = {
    "use": tr("Use in tier…"),
    "get": tr("Get"),
    "resume": tr("Resume"),
    "pause": tr("Pause"),
    "cancel": tr("Cancel"),
    "discard": tr("Cancel"),
    "build": tr("Build"),
    "verify": tr("Verify"),
    "remove": tr("Remove"),
    "get again": tr("Get again"),
    "build again": tr("Build again"),
}

Shelf = Literal["all", "here", "fits"]
SHELVES: Mapping[Shelf, str] = {
    "all": tr("All models"),
    "here": tr("On this computer"),
    "fits": tr("Fits into memory"),
}

Source = Literal["hub", "built", "yours"]
SOURCES: Mapping[Source, str] = {"hub": tr("hub"), "built": tr("built here"), "yours": tr("yours")}

STATES: Mapping[State, str] = {
    "available": tr("available"),
    "building": tr("building"),
    "importing": tr("importing"),
    "downloading": tr("downloading"),
    "paused": tr("paused"),
    "verifying": tr("verifying"),
    "ready": tr("ready"),
    "hash mismatch": tr("hash mismatch"),
    "incomplete": tr("incomplete"),
    "does not fit": tr("does not fit"),
    "unsupported": tr("unsupported"),
}

AT_WORK = ("building", "importing", "downloading", "verifying")


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `parameters` and `context` are `None` where nobody told; `source` is where it comes from."""

    condition: Condition
    parameters: int | None
    context: int | None
    source: Source

    @property
    def key(self) -> Key:
        return self.condition.model, self.condition.precision

    @property
    def here(self) -> bool:
        """Whether it lies on the disk under its own name, whole or not."""
        return "remove" in self.condition.actions

    @property
    def usable(self) -> bool:
        """Whether a tier can be given it: it is here, whole, and something here can run it."""
        return self.here and self.condition.state in ("ready", "does not fit")

    @property
    def deeds(self) -> tuple[Deed, ...]:
        """What can be asked for now, the likeliest first."""
        return ("use", *self.condition.actions) if self.usable else self.condition.actions

    @property
    def name(self) -> str:
        """Title and precision, to speak of it."""
        return " ".join(filter(None, (self.condition.title, self.condition.precision)))


def row_of(condition: Condition) -> Row:
    """The line of a condition."""
    known, manifest = catalogue().get(condition.model), condition.manifest
    if known is None:
        parameters, context = (manifest.parameters, manifest.context) if manifest else (None, None)
        return Row(condition, parameters, context, "yours")
    return Row(condition, known.parameters, known.context, "hub" if known.repo else "built")


def by_size(rows: Iterable[Row]) -> list[Row]:
    """From the smallest model to the largest, those that do not say at the end; precisions stay side by side."""
    return sorted(rows, key=lambda row: (row.parameters is None, row.parameters or 0, row.source == "yours"))


def chosen(rows: Iterable[Row], words: str, shelf: Shelf) -> list[Row]:
    """The lines in which all of these words occur and that stand on this shelf; what is at work is on every shelf."""
    wanted = words.lower().split()
    return [row for row in rows if _stands(row, shelf) and all(word in _found(row) for word in wanted)]


def _stands(row: Row, shelf: Shelf) -> bool:
    if shelf == "all" or row.condition.state in AT_WORK:
        return True
    if shelf == "here":
        return row.here or row.condition.state == "paused"
    return row.condition.fit is not None and row.condition.fit.verdict == "fits"


def _found(row: Row) -> str:
    condition = row.condition
    named = condition.title, condition.model, condition.precision, condition.licence
    return " ".join((*named, STATES[condition.state], SOURCES[row.source])).lower()


# ---- in words


def parameters_words(count: int | None, numbers: Numbers) -> str:
    """`135 M`, `1.71 B`."""
    if count is None:
        return DASH
    scale, unit = (1e9, "B") if count >= 1e9 else (1e6, "M")
    return f"{numbers.figure(count / scale)} {unit}"


def sizes_words(row: Row, numbers: Numbers) -> list[str]:
    """How many parameters it has and how long a context, as far as that is told."""
    words = []
    if row.parameters:
        words.append(tr("{count} parameters", count=parameters_words(row.parameters, numbers)))
    if row.context:
        words.append(tr("context {count} tokens", count=numbers.count(row.context)))
    return words


def lane_words(tier: Tier, numbers: Numbers) -> str:
    """The lane that a tier asks for: `Ultra, 1 × 2,048 tokens`."""
    context = numbers.count(tier.context)
    return tr("{tier}, {slots} × {context} tokens", tier=tier.name, slots=tier.slots, context=context)


def memory_words(row: Row, numbers: Numbers) -> str:
    """The range of what a lane takes, in GiB."""
    fit = row.condition.fit
    if fit is None:
        return DASH
    low, high = (numbers.fixed(size / 2**30, 1) for size in (fit.low, fit.high))
    return f"{high} GiB" if low == high else f"{low}–{high} GiB"


def state_words(row: Row, numbers: Numbers) -> str:
    """The state, with how far it is where something is at work or was stopped."""
    condition = row.condition
    unfit = condition.state == "does not fit" and row.here
    words = tr("ready, does not fit") if unfit else STATES[condition.state]
    share = share_of(condition)
    return words if share is None else f"{words} {numbers.fixed(100 * share)} %"


def share_of(condition: Condition) -> float | None:
    """How far what is at work, or was stopped, has come: 0 to 1; `None` for anything else."""
    if condition.done is None or not condition.total:
        return None
    return condition.done / condition.total


def progress_words(condition: Condition, numbers: Numbers) -> str:
    """How far a job is, how fast and for how long yet, as far as that is known."""
    if condition.done is None or condition.total is None:
        return ""
    if condition.state == "building":
        return tr("step {n} of {all}", n=numbers.count(condition.done), all=numbers.count(condition.total))
    parts = [tr("{done} of {all}", done=numbers.bytes(condition.done), all=numbers.bytes(condition.total))]
    if condition.per_second:
        parts.append(f"{numbers.bytes(condition.per_second)}/s")
    if condition.left_s is not None:
        parts.append(tr("{time} left", time=left_words(condition.left_s)))
    return ", ".join(parts)


def left_words(seconds: float) -> str:
    """`0:41`, `12:05`, `1:02:10`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# ---- tiers


def room_for(tier: Tier | None, standing: Standing, memory: int | None, *, live: bool) -> Room:
    """What a lane of the tier is asked about: free memory of the computer and, where the meter sees one, of the GPU;
    and, while the factory runs, what its lanes have in memory.

    A recording tells nothing about the memory of this machine: there, what is free is not known.
    """
    slots, context = (tier.slots, tier.context) if tier is not None else (1, 1024)
    if not live:
        return Room({"cpu": None, "cuda": None}, slots, context)
    free: dict[str, int | None] = {"cpu": memory}
    devices = standing.meter.devices if standing.meter is not None else ()
    card = next((device for device in devices if device.kind == "gpu" and device.uuid.startswith("GPU-")), None)
    if card is not None:
        reading = standing.readings.get(card.id)
        used = reading.memory_used if reading is not None else None
        free["cuda"] = None if used is None or card.memory_bytes is None else card.memory_bytes - used
    return Room(free, slots, context, *_held(tier, standing))


def _held(tier: Tier | None, standing: Standing) -> tuple[frozenset[tuple[str, str, str]], dict[str, int]]:
    """The graphs that lanes have in memory, and the KV cache that the lane of the tier gives back for its next one."""
    ready = {name: lane.opened for name, lane in standing.lanes.items() if lane.state in ("ready", "draining")}
    graphs = frozenset((each.revision, each.precision, each.provider) for each in ready.values() if each)
    before = ready.get(tier.name) if tier is not None else None
    return graphs, {before.provider: before.kv_bytes} if before else {}


def given_to(tier: Tier, row: Row) -> Tier:
    """The tier with this model; its context and its provider change only where the model could not run with them."""
    model, precision = row.key
    context = min(tier.context, row.context) if row.context else tier.context
    changed = msgspec.structs.replace(tier, model=model, precision=precision, context=context)
    providers = variant_of(known, precision).providers if (known := _known(model)) else ("cuda", "cpu")
    if tier.provider != "auto" and tier.provider not in providers:
        changed = msgspec.structs.replace(changed, provider="auto")
    return changed


def uses(tier: Tier, row: Row) -> bool:
    """Whether the tier names this model in this precision; one that leaves the precision open may get any."""
    return tier.model == row.condition.model and tier.precision in ("", row.condition.precision)


def _known(model: str) -> Entry | None:
    return catalogue().get(model)
