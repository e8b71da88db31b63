"""The cards beside the chart: what follows from a sweep for money, solved for again when what it rests on changes."""

from collections.abc import Iterator
from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desk.facts.tiers import Tier
from desk.frontier.options import TELLING, Traffic, under
from desk.frontier.points import Denominator
from desk.frontier.split import change
from desk.ledger.earnings import earnings
from desk.panel.cards import WordyCard
from desk.panel.frontier.ladder import Factors, Ladder
from desk.panel.frontier.mixcard import MixCard
from desk.panel.frontier.promise import Promise
from desk.panel.frontier.reckoning import Answer, answer, here
from desk.panel.frontier.statement import Statement
from desk.panel.frontier.sweeps import Found
from desk.panel.frontier.trial import Trial
from desk.panel.runs.work import Worker
from desk.panel.shown import Shown
from desk.panel.theme import GUTTER, scaled
from desk.panel.views import Desk
from desk.panel.words import tr

BESIDE = 456
SCROLLBAR, PAD = 10, 16
MOST = 0.45
"""Long words, and figures of many digits, make the cards wider up to this part of the view."""
UNSOLD = tr("Users are not held back at what is sold at most.")
CORRECTED = tr("It rests on points with other answers.")
SCENARIO = tr("The load follows a scenario, and the prediction is for its full height.")


class Beside(QScrollArea):
    """The mix, and below it the ladder, its factors, the price of a promise or the statement of the run.

    `asked` tells that another question stands, `applied` that a mix has been ordered.
    """

    asked = Signal()
    applied = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        assert desk.edits is not None
        self._desk, self.edits = desk, desk.edits
        self._solver = Worker(self)
        self._solver.troubled.connect(lambda _key, trouble: desk.window.show_trouble(trouble))
        self.mix = MixCard(desk)
        self.ladder = Ladder(desk.theme, desk.numbers)
        self.factors = Factors(desk)
        self.promise = Promise(desk.theme, desk.numbers)
        self.statement = Statement(desk.theme, desk.numbers)
        self.answered: Answer | None = None
        """The mix that is shown, `None` before it is solved for."""
        self._question: object = None
        self._currency = desk.numbers.currency
        self._trial: Trial | None = None
        self._arrange()
        self.mix.asked.connect(self.asked)
        self.promise.asked.connect(self.asked)
        self.mix.applied.connect(self._apply)
        self.factors.changed.connect(self._climb)

    def _arrange(self) -> None:
        lower = self._below = WordyCard(self._desk.theme)
        self._turns = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._turns.setSpacing(4)
        self._halves = QHBoxLayout(), QHBoxLayout()
        self._lower = QStackedWidget()
        chosen = QButtonGroup(self)
        for number, (words, page) in enumerate(
            (
                (tr("What if it scaled"), self.ladder),
                (tr("Its factors"), self.factors),
                (tr("Price of a promise"), self.promise),
                (tr("Money"), self.statement),
            )
        ):
            button = QPushButton(words)
            button.setCheckable(True)
            button.setProperty("quiet", True)
            button.setChecked(not number)
            button.clicked.connect(lambda _=False, page=page: self._turn(page))
            chosen.addButton(button)
            self._halves[number // 2].addWidget(button)
            self._lower.addWidget(page)
        for half in self._halves:
            half.setSpacing(4)
            self._turns.addLayout(half)
        self._turns.addStretch(1)
        inner = QVBoxLayout(lower)
        inner.setContentsMargins(PAD, 10, PAD, 10)
        inner.addLayout(self._turns)
        inner.addWidget(self._lower, 1)
        page = self._cards = QWidget()
        page.setObjectName("beside")
        cards = QVBoxLayout(page)
        cards.setContentsMargins(0, 0, 0, 0)
        cards.setSpacing(GUTTER)
        cards.addWidget(self.mix)
        cards.addWidget(lower, 1)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet("QScrollArea, QWidget#beside { background: transparent; }")
        self.setWidget(page)
        self._desk.theme.changed.connect(self.fit)
        self.fit()

    def _turn(self, page: QWidget) -> None:
        self._lower.setCurrentWidget(page)
        self.fit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        for part in self._cards.findChildren(QWidget):  # what has not been dressed yet asks for other room
            part.ensurePolished()
        self.fit()

    def fit(self) -> None:
        """Take the width that the cards want, within the view."""
        layouts = [layout for card in (self.mix, self._below) if (layout := card.layout()) is not None]
        turns = sum(half.minimumSize().width() for half in self._halves) + self._turns.spacing() + 2 * PAD
        wanted = max(turns, *(layout.minimumSize().width() for layout in layouts)) + SCROLLBAR
        view = self.parentWidget()
        room = MOST * view.width() if view is not None and self.isVisible() else 0.0
        wide = max(scaled(BESIDE), int(min(wanted, room)))
        self.setFixedWidth(wide)
        ways = QBoxLayout.Direction
        self._turns.setDirection(ways.LeftToRight if turns + SCROLLBAR <= wide else ways.TopToBottom)

    # ---- the mix

    def ask(self, found: Found | None, denominator: Denominator, waiting: str) -> None:
        """Have the mix solved for by the points of a sweep, where anything that it rests on is another; `waiting` says
        why there is none."""
        standing = self._desk.books.ledger.standing
        named, tiers = tuple(self.edits.wanted.values()), self._asked(standing.load)
        self.mix.show_tiers(named)
        self.promise.show_tiers(tuple(tier.name for tier in reversed(named)))
        if self._currency != self._desk.numbers.currency:  # the rest is told again each time
            self._currency = self._desk.numbers.currency
            self.promise.say()
            self._climb()
        if found is None or not found.points or not tiers:
            self.answered = self._question = None
            self.mix.show_waiting(waiting)
            self.promise.show_answer(None)
            self._climb()
            return
        question = replace(self.mix.question, promising=self.promise.tier.currentText())
        points = found.points
        asked = (question, tiers, found.source.stamp, denominator)
        if asked == self._question:
            self._show()
            return
        self._question = asked
        if self.answered is None:
            self.mix.show_waiting(tr("Looking for the best mix …"))
        traffic = self._traffic()

        def solved() -> Iterator[Answer]:
            yield answer(question, tiers, points, denominator, traffic)

        self._solver.ask("mix", solved, self._take)

    def _asked(self, load: float) -> tuple[Tier, ...]:
        return tuple(under(tier, load) for tier in self.edits.wanted.values())

    def _traffic(self) -> dict[str, Traffic]:
        """What the tiers of the run are asked for, where enough requests have ended to tell."""
        accounts = self._desk.books.ledger.totals().tiers
        known = {name: Traffic.of(account, TELLING) for name, account in accounts.items()}
        return {name: traffic for name, traffic in known.items() if traffic is not None}

    def _take(self, given: Answer) -> None:
        self.answered = given
        self.promise.show_answer(given)
        self._climb()
        self._show()

    def _show(self) -> None:
        if self.answered is not None:
            edits = self.edits
            in_force = not change(self.answered.best, edits.wanted.values()).after
            self.mix.show_answer(self.answered, read_only=edits.read_only, running=edits.running, in_force=in_force)
            self.fit()

    def _climb(self) -> None:
        """The ladder from the best mix."""
        found = None if self.answered is None else here(self.answered.best)
        self.ladder.show_ladder(found, self.factors.given)

    # ---- tried out

    def _apply(self, chosen: Answer) -> None:
        """Give the tiers the shares and slots of the best mix, in one step that one undo reverts."""
        wanted = change(chosen.best, self.edits.wanted.values())
        doubts = (
            UNSOLD if chosen.question.demand else "",
            SCENARIO if self._scripted else "",
            CORRECTED if chosen.corrected else "",
        )

        def order() -> None:
            self.edits.change_together(tr("best mix"), wanted.after)
            self._trial = Trial(chosen.best.revenue, wanted.after, " ".join(filter(None, doubts)))

        self._desk.order(order)
        self.applied.emit()

    @property
    def _scripted(self) -> bool:
        run = self._desk.books.ledger.standing.run
        return run is not None and run.scenario != "steady"

    def look(self, shown: Shown) -> None:
        """Follow the run: its statement, and what it earns beside what was predicted."""
        if self.statement.isVisible():
            ledger = self._desk.books.ledger
            tariff = ledger.standing.tariff
            self.statement.show_statement(earnings(ledger.totals(), tariff), tariff)
            self.fit()
        if self._trial is not None:
            self._trial.look(self._desk.books.board, self.edits, shown)
            self.mix.show_checked(self._trial.checked)

    def close_work(self) -> None:
        self._solver.close()
