"""What was done to the tiers and can be undone: pure steps over tiers, that leave alone what else has changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from desk.facts.tiers import TIER_NAMES, Tier
from desk.panel.tiers.fields import differences, with_values
from desk.plant.presets import Preset

Tiers = Mapping[str, Tier]

KEPT = 200
"""Steps that can be undone."""


def ordered(tiers: Iterable[Tier]) -> dict[str, Tier]:
    """By name, in the order of the house: the five from the cheapest to the dearest, then others as they come."""
    place = {name: number for number, name in enumerate(TIER_NAMES)}
    return {tier.name: tier for tier in sorted(tiers, key=lambda tier: place.get(tier.name, len(place)))}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done, in words, with the tiers it touched; a tier that stands on one side only came or went.

    `origins` are the presets that differences were shown against before and after it.
    """

    title: str
    before: Tiers
    after: Tiers
    origins: tuple[Preset | None, Preset | None] = (None, None)

    def reversed(self) -> "Step":
        return Step(self.title, self.after, self.before, self.origins[::-1])

    def taken(self, now: Tiers) -> dict[str, Tier]:
        """The tiers after this step, where they are `now`: what it did not touch stays as it is."""
        found = {name: tier for name, tier in now.items() if name in self.after or name not in self.before}
        for name, tier in self.after.items():
            if name in self.before and name in found:
                changed = {field.path: new for field, _, new in differences(self.before[name], tier)}
                found[name] = with_values(found[name], changed)
            elif name not in self.before:
                found[name] = tier
        return ordered(found.values())


def step(title: str, before: Tiers, after: Tiers, origins: tuple[Preset | None, Preset | None] = (None, None)) -> Step:
    """What leads from one set of tiers to another."""
    touched = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return Step(
        title,
        {name: before[name] for name in touched if name in before},
        {name: after[name] for name in touched if name in after},
        origins,
    )


@dataclass(slots=True)
class History:
    """Steps done, newest last, and steps undone that can be done again, the next one last."""

    done: list[Step] = field(default_factory=list)
    undone: list[Step] = field(default_factory=list)

    def do(self, step: Step) -> None:
        """Remember a step; what was undone before it is gone."""
        self.done = [*self.done[1 - KEPT :], step]
        self.undone.clear()

    def back(self) -> Step | None:
        """The step that undoes the last one; `None` where there is none. It counts as taken."""
        if not self.done:
            return None
        self.undone.append(self.done.pop())
        return self.undone[-1].reversed()

    def forth(self) -> Step | None:
        """The step that was undone last, to be taken again; `None` where there is none."""
        if not self.undone:
            return None
        self.done.append(self.undone.pop())
        return self.done[-1]
