"""The colours as data: tokens and tiers of the dark and the light theme, each also with high contrast.

A tier colour stands for its tier and nothing else; it never colours text. `warn` and `bad` never stand alone but
beside a sign and a word. Both tier ramps keep one order of hues and grow steadily lighter (dark theme) or darker
(light theme) from Free to Ultra; their distances under simulated colour-vision deficiency are held by a test. Text
stands at 4.5:1 at least and graphics at 3:1, with high contrast at 7:1 and 4.5:1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Scheme = Literal["dark", "light"]


def mix(colour: str, into: str, fraction: float) -> str:
    """The opaque colour of `colour` laid over `into` with the given opacity, all as `#RRGGBB`.

    Opaque, because a translucent fill or line costs a raster engine many times as much as an opaque one.
    """
    over, under = (tuple(int(text[place : place + 2], 16) for place in (1, 3, 5)) for text in (colour, into))
    return "#" + "".join(f"{round(fraction * a + (1 - fraction) * b):02X}" for a, b in zip(over, under, strict=True))


@dataclass(frozen=True)
class Palette:
    """The token table of one theme, colours as `#RRGGBB`.

    `bg` is the window, `panel` a card, `raised` the one card that asks; `line` borders, `grid` chart grids, `track` an
    empty bar, `band` a normal range and the border of a control; `text`, `soft` and `mut` are three weights of text;
    `warn` with its tint `warnbg` means late or an alarm, `bad` critical. `tiers` are curves and swatches, `fills` the
    areas under the curves.
    """

    scheme: Scheme
    bg: str
    panel: str
    raised: str
    line: str
    grid: str
    track: str
    band: str
    text: str
    soft: str
    mut: str
    warn: str
    warnbg: str
    bad: str
    tiers: Mapping[str, str]
    fills: Mapping[str, str]

    def tier(self, name: str) -> str:
        """The colour of a tier; a name outside the five stays grey rather than borrowing another tier's colour."""
        return self.tiers.get(name, self.mut)

    def fill(self, name: str) -> str:
        """The opaque colour of the area under a tier's curve."""
        return self.fills.get(name, self.track)


_TOKENS = {
    # dark, light, dark and light with high contrast
    "bg": ("#0B0F14", "#F1F4F6", "#000000", "#FFFFFF"),
    "panel": ("#121820", "#FFFFFF", "#000000", "#FFFFFF"),
    "raised": ("#1A222C", "#F6F8FA", "#12171C", "#F4F6F8"),
    "line": ("#1F2933", "#D5DCE2", "#76828E", "#5B6B7A"),
    "grid": ("#1E2833", "#E9EEF2", "#333C45", "#C9D2DA"),
    "track": ("#25303B", "#E3E9EE", "#2B343D", "#D9E0E6"),
    "band": ("#33404D", "#C6D0D9", "#6B7883", "#6A7884"),
    "text": ("#E6EDF3", "#15202B", "#FFFFFF", "#000000"),
    "soft": ("#B7C3CE", "#3B4956", "#E3E9EE", "#1B252E"),
    "mut": ("#8B9AA8", "#5B6B7A", "#C3CDD6", "#3A4752"),
    "warn": ("#E69F00", "#8A5A00", "#FFB938", "#6E4600"),
    "warnbg": ("#221D16", "#FBF3E2", "#221A08", "#FFF4DC"),
    "bad": ("#F0605D", "#B3261E", "#FF8E8B", "#9C1B14"),
}
_TIERS = {
    # the curve, and how much of its colour the area below it takes, in the same order
    "Free": (("#66716F", 0.34), ("#8A929C", 0.30), ("#6A7875", 0.40), ("#70767F", 0.36)),
    "Medium": (("#4A74FF", 0.34), ("#4A81EF", 0.28), ("#4A74FF", 0.40), ("#2A71E3", 0.34)),
    "High": (("#D365C6", 0.30), ("#8A3A94", 0.26), ("#D364C5", 0.36), ("#8A3B94", 0.32)),
    "Premium": (("#8DEEF9", 0.26), ("#0F4F49", 0.24), ("#8EEEF9", 0.32), ("#023F36", 0.30)),
    "Ultra": (("#F6F0D0", 0.25), ("#1E0A36", 0.24), ("#F5EFCF", 0.30), ("#1E0A36", 0.30)),
}


def _palette(scheme: Scheme, column: int) -> Palette:
    tokens = {token: row[column] for token, row in _TOKENS.items()}
    tiers = {name: row[column] for name, row in _TIERS.items()}
    return Palette(
        scheme=scheme,
        tiers=MappingProxyType({name: colour for name, (colour, _) in tiers.items()}),
        fills=MappingProxyType({name: mix(colour, tokens["panel"], share) for name, (colour, share) in tiers.items()}),
        **tokens,
    )


DARK, LIGHT = _palette("dark", 0), _palette("light", 1)
HIGH_DARK, HIGH_LIGHT = _palette("dark", 2), _palette("light", 3)

PALETTES: Mapping[Scheme, Palette] = MappingProxyType({"dark": DARK, "light": LIGHT})
HIGH_CONTRAST: Mapping[Scheme, Palette] = MappingProxyType({"dark": HIGH_DARK, "light": HIGH_LIGHT})
