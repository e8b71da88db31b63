"""The sizes that pictures come in, their colours, and what they can show."""

from dataclasses import dataclass, replace

from desk.facts.palette import DARK, LIGHT, Palette
from desk.facts.trouble import Trouble
from desk.panel.words import tr


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
        high = f"{self.height * self.scale:.0f}" if self.height else tr("as needed")
        return f"{self.width * self.scale:.0f} × {high}"


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("slide", tr("Slide 16:9"), 960, 540, 4),
        Preset("slide-hd", tr("Slide 16:9, small"), 960, 540, 2),
        Preset("half", tr("Half a slide"), 450, 480, 4),
        Preset("docs", tr("Document, wide"), 800, 450, 2),
        Preset("link", tr("Link card"), 600, 315, 2),
        Preset("github", tr("Link card, GitHub"), 640, 320, 2),
        Preset("square", tr("Square"), 540, 540, 2),
        Preset("a4", tr("A4, across"), 1123, 794, 2),
        Preset("letter", tr("Letter, across"), 1056, 816, 2),
    )
}
NARROW = {"link": ("value", "floor"), "github": ("value", "floor"), "half": ("value", "floor", "chart", "compare")}
"""The presets that have no room for everything, and what they have room for."""
RECEIPT = Preset("receipt", tr("Receipt"), 360, 0, 3)

PAPER = replace(LIGHT, raised="#FFFFFF", text="#000000", soft="#2B3642", mut="#4A5763", line="#AAB4BD", grid="#DDE2E6")
STYLES: dict[str, Palette] = {
    "dark": replace(DARK, bg=DARK.panel),
    "light": replace(LIGHT, bg=LIGHT.panel),
    "print": replace(PAPER, bg=PAPER.panel),
}
"""Pictures stand on the ground of a card: the fills of the tiers are mixed into it."""

KINDS = {
    "value": tr("One figure"),
    "chart": tr("One chart"),
    "chart-table": tr("Chart and table"),
    "floor": tr("The Floor"),
    "compare": tr("Comparison"),
    "receipt": tr("Energy receipt"),
}


def preset_of(kind: str, name: str | None) -> Preset:
    """The preset of that name; a receipt has its own. Raises `Trouble` for what there is not."""
    if kind not in KINDS:
        raise Trouble(tr("There is no kind {kind}.", kind=kind), tr("Choose {known}.", known=", ".join(KINDS)))
    if kind == "receipt":
        if name not in (None, RECEIPT.name):
            raise Trouble(tr("A receipt has a size of its own."), tr("Leave the preset out."))
        return RECEIPT
    if (name or "slide") in NARROW and kind not in NARROW[name or "slide"]:
        raise Trouble(
            tr("{kind} has no room in the preset {preset}.", kind=KINDS[kind], preset=name),
            tr("Choose another preset."),
        )
    if (name or "slide") not in PRESETS:
        raise Trouble(tr("There is no preset {preset}.", preset=name), tr("Choose {known}.", known=", ".join(PRESETS)))
    return PRESETS[name or "slide"]


def palette_of(style: str) -> Palette:
    """The colours of a style. Raises `Trouble` for what there is not."""
    if style not in STYLES:
        raise Trouble(tr("There is no style {style}.", style=style), tr("Choose {known}.", known=", ".join(STYLES)))
    return STYLES[style]
