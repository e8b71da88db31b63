"""What the user asks of the tiers: orders on their way to the factory, undo and redo, and the preset they started from.

A value counts as settled when its fact has come back. Until then it is *ordered*, and the old one is in force.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.models.catalogue import catalogue
from desk.models.store import imported
from desk.panel.tiers.fields import BY_PATH, Field, differences, with_values
from desk.panel.tiers.history import History, Step, ordered, step
from desk.panel.words import tr
from desk.plant import presets
from desk.plant.plant import Plant
from desk.plant.presets import Preset
from desk.plant.replay import Replay
from desk.scenario import MIXES, kinds

PATIENCE = 6
"""An order is off when its fact has not come after so many looks (two a second) at a lane that is free to obey."""


class Edits:
    """One for a window, whichever view an edit comes from, so that quick edits in two places do not undo each other.

    `origin` is the preset that differences are shown against, `None` before any is known.
    """

    def __init__(self, source: Plant | Replay) -> None:
        self.origin: Preset | None = source.origin if isinstance(source, Plant) else None
        self.now: dict[str, Tier] = {}
        self.running = False
        self.history = History()
        self._plant = source if isinstance(source, Plant) else None
        self._named = source.preset if isinstance(source, Plant) else ""
        self._ordered: dict[str, dict[str, Any]] = {}
        self._patience = 0

    @property
    def read_only(self) -> bool:
        """A recording takes no orders."""
        return self._plant is None

    # ---- facts downward

    def see(
        self, tiers: Mapping[str, Tier], *, running: bool, busy: Collection[str] = (), preset: str = ""
    ) -> Trouble | None:
        """Take in what is in force now; gives, once, the trouble of an order that the factory did not take.

        Tiers named in `busy` have lanes that load or drain, and are waited for.
        """
        self.now, self.running = dict(tiers), running
        if self.origin is None and tiers:
            note = tr("As the tiers were when the window opened.")
            custom = Preset(name="custom", title=tr("Custom"), note=note, tiers=tuple(tiers.values()))
            self.origin = _shipped(preset or self._named) or custom
        left = {
            name: {path: value for path, value in self._ordered[name].items() if BY_PATH[path].of(tier) != value}
            for name, tier in self.now.items()
            if name in self._ordered
        }
        self._ordered = {name: values for name, values in left.items() if values}
        if not self._ordered or any(name in busy for name in self._ordered):
            return None
        self._patience -= 1
        if self._patience >= 0:
            return None
        name, values = next(iter(self._ordered.items()))
        self._ordered.clear()
        labels = ", ".join(BY_PATH[path].label.lower() for path in values)
        cause = tr("{tier} did not take {settings}.", tier=name, settings=labels)
        return Trouble(cause, tr("The factory keeps what it has."))

    @property
    def wanted(self) -> dict[str, Tier]:
        """The tiers as they will be when all orders have come back."""
        return {name: with_values(tier, self._ordered.get(name, {})) for name, tier in self.now.items()}

    def is_ordered(self, tier: str, path: str) -> bool:
        return path in self._ordered.get(tier, {})

    def preset_value(self, tier: str, path: str) -> tuple[Any] | None:
        """What the preset has there, in a tuple, where the wanted value is another one; `None` where it is not."""
        theirs = next((each for each in self.origin.tiers if each.name == tier), None) if self.origin else None
        if theirs is None or tier not in self.now:
            return None
        field = BY_PATH[path]
        wanted = self._ordered.get(tier, {}).get(path, field.of(self.now[tier]))
        return (field.of(theirs),) if field.of(theirs) != wanted else None

    def changes(self) -> list[tuple[str, Field, Any, Any]]:
        """Tier, field, the preset's value and the wanted one, for all that differ from the preset."""
        theirs = {tier.name: tier for tier in self.origin.tiers} if self.origin else {}
        return [
            (name, *change)
            for name, tier in reversed(self.wanted.items())
            if name in theirs
            for change in differences(theirs[name], tier)
        ]

    # ---- orders upward

    def set(self, tier: str, path: str, value: Any) -> None:
        """Order one value; raises `ValueError` in words for one that no lane can run."""
        wanted = self.wanted
        after = with_values(wanted[tier], {path: value})
        title = f"{tier}: {BY_PATH[path].label.lower()}"
        self._do(step(title, wanted, wanted | {tier: after}))

    def change(self, tier: Tier) -> None:
        """Order a tier as a whole: what differs in it from what is in force."""
        wanted = self.wanted
        values = {field.path: new for field, _, new in differences(self.now.get(tier.name, tier), tier)}
        after = with_values(wanted.get(tier.name, tier), values)
        self._do(step(tr("{tier}: settings", tier=tier.name), wanted, wanted | {tier.name: after}))

    def change_together(self, words: str, tiers: Iterable[Tier]) -> None:
        """Order several tiers as wholes in one step, so that one undo reverts all of them."""
        wanted = self.wanted
        self._do(step(words, wanted, wanted | {tier.name: tier for tier in tiers if tier.name in wanted}))

    def take(self, chosen: Preset) -> None:
        """Put the tiers of a preset in place; during a run it must have the same ones. Raises `Trouble`."""
        after = ordered(chosen.tiers)
        self._do(step(tr("preset {title}", title=chosen.title), self.wanted, after, (self.origin, chosen)))

    def revert(self) -> None:
        """Go back to the preset in every value."""
        wanted = self.wanted
        theirs = {tier.name: tier for tier in self.origin.tiers if tier.name in wanted} if self.origin else {}
        self._do(step(tr("back to the preset"), wanted, wanted | theirs))

    def add(self, name: str, like: str) -> None:
        """Add a tier with the settings of another; raises `Trouble` during a run."""
        wanted = self.wanted
        given = [tier for tier in self.origin.tiers if tier.name == name] if self.origin else []
        made = given[0] if given else msgspec.structs.replace(wanted[like], name=name)
        self._do(step(tr("add {tier}", tier=name), wanted, ordered([*wanted.values(), made])))

    def remove(self, name: str) -> None:
        """Do without a tier; raises `Trouble` during a run, and for the last one."""
        wanted = self.wanted
        if len(wanted) < 2:
            raise Trouble(tr("A factory needs a tier."), tr("Add another one first."))
        left = {other: tier for other, tier in wanted.items() if other != name}
        self._do(step(tr("remove {tier}", tier=name), wanted, left))

    def undo(self) -> None:
        """Revert the last step, in the running factory, too."""
        self._travel(self.history.back, self.history.forth)

    def redo(self) -> None:
        self._travel(self.history.forth, self.history.back)

    def _do(self, done: Step) -> None:
        if done.before == done.after and done.origins[0] == done.origins[1]:
            return
        self._order(done)
        self.history.do(done)

    def _travel(self, move: Callable[[], Step | None], back: Callable[[], object]) -> None:
        found = move()
        if found is None:
            return
        try:
            self._order(found)
        except Trouble:
            back()  # it stays where it was in the history
            raise

    def _order(self, found: Step) -> None:
        if self._plant is None:
            return
        wanted = self.wanted
        after = found.taken(wanted)
        if set(after) != set(wanted):
            if self.running:
                raise Trouble(tr("Tiers come and go between runs only."), tr("Stop the run first."))
            self._plant.equip(after.values(), self._preset_after(found))
        else:
            if found.origins[1] is not None:
                self._plant.preset = found.origins[1].name
            for name, tier in after.items():
                if tier != wanted[name]:
                    self._plant.change(tier)
        for name, tier in after.items():
            if name in self.now and (values := {f.path: new for f, _, new in differences(self.now[name], tier)}):
                self._ordered[name] = values
            else:
                self._ordered.pop(name, None)
        if found.origins[1] is not None:
            self.origin = found.origins[1]
        self._patience = PATIENCE

    def _preset_after(self, found: Step) -> str:
        origin = found.origins[1] or self.origin
        return origin.name if origin else ""


def choices(field: Field, tier: Tier) -> list[str]:
    """The values that a field offers, the one in force among them."""
    offered: list[str] = {
        "model": [*catalogue(), *imported()],
        "precision": ["", *(catalogue()[tier.model].precisions if tier.model in catalogue() else ())],
        "provider": ["auto", "cuda", "cpu"],
        "mix": list(kinds()),
        "lengths": ["", *MIXES],
    }[field.path]
    return offered if field.of(tier) in offered else [*offered, field.of(tier)]


def _shipped(name: str) -> Preset | None:
    return presets.preset(name) if name in presets.names() else None
