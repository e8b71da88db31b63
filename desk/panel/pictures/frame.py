"""What surrounds every picture: a title made from the data, how true it is, and what its figures stand on."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont

from desk import __version__
from desk.panel.bars import badge_width
from desk.panel.pictures.paper import Paper, fitting, width
from desk.panel.theme import font

WIDE = 760
"""From this width on, the badge stands beside the title and the run at the right of the footer."""
LOW = 380
"""A canvas that is less high has one line for each part of its head, and three for its foot."""
FOOT = 0.2
"""The part of the height that the footer takes at most."""
TITLES, SMALL = (26, 24, 22, 20, 18), (16, 14)
"""The sizes of titles, and those of long ones that two lines would not hold."""
LINE = 16


@dataclass(frozen=True)
class Frame:
    """The words around a picture. `mode` says LIVE or REPLAY and the date, `live` which of them; `remarks` stand in
    badges beside it.

    `stands_on` are sentences, the most important first: a small canvas leaves the last ones out, which stand in the
    metadata all the same. `signed` is run and time.
    """

    title: str
    subtitle: str
    mode: str
    stands_on: tuple[str, ...]
    signed: tuple[str, str]
    remarks: tuple[str, ...] = ()
    live: bool = False


def paint_frame(paper: Paper, frame: Frame) -> QRectF:
    """Paint it; gives the room that is left for the picture itself."""
    box = paper.box
    edge = 40.0 if box.width() >= WIDE else 28.0
    inner = box.adjusted(edge, edge * 0.75, -edge, -edge * 0.6)
    top = _paint_head(paper, frame, inner)
    bottom = _paint_foot(paper, frame, inner)
    return QRectF(inner.left(), top, inner.width(), bottom - top)


def _paint_head(paper: Paper, frame: Frame, inner: QRectF) -> float:
    """Gives where the picture may begin."""
    filled = "filled" if frame.live else "outlined"
    marks = [(frame.mode, filled), *((remark, "dashed") for remark in frame.remarks)]
    taken = sum(badge_width(words) + 8 for words, _ in marks)
    beside = paper.box.width() >= WIDE
    right, top = inner.right(), inner.top()
    rows = [marks] if beside or taken - 8 <= inner.width() else [marks[:1], marks[1:]]
    for row in rows:
        if not beside:
            right = inner.left() + sum(badge_width(words) + 8 for words, _ in row) - 8
        for words, style in row:
            right -= paper.badge(right, top + 1, words, style) + 8
        top += 24
    top -= 24
    room = inner.width() - (taken + 24 if beside else 0)
    face = fitting(frame.title, room, TITLES if beside else TITLES[2:], 600)
    lines = paper.flow(frame.title, face, room)
    for size in SMALL if len(lines) > 2 else ():
        face = font(size, 600)
        lines = paper.flow(frame.title, face, room)
        if len(lines) <= 2:
            break
    lines = [*lines[:1], *([" ".join(lines[1:])] if lines[1:] else [])]
    high = round(face.pixelSize() * 1.2)
    base = top + (18.0 if beside else 44.0)
    for line in lines:
        paper.say(inner.left(), base, line, face, room=room)
        base += high
    small = fitting(frame.subtitle, inner.width(), (14, 13, 12, 11), 400)
    base += small.pixelSize() + 8 - high
    said = paper.flow(frame.subtitle, small, inner.width())[: 1 if beside or inner.height() < LOW - 60 else 2]
    for line in said:
        paper.say(inner.left(), base, line, small, "soft")
        base += small.pixelSize() + 3
    return base + (4 if inner.height() < LOW else 8) - 3


def _paint_foot(paper: Paper, frame: Frame, inner: QRectF) -> float:
    """Gives where the picture must end."""
    face, beside = font(11), paper.box.width() >= WIDE
    signed = (*frame.signed, f"Token Desk {__version__}")
    room = inner.width() - (max(width(face, words) for words in signed) + 28 if beside else 0)
    # Where the run has no place of its own it comes first: it is what a reader can ask for.
    sentences = [*([] if beside else [", ".join(signed)]), *frame.stands_on]
    most = 3 if paper.box.height() < LOW else int(paper.box.height() * FOOT / LINE)
    lines = _flowing(paper, sentences, face, room)
    while len(lines) > most and len(sentences) > 2:
        sentences.pop()
        lines = _flowing(paper, sentences, face, room)
    count = max(len(lines), len(signed) if beside else 0)
    top = inner.bottom() - LINE * count
    paper.rule(inner.left(), top - 4, inner.width())
    for place, line in enumerate(lines):
        paper.say(inner.left(), top + LINE * place + 13, line, face, "mut")
    for place, words in enumerate(signed if beside else ()):
        token = "soft" if place == 0 else "mut"
        paper.say(inner.right(), top + LINE * place + 13, words, face, token, right=True)
    return top - 14


def _flowing(paper: Paper, sentences: list[str], face: QFont, room: float) -> list[str]:
    return paper.flow(" ".join(f"{sentence.rstrip('.')}." for sentence in sentences), face, room)
