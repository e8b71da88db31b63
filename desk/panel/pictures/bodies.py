"""The bodies of pictures of one run: one figure, one chart, a chart with the table of tiers, and the Floor."""

import re
from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPen, QPolygonF

from desk.panel.bars import PROVENANCES, badge_width
from desk.panel.numbers import DASH
from desk.panel.pictures.frame import Frame
from desk.panel.pictures.paper import LANE, LEAST_CHART, STAMPS, TALL, Paper, width
from desk.panel.pictures.scene import CHARTS, COUNTS, Scene
from desk.panel.shown import Mode, Provenance, TierLine, Value
from desk.panel.theme import font
from desk.panel.words import plural, tr

NOTES = {
    "tokens_per_joule": tr("same as tok/s per W"),
    "revenue_per_hour": tr("list price; nothing was sold"),
    "on_time_share": tr("of requests in the window"),
}
"""Shorter words than on the Floor: boxes are narrower, and half sentences do not belong on slides."""
BADGES: dict[Provenance, str] = {"measured": "solid", "derived": "outlined"}
BOX = 84
"""The height of a box with one figure."""
KEYS = ("tokens_per_second", "watts", "tokens_per_joule", "revenue_per_hour", "on_time_share")
FIGURES = ("tokens_per_second", "revenue_per_hour")
PAGE = 480
"""With so much room below the headline figures, the Floor has all its charts and its table."""
ASIDE = 300
"""A box so wide has room for the history of its figure beside the figure."""
LONE_TITLES = {"revenue_per_hour": tr("Worth at list price")}
"""What a box says that has no room for its note."""
SHORT_TITLES = {"tokens_per_second": tr("Tokens per second"), "revenue_per_hour": tr("Implied revenue")}
"""What charts are called that stand beside each other: that they are by tier is seen."""
TABLE = 352
"""A narrower table leaves columns out."""


# ---- words


def frame_of(scene: Scene, kind: str) -> Frame:
    """The words around a picture of one run."""
    shown, told = scene.shown, scene.imprint
    hardware = ", ".join(filter(None, (told.provider, told.runtime, told.driver)))
    stands_on = [f"{told.hardware}; {hardware}", f"{told.power}, {told.boundary}", told.models]
    if told.doubt:
        stands_on.append(tr("Note: {doubt}", doubt=told.doubt))
    if kind in ("floor", "chart-table") or scene.figure.startswith(("revenue", "on_time_revenue")):
        stands_on.insert(2 if kind == "floor" else 1, told.sold)
    return Frame(
        title=_title(scene, kind),
        subtitle=_subtitle(scene, kind),
        mode=scene.mode,
        live=shown.mode == "live",
        stands_on=tuple(stands_on),
        signed=(tr("run {run}", run=told.run), told.when),
        remarks=(tr("estimated watts"),) if shown.dashed else (),
    )


def _title(scene: Scene, kind: str) -> str:
    if kind == "value":
        said = tiers_on(scene)
        return f"{said[:1].upper()}{said[1:]}"
    if kind != "floor":
        value, numbers = scene.values.get(scene.figure), scene.numbers
        title = scene.spec.title
        said = numbers.with_unit(value.value, value.unit) if value else DASH
        return f"{title}: {said}" if said != DASH else tr("{title}: not available", title=title)
    return headline(scene)


def headline(scene: Scene) -> str:
    """A title made from the data: `1,220 tok/s at 312 W: five tiers on Example GPU`."""
    values, numbers = scene.values, scene.numbers
    rate, watts = values["tokens_per_second"].value, values["watts"].value
    if rate is None:
        return tr("No tokens: {tiers}", tiers=tiers_on(scene))
    if watts is None:
        return f"{numbers.with_unit(rate, 'tok/s')}: {tiers_on(scene)}"
    told = {"rate": numbers.with_unit(rate, "tok/s"), "watts": numbers.with_unit(watts, "W"), "tiers": tiers_on(scene)}
    if values["watts"].provenance == "measured":
        return tr("{rate} at {watts}: {tiers}", **told)
    return tr("{rate} at {watts} ({source}): {tiers}", **told, source=PROVENANCES[values["watts"].provenance])


def tiers_on(scene: Scene) -> str:
    """`five tiers on Example GPU 24 GB`."""
    count = len(scene.shown.tiers)
    tiers = COUNTS[count] if count < len(COUNTS) else plural("{n} tier", "{n} tiers", count)
    return tr("{tiers} on {device}", tiers=tiers, device=scene.imprint.device)


def _subtitle(scene: Scene, kind: str) -> str:
    """`Steady load, 20 users, seed 0; last 5 min of the run, 3 s smoothing`."""
    if kind == "value":
        over = tr("mean of the last 10 s")
    else:
        over = tr("the last {span} of the run, 3 s smoothing", span=scene.span)
    on = f"{tiers_on(scene)}; " if kind.startswith("chart") else ""
    said = f"{on}{scene.imprint.load}; {over}"
    return f"{said[:1].upper()}{said[1:]}"


# ---- the bodies


def paint_value(paper: Paper, box: QRectF, scene: Scene) -> None:
    """One figure, as large as there is room for, over its last minutes."""
    paper.card(box)
    value, numbers = scene.value, scene.numbers
    pad = 20 if box.width() < 600 else 28
    left, right = box.left() + pad, box.right() - pad
    paper.say(left, box.top() + 32, value.title, font(16, 600), "soft")
    paper.badge(right, box.top() + 17, PROVENANCES[value.provenance], BADGES.get(value.provenance, "dashed"))
    text = numbers.figure(value.value, value.unit)
    unit = "" if text == DASH else numbers.unit(value.unit)
    high = box.height()
    for size in (112, 96, 84, 72, 60, 48, 40):
        big, small = font(size, 600, tabular=False, tight=True), font(max(14, round(size * 0.26)))
        if size <= high * 0.42 and width(big, text) + width(small, unit) + size * 0.1 <= right - left:
            break
    base = box.top() + 46 + size * 0.82
    wide = paper.say(left - size * 0.04, base, text, big, "mut" if text == DASH else "text")
    paper.say(left + wide + size * 0.1, base, unit, small, "mut")
    note_base = box.bottom() - pad + 6
    paper.say(left, note_base, _note(value), font(12), "mut", room=right - left)
    spark = QRectF(left, base + 16, right - left, note_base - 22 - base - 16)
    if spark.height() >= 24:
        _paint_spark(paper, spark, value, scene.shown.mode)


def paint_chart(paper: Paper, box: QRectF, scene: Scene) -> None:
    """One chart over its events."""
    paper.charts(box, (scene.spec,), scene.books.board, scene.setting, scene.stretch, scene.shown.mode)


def paint_chart_table(paper: Paper, box: QRectF, scene: Scene) -> None:
    """One chart and the tiers, beside each other where there is room, else below each other."""
    rows = len(scene.shown.tiers) + 1
    if box.width() >= 500 and box.height() < TALL:
        wide = min(TABLE + 40.0, box.width() * 0.45)
        chart = QRectF(box.left() - 8, box.top(), box.width() - wide - 8, box.height())
        paint_chart(paper, chart, scene)
        paint_tiers(paper, QRectF(chart.right() + 16, box.top() + 6, wide, box.height() - 6), scene)
        return
    high = (26.0 if box.height() >= TALL else 20.0) * (rows + 1)
    paint_chart(paper, QRectF(box.left(), box.top() - 8, box.width(), box.height() - high), scene)
    paint_tiers(paper, QRectF(box.left(), box.bottom() - high, box.width(), high), scene)


def paint_floor(paper: Paper, box: QRectF, scene: Scene) -> None:
    """The headline figures over the charts, and the tiers where there is room for all of it."""
    across = 5 if box.width() >= 1030 else 4 if box.width() >= 800 else 2
    values = [scene.values[key] for key in KEYS if key in scene.values][: max(across, 4)]
    rows = -(-len(values) // across)
    below = box.height() - rows * (BOX + 8) - 8
    charted = below >= LEAST_CHART + LANE
    high = BOX if charted else (box.height() - 8 * (rows - 1)) / rows
    wide = (box.width() - 12 * (across - 1)) / across
    for place, value in enumerate(values):
        row, column = divmod(place, across)
        cell = QRectF(box.left() + column * (wide + 12), box.top() + row * (high + 8), wide, high)
        _paint_box(paper, cell, value, scene)
    if not charted:
        return
    rest = QRectF(box.left(), box.bottom() - below + 8, box.width(), below - 8)
    if rest.height() >= PAGE:
        _paint_page(paper, rest, scene)
        return
    _paint_charts(paper, rest, scene, FIGURES)


def _paint_page(paper: Paper, rest: QRectF, scene: Scene) -> None:
    """All charts of the Floor in two rows, and the table below them."""
    table = 8 + 22.0 * (len(scene.shown.tiers) + 2)
    high = (rest.height() - table) / 2
    for row, figures in enumerate((("tokens_per_second", "revenue_per_hour"), ("watts", "tokens_per_joule"))):
        _paint_charts(paper, QRectF(rest.left(), rest.top() + row * high, rest.width(), high), scene, figures)
    paint_tiers(paper, QRectF(rest.left(), rest.bottom() - table + 8, rest.width(), table - 8), scene)


def _paint_charts(paper: Paper, box: QRectF, scene: Scene, figures: tuple[str, ...]) -> None:
    """Charts beside each other, each over its own axis."""
    wide = (box.width() - 24) / len(figures)
    for place, figure in enumerate(figures):
        spec = replace(CHARTS[figure], title=SHORT_TITLES.get(figure, CHARTS[figure].title))
        part = QRectF(box.left() + place * (wide + 24) - 12, box.top(), wide + 24, box.height())
        paper.charts(part, (spec,), scene.books.board, scene.setting, scene.stretch, scene.shown.mode)


def _note(value: Value) -> str:
    return NOTES.get(value.key, value.note) if value.value is not None else value.note


def _paint_box(paper: Paper, box: QRectF, value: Value, scene: Scene) -> None:
    """A figure with its unit and the word of its provenance inside one box, so that a crop keeps them together."""
    paper.card(box)
    left, right = box.left() + 14, box.right() - 12
    noted = box.height() >= BOX - 8
    title = value.title if noted else LONE_TITLES.get(value.key, value.title)
    text = scene.numbers.figure(value.value, value.unit)
    missing = text == DASH
    unit = "" if missing else "%" if value.unit == "%" else scene.numbers.unit(value.unit)
    size = 38 if box.height() >= 96 else 30 if box.height() >= BOX - 2 else 26
    word, style = PROVENANCES[value.provenance], BADGES.get(value.provenance, "dashed")
    end, beside = right - badge_width(word) - 6, False
    if width(font(12, 600), title) > end - left:  # the word goes down to the figure, which makes room for it
        small = [each for each in (38, 30, 26) if each <= size]
        told = width(font(14), unit) + 6
        fits = (each for each in small if left + width(font(each, 600, tight=True), text) + told <= end)
        size, beside = next(((each, True) for each in fits), (size, False))
    big, base = font(size, 600, tight=True), box.top() + 25 + size
    paper.badge(right, base - 20 if beside else box.top() + 9, word, style)
    paper.say(left, box.top() + 22, title, font(12, 600), "soft", room=(right if beside else end) - left)
    drawn = paper.say(left - 1, base, text, big, "mut" if missing else "text")
    if unit:
        paper.say(left + drawn + (4 if unit == "%" else 6), base, unit, font(14), "mut")
    note, room = _note(value), right - left
    # Whole words, as many as there is room for: what was cut short cannot be asked about on a slide.
    while width(font(11), note) > room and (found := list(_BREAK.finditer(note))):
        note = note[: found[-1].start()]
    if not noted:
        return
    paper.say(left, box.bottom() - 10, note, font(11), "mut", room=room)
    spark = QRectF(left, base + 10, right - left, box.bottom() - 28 - base - 10)
    if spark.height() < 24 and box.width() >= ASIDE:
        spark = QRectF(box.center().x(), box.top() + 36, right - box.center().x(), box.bottom() - 30 - box.top() - 36)
    if spark.height() >= 24:
        _paint_spark(paper, spark, value, scene.shown.mode)


def _paint_spark(paper: Paper, box: QRectF, value: Value, mode: Mode) -> None:
    """The last five minutes of a figure, from zero; a limit is a line across, with its words above it."""
    painter, theme = paper.painter, paper.theme
    known = [sample for sample in value.spark if sample is not None]
    top = max([*known, *([value.limit] if value.limit is not None else [])], default=0.0)
    if len(known) < 2 or top <= 0.0:
        return
    if value.limit is not None:
        box = box.adjusted(0, 14, 0, 0)
    step = box.width() / (len(value.spark) - 1)
    paper.rule(box.left(), box.bottom(), box.width())
    run: list[QPointF] = []
    runs = [run]
    for place, sample in enumerate(value.spark):
        if sample is None:
            run = []
            runs.append(run)
        else:
            run.append(QPointF(box.left() + place * step, box.bottom() - sample / top * box.height()))
    pen = QPen(theme.colour("soft"), 1.75)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    if value.key in ("watts", "tokens_per_joule") and value.provenance in ("assumed", "estimated"):
        pen.setDashPattern([3, 2])
    for points in runs:
        if len(points) < 2:
            continue
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("grid"))
        foot = [QPointF(points[-1].x(), box.bottom()), QPointF(points[0].x(), box.bottom())]
        painter.drawPolygon(QPolygonF([*points, *foot]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF(points))
    if value.limit is not None and value.limit_word:
        y = box.bottom() - value.limit / top * box.height()
        paper.rule(box.left(), y, box.width(), token="mut")
        said = f"{value.limit_word} {paper.numbers.with_unit(value.limit, value.unit)}"
        paper.say(box.right(), y - 5, said, font(11), "soft", right=True)
    paper.say(
        box.left() + step * (len(value.spark) - len(known)) + 8,
        box.bottom() - 6,
        STAMPS[mode][0],
        font(11, 600),
        "soft",
    )


# ---- the tiers


def paint_tiers(paper: Paper, box: QRectF, scene: Scene) -> None:
    """The tiers, the dearest on top, with as many columns as there is room for; the sums at the foot."""
    numbers, lines = scene.numbers, tuple(reversed(scene.shown.tiers))
    columns = [column for column in _COLUMNS if not column.least or box.width() >= column.least]
    high = min(30.0, (box.height() - 4) / (len(lines) + 2))
    left, right = box.left(), box.right()
    edges = [right - place * (right - left - 92) / max(1, len(columns)) for place in range(len(columns))][::-1]
    head = box.top() + high - 8
    paper.say(left, head, tr("Tier"), font(11), "mut")
    for column, edge in zip(columns, edges, strict=True):
        paper.say(edge, head, numbers.unit(column.title), font(11), "mut", right=True)
    paper.rule(left, box.top() + high, right - left)
    for row, line in enumerate(lines, start=1):
        middle = box.top() + high * (row + 0.5)
        paper.swatch(line.tier.name, QPointF(left + 5, middle))
        paper.say(left + 18, middle + 4.5, line.tier.name, font(12, 500), room=84)
        for column, edge in zip(columns, edges, strict=True):
            said, late = column.said(line, paper)
            paper.say(edge, middle + 4.5, said, font(12, 600), "warn" if late else "text", right=True)
    bottom = box.top() + high * (len(lines) + 1)
    paper.rule(left, bottom, right - left)
    paper.say(left + 18, bottom + high / 2 + 4.5, tr("All"), font(12, 500))
    for column, edge in zip(columns, edges, strict=True):
        if column.key in scene.values and column.summed:
            value = scene.values[column.key]
            said = numbers.figure(value.value, value.unit)
            paper.say(edge, bottom + high / 2 + 4.5, said, font(12, 600), right=True)


_BREAK = re.compile("[,;] ")
"""Where a note may end."""


class _Column:
    """A column of the tiers. Where the card is narrower than `least` it is left out."""

    def __init__(self, key: str, title: str, unit: str, least: float = 0.0, *, summed: bool = False) -> None:
        self.key, self.title, self.unit, self.least, self.summed = key, title, unit, least, summed

    def said(self, line: TierLine, paper: Paper) -> tuple[str, bool]:
        """The value in words, and whether it breaks its promise."""
        value, late = {
            "tokens_per_second": (line.tokens_per_second, False),
            "tokens_per_second_per_user": (line.speed, line.slow),
            "ttft_p95": (line.ttft_p95, line.late),
            "tokens_per_joule": (line.tokens_per_joule, False),
            "revenue_per_hour": (line.dollars_per_hour, False),
        }[self.key]
        said = paper.numbers.figure(value, self.unit)
        return (f"▲ {said}" if late else said), late


_COLUMNS = (
    _Column("tokens_per_second", "tok/s", "tok/s", summed=True),
    _Column("tokens_per_second_per_user", "tok/s/user", "tok/s/user", 250),
    _Column("ttft_p95", "TTFT p95, s", "s", TABLE),
    _Column("tokens_per_joule", "tok/J", "tok/J", 420, summed=True),
    _Column("revenue_per_hour", "$/h", "$/h", summed=True),
)
