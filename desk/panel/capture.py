"""Pictures: a widget rendered off the screen at any size, and a PNG file that says what it shows."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint
from PySide6.QtGui import QImage, QImageWriter
from PySide6.QtWidgets import QWidget

from desk import __version__
from desk.exports.files import put
from desk.exports.privacy import Veil
from desk.facts.currency import unit
from desk.ledger.standing import Standing
from desk.panel.shown import Shown

DOTS_PER_METER = 3780
"""96 dpi at scale 1, so that a picture comes into a slide at its logical size."""
MARKS = (b"Token Desk",)
"""What every picture of ours holds; a file without it is somebody else's."""
_VEIL = Veil(Standing())
"""A window knows no facts, so folders are found by their looks."""


def picture_of(widget: QWidget, scale: float = 1.0) -> QImage:
    """The widget as it would paint itself on a screen of that pixel ratio; the screen at hand does not matter."""
    size = widget.size()
    image = blank(size.width(), size.height(), scale)
    widget.render(image, QPoint(0, 0))
    return image


def blank(width: int, height: int, scale: float) -> QImage:
    """An opaque canvas of `width` by `height` logical pixels."""
    image = QImage(round(width * scale), round(height * scale), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.setDotsPerMeterX(round(DOTS_PER_METER * scale))
    image.setDotsPerMeterY(round(DOTS_PER_METER * scale))
    image.fill(0)
    return image


def write_png(image: QImage, path: Path, texts: Mapping[str, str]) -> None:
    """Write the picture with `texts` as PNG text chunks, whole or not at all.

    Raises `Trouble` where the file cannot be written. The same image and texts give the same bytes.
    """
    for key, text in texts.items():
        image.setText(key, text)
    put(path, png_of(image), "picture")


def png_of(image: QImage) -> bytes:
    """The image as the bytes of a PNG file, with the texts it has."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not QImageWriter(buffer, QByteArray(b"png")).write(image):
        raise RuntimeError("Qt could not encode a PNG")
    return bytes(data.data())


def file_name(
    *, wall: float | None, view: str, device: str, model: str, run: str, mode: str, ending: str = ".png"
) -> str:
    """A name that sorts by time and tells what is inside, the mode at the end.

    `wall` is Unix time of what is shown; names are ASCII and safe on every system.
    """
    stamp = datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H%MZ") if wall is not None else ""
    words = (stamp, view, _plain(device), _plain(_VEIL(model)), run, mode)
    return "_".join(word for word in words if word) + ending


def about(shown: Shown) -> dict[str, object]:
    """What a picture shows, for programs: run, mode and the figures as numbers; all money is in `currency`."""
    figures = {
        value.key: {
            "value": value.value,
            "unit": unit(value.unit, shown.currency),
            "provenance": value.provenance,
            "note": value.note,
        }
        for value in shown.values
    }
    tiers = {
        line.tier.name: {
            "tokens_per_second": line.tokens_per_second,
            "tokens_per_second_per_user": line.speed,
            "ttft_p95_s": line.ttft_p95,
            "dollars_per_hour": line.dollars_per_hour,
        }
        for line in shown.tiers
    }
    return {
        "run": shown.run,
        "mode": shown.mode,
        "started": shown.wall,
        "seconds": shown.totals.seconds,
        "model": shown.model,
        "provider": shown.provider,
        "device": shown.device,
        "meter": shown.meter,
        "currency": shown.currency,
        "figures": figures,
        "tiers": tiers,
    }


def texts_of(shown: Shown) -> dict[str, str]:
    """What a picture of a window says about itself, for a reader of its metadata."""
    return {
        "Title": f"Token Desk {shown.mode.upper()} {shown.run}".strip(),
        "Software": f"Token Desk {__version__}",
        "Description": _VEIL(json.dumps(about(shown), sort_keys=True)),
    }


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")[:32].strip("-")
