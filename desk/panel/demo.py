"""The demo: a short play on the real factory, or on a recording, for a stage. Captions say what is to be seen.

It fills the screen as the kiosk does, and lasts until the kiosk is left. The right arrow (or a presenter's Page Down)
goes on to the next cue, the left one back to the caption before. Left alone, the demo goes on by itself as soon as the
factory does what the caption says, and begins anew after the last cue, with everything as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from time import monotonic

import msgspec
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QWidget

from desk.facts.tiers import Tier
from desk.ledger.standing import Standing
from desk.panel.overlay import Overlay
from desk.panel.theme import RADIUS, Theme, canvas, font, scaled
from desk.panel.window import Window
from desk.panel.words import tr
from desk.plant.plant import Plant
from desk.plant.replay import Replay

RUSH = 2.0
"""The load at its height, as a multiple of what is asked of the tiers before."""
DEARER = 2.0
"""By how much the price of the dearest tier rises for a while."""
APART_S = 60.0
"""Between two faults the engine has to be healthy for a while: the plant gives up what fails again and again."""
WAIT_S = 2.0
"""So often the demo looks whether the factory is as far as its caption."""
HIGH, LARGEST = 72, 28
"""The caption and its letters, in pixels; where a sentence is too long for the window, the letters are smaller."""

ON = {Qt.Key.Key_Right, Qt.Key.Key_PageDown}
BACK = {Qt.Key.Key_Left, Qt.Key.Key_PageUp}


@dataclass
class Stage:
    """What the cues act on, and what they must put back."""

    plant: Plant
    standing: Callable[[], Standing]
    load: float | None = None
    """What was asked of the tiers before the first rush, as a multiple."""
    usual: Tier | None = None
    """The dearest tier as it was before it became dearer."""
    rushes: bool = False
    dearer: bool = False
    failed: float = -inf
    """When the engine was killed last, on the monotonic clock."""

    @property
    def makes_tokens(self) -> bool:
        """Whether the factory works."""
        standing = self.standing()
        return standing.running and any(lane.state == "ready" for lane in standing.lanes.values())

    def begin(self) -> None:
        """Everything as it was, and a run that goes on."""
        self.restore()
        if not self.standing().running:
            self.plant.start()

    def rush(self) -> None:
        # What was before is looked up once: who goes on quickly would take the rush before, not yet over, for it.
        self.load = self.standing().load if self.load is None else self.load
        self.rushes = True
        self.plant.multiply(RUSH * self.load)

    def raise_price(self) -> None:
        tiers = self.standing().tiers.values()
        self.usual = self.usual or max(tiers, key=lambda tier: tier.price.output, default=None)
        if self.usual is None:
            return
        self.dearer = True
        price = msgspec.structs.replace(self.usual.price, output=self.usual.price.output * DEARER)
        self.plant.change(msgspec.structs.replace(self.usual, price=price))

    def fail(self) -> None:
        if monotonic() - self.failed >= APART_S:
            self.failed = monotonic()
            self.plant.drill()

    def restore(self) -> None:
        if self.rushes and self.load is not None:
            self.plant.multiply(self.load)
        if self.dearer and self.usual is not None:
            self.plant.change(self.usual)
        self.rushes = self.dearer = False


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption, what happens as it comes up, and after how many seconds the next follows by itself."""

    caption: str
    act: Callable[[Stage], None] | None = None
    seconds: float = 15.0


PLAY = (
    Cue(tr("This machine is a token factory: power goes in, tokens come out. Its tiers share it."), Stage.begin, 25.0),
    Cue(tr("Each tier has its own lane, price and promise. Amber would mean: a promise is missed.")),
    Cue(tr("Rush hour: twice as many users. See who waits, and what a watt yields now."), Stage.rush, 30.0),
    Cue(tr("The dearest tier doubles its price. Not one token more, and the revenue bends."), Stage.raise_price, 20.0),
    Cue(tr("Now the engine is killed. Window, recording and accounts go on without it."), Stage.fail, 12.0),
    Cue(tr("It is back by itself. What was cut off is counted as cancelled, and nothing is lost."), None, 20.0),
    Cue(tr("Price and load as they were. Everything you saw is on disk, to be replayed and measured."), Stage.restore),
)
RECORDED = (
    Cue(tr("A recording of a real run: the same window on the same facts. Nothing is simulated.")),
    Cue(tr("Each tier has its own lane, price and promise. Amber would mean: a promise was missed.")),
    Cue(tr("Press I on any figure: its formula, today's values, its window and its source.")),
    Cue(tr("Tokens per watt are tokens per joule: what each tier made of its part of the power.")),
)


class Demo(QObject):
    """Plays its cues on a window and its source, from `begin` until `end`, or until the window leaves the kiosk."""

    def __init__(self, window: Window, source: Plant | Replay, standing: Callable[[], Standing]) -> None:
        super().__init__(window)
        self._window, self._source = window, source
        self._standing = standing
        self.stage: Stage | None = None
        """There is one while the demo plays on a factory."""
        self.cues = PLAY if isinstance(source, Plant) else RECORDED
        self.at = -1
        self.caption = Caption(window.theme)
        self.caption.hide()
        window.head(self.caption)
        self.timer = QTimer(self)
        """Its next timeout goes on by itself."""
        self.timer.setSingleShot(True)
        self.timer.timeout.connect(self._go_on_alone)
        window.kiosk.left.connect(self.end)

    @property
    def playing(self) -> bool:
        return self.at >= 0

    def toggle(self) -> None:
        if self.playing:
            self.end()
        else:
            self.begin()

    def begin(self) -> None:
        """Fill the screen, and come up with the first cue; a demo that plays goes on."""
        if self.playing:
            return
        if isinstance(self._source, Plant):
            self.stage = Stage(self._source, self._standing)
        else:
            self._source.loop = (0.0, inf)
            self._source.play()
        self._window.visit("floor")
        self._window.kiosk.enter(turning=False)
        _application().installEventFilter(self)
        self.go_on()

    def end(self) -> None:
        """Take the caption away, put everything back, and leave the kiosk. A run goes on."""
        if not self.playing:
            return
        self.at = -1
        self.timer.stop()
        _application().removeEventFilter(self)
        self.caption.hide()
        if self.stage is not None:
            self._window.ordered(self.stage.restore)
        self._window.kiosk.leave()

    def go_on(self) -> None:
        """The next cue; after the last, the first again."""
        self.at = (self.at + 1) % len(self.cues)
        act, stage = self.cues[self.at].act, self.stage
        if act is not None and stage is not None:
            self._window.ordered(lambda: act(stage))
        self._say()

    def go_back(self) -> None:
        """The caption before, which undoes nothing."""
        self.at = max(0, self.at - 1)
        self._say()

    def _go_on_alone(self) -> None:
        """The next cue, unless the factory is still being built or mended; the first, where its run has ended."""
        if self.stage is None or self.stage.makes_tokens:
            self.go_on()
        elif self.stage.standing().running:
            self.timer.start(round(1000 * WAIT_S))
        else:
            self.at = -1
            self.go_on()

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


def _application() -> QCoreApplication:
    application = QCoreApplication.instance()
    assert application is not None
    return application


class Caption(QWidget):
    """One sentence across the head of the window, where nobody's head hides it, and where the play is."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._words, self._at, self._of = "", 0, 0
        theme.changed.connect(self._measure)
        self._measure()

    def say(self, words: str, at: int, of: int) -> None:
        self._words, self._at, self._of = words, at, of
        self.setAccessibleName(words)
        self.show()
        self.update()

    def _measure(self) -> None:
        self.setFixedHeight(scaled(HIGH))

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        with canvas(self) as (painter, size):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("text"))
            painter.drawRoundedRect(QRectF(0, 0, size.width(), size.height()), RADIUS, RADIUS)
            painter.setPen(theme.colour("panel"))
            room = QRectF(24, 0, size.width() - 48, size.height() - 12)
            wide = QFontMetricsF(font(LARGEST, 600)).horizontalAdvance(self._words)
            painter.setFont(font(int(LARGEST * min(1.0, room.width() / max(wide, 1.0))), 600))
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter, self._words)
            painter.setPen(Qt.PenStyle.NoPen)
            left = size.width() / 2 - (self._of - 1) * 7
            for step in range(self._of):
                painter.setBrush(theme.colour("panel" if step == self._at else "mut"))
                painter.drawEllipse(QPointF(left + 14 * step, size.height() - 11), 3, 3)
