"""The energy receipt as a strip of paper, as high as it has to be."""

from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPolygonF

from desk import __version__
from desk.exports.receipt import hours, priced
from desk.panel.bars import PROVENANCES, badge_width
from desk.panel.numbers import DASH
from desk.panel.pictures.paper import Paper, width
from desk.panel.theme import font
from desk.panel.words import tr

EDGE, PAD = 12, 20
TOOTH = 8
ROW = 20
BAR = 128
"""Where the bars of energy begin, and the first column of numbers ends."""


class Roll:
    """Prints downwards. `y` is where the next line begins."""

    def __init__(self, paper: Paper) -> None:
        self._paper = paper
        self.left, self.right = float(EDGE + PAD), paper.box.width() - EDGE - PAD
        self.y = float(EDGE)

    def gap(self, high: float) -> None:
        self.y += high

    def centred(self, text: str, size: int, weight: int, token: str = "text") -> None:
        face = font(size, weight)
        self.y += size * 1.3
        self._paper.say((self.left + self.right - width(face, text)) / 2, self.y - size * 0.25, text, face, token)

    def pair(self, left: str, right: str = "", token: str = "soft", *, strong: bool = False, size: int = 11) -> None:
        """A line with words at both ends; what does not fit beside the other end goes into lines of its own."""
        paper, face = self._paper, font(size, mono=True)
        bold = font(21, 600, tight=True) if strong else face
        room = self.right - self.left
        tail = width(bold, right) + (10 if right else 0)
        first = paper.flow(left, face, room - tail)
        lines = first if len(first) == 1 else paper.flow(left, face, room if not right else room - tail)
        for place, line in enumerate(lines):
            self.y += ROW + (6 if strong and place == 0 else 0)
            paper.say(self.left, self.y - 6, line, face, "text" if strong else token)
            if place == 0 and right:
                paper.say(self.right, self.y - 6, right, bold, "text" if strong else token, right=True)

    def columns(self, cells: tuple[str, ...], token: str, tier: str | None = None, size: int = 12) -> None:
        """A line of the list: a name, and numbers set flush right."""
        self.y += ROW
        face = font(size, mono=True)
        if tier is not None:
            self._paper.swatch(tier, QPointF(self.left + 5, self.y - 10), 9)
        start = self.left + (18 if tier is not None else 0)
        self._paper.say(start, self.y - 6, cells[0], face, token, room=112)
        edges = (self.left + 176, self.left + 236, self.right)
        for edge, cell in zip(edges, cells[1:], strict=True):
            self._paper.say(edge, self.y - 6, cell, face, token, right=True)

    def bar(self, name: str, share: float, said: str, tier: str | None) -> None:
        """A line of energy: a name, its part of the whole as a bar, the amount."""
        self.y += ROW
        paper, middle = self._paper, self.y - 10
        if tier is not None:
            paper.swatch(tier, QPointF(self.left + 5, middle), 9)
        else:
            paper.painter.setPen(paper.theme.colour("mut"))
            paper.painter.setBrush(Qt.BrushStyle.NoBrush)
            paper.painter.drawRoundedRect(QRectF(self.left + 1, middle - 4, 8, 8), 2, 2)
        paper.say(self.left + 18, self.y - 6, name, font(12, mono=True), room=BAR - 18)
        full = self.right - self.left - BAR - 76
        paper.painter.fillRect(QRectF(self.left + BAR, middle - 3, full * share, 6), paper.theme.colour("band"))
        paper.say(self.right, self.y - 6, said, font(12, mono=True), right=True)

    def perforation(self) -> None:
        self.y += 8
        self._paper.rule(self.left, self.y, self.right - self.left, dashed=True, token="mut")
        self.y += 6


def paint_receipt(paper: Paper, told: dict[str, Any], mode: str, *, live: bool) -> float:
    """Print a receipt of `desk.exports.receipt`, `mode` in a badge; gives how high the canvas has to be."""
    roll, numbers, about = Roll(paper), paper.numbers, told["about"]
    _paint_ground(paper)
    roll.gap(16)
    roll.centred(tr("Energy receipt"), 21, 700)
    roll.centred(tr("one token factory"), 13, 400, "soft")
    roll.gap(6)
    wide = badge_width(mode)
    paper.badge((roll.left + roll.right + wide) / 2, roll.y, mode, "filled" if live else "outlined")
    roll.gap(22)
    run, _, when = about["run"].partition(", ")
    for line in (when, about["load"], about["hardware"], _joined(about, "driver", "runtime"), about["provider"]):
        roll.pair(line)
    roll.pair(about["models"])
    roll.perforation()
    roll.columns((tr("Tier"), tr("tokens"), numbers.unit("$/Mtok"), numbers.unit("$")), "mut", size=11)
    decimals = _decimals(told["revenue_usd"])
    for tier in reversed(told["tiers"]):
        price = numbers.fixed(tier["price_usd_per_mtok"]["output"], 2)
        worth = numbers.fixed(tier["revenue_usd"], decimals)
        roll.columns((tier["name"], numbers.count(tier["tokens_out"]), price, worth), "text", tier["name"])
    roll.perforation()
    revenue = numbers.fixed(told["revenue_usd"], decimals)
    roll.pair(tr("Implied revenue"), f"{revenue} {numbers.unit('$')}", strong=True, size=12)
    tokens = numbers.count(told["tokens_out"])
    terms = tr("{tokens} output tokens, and input by its own price; nothing was sold; prices: assumed", tokens=tokens)
    roll.pair(terms, token="mut")
    roll.perforation()
    _print_energy(roll, paper, told)
    roll.perforation()
    roll.pair(tr("Not included: {parts}", parts=told["not_included"]), token="mut")
    if "doubt" in about:
        roll.pair(tr("Note: {doubt}", doubt=about["doubt"]), token="mut")
    roll.gap(4)
    roll.pair(tr("run {run}", run=run), f"Token Desk {__version__}")
    digest = told["sha256"]
    roll.pair(tr("sha256 of the facts"), token="mut")
    for start in range(0, len(digest), 32):
        roll.pair(" ".join(digest[at : at + 8] for at in range(start, start + 32, 8)), token="mut")
    return roll.y + 24 + TOOTH + EDGE


def _print_energy(roll: Roll, paper: Paper, told: dict[str, Any]) -> None:
    numbers, whole = paper.numbers, told["joules"]
    if whole is None:
        roll.pair(tr("Energy"), DASH, strong=True, size=12)
        roll.pair(tr("no source of watts on this machine"), token="mut")
        return
    roll.pair(tr("Energy"), "Wh", token="mut")
    lines = [(tier["name"], tier["joules"], tier["name"]) for tier in reversed(told["tiers"])]
    lines += [(tr("Standby"), told["standby_joules"], None), (tr("Other"), told["other_joules"] or None, None)]
    known = [(name, joules, tier) for name, joules, tier in lines if joules is not None]
    most = max([joules for _, joules, _ in known], default=0.0) or 1.0
    decimals = _decimals(hours(whole) or 0.0, places=3)
    for name, joules, tier in known:
        roll.bar(name, joules / most, numbers.fixed(hours(joules), decimals), tier)
    roll.perforation()
    roll.pair(tr("Energy in all"), f"{numbers.fixed(hours(whole), decimals)} Wh", strong=True, size=12)
    quality, power = PROVENANCES[told["energy_quality"]], told["about"]["power"].partition(";")[0]
    roll.pair(tr("{quality}; tiers: by their work. {power}", quality=quality, power=power), token="mut")
    cost = told["energy_cost_usd"]
    if cost is not None:
        roll.pair(priced(told), f"{numbers.fixed(cost, max(3, _decimals(cost)))} {numbers.unit('$')}")
    per_joule = told["tokens_per_joule"]
    roll.pair(tr("tokens per joule, derived"), numbers.figure(per_joule, "tok/J"))
    roll.pair(tr("joules per token, derived"), numbers.figure(1 / per_joule if per_joule else None, "J"))


def _joined(about: dict[str, str], *names: str) -> str:
    return ", ".join(about[name] for name in names if name in about)


def _decimals(value: float, places: int = 3) -> int:
    """As many as show about three digits of a small amount; money and energy of one receipt share them."""
    size = abs(value)
    for decimals in (1, 2, 3, 4, 5):
        if size >= 10 ** (places - 1 - decimals):
            return max(decimals, 1)
    return 6


def _paint_ground(paper: Paper) -> None:
    """The strip of paper, torn off at its foot."""
    box = paper.box.adjusted(EDGE, EDGE, -EDGE, -EDGE)
    paper.painter.fillRect(paper.box, paper.theme.colour("track"))
    foot = box.bottom() - TOOTH
    count = round(box.width() / TOOTH / 2)
    step = box.width() / count
    outline = [box.topLeft(), box.topRight(), QPointF(box.right(), foot)]
    for tooth in range(count):
        right = box.right() - tooth * step
        outline += [QPointF(right - step / 2, box.bottom()), QPointF(right - step, foot)]
    paper.painter.setPen(Qt.PenStyle.NoPen)
    paper.painter.setBrush(paper.theme.colour("bg"))
    paper.painter.drawPolygon(QPolygonF(outline))
