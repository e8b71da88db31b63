"""A sweep as it is put together: whose work, on which model, at which slots and contexts, and how long it takes."""

from collections.abc import Iterable
from itertools import product

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desk.facts.plans import Plan
from desk.facts.tiers import Tier
from desk.models import store
from desk.models.catalogue import catalogue
from desk.panel.bars import Toggle
from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme, scaled
from desk.panel.words import plural, tr

AS_IS = tr("as the tiers")
WIDE = 220


class Builder(QWidget):
    """`started` carries the plan that is wanted, `closed` that none is."""

    started = Signal(object)
    closed = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._tiers: tuple[Tier, ...] = ()
        self._free = True
        self.boxes: dict[str, Toggle] = {}
        self.model = QComboBox()
        self.model.setAccessibleName(tr("Model to measure"))
        self.model.currentIndexChanged.connect(self._reckon)
        plan = Plan()
        self.slots = self._field(
            tr("Slots"), tr("Numbers of slots, each measured for itself"), " ".join(map(str, plan.slots))
        )
        self.contexts = self._field(tr("Contexts"), tr("Tokens of context; empty: as the tiers have it"), "", AS_IS)
        self.seconds = self._field(tr("Seconds each"), tr("How long each point is measured"), f"{plan.window_s:g}")
        self.repeats = self._field(
            tr("Repeats"), tr("How often all is gone through, for the spread"), str(plan.repeats)
        )
        self.rest = self._field(
            tr("Rest between, s"), tr("Seconds in which a warm machine cools down before each point"), "0"
        )
        self._told = Label(theme, "", 13)
        self._told.setWordWrap(True)
        self.start = QPushButton(tr("Start the sweep"))
        self.start.clicked.connect(self._start)
        self._close = QPushButton(tr("Close"))
        self._close.clicked.connect(self.closed)
        self._arrange()
        theme.changed.connect(self._measure)
        self._measure()

    def _field(self, name: str, tip: str, text: str, hint: str = "") -> QLineEdit:
        field = QLineEdit(text)
        field.setAccessibleName(name)
        field.setToolTip(tip)
        field.setPlaceholderText(hint)
        field.textChanged.connect(self._reckon)
        return field

    def _arrange(self) -> None:
        theme = self._theme
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._works = QVBoxLayout()
        self._works.setSpacing(0)
        top = Qt.AlignmentFlag.AlignTop
        self._grid.addWidget(Label(theme, tr("The work of"), 13, token="soft"), 0, 0, top)
        self._grid.addLayout(self._works, 0, 1)
        fields = (self.slots, self.contexts, self.seconds, self.repeats, self.rest)
        rows: list[tuple[str, QWidget]] = [
            (tr("Model"), self.model),
            *((each.accessibleName(), each) for each in fields),
        ]
        for row, (name, widget) in enumerate(rows, 1):
            self._grid.addWidget(Label(theme, name, 13, token="soft"), row, 0)
            self._grid.addWidget(widget, row, 1, Qt.AlignmentFlag.AlignLeft)
        self._grid.setColumnStretch(1, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.start)
        foot.addWidget(self._close)
        foot.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 8)
        column.setSpacing(14)
        column.addWidget(Label(theme, tr("New sweep"), 15, 600))
        column.addLayout(self._grid)
        column.addWidget(self._told)
        column.addLayout(foot)
        column.addStretch(1)

    def _measure(self) -> None:
        for widget in (self.model, self.slots, self.contexts, self.seconds, self.repeats, self.rest):
            widget.setFixedWidth(scaled(WIDE))

    def show_tiers(self, tiers: Iterable[Tier], *, free: bool) -> None:
        """Offer the work of these; `free` says that no run is on that a sweep would have to wait for."""
        tiers = tuple(tiers)
        if tiers != self._tiers:
            kept = {name for name, box in self.boxes.items() if not box.isChecked()}
            self._tiers = tiers
            while (item := self._works.takeAt(0)) is not None:
                if (widget := item.widget()) is not None:
                    widget.deleteLater()
            self.boxes = {tier.name: self._box(tier, tier.name not in kept) for tier in reversed(tiers)}
            self._offer_models()
        self._free = free
        self._reckon()

    def _box(self, tier: Tier, on: bool) -> Toggle:
        words = tr(
            "{tier}: {work}, answers up to {answers} tokens, context {context}",
            tier=tier.name,
            work=tr("{mix}, lengths of {lengths}", mix=tier.mix, lengths=tier.lengths) if tier.lengths else tier.mix,
            answers=tier.answer_tokens,
            context=tier.context,
        )
        box = Toggle(self._theme, words)
        box.setChecked(on)
        box.toggled.connect(self._reckon)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(box)
        row.addWidget(Label(self._theme, words, 13), 1)
        self._works.addWidget(line)
        return box

    def _offer_models(self) -> None:
        """The models that are ready here."""
        chosen = self.model.currentData()
        names = [name for name in catalogue() if store.ready(name)] + list(store.imported())
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItem(AS_IS, "")
        for name in names:
            self.model.addItem(name, name)
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        self.model.blockSignals(False)

    @property
    def plan(self) -> Plan:
        """What stands there; raises `ValueError` in words for what cannot be measured."""
        chosen = [tier for tier in self._tiers if self.boxes[tier.name].isChecked()]
        if not chosen:
            raise ValueError(tr("choose whose work is measured"))
        if self.model.currentData():
            chosen = [msgspec.structs.replace(tier, model=self.model.currentData(), precision="") for tier in chosen]
        if contexts := _wholes(self.contexts, empty=True):
            chosen = [msgspec.structs.replace(tier, context=each) for tier, each in product(chosen, contexts)]
        repeats, *more = _wholes(self.repeats)
        if more:
            raise ValueError(tr("Repeats wants one number"))
        return Plan(
            tiers=tuple(chosen),
            slots=_wholes(self.slots),
            window_s=_seconds(self.seconds),
            repeats=repeats,
            cooldown_s=_seconds(self.rest),
        )

    def _reckon(self) -> None:
        """Say how long it takes, or what is wrong."""
        try:
            plan = self.plan
        except ValueError as error:
            self._told.setText(f"▲ {str(error)[:1].upper()}{str(error)[1:]}.")
            self.start.setEnabled(False)
            return
        count = sum(1 for _ in plan.points()) // plan.repeats
        minutes = self._numbers.fixed(plan.seconds / 60)
        told = [
            plural(
                "{n} point, {times}: {minutes} min at least, and the time in which lanes are loaded and filled.",
                "{n} points, {times}: {minutes} min at least, and the time in which lanes are loaded and filled.",
                count,
                times=plural("once", "{n} times", plan.repeats),
                minutes=minutes,
            ),
            tr("It can be stopped at any time; what was measured is kept."),
            "" if self._free else tr("Stop the run first: a sweep needs the factory for itself."),
        ]
        self._told.setText(" ".join(filter(None, told)))
        self.start.setEnabled(self._free)

    def _start(self) -> None:
        self.started.emit(self.plan)


def _wholes(field: QLineEdit, *, empty: bool = False) -> tuple[int, ...]:
    words = field.text().replace(",", " ").split()
    if not (words or empty) or not all(word.isdecimal() for word in words):
        raise ValueError(tr("{field} wants whole numbers, such as 1 2 4", field=field.accessibleName()))
    return tuple(dict.fromkeys(int(word) for word in words))


def _seconds(field: QLineEdit) -> float:
    try:
        return float(field.text().replace(",", "."))
    except ValueError as error:
        raise ValueError(tr("{field} wants a number", field=field.accessibleName())) from error
