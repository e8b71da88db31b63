"""Playback: what people ask of a recording by the player in its window."""

from collections.abc import Callable
from math import inf
from typing import Literal

from desk.panel.floorcharts import FloorCharts
from desk.panel.player import actions
from desk.panel.window import Window
from desk.plant.replay import LEAD_S, Replay


class Playback:
    """Ties the player of a window to a replay. `wake` has the answer looked for at once; `kept_s` is what the board
    holds of the past.
    """

    def __init__(
        self, window: Window, replay: Replay, charts: FloorCharts, kept_s: float, wake: Callable[[], None]
    ) -> None:
        self._window, self._replay, self._charts, self._kept_s, self._wake = window, replay, charts, kept_s, wake
        bar, player = window.runbar, window.runbar.player
        bar.play.connect(self._play)
        bar.hold.connect(replay.hold)
        player.seek.connect(self._seek)
        player.pace.connect(self._pace)
        player.step.connect(self._step)
        player.loop.connect(self._loop)
        player.back.connect(lambda: window.recording_asked.emit(""))
        window.learn(*actions(player))

    def _play(self) -> None:
        if self._replay.ended:
            self._replay.seek(0.0)
        self._wake()
        self._replay.play()

    def _seek(self, seconds: float) -> None:
        replay = self._replay
        # Where the board does not hold the whole run, the window of the charts has to be told anew.
        replay.lead_s = LEAD_S + (self._charts.span_s if (replay.duration or 0.0) > self._kept_s else 0.0)
        self._move(lambda: replay.seek(seconds))

    def _step(self, to: Literal["period", "event"]) -> None:
        self._move(lambda: self._replay.step(to))

    def _move(self, move: Callable[[], None]) -> None:
        self._charts.follow_now()
        self._wake()
        self._window.ordered(move)

    def _pace(self, speed: float) -> None:
        self._replay.speed = speed

    def _loop(self, wanted: bool) -> None:
        self._replay.loop = (0.0, inf) if wanted else None
