"""Which picture is made of what: a run's books, several runs, or a receipt become one composition."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from desk.exports.receipt import receipt
from desk.panel.books import Books
from desk.panel.capture import about, blank, file_name
from desk.panel.charts.setting import Stretch
from desk.panel.pictures import bodies, comparing
from desk.panel.pictures.frame import paint_frame
from desk.panel.pictures.making import Picture
from desk.panel.pictures.paper import Paper
from desk.panel.pictures.presets import Preset, palette_of, preset_of
from desk.panel.pictures.receipt import paint_receipt
from desk.panel.pictures.scene import Scene, scene
from desk.panel.runs.story import Compared
from desk.panel.shown import Mode
from desk.panel.statusline import badge_words
from desk.panel.theme import Theme, natural
from desk.panel.words import tr

ROOM = 4000
"""Higher than any receipt: where it is printed once to learn how high it is."""

_BODIES: dict[str, Callable[[Paper, QRectF, Scene], None]] = {
    "value": bodies.paint_value,
    "chart": bodies.paint_chart,
    "chart-table": bodies.paint_chart_table,
    "floor": bodies.paint_floor,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What picture is wanted; `figure` is that of one card or one chart, empty for the tokens."""

    kind: str = "floor"
    preset: str | None = None
    style: str = "dark"
    figure: str = ""

    def of(self, books: Books, *, mode: Mode = "replay", stretch: Stretch | None = None, digest: str = "") -> Picture:
        """The picture of one run as its books have it; a receipt carries the `digest` of the facts.

        Raises `Trouble` for a kind, preset, style or figure that there is not.
        """
        preset, _ = preset_of(self.kind, self.preset), palette_of(self.style)
        told = scene(books, mode=mode, figure=self.figure, stretch=stretch, kind=self.kind)
        if self.kind == "receipt":
            return self._receipt(told, preset, digest)
        frame, body = bodies.frame_of(told, self.kind), _BODIES[self.kind]

        def paint(paper: Paper) -> None:
            body(paper, paint_frame(paper, frame), told)

        facts = about(told.shown) | {
            "kind": self.kind,
            "preset": preset.name,
            "style": self.style,
            "imprint": told.imprint.facts(),
            "lineage": [each.as_dict() for each in told.lineages()],
        }
        return self._picture(told, preset, paint, frame.title, facts)

    def beside(self, compared: Compared) -> Picture:
        """The picture of several runs, which are recordings all; the figure is one with a spread.

        Raises `Trouble` for a preset, style or figure that there is not.
        """
        preset, _ = preset_of("compare", self.preset), palette_of(self.style)
        runs = compared.found.runs
        days = comparing.dates_of(runs)
        told = comparing.contest(compared, self.figure, tr("REPLAY {day}", day=days))
        frame = comparing.frame_of(told)

        def paint(paper: Paper) -> None:
            comparing.paint_comparison(paper, paint_frame(paper, frame), told)

        facts = {
            "kind": "compare",
            "figure": told.figure,
            "preset": preset.name,
            "style": self.style,
            "mode": f"REPLAY {days}",
            "runs": [{"run": run.run, "started": run.started} | comparing.figures_of(run) for run in runs],
            "unlike": list(compared.found.unlike),
            "currencies": list(dict.fromkeys(run.currency for run in runs)),
        }
        wall = runs[0].started
        name = file_name(
            wall=wall, view="compare", device=runs[0].device, model="", run=runs[0].run, mode="replay", ending=""
        )
        veil = comparing.veil_of(compared)
        return Picture(preset, self.style, paint, veil, frame.title, facts, wall, name, runs[0].currency)

    def _receipt(self, told: Scene, preset: Preset, digest: str) -> Picture:
        data = receipt(told.books.ledger, digest)

        def paint(paper: Paper) -> float:
            return paint_receipt(paper, data, badge_words(told.shown), live=told.shown.mode == "live")

        preset = replace(preset, height=_height(paint, preset, told, self.style))
        facts = {"kind": "receipt", "preset": preset.name, "style": self.style, "mode": told.shown.mode}
        title = tr("Energy receipt of run {run}", run=told.imprint.run)
        return self._picture(told, preset, paint, title, facts | {"receipt": data})

    def _picture(
        self, told: Scene, preset: Preset, paint: Callable[[Paper], object], title: str, facts: dict[str, Any]
    ) -> Picture:
        shown, wall = told.shown, told.imprint.until or told.imprint.since or 0.0
        name = file_name(
            wall=wall,
            view=self.kind,
            device=shown.device,
            model=shown.model,
            run=shown.run,
            mode=shown.mode,
            ending="",
        )
        return Picture(preset, self.style, paint, told.veil, title, facts, wall, name, told.numbers.currency)


def _height(paint: Callable[[Paper], float], preset: Preset, told: Scene, style: str) -> int:
    """How high a receipt is: printed once where nobody looks."""
    image = blank(1, 1, 1.0)
    painter = QPainter(image)
    theme = Theme(fixed=palette_of(style))
    with natural():
        paper = Paper(painter, theme, told.numbers, told.veil, QRectF(0, 0, preset.width, ROOM))
        high = paint(paper)
    painter.end()
    theme.deleteLater()
    return round(high)
