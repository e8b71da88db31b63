"""The player of a recording: where it stands, how fast it is told, a step at a time, and round and round."""

from collections.abc import Callable
from math import inf
from typing import Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSizePolicy, QSlider, QWidget

from desk.panel.actions import RUN, Action
from desk.panel.furniture import Label
from desk.panel.limits import slider_rules
from desk.panel.numbers import DASH, Numbers
from desk.panel.theme import Theme, scaled
from desk.panel.words import tr

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""The speeds that are offered: those of `desk.plant.replay`, which is imported after the first paint."""

JUMP_S = 10.0
NARROW = 430
"""Below this width there is no room for the length of the recording beside the position."""


class Told(Protocol):
    """What a replay tells; positions are seconds since the run started, the length `None` until it is known."""

    @property
    def playing(self) -> bool: ...
    @property
    def position(self) -> float: ...
    @property
    def duration(self) -> float | None: ...


class Player(QWidget):
    """Emits what is wanted of the replay and mirrors it. `step` asks for the next half-second or the next event,
    `back` for the window of the factory.
    """

    seek = Signal(float)
    pace = Signal(float)
    step = Signal(str)
    loop = Signal(bool)
    back = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._position = 0.0
        self._duration: float | None = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName(tr("Position in the recording, tenths of a second"))
        self.slider.setSingleStep(round(10 * JUMP_S))
        self.slider.setPageStep(600)
        self.slider.sliderMoved.connect(lambda tenths: self.seek.emit(tenths / 10))
        self.slider.actionTriggered.connect(lambda _action: self.seek.emit(self.slider.sliderPosition() / 10))
        self.clock = Label(theme, DASH, 12, 600)
        self.clock.setAccessibleName(tr("Position and length of the recording"))
        self._stepper = self._button("❘▶", tr("Hold at the end of the next half-second"), ".", "period")
        self._leaper = self._button("▶❘", tr("Hold at the next event"), "Shift+.", "event")
        self.speed = QComboBox()
        self.speed.setProperty("quiet", True)
        self.speed.setAccessibleName(tr("Speed of the replay"))
        self.speed.setToolTip(tr("Speed of the replay  < and >"))
        for speed in SPEEDS:
            self.speed.addItem(f"{numbers.short(speed)} ×", speed)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.speed.activated.connect(lambda index: self.pace.emit(SPEEDS[index]))
        self.looping = QPushButton(tr("Loop"))
        self.looping.setProperty("quiet", True)
        self.looping.setCheckable(True)
        self.looping.setToolTip(tr("Begin again at the end  Ctrl+L"))
        self.looping.setAccessibleName(tr("Begin again at the end"))
        self.looping.toggled.connect(self.loop)
        self._factory = QPushButton(tr("Factory"))
        self._factory.setProperty("quiet", True)
        self._factory.setToolTip(tr("Back to the window of the factory, which goes on meanwhile  Ctrl+Home"))
        self._factory.setAccessibleName(tr("Back to the window of the factory"))
        self._factory.clicked.connect(self.back)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.slider, 1)
        row.addWidget(self.clock)
        for part in (self._stepper, self._leaper, self.speed, self.looping, self._factory):
            row.addWidget(part)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._dress)
        self._dress()

    def _button(self, text: str, words: str, key: str, to: str) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("quiet", True)
        button.setToolTip(f"{words}  {key}")
        button.setAccessibleName(words)
        button.clicked.connect(lambda: self.step.emit(to))
        return button

    def _dress(self) -> None:
        self.slider.setStyleSheet(slider_rules(self._theme))
        self.slider.setMinimumWidth(scaled(72))
        self._write()

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._write()

    def fit(self, room: int) -> None:
        """Do without the buttons that the room is too narrow for; each has a key."""
        parts = (self._stepper, self._leaper, self.looping, self._factory)
        for part in parts:
            part.show()
        row = self.layout()
        for part in reversed(parts):
            if row is None or row.totalMinimumSize().width() <= room:
                return
            part.hide()

    def show_player(self, told: Told) -> None:
        """Follow the replay."""
        self._position, self._duration = told.position, told.duration
        self.slider.setEnabled(told.duration is not None)
        self.slider.setMaximum(round((told.duration or 0.0) * 10))
        if not self.slider.isSliderDown():
            end = told.duration if told.duration is not None else 0.0
            self.slider.setValue(round(min(told.position, end) * 10))
        self._write()

    def _write(self) -> None:
        """Position and length, or the position alone where there is no room."""
        at = self._numbers.clock(self._position if self._position != inf else self._duration)
        length = self._numbers.clock(self._duration)
        self.clock.setText(at if self.width() < scaled(NARROW) else f"{at} / {length}")
        self.slider.setAccessibleDescription(tr("{position} of {length}", position=at, length=length))

    # ---- what keys do

    def jump(self, seconds: float) -> None:
        """Go so many seconds on, or back."""
        at = min(max(0.0, self._position + seconds), self._duration if self._duration is not None else inf)
        self.seek.emit(at)

    def shift(self, by: int) -> None:
        """One speed faster or slower, as far as there are."""
        index = max(0, min(len(SPEEDS) - 1, self.speed.currentIndex() + by))
        if index != self.speed.currentIndex():
            self.speed.setCurrentIndex(index)
            self.pace.emit(SPEEDS[index])


def actions(player: Player) -> tuple[Action, ...]:
    """What keys and the palette can do with a replay."""

    def action(name: str, words: str, do: Callable[[], object], *keys: str) -> Action:
        return Action(name, words, lambda _window: do(), keys, RUN)

    return (
        action("step", tr("Hold at the end of the next half-second"), lambda: player.step.emit("period"), "."),
        action("leap", tr("Hold at the next event"), lambda: player.step.emit("event"), "Shift+."),
        action("jump-back", tr("Ten seconds back in the recording"), lambda: player.jump(-JUMP_S), "Ctrl+Left"),
        action("jump-on", tr("Ten seconds on in the recording"), lambda: player.jump(JUMP_S), "Ctrl+Right"),
        action("slower", tr("Slower"), lambda: player.shift(-1), "<", ","),
        action("faster", tr("Faster"), lambda: player.shift(1), ">"),
        action("loop", tr("Begin again at the end, or no more"), player.looping.toggle, "Ctrl+L"),
        action("factory", tr("Back to the window of the factory"), player.back.emit, "Ctrl+Home"),
    )
