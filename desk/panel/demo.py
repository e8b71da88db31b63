"""The demo: a short play on the real factory, or on a recording, for a stage. Captions say what is to be seen.

The right arrow (or a presenter's Page Down) goes on to the next cue, the left one back to the caption before. Left
alone, the demo goes on by itself and begins anew after the last cue, with everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QWidget

from desk.facts.tiers import Tier
from desk.ledger.ledger import Ledger
from desk.panel.heartbeat import Heartbeat
from desk.panel.overlay import Overlay
from desk.panel.theme import RADIUS, Theme, canvas, font, scaled
from desk.plant.plant import Plant
from desk.plant.replay import Replay

SCENARIO = "rush-hour"
RUSH = 1.5
"""The load at its height, as a multiple of what the tiers ask for."""
DEARER = 2.0
"""By how much the price of the dearest tier rises for a while."""

ON = {Qt.Key.Key_Right, Qt.Key.Key_PageDown}
BACK = {Qt.Key.Key_Left, Qt.Key.Key_PageUp}


@dataclass
class Stage:
    """What the cues act on, and what they must put back."""

    plant: Plant
    ledger: Ledger
    running: Callable[[], bool]
    changed: list[Tier] = field(default_factory=list)

    def begin(self) -> None:
        """Everything as it was, and a run that goes on."""
        self.restore()
        if not self.running():
            self.plant.scenario = SCENARIO
            self.plant.start()

    def rush(self) -> None:
        self.plant.multiply(RUSH)

    def raise_price(self) -> None:
        tier = max(self.ledger.standing.tiers.values(), key=lambda tier: tier.price.output)
        if any(tier.name == before.name for before in self.changed):
            return
        self.changed.append(tier)
        price = msgspec.structs.replace(tier.price, output=tier.price.output * DEARER)
        self.plant.change(msgspec.structs.replace(tier, price=price))

    def fail(self) -> None:
        self.plant.drill()

    def restore(self) -> None:
        self.plant.multiply(1.0)
        while self.changed:
            self.plant.change(self.changed.pop())


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption, what happens as it comes up, and after how many seconds the next follows by itself."""

    caption: str
    act: Callable[[Stage], None] | None = None
    seconds: float = 15.0


PLAY = (
    Cue("This machine is a token factory: power goes in, tokens come out. Five tiers share it.", Stage.begin, 25.0),
    Cue("Each tier has its own lane, price and promise. Amber would mean: a promise is missed."),
    Cue("Rush hour: half as many users again. See who waits, and what a watt yields now.", Stage.rush, 30.0),
    Cue("The dearest tier doubles its price. Not one token more, and the revenue bends.", Stage.raise_price, 20.0),
    Cue("Now the engine is killed. Window, recording and accounts go on without it.", Stage.fail, 12.0),
    Cue("It is back by itself. What was cut off is counted as cancelled, and nothing is lost.", None, 20.0),
    Cue("Price and load as they were. Everything you saw is on disk, to be replayed and measured.", Stage.restore),
)
RECORDED = (
    Cue("A recording of a real run: the same window on the same facts. Nothing is simulated."),
    Cue("Each tier has its own lane, price and promise. Amber would mean: a promise was missed."),
    Cue("Press I on any figure: its formula, today's values, its window and its source."),
    Cue("Tokens per watt are tokens per joule: what each tier made of its part of the power."),
)


class Demo(QObject):
    """Plays its cues on the window of a heartbeat, for as long as that window is open."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        super().__init__(heartbeat)
        self._window = heartbeat.window
        self._source = heartbeat.source
        source = heartbeat.source
        self.cues = PLAY if isinstance(source, Plant) else RECORDED
        states = ("opening", "running", "paused")
        self.stage: Stage | None = None
        if isinstance(source, Plant):
            self.stage = Stage(source, heartbeat.books.ledger, lambda: self._window.shown.state in states)
        self.at = -1
        self.caption = Caption(self._window.theme, self._window)
        self.timer = QTimer(self)
        """Its next timeout goes on by itself."""
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self.go_on)
        application = QCoreApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        self.go_on()

    def go_on(self) -> None:
        """The next cue; after the last, the first again."""
        self.at = (self.at + 1) % len(self.cues)
        cue = self.cues[self.at]
        if self.stage is not None and cue.act is not None:
            act, stage = cue.act, self.stage
            self._window.ordered(lambda: act(stage))
        elif isinstance(self._source, Replay) and self._source.ended:
            self._source.seek(0.0)
            self._source.play()
        self._say()

    def go_back(self) -> None:
        """The caption before, which undoes nothing."""
        self.at = max(0, self.at - 1)
        self._say()

    def _say(self) -> None:
        self.caption.say(self.cues[self.at].caption, self.at, len(self.cues))
        self.timer.start(round(1000 * self.cues[self.at].seconds))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Keys reach the window system's window first: taken there, they are taken once, whoever has the focus.
        if event.type() != QEvent.Type.KeyPress or watched is not self._window.windowHandle():
            return False
        assert isinstance(event, QKeyEvent)
        covered = any(each.isVisible() for each in self._window.findChildren(Overlay))
        if covered or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or event.key() not in ON | BACK:
            return False
        if event.key() in ON:
            self.go_on()
        else:
            self.go_back()
        return True


class Caption(QWidget):
    """One sentence over the foot of the window, readable from the last row, with where the play is."""

    def __init__(self, theme: Theme, over: QWidget) -> None:
        super().__init__(over)
        self._theme = theme
        self._over = over
        self._words, self._at, self._of = "", 0, 0
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        over.installEventFilter(self)
        theme.changed.connect(self._place)

    def say(self, words: str, at: int, of: int) -> None:
        self._words, self._at, self._of = words, at, of
        self.setAccessibleName(words)
        self._place()
        self.show()
        self.raise_()
        self.update()

    def _place(self) -> None:
        wide, high = min(self._over.width() - scaled(120), scaled(1100)), scaled(64)
        self.setGeometry((self._over.width() - wide) // 2, self._over.height() - high - scaled(44), wide, high)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        with canvas(self) as (painter, size):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("text"))
            painter.drawRoundedRect(QRectF(0, 0, size.width(), size.height()), RADIUS, RADIUS)
            painter.setPen(theme.colour("panel"))
            painter.setFont(font(19, 600))
            words = QRectF(24, 0, size.width() - 48, size.height() - 12)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(words, flags, self._words)
            painter.setPen(Qt.PenStyle.NoPen)
            left = size.width() / 2 - (self._of - 1) * 7
            for step in range(self._of):
                painter.setBrush(theme.colour("panel" if step == self._at else "mut"))
                painter.drawEllipse(QPointF(left + 14 * step, size.height() - 10), 3, 3)
