"""Giving a model to a tier: which tiers there are to choose from, what comes of it, and what is asked before."""

from functools import partial

from PySide6.QtWidgets import QMenu, QWidget

from desk.facts.tiers import Tier
from desk.models.condition import condition
from desk.models.fit import Fit
from desk.panel.models.asking import Asking
from desk.panel.models.lanes import Lanes
from desk.panel.models.rows import Row, given_to, uses
from desk.panel.models.told import fit_words
from desk.panel.views import Desk
from desk.panel.words import tr
from desk.plant.plant import Plant


class Giving:
    """Gives models to tiers. Ctrl+Z takes it back, as every edit of a tier.

    During a run, what does not fit is given only to whoever wants it loaded all the same: else the engine would drain
    the lane, refuse the model and go back. Between runs it is given at once, since nobody knows yet what will be free.
    """

    def __init__(self, desk: Desk, asking: Asking, lanes: Lanes) -> None:
        self._desk, self._asking, self._lanes = desk, asking, lanes

    def menu(self, row: Row, parent: QWidget) -> QMenu:
        """The tiers, each of which can be given the model; one that has it and was refused it can load it anyway."""
        menu, count = QMenu(parent), self._desk.numbers.count
        for name, tier in reversed(self._lanes.tiers.items()):
            changed = given_to(tier, row)
            before = " ".join(filter(None, (tier.model, tier.precision)))
            if uses(tier, row):
                words = tr("{tier} was refused it", tier=name) if self._risk(name) else tr("{tier} uses it", tier=name)
            elif changed.context != tier.context:
                context = count(changed.context)
                words = tr("{tier}, in place of {model}, at {context} tokens", tier=name, model=before, context=context)
            else:
                words = tr("{tier}, in place of {model}", tier=name, model=before)
            action = menu.addAction(words, partial(self._give, changed, row))
            action.setEnabled(not uses(tier, row) or bool(self._risk(name)))
        return menu

    def _risk(self, name: str) -> str:
        """What comes of loading the lane of a tier anyway, where it was refused for want of memory; else empty."""
        lane = self._desk.books.ledger.standing.lanes.get(name)
        return lane.risk if lane is not None and lane.state == "failed" else ""

    def _give(self, changed: Tier, row: Row) -> None:
        edits = self._desk.edits
        assert edits is not None
        fit = condition(row.key, None, self._lanes.room_of(changed)).fit
        short = fit if edits.running and fit is not None and fit.override() else None
        if short is None:
            self._change(changed, row)
        elif short.hopeless:
            self._asking.say(_refusal(changed, row), f"{short.words()} {short.override()}")
        else:
            words = f"{short.words()} {short.override()}"
            self._asking.ask(
                _refusal(changed, row), words, tr("Load it anyway"), partial(self._load, changed, row, short)
            )

    def _change(self, changed: Tier, row: Row) -> None:
        edits, plant = self._desk.edits, self._desk.source
        assert edits is not None
        assert isinstance(plant, Plant)
        refused = changed == self._lanes.tiers.get(changed.name)  # no edit, but by now there is room for it
        self._desk.order(lambda: plant.change(changed) if refused else edits.change(changed))
        _, consequence = fit_words(row, changed)
        if edits.running:
            words = tr("{tier} gets {model} now: its lane drains, then loads it.", tier=changed.name, model=row.name)
        else:
            words = tr("{tier} gets {model} with the next run.", tier=changed.name, model=row.name)
        self._asking.say(words, consequence or tr("Ctrl+Z takes it back."), warns=bool(consequence))

    def _load(self, changed: Tier, row: Row, fit: Fit) -> None:
        """Order the change, and that its lane be loaded over the plan."""
        edits, plant = self._desk.edits, self._desk.source
        assert edits is not None
        assert isinstance(plant, Plant)
        self._desk.order(lambda: edits.change(changed))
        self._desk.order(lambda: plant.change(changed, overcommit=True))
        words = tr("{tier} loads {model} although it does not fit.", tier=changed.name, model=row.name)
        self._asking.say(words, fit.override())


def _refusal(changed: Tier, row: Row) -> str:
    return tr("{model} does not fit as a lane of {tier}.", model=row.name, tier=changed.name)
