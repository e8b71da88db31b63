"""The sizes that pictures come in, their colours, and what they can show."""

from dataclasses import dataclass, replace

from desk.facts.palette import DARK, LIGHT, Palette
from desk.facts.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Preset:
    """A canvas of `width` by `height` logical pixels and how many pixels of the picture each of them is.

    The smallest text is 11 logical pixels: over 20 px on a slide of 1080. A receipt is as high as it has to be.
    """

    name: str
    title: str
    width: int
    height: int
    scale: float

    @property
    def pixels(self) -> str:
        high = f"{self.height * self.scale:.0f}" if self.height else "as needed"
        return f"{self.width * self.scale:.0f} × {high}"


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("slide", "Slide 16:9", 960, 540, 4),
        Preset("slide-hd", "Slide 16:9, small", 960, 540, 2),
        Preset("half", "Half a slide", 450, 480, 4),
        Preset("docs", "Document, wide", 800, 450, 2),
        Preset("link", "Link card", 600, 315, 2),
        Preset("github", "Link card, GitHub", 640, 320, 2),
        Preset("square", "Square", 540, 540, 2),
        Preset("a4", "A4, across", 1123, 794, 2),
        Preset("letter", "Letter, across", 1056, 816, 2),
    )
}
NARROW = {"link": ("value", "floor"), "github": ("value", "floor"), "half": ("value", "floor", "chart", "compare")}
"""The presets that have no room for everything, and what they have room for."""
RECEIPT = Preset("receipt", "Receipt", 360, 0, 3)

PAPER = replace(LIGHT, raised="#FFFFFF", text="#000000", soft="#2B3642", mut="#4A5763", line="#AAB4BD", grid="#DDE2E6")
STYLES: dict[str, Palette] = {
    "dark": replace(DARK, bg=DARK.panel),
    "light": replace(LIGHT, bg=LIGHT.panel),
    "print": replace(PAPER, bg=PAPER.panel),
}
"""Pictures stand on the ground of a card: the fills of the tiers are mixed into it."""

KINDS = {
    "value": "One figure",
    "chart": "One chart",
    "chart-table": "Chart and table",
    "floor": "The Floor",
    "compare": "Comparison",
    "receipt": "Energy receipt",
}


def preset_of(kind: str, name: str | None) -> Preset:
    """The preset of that name; a receipt has its own. Raises `Trouble` for what there is not."""
    if kind not in KINDS:
        raise Trouble(f"There is no kind {kind}.", f"Choose {', '.join(KINDS)}.")
    if kind == "receipt":
        if name not in (None, RECEIPT.name):
            raise Trouble("A receipt has a size of its own.", "Leave the preset out.")
        return RECEIPT
    if (name or "slide") in NARROW and kind not in NARROW[name or "slide"]:
        raise Trouble(f"{KINDS[kind]} has no room in the preset {name}.", "Choose another preset.")
    if (name or "slide") not in PRESETS:
        raise Trouble(f"There is no preset {name}.", f"Choose {', '.join(PRESETS)}.")
    return PRESETS[name or "slide"]


def palette_of(style: str) -> Palette:
    """The colours of a style. Raises `Trouble` for what there is not."""
    if style not in STYLES:
        raise Trouble(f"There is no style {style}.", f"Choose {', '.join(STYLES)}.")
    return STYLES[style]
