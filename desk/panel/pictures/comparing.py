"""Up to four runs beside each other: their curves aligned at the start, their figures with spread, and the doubts."""

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from desk.board import Board
from desk.exports.privacy import bare
from desk.panel.charts.lines import polylines
from desk.panel.charts.scale import Scale, spread
from desk.panel.numbers import DASH, Numbers
from desk.panel.pictures.frame import Frame
from desk.panel.pictures.paper import Paper, width
from desk.panel.statusline import date_of
from desk.panel.theme import font
from desk.runs.comparison import Comparison
from desk.runs.summary import Figure, Summary

LETTERS = "ABCD"
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 2), (6, 2, 1.5, 2))
"""Runs are told apart by the pattern of their lines: colours belong to tiers."""
TOKENS = ("text", "soft", "mut", "soft")
SMOOTH_S = 3.0
GUTTER = 52


@dataclass(frozen=True)
class Side:
    """What is compared: the findings, and the board of each run in the same order."""

    found: Comparison
    boards: tuple[Board, ...]


def frame_of(side: Side, mode: str) -> Frame:
    runs, numbers = side.found.runs, Numbers()
    rates = [run.tokens_per_second.value for run in runs if run.tokens_per_second.value is not None]
    title = f"{len(runs)} runs beside each other"
    if len(rates) == len(runs):
        title += ": " + " and ".join(numbers.figure(rate) for rate in rates) + " tok/s"
    claims = [each for each in side.found.differences if each.claim and each.figure == "tokens_per_second"]
    names = {run.run: LETTERS[place] for place, run in enumerate(runs)}
    if claims:
        subtitle = "; ".join(f"{names[each.run]} is {each.claim} than A" for each in claims)
    else:
        doubts = [doubt for each in side.found.differences for doubt in each.doubts]
        subtitle = f"None is called faster. {doubts[0]}" if doubts else "None is called faster."
    hardware = [
        f"{LETTERS[place]}: {run.device or run.processor}, {run.provider.upper()}, {' + '.join(map(bare, run.models))},"
        f" {run.scenario} load, seed {run.seed}, run {run.run} of {date_of(run.started)}"
        for place, run in enumerate(runs)
    ]
    return Frame(
        title,
        subtitle,
        mode,
        tuple(hardware),
        (f"{len(runs)} runs, aligned at their start", f"{SMOOTH_S:g} s smoothing"),
        () if side.found.comparable else ("not the same work",),
    )


def paint_comparison(paper: Paper, box: QRectF, side: Side, mode: str) -> None:
    """The curves above or beside the figures."""
    rows = len(_rows(side.found.runs[0])) + 1
    if box.width() >= 700:
        wide = min(92.0 + 92 * len(side.boards), box.width() * 0.55)
        _paint_curves(paper, QRectF(box.left(), box.top(), box.width() - wide - 32, box.height()), side, mode)
        _paint_table(paper, QRectF(box.right() - wide, box.top(), wide, min(box.height(), 34.0 * rows)), side)
        return
    high = 24.0 * rows
    if box.height() - high >= 100:
        above = QRectF(box.left(), box.top(), box.width(), box.height() - high - 12)
        _paint_curves(paper, above, side, mode)
    else:
        high = min(box.height(), 40.0 * rows)
    _paint_table(paper, QRectF(box.left(), box.bottom() - high, box.width(), high), side)


def _paint_curves(paper: Paper, box: QRectF, side: Side, mode: str) -> None:
    """Tokens per second of each run over the seconds since it started."""
    painter, theme, numbers = paper.painter, paper.theme, paper.numbers
    paper.say(box.left(), box.top() + 14, "Tokens per second", font(13, 600))
    paper.say(box.left() + 126, box.top() + 14, "tok/s, by the time since the start", font(11), "mut")
    plot = box.adjusted(GUTTER - 8, 30, -64, -22)
    longest = max(board.end for board in side.boards)
    curves = []
    for board in side.boards:
        x, y = board.curve("tokens_per_second", None, board.end, max(2, int(plot.width())), SMOOTH_S)
        curves.append((x + board.end, y))
    peak = max((float(np.nanmax(y)) for _, y in curves if np.isfinite(y).any()), default=1.0)
    scale = Scale(ticks=max(2, int(plot.height() // 40)))
    scale.fit(peak, longest)
    said = numbers.ticks(scale.step)
    for tick in scale.ticks():
        level = plot.bottom() - tick / scale.top * plot.height()
        paper.rule(plot.left(), round(level), plot.width(), token="grid")
        paper.say(plot.left() - 8, round(level) + 4, said(tick), font(11), "soft", right=True)
    for part in range(5):
        moment, x = longest * part / 4, plot.left() + plot.width() * part / 4
        words = numbers.clock(moment).removeprefix("00:")
        paper.say(x + (16 if part else 32), plot.bottom() + 16, words, font(11), "mut", right=True)
    anchors, drawn = [], []
    for place, (x, y) in enumerate(curves):
        colour, rows = theme.colour(TOKENS[place]), plot.bottom() - y / scale.top * plot.height()
        pen = QPen(QColor(colour), 2.0)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if DASHES[place]:
            pen.setDashPattern(DASHES[place])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in polylines(plot.left() + x / longest * plot.width(), rows):
            painter.drawPolyline(line)
        drawn.append(rows)
        known = rows[np.isfinite(rows)]
        anchors.append((float(known[-1]) if known.size else plot.bottom(), pen, LETTERS[place]))
    anchors.sort(key=lambda each: each[0])
    places = spread([anchor for anchor, _, _ in anchors], plot.top(), plot.bottom())
    for (_, pen, letter), y in zip(anchors, places, strict=True):
        painter.setPen(pen)
        painter.drawLine(QPointF(plot.right() + 8, y), QPointF(plot.right() + 34, y))
        paper.say(plot.right() + 42, y + 4.5, letter, font(12, 600))
    word, face = mode.partition(" ")[0], font(11, 600)
    # Runs begin low and end level: the lower right corner is the emptiest.
    lowest = max((float(np.nanmax(rows)) for rows in drawn if np.isfinite(rows).any()), default=plot.top())
    base = plot.bottom() - 5 if lowest < plot.bottom() - 20 else plot.top() + 12
    box = QRectF(plot.right() - width(face, word) - 10, base - 12, width(face, word) + 8, 15)
    painter.fillRect(box, theme.colour("bg"))
    paper.say(box.left() + 4, base, word, face, "mut")


def _paint_table(paper: Paper, box: QRectF, side: Side) -> None:
    """A row for each figure, a column for each run; under the figure its spread."""
    runs = side.found.runs
    rows = [_rows(run) for run in runs]
    high = box.height() / (len(rows[0]) + 1)
    first = 92.0 if box.width() > 400 else 76.0
    step = (box.width() - first) / len(runs)
    for place in range(len(runs)):
        right = box.left() + first + step * (place + 1)
        paper.say(right, box.top() + high - 9, LETTERS[place], font(13, 600), right=True)
    paper.rule(box.left(), box.top() + high - 1, box.width())
    for row, (name, unit, _) in enumerate(rows[0], start=1):
        top = box.top() + high * row
        paper.say(box.left(), top + high * 0.5 + 4, name, font(11), "mut", room=first - 6)
        for place, told in enumerate(rows):
            figure = told[row - 1][2]
            right = box.left() + first + step * (place + 1)
            said = paper.numbers.figure(figure.value, unit)
            spreads = figure.low is not None and high >= 32
            base = top + high * (0.42 if spreads else 0.5) + 4
            paper.say(right, base, said, font(13, 600), "mut" if said == DASH else "text", right=True)
            if spreads:
                low, top_end = (paper.numbers.figure(end, unit) for end in (figure.low, figure.high))
                paper.say(right, base + 13, f"{low} to {top_end}", font(11), "mut", right=True, room=step - 4)
        if row < len(rows[0]):
            paper.rule(box.left(), top + high - 1, box.width(), token="grid")


def _rows(run: Summary) -> list[tuple[str, str, Figure]]:
    """Words, unit and figure."""
    hourly = run.revenue_usd / run.measured_s * 3600 if run.measured_s else None
    return [
        ("tok/s", "tok/s", run.tokens_per_second),
        ("W", "W", run.watts),
        ("tok/J", "tok/J", run.tokens_per_joule),
        ("worth, $/h", "$/h", Figure(hourly)),
        ("tokens out", "tok", Figure(float(run.tokens_out))),
        ("seconds", "s", Figure(run.measured_s)),
    ]
