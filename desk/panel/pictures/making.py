"""From a composition to a file: an image of fixed pixels, or a page of lines and letters."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRectF, QSizeF, QUuid
from PySide6.QtGui import QImage, QPageSize, QPainter, QPdfWriter

from desk import __version__
from desk.exports.privacy import Veil
from desk.facts.currency import USD
from desk.panel.capture import blank
from desk.panel.numbers import Numbers
from desk.panel.pictures.paper import Paper
from desk.panel.pictures.pdf import canonical
from desk.panel.pictures.presets import Preset, palette_of
from desk.panel.theme import Theme, natural, plain_glyphs

DOTS_PER_INCH = 1200
POINTS_PER_PIXEL = 0.75
"""A logical pixel is a ninety-sixth of an inch."""


@dataclass(frozen=True)
class Picture:
    """A composition on a canvas: `paint` puts it on paper, as often as it is asked to.

    `about` is what the file tells of itself to programs, `wall` the Unix time that it shows, `name` a name without its
    ending that sorts by that time, `currency` the ISO 4217 code of the money in it.
    """

    preset: Preset
    style: str
    paint: Callable[[Paper], object]
    veil: Veil
    title: str
    about: Mapping[str, object]
    wall: float
    name: str
    currency: str = USD

    def image(self) -> QImage:
        """The pixels: of the preset, whatever the screen."""
        image = blank(self.preset.width, self.preset.height, self.preset.scale)
        painter = QPainter(image)
        self._put(painter)
        painter.end()
        for key, text in self.texts().items():
            image.setText(key, text)
        return image

    def pdf(self) -> bytes:
        """One page of the same composition in vectors, its fonts embedded. The same picture gives the same bytes."""
        data = QByteArray()
        buffer = QBuffer(data)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        writer = QPdfWriter(buffer)
        writer.setResolution(DOTS_PER_INCH)
        size = QSizeF(self.preset.width, self.preset.height) * POINTS_PER_PIXEL
        exactly = QPageSize.SizeMatchPolicy.ExactMatch
        writer.setPageSize(QPageSize(size, QPageSize.Unit.Point, self.preset.name, exactly))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0))
        writer.setTitle(self.texts()["Title"])
        writer.setCreator(f"Token Desk {__version__}")
        writer.setDocumentXmpMetadata(QByteArray(_xmp(self.texts()["Title"])))
        writer.setDocumentId(QUuid(str(uuid5(NAMESPACE_URL, json.dumps(self.about, sort_keys=True, default=str)))))
        painter = QPainter(writer)
        painter.scale(DOTS_PER_INCH / 96, DOTS_PER_INCH / 96)
        with plain_glyphs():
            self._put(painter)
        painter.end()
        return canonical(bytes(data.data()), self.wall)

    def caption(self) -> str:
        """The picture in words, for those who do not see it and for the clipboard."""
        return f"{self.title}\n{self._words()}"

    def texts(self) -> dict[str, str]:
        """What the file says about itself: `Description` for programs, a JSON object; the rest for people."""
        return {
            "Title": self.veil(self.title),
            "Software": f"Token Desk {__version__}",
            "Description": self.veil(json.dumps(self.about, sort_keys=True, default=str)),
        }

    def _put(self, painter: QPainter) -> Paper:
        theme = Theme(fixed=palette_of(self.style))
        with natural():
            box = QRectF(0, 0, self.preset.width, self.preset.height)
            paper = Paper(painter, theme, Numbers(currency=self.currency), self.veil, box)
            self.paint(paper)
        theme.deleteLater()
        return paper

    def _words(self) -> str:
        image = blank(1, 1, 1.0)
        painter = QPainter(image)
        paper = self._put(painter)
        painter.end()
        return "\n".join(word for word in dict.fromkeys(paper.words) if word)


def _xmp(title: str) -> bytes:
    """The title and the program for readers of XMP. Without it Qt writes the clock of the machine there."""
    creator = f"Token Desk {__version__}"
    return f"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmp:CreatorTool="{creator}"><dc:title><rdf:Alt>
<rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>
""".encode()
