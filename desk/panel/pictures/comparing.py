"""Up to four runs beside each other: their curves aligned at the start, their figures with spread, and the doubts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from desk.board import Floats
from desk.exports.privacy import Veil, bare
from desk.facts.figures import FIGURES
from desk.facts.trouble import Trouble
from desk.ledger.standing import Standing
from desk.panel.bars import PROVENANCES
from desk.panel.charts.lines import polylines
from desk.panel.charts.scale import Scale, spread
from desk.panel.numbers import DASH, Numbers
from desk.panel.pictures.frame import Frame
from desk.panel.pictures.paper import LEAST_CHART, STAMP, STAMPS, TALL, Paper, width
from desk.panel.runs.story import SMOOTH_S, Compared, thinned
from desk.panel.statusline import MONTHS, date_of
from desk.panel.theme import font
from desk.panel.words import plural, tr
from desk.runs.comparison import FIGURES as WITH_SPREAD
from desk.runs.summary import Figure, Summary

LETTERS = "ABCD"
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 2), (6, 2, 1.5, 2))
"""Runs are told apart by the pattern of their lines: colours belong to tiers."""
TOKENS = ("text", "soft", "mut", "soft")
GUTTER = 52
CURVES = {name: unit for name, unit, *_ in WITH_SPREAD}
"""The figures that runs are compared in, and their units."""


@dataclass(frozen=True)
class Contest:
    """Runs beside each other in one figure; `mode` is REPLAY and the dates."""

    compared: Compared
    figure: str
    mode: str

    @property
    def runs(self) -> tuple[Summary, ...]:
        return self.compared.found.runs

    @property
    def estimated(self) -> bool:
        """Whether the curves stand on watts that nobody measured."""
        return self.figure != "tokens_per_second" and any(run.quality == "estimated" for run in self.runs)


def contest(compared: Compared, figure: str, mode: str) -> Contest:
    """These runs in that figure, the tokens where none is named; raises `Trouble` for one that has no spread."""
    figure = figure or "tokens_per_second"
    if figure not in CURVES:
        raise Trouble(
            tr("Runs are not compared in {figure}.", figure=figure), tr("Choose {known}.", known=", ".join(CURVES))
        )
    return Contest(compared, figure, mode)


def veil_of(compared: Compared) -> Veil:
    """Takes the folders from the names of all runs."""
    runs = compared.found.runs
    return Veil(Standing(), [name for run in runs for name in (run.scenario, *run.models)])


def dates_of(runs: Sequence[Summary]) -> str:
    """From the first day to the last: `23 Nov 2026`, `22–24 Nov 2026`, `30 Nov – 2 Dec 2026`."""
    first, last = (_day(moment(run.started for run in runs)) for moment in (min, max))
    shared = next(count for count in range(4) if first[count:] == last[count:])
    if not shared:
        return " ".join(last)
    return f"{' '.join(first[:shared])}{'–' if shared == 1 else ' – '}{' '.join(last)}"


def _day(wall: float) -> tuple[str, str, str]:
    """The parts of a date in UTC."""
    when = datetime.fromtimestamp(wall, UTC)
    return str(when.day), MONTHS[when.month - 1], str(when.year)


def figures_of(run: Summary) -> dict[str, float | None]:
    """The compared figures by name, for programs."""
    return {name: getattr(run, name).value for name in CURVES}


def frame_of(told: Contest) -> Frame:
    runs, numbers, unit = told.runs, Numbers(), CURVES[told.figure]
    values = [getattr(run, told.figure).value for run in runs]
    known = [numbers.figure(value, unit) for value in values if value is not None]
    title = plural("{n} run beside each other", "{n} runs beside each other", len(runs))
    if len(known) == len(runs):
        figures = {"figures": ", ".join(known[:-1]), "last": known[-1], "unit": unit}
        title = tr("{runs}: {figures} and {last} {unit}", runs=title, **figures)
    differences = [each for each in told.compared.found.differences if each.figure == told.figure]
    claims = [each for each in differences if each.claim]
    names = {run.run: LETTERS[place] for place, run in enumerate(runs)}
    if claims:
        subtitle = "; ".join(_claimed(names[each.run], each.claim) for each in claims)
    else:
        doubts = [doubt for each in differences for doubt in each.doubts]
        subtitle = " ".join([tr("None is called better."), *doubts[:1]])
    hardware = [
        tr(
            "{letter}: {device}, {provider}, {models}, {scenario} load, seed {seed}, run {run} of {day}",
            letter=LETTERS[place],
            device=run.device or run.processor,
            provider=run.provider.upper(),
            models=" + ".join(map(bare, run.models)),
            scenario=bare(run.scenario),
            seed=run.seed,
            run=run.run,
            day=date_of(run.started),
        )
        for place, run in enumerate(runs)
    ]
    no_money = told.compared.found.no_money
    return Frame(
        title,
        subtitle,
        told.mode,
        (*hardware, *([tr("Note: {doubt}", doubt=no_money)] if no_money else [])),
        (
            plural("{n} run, aligned at its start", "{n} runs, aligned at their start", len(runs)),
            tr("{seconds:g} s smoothing", seconds=SMOOTH_S),
        ),
        (
            *(() if told.compared.found.comparable else (tr("not the same work"),)),
            *((tr("estimated watts"),) if any(run.quality == "estimated" for run in runs) else ()),
        ),
    )


def _claimed(run: str, claim: str) -> str:
    """What may be said of a run, by the words that `desk.runs.comparison` has for it."""
    return {
        "faster": tr("{run} is faster than A", run=run),
        "slower": tr("{run} is slower than A", run=run),
        "draws more": tr("{run} draws more than A", run=run),
        "draws less": tr("{run} draws less than A", run=run),
        "more efficient": tr("{run} is more efficient than A", run=run),
        "less efficient": tr("{run} is less efficient than A", run=run),
    }[claim]


def paint_comparison(paper: Paper, box: QRectF, told: Contest) -> None:
    """The curves above or beside the figures."""
    count = len(told.runs)
    rows = len(_rows(told.runs[0], told.compared.found.no_money)) + 1
    if box.width() >= 700 and box.height() < TALL:
        wide = min(_named(paper, told, 92.0) + 92 * count, box.width() * 0.55)
        _paint_curves(paper, QRectF(box.left(), box.top(), box.width() - wide - 32, box.height()), told)
        _paint_table(paper, QRectF(box.right() - wide, box.top(), wide, min(box.height(), 34.0 * rows)), told)
        return
    line = 34.0 if box.height() >= TALL else 21.0
    rows = min(rows, int((box.height() - LEAST_CHART) / line))
    above = QRectF(box.left(), box.top(), box.width(), box.height() - line * rows - 12)
    _paint_curves(paper, above, told)
    _paint_table(paper, QRectF(box.left(), above.bottom() + 12, box.width(), line * rows), told, rows - 1)


def _paint_curves(paper: Paper, box: QRectF, told: Contest) -> None:
    """The figure of each run over the seconds since it started."""
    painter, theme, numbers = paper.painter, paper.theme, paper.numbers
    title = tr(FIGURES[told.figure].title)
    left, unit = box.left(), CURVES[told.figure]
    left += paper.say(left, box.top() + 14, title, font(13, 600)) + 8
    over = tr("{unit}, by the time since the start", unit=unit)
    paper.say(left, box.top() + 14, over, font(11), "mut", room=box.right() - left)
    plot = box.adjusted(GUTTER - 8, 30, -64, -22)
    stories = told.compared.stories
    longest = max((story.seconds for story in stories), default=0.0) or 1.0
    curves = [thinned(*story.courses[told.figure], max(2, int(plot.width()))) for story in stories]
    peak = max((float(np.nanmax(y)) for _, y in curves if np.isfinite(y).any()), default=1.0)
    scale = Scale(ticks=max(2, int(plot.height() // 40)))
    scale.fit(peak, longest)
    said = numbers.ticks(scale.step)
    for tick in scale.ticks():
        level = plot.bottom() - tick / scale.top * plot.height()
        paper.rule(plot.left(), round(level), plot.width(), token="grid")
        paper.say(plot.left() - 8, round(level) + 4, said(tick), font(11), "soft", right=True)
    parts = max(1, min(4, int(plot.width() // 64)))
    for part in range(parts + 1):
        moment, x = longest * part / parts, plot.left() + plot.width() * part / parts
        words = numbers.clock(moment).removeprefix("00:")
        paper.say(x + (16 if part else 32), plot.bottom() + 16, words, font(11), "mut", right=True)
    anchors, drawn = [], []
    for place, (x, y) in enumerate(curves):
        colour = theme.colour(TOKENS[place])
        columns, rows = plot.left() + x / longest * plot.width(), plot.bottom() - y / scale.top * plot.height()
        pen = QPen(QColor(colour), 2.0)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if DASHES[place]:
            pen.setDashPattern(DASHES[place])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in polylines(columns, rows):
            painter.drawPolyline(line)
        drawn.append((columns, rows))
        known = rows[np.isfinite(rows)]
        if known.size:
            anchors.append((float(known[-1]), pen, LETTERS[place]))
    anchors.sort(key=lambda each: each[0])
    places = spread([anchor for anchor, _, _ in anchors], plot.top(), plot.bottom())
    for (_, pen, letter), y in zip(anchors, places, strict=True):
        painter.setPen(pen)
        painter.drawLine(QPointF(plot.right() + 8, y), QPointF(plot.right() + 34, y))
        paper.say(plot.right() + 42, y + 4.5, letter, font(12, 600))
    _stamp(paper, plot, STAMPS["replay"][told.estimated], drawn)


def _stamp(paper: Paper, plot: QRectF, word: str, curves: list[tuple[Floats, Floats]]) -> None:
    """How true the curves are, inside the plot: where none of them runs, else on ground of its own."""
    face = font(11, 600)
    box = QRectF(0, 0, width(face, word) + 8, STAMP)
    rights = [plot.right() - 2 - step * (plot.width() - box.width() - 4) / 24 for step in range(25)]
    levels = (plot.bottom() - STAMP - 2, plot.top() + 1, plot.center().y() - STAMP / 2)
    places = [(right, level) for level in levels for right in rights]
    free = (place for place in places if not any(_crosses(*curve, *place, box.width()) for curve in curves))
    right, level = next(free, places[0])
    box.moveTo(right - box.width(), level)
    paper.painter.fillRect(box, paper.theme.colour("bg"))
    paper.say(box.left() + 4, box.top() + 12, word, face, "mut")


def _crosses(x: Floats, y: Floats, right: float, top: float, wide: float) -> bool:
    """Whether a curve runs through a stamp, or right beside it."""
    known = np.isfinite(y)
    if not known.any():
        return False
    at = np.linspace(right - wide, right, 32)
    rows = np.interp(at, x[known], y[known], left=np.nan, right=np.nan)
    return bool(((rows > top - 3) & (rows < top + STAMP + 3)).any())


def _paint_table(paper: Paper, box: QRectF, contest: Contest, most: int | None = None) -> None:
    """A row for each of the first figures, at `most` so many, and a column for each run; under a figure its spread."""
    runs = contest.runs
    rows = [_rows(run, contest.compared.found.no_money)[:most] for run in runs]
    high = box.height() / (len(rows[0]) + 1)
    first = _named(paper, contest, 92.0 if box.width() > 400 else 76.0)
    step = (box.width() - first) / len(runs)
    for place in range(len(runs)):
        right = box.left() + first + step * (place + 1)
        paper.say(right, box.top() + high - 9, LETTERS[place], font(13, 600), right=True)
    paper.rule(box.left(), box.top() + high - 1, box.width())
    for row, (name, unit, _) in enumerate(rows[0], start=1):
        top = box.top() + high * row
        paper.say(box.left(), top + high * 0.5 + 4, paper.numbers.unit(name), font(11), "mut", room=first - 6)
        for place, told in enumerate(rows):
            figure = told[row - 1][2]
            right = box.left() + first + step * (place + 1)
            if isinstance(figure, str):
                paper.say(right, top + high * 0.5 + 4, figure, font(11), "mut", right=True, room=step - 4)
                continue
            said = paper.numbers.figure(figure.value, unit)
            spreads = figure.low is not None and high >= 34
            base = top + high * (0.38 if spreads else 0.5) + 4
            paper.say(right, base, said, font(13, 600), "mut" if said == DASH else "text", right=True)
            if spreads:
                low, top_end = (paper.numbers.figure(end, unit) for end in (figure.low, figure.high))
                paper.say(
                    right,
                    base + 13,
                    tr("{low} to {high}", low=low, high=top_end),
                    font(11),
                    "mut",
                    right=True,
                    room=step - 4,
                )
        if row < len(rows[0]):
            paper.rule(box.left(), top + high - 1, box.width(), token="grid")


def _named(paper: Paper, contest: Contest, least: float) -> float:
    """The room for what the rows of the table are called."""
    names = [paper.numbers.unit(name) for name, _, _ in _rows(contest.runs[0], contest.compared.found.no_money)]
    return max(least, *(width(font(11), name) + 8 for name in names))


def _rows(run: Summary, no_money: str) -> list[tuple[str, str, Figure | str]]:
    """Words, unit and figure, or a word in its place; no money where `no_money` says why."""
    hourly = run.revenue_usd / run.measured_s * 3600 if run.measured_s else None
    return [
        ("tok/s", "tok/s", run.tokens_per_second),
        ("W", "W", run.watts),
        ("tok/J", "tok/J", run.tokens_per_joule),
        (tr("watts are"), "", DASH if run.quality == "unavailable" else PROVENANCES[run.quality]),
        (tr("worth"), "", DASH) if no_money else (tr("worth, $/h"), "$/h", Figure(hourly)),
        (tr("tokens out"), "tok", Figure(float(run.tokens_out))),
        (tr("seconds"), "s", Figure(run.measured_s)),
    ]
