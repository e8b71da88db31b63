"""The lineage of a figure on the screen: asked for by key or click, read at leisure, copied as text."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desk.facts.figures import FIGURES, READINGS
from desk.panel.bars import PROVENANCES
from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.overlay import EDGE, Overlay
from desk.panel.theme import Theme, scaled
from desk.panel.words import tr

if TYPE_CHECKING:  # numpy comes after the first paint
    from desk.lineage import Lineage, Step, Term

WIDE = 600
Asker = Callable[[str, str | None], "Lineage | None"]
"""Gives the lineage of a figure, of a tier or of all, as it stands now."""


@runtime_checkable
class Shows(Protocol):
    """A widget that shows figures."""

    def figure_at(self, at: QPointF | None) -> tuple[str, str | None] | None:
        """The figure under a place on the widget and its tier; without a place, the one that has the focus."""


def figure_under(widget: QWidget | None, at: QPoint | None) -> tuple[str, str | None] | None:
    """The figure that a widget or one it lies in shows; `at` is on the screen, `None` asks for the focus."""
    while widget is not None:
        if isinstance(widget, Shows):
            found = widget.figure_at(None if at is None else QPointF(widget.mapFromGlobal(at)))
            if found is not None:
                return found
        widget = widget.parentWidget()
    return None


class LineageSheet(Overlay):
    """Where one figure comes from. It keeps the moment it was opened at; arrows go to other figures and tiers."""

    def __init__(
        self, theme: Theme, numbers: Numbers, over: QWidget, ask: Asker, tiers: Callable[[], list[str]]
    ) -> None:
        super().__init__(theme, over)
        self._numbers, self._ask, self._tiers = numbers, ask, tiers
        self._key, self._tier = "", None
        self._record: Lineage | None = None
        self.body = Label(theme, size=13)
        self.body.setWordWrap(True)
        self.body.setTextFormat(Qt.TextFormat.RichText)
        self.body.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = QPushButton(tr("Copy"))
        self.copy.setProperty("quiet", True)
        self.copy.setAccessibleName(tr("Copy as text"))
        self.copy.setToolTip(tr("Copy as text  Ctrl+C"))
        self.copy.clicked.connect(self.copy_text)
        hint = Label(theme, tr("← → other figures   ↑ ↓ other tiers   Esc"), 11, token="mut")
        foot = QHBoxLayout()
        foot.addWidget(hint)
        foot.addStretch(1)
        foot.addWidget(self.copy)
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 20, 24, 14)
        page.setSpacing(14)
        page.addWidget(self.hold(self.body))
        page.addLayout(foot)
        theme.changed.connect(self._write)

    @property
    def record(self) -> Lineage | None:
        """What is shown."""
        return self._record

    def show_figure(self, key: str, tier: str | None = None) -> None:
        """Open on a figure as it stands now."""
        record = self._ask(key, tier)
        if record is None:
            return
        self._key, self._tier, self._record = key, tier, record
        self._write()
        self.open()

    def text(self) -> str:
        """The record as plain text, a line for each part."""
        record = self._record
        if record is None:
            return ""
        return "\n".join([self._title(record), *(f"{head}: {rest}" for head, rest in rows(record, self._numbers))])

    def copy_text(self) -> None:
        QGuiApplication.clipboard().setText(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(
            Qt.Key(event.key())
        )
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_text()
        elif step is not None and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._turn(step)
        elif step is not None:
            self._turn_tier(step)
        else:
            super().keyPressEvent(event)

    def _turn(self, step: int) -> None:
        """The next figure that exists for this tier."""
        table = READINGS if self._key in READINGS else FIGURES
        keys = [key for key, each in table.items() if (each.tiers if self._tier else each.total)]
        if self._key in keys:
            self.show_figure(keys[(keys.index(self._key) + step) % len(keys)], self._tier)

    def _turn_tier(self, step: int) -> None:
        if self._key not in FIGURES or not FIGURES[self._key].tiers:
            return
        whole: list[str | None] = [None] if FIGURES[self._key].total else []
        tiers = [*whole, *self._tiers()]
        place = tiers.index(self._tier) if self._tier in tiers else 0
        self.show_figure(self._key, tiers[(place + step) % len(tiers)])

    def place(self) -> None:
        self.body.setFixedWidth(min(scaled(WIDE), self._over.width() - 2 * EDGE - 24))
        super().place()

    def _title(self, record: Lineage) -> str:
        tier = f", {record.tier}" if record.tier else ""
        return f"{tr(record.figure.title)}{tier}: {value_of(record, self._numbers)}, {PROVENANCES[record.kind]}"

    def _write(self) -> None:
        record = self._record
        if record is None:
            return
        tokens = self._theme.palette
        small = f"font-weight:400; color:{tokens.soft}; font-size:{scaled(12)}px"
        tier = f"&nbsp; <span style='{small}'>{escape(record.tier)}</span>" if record.tier else ""
        told = rows(record, self._numbers)
        heads = [head if place == 0 or told[place - 1][0] != head else "" for place, (head, _) in enumerate(told)]
        lines = "".join(
            f"<tr><td style='color:{tokens.mut}; padding:3px 18px 3px 0; white-space:nowrap'>{head}</td>"
            f"<td style='padding:3px 0; color:{tokens.text}'>{escape(rest)}</td></tr>"
            for head, (_, rest) in zip(heads, told, strict=True)
        )
        self.body.setText(
            f"<div style='font-size:{scaled(14)}px; font-weight:600'>{escape(tr(record.figure.title))}{tier}</div>"
            f"<div style='font-size:{scaled(26)}px; font-weight:600'>{escape(value_of(record, self._numbers))}"
            f"<span style='{small}'>&nbsp;&nbsp;{PROVENANCES[record.kind]}</span></div>"
            f"<table style='font-size:{scaled(13)}px; margin-top:{scaled(8)}px' cellspacing='0'>{lines}</table>"
        )
        self.setAccessibleName(self._title(record))
        self.setAccessibleDescription(self.text())


# ---- in words


def rows(record: Lineage, numbers: Numbers) -> list[tuple[str, str]]:
    """The parts of a lineage as heads and words."""
    figure = record.figure
    told = [(tr("Means"), tr(figure.definition)), (tr("Formula"), tr(figure.formula))]
    # What a step before the last gives has a name of its own; the last gives the figure.
    told += [(tr("Now"), f"{_step(step, numbers)} {step.result.words}") for step in record.steps[:-1]]
    told += [(tr("Now"), _step(step, numbers)) for step in record.steps[-1:]]
    if record.why:
        told.append((tr("Missing"), record.why))
    window = tr(figure.window)
    if record.seconds is not None:
        window = f"{amount(record.seconds, 's', numbers)} ({window})"
    told.append((tr("Window"), window))
    if record.samples is not None:
        told.append((tr("Samples"), f"{numbers.fixed(record.samples.value)} {record.samples.words}"))
    told.append((tr("Source"), record.source))
    if record.age_s is not None:
        told.append((tr("Age"), f"{numbers.fixed(record.age_s, 1)} s"))
    told += [(tr("Assumed"), words) for words in _assumed(record.assumptions, numbers)]
    if record.doubt:
        told.append((tr("In doubt"), record.doubt))
    return told


def value_of(record: Lineage, numbers: Numbers) -> str:
    """The value as the panel shows it."""
    unit = record.figure.unit
    if unit == "B":
        return numbers.bytes(record.value)
    if unit == "Hz":
        return numbers.with_unit(None if record.value is None else record.value / 1e6, "MHz")
    return numbers.with_unit(record.value, unit)


def amount(value: float, unit: str, numbers: Numbers) -> str:
    """A number in a line of arithmetic: four digits, so that the line can be checked by hand."""
    if unit == "B":
        return numbers.bytes(value)
    if unit == "%":
        return f"{numbers.figure(value, '%')} %"
    decimals = 0 if value == round(value) else min(9, max(0, 3 - math.floor(math.log10(abs(value)))))
    while decimals and round(value, decimals) == round(value, decimals - 1):
        decimals -= 1
    return f"{numbers.fixed(value, decimals)} {numbers.unit(unit)}".rstrip()


def _step(step: Step, numbers: Numbers) -> str:
    said = amount(step.terms[0].value, step.terms[0].unit, numbers)
    for operator, term in zip(step.operators, step.terms[1:], strict=True):
        said += f" {operator} {amount(term.value, term.unit, numbers)}"
    return f"{said} = {amount(step.result.value, step.result.unit, numbers)}"


def _assumed(terms: tuple[Term, ...], numbers: Numbers) -> list[str]:
    """What people set, in a line each; what belongs to one tier shares one."""

    def owner(term: Term) -> tuple[str, str]:
        whose, comma, _ = term.words.partition(", ")
        return (whose, term.note) if comma else (term.words, term.note)

    lines = []
    for (whose, note), group in groupby(terms, key=owner):
        told = list(group)
        # What is quoted in one unit names it once, at its end.
        shared = len({term.unit for term in told}) == 1
        parts = []
        for term in told:
            words, unit = term.words.removeprefix(f"{whose}, "), "" if shared and term is not told[-1] else term.unit
            parts.append(f"{words} {amount(term.value, unit, numbers)}")
        head = f"{whose}: " if not parts[0].startswith(whose) else ""
        lines.append(f"{head}{', '.join(parts)}{f'; {note}' if note else ''}")
    return lines
