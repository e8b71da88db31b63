"""The lane that memory is planned for: a box of the tiers there are, and what there is room for in each."""

from PySide6.QtWidgets import QComboBox

from desk.facts.tiers import Tier
from desk.models.condition import Room
from desk.models.ram import free_memory
from desk.panel.models.rows import lane_words, room_for
from desk.panel.views import Desk
from desk.panel.words import tr
from desk.plant.plant import Plant

MOVED_BYTES = 64 << 20
"""Free memory that has changed by less is shown as it was, so that figures stand still."""


class Lanes(QComboBox):
    """Offers the tiers that there are, the dearest first, as the table of tiers has them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._before: Room | None = None
        self.setAccessibleName(tr("The lane that memory is planned for"))
        self.setToolTip(tr("Memory is planned for a lane of this tier, at its slots and context"))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)

    @property
    def tiers(self) -> dict[str, Tier]:
        """The tiers as they will be when all orders have come back; those of a recording as it has them."""
        edits = self._desk.edits
        return edits.wanted if edits is not None else dict(self._desk.books.ledger.standing.tiers)

    @property
    def tier(self) -> Tier | None:
        """The tier that is chosen."""
        return self.tiers.get(self.currentData())

    def follow(self) -> None:
        """Offer the tiers as they are now."""
        numbers = self._desk.numbers
        offered = {name: lane_words(tier, numbers) for name, tier in reversed(self.tiers.items())}
        if {self.itemData(place): self.itemText(place) for place in range(self.count())} == offered:
            return
        before = self.currentData()
        self.clear()
        for name, title in offered.items():
            self.addItem(title, name)
        self.setCurrentIndex(max(0, self.findData(before)))

    def room(self) -> Room:
        """The room for a lane of the chosen tier; free memory that has hardly changed is as it was before."""
        room, before = self.room_of(self.tier), self._before
        if before is not None and set(before.free) == set(room.free):
            near = {place: _near(before.free[place], free) for place, free in room.free.items()}
            room = Room(near, room.slots, room.context, room.loaded, room.replaced)
        self._before = room
        return room

    def room_of(self, tier: Tier | None) -> Room:
        """The room for a lane of any tier, at this moment."""
        live = isinstance(self._desk.source, Plant)
        return room_for(tier, self._desk.books.ledger.standing, free_memory() if live else None, live=live)


def _near(before: int | None, free: int | None) -> int | None:
    """What was shown before, where it is near enough."""
    if before is None or free is None:
        return free
    return before if abs(free - before) < MOVED_BYTES else free
