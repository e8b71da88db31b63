"""The run as a statement of money: what it earned and cost so far, what is left, and how each line comes about."""

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from desk.facts.tiers import Tariff
from desk.ledger.earnings import Earnings, Service
from desk.panel.furniture import Label
from desk.panel.numbers import DASH, Numbers
from desk.panel.theme import Theme
from desk.panel.words import tr

HOUR = 3600.0
HEADS = (tr("Tier"), tr("goodput"), tr("on time"), "TTFT p95", "ITL p99", tr("$ on time"))
WAITING = tr("Needs a run: its statement begins with the first token.")
WATTLESS = tr("needs watts")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `how` is its formula with the values of the run, `figure` the key of one that has a lineage."""

    name: str
    value: str
    how: str
    figure: str = ""


def lines(found: Earnings, tariff: Tariff, numbers: Numbers) -> Iterator[Line]:
    """The statement of a run, of all its seconds, in the money of its tariff."""

    def money(value: float | None) -> str:
        return numbers.with_unit(value, "$")

    def share(value: float | None) -> str:
        return numbers.with_unit(value, "%")

    seconds = f"{numbers.fixed(found.seconds)} s"
    listed = tr("list price of the tokens, {time}", time=seconds)
    yield Line(tr("Implied revenue"), money(found.revenue), listed, "revenue_per_hour")
    kept = tr("of requests that kept every promise")
    yield Line(tr("On-time revenue"), money(found.on_time_revenue), kept, "on_time_revenue_per_hour")
    yield Line(tr("Energy cost"), money(found.energy_cost), _energy(found, tariff, numbers), "energy_cost_per_hour")
    cost, even = tr("energy cost"), tr("needs an hourly rate, in System")
    if found.all_in_cost is not None:
        cost = tr("all-in cost")
        even = tr("{cost} ÷ revenue × busy share", cost=cost)
        yield Line(tr("All-in cost"), money(found.all_in_cost), f"{money(tariff.dollars_per_hour)}/h × {seconds}")
    yield Line(tr("Margin"), share(found.margin), tr("(revenue − {cost}) ÷ revenue", cost=cost))
    yield Line(tr("Margin on time"), share(found.on_time_margin), tr("the same of on-time revenue"))
    yield Line(tr("Busy share"), share(found.busy_share), tr("seconds of steps ÷ seconds"), "busy_share")
    yield Line(tr("Break-even busy share"), share(found.break_even), even)
    million = tr("{cost} ÷ {tokens} output tokens", cost=cost, tokens=numbers.count(found.tokens_out))
    yield Line(tr("Cost of a million tokens"), money(found.dollars_per_mtok), million)
    watts = found.joules / found.covered if found.joules and found.covered else None
    how = WATTLESS if watts is None else tr("revenue ÷ s ÷ {watts} metered", watts=numbers.with_unit(watts, "W"))
    yield Line(tr("Per second and megawatt"), money(found.revenue_per_second_per_mw), how)
    idle = WATTLESS
    if found.standby_cost is not None and found.energy_cost:
        idle = tr("{share} of the energy: no lane busy", share=share(found.standby_cost / found.energy_cost))
    yield Line(tr("Idle tax"), money(found.standby_cost), idle, "idle_tax")


def _energy(found: Earnings, tariff: Tariff, numbers: Numbers) -> str:
    """How the energy cost comes about."""
    if found.energy_cost is None:
        return WATTLESS
    unit = numbers.unit("$/kWh")
    price = f"{numbers.short(tariff.dollars_per_kwh)} {unit}"
    if prices := tariff.dollars_per_kwh_by_hour:
        low, high = numbers.short(min(prices)), numbers.short(max(prices))
        price = tr("{low} to {high} {unit} by the hour", low=low, high=high, unit=unit)
    factors = [(tariff.pue, "PUE"), (tariff.wall_factor, tr("wall"))]
    told = [f"{numbers.short(value)} {word}" for value, word in factors if value != 1.0]
    joules = numbers.with_unit((found.joules or 0.0) / HOUR, "Wh")
    return " × ".join([joules, price, *told])


def cells(service: Service, numbers: Numbers) -> tuple[str, ...]:
    """What a tier kept of its promises: requests/s, their part of all, percentiles where enough tell of them, and what
    that was worth."""
    attained = DASH
    if service.attainment is not None:
        share, whole = numbers.with_unit(service.attainment, "%"), numbers.count(service.finished)
        attained = tr("{share} of {whole}", share=share, whole=whole)
    return (
        DASH if service.goodput is None else f"{numbers.figure(service.goodput)}/s",
        attained,
        numbers.with_unit(service.ttft_p95, "s"),
        DASH if service.itl_p99 is None else f"{numbers.figure(1000 * service.itl_p99)} ms",
        numbers.with_unit(service.on_time_revenue, "$"),
    )


class Statement(QWidget):
    """Shows it, and below it each tier by what it kept of its promises. Lines with a lineage tell it on demand."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._told: tuple[Line, ...] = ()
        self._labels: list[tuple[Label, Label, Label]] = []
        self._tiers: dict[str, tuple[Label, ...]] = {}
        self._heads: tuple[Label, ...] = ()
        self._waiting = Label(theme, WAITING, 12, token="soft")
        self._sums, self._kept = QGridLayout(), QGridLayout()
        for grid in (self._sums, self._kept):
            grid.setHorizontalSpacing(8)
            grid.setVerticalSpacing(2)
        self._sums.setColumnStretch(1, 1)
        self._kept.setColumnStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 0)
        column.setSpacing(10)
        column.addWidget(self._waiting)
        column.addLayout(self._sums)
        column.addLayout(self._kept)
        column.addStretch(1)
        self.setAccessibleName(tr("Money of the run"))

    def figure_at(self, at: QPointF | None) -> tuple[str, str | None] | None:
        """The figure of the line under a place."""
        for line, labels in zip(self._told, self._labels, strict=False):
            if at is not None and line.figure and any(label.geometry().contains(at.toPoint()) for label in labels):
                return line.figure, None
        return None

    def text(self) -> str:
        """The statement in lines, as it is shown."""
        return "\n".join(f"{line.name}: {line.value}, {line.how}" for line in self._told)

    def show_statement(self, found: Earnings | None, tariff: Tariff | None) -> None:
        """Follow a run; `None` before its first token."""
        self._waiting.setVisible(found is None)
        self._told = () if found is None else tuple(lines(found, tariff or Tariff(), self._numbers))
        while len(self._labels) < len(self._told):
            self._labels.append(self._line(len(self._labels)))
        for number, labels in enumerate(self._labels):
            shown = number < len(self._told)
            for label, words in zip(labels, _words(self._told[number]) if shown else ("", "", ""), strict=True):
                label.setText(words)
                label.setVisible(shown)
                label.setToolTip(self._told[number].how if shown else "")
        self._show_tiers({} if found is None else dict(reversed(list(found.tiers.items()))))
        self.setAccessibleDescription(self.text())

    def _line(self, row: int) -> tuple[Label, Label, Label]:
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        name, how = Label(self._theme, "", 12), Label(self._theme, "", 11, token="mut")
        value = Label(self._theme, "", 12, 600)
        how.setMinimumWidth(1)  # in a narrow card the formula gives way, and is whole in the tip
        for place, label in enumerate((name, how, value)):
            self._sums.addWidget(label, row, place, right if label is value else Qt.AlignmentFlag.AlignLeft)
        return name, how, value

    def _show_tiers(self, tiers: dict[str, Service]) -> None:
        if tuple(tiers) != tuple(self._tiers):
            while (item := self._kept.takeAt(0)) is not None:
                if (widget := item.widget()) is not None:
                    widget.deleteLater()
            self._tiers = {name: self._row(row, name) for row, name in enumerate(tiers, 1)}
            self._heads = tuple(Label(self._theme, "", 11, token="mut") for _ in (HEADS if tiers else ()))
            for place, head in enumerate(self._heads):
                self._kept.addWidget(head, 0, place, _side(place))
        for head, words in zip(self._heads, HEADS, strict=False):
            head.setText(self._numbers.unit(words))
        for name, service in tiers.items():
            for label, words in zip(self._tiers[name], cells(service, self._numbers), strict=True):
                label.setText(words)

    def _row(self, row: int, name: str) -> tuple[Label, ...]:
        self._kept.addWidget(Label(self._theme, name, 12), row, 0)
        made = tuple(Label(self._theme, "", 12) for _ in HEADS[1:])
        for place, label in enumerate(made, 1):
            self._kept.addWidget(label, row, place, _side(place))
        return made


def _side(place: int) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft


def _words(line: Line) -> tuple[str, str, str]:
    return line.name, line.how, line.value
