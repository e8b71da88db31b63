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


def _tiers(panel: str, ramp: dict[str, tuple[str, float]]) -> dict[str, Mapping[str, str]]:
    return {
        "tiers": MappingProxyType({name: colour for name, (colour, _) in ramp.items()}),
        "fills": MappingProxyType({name: mix(colour, panel, share) for name, (colour, share) in ramp.items()}),
    }


DARK = Palette(
    scheme="dark",
    bg="#0B0F14",
    panel="#121820",
    raised="#1A222C",
    line="#1F2933",
    grid="#1E2833",
    track="#25303B",
    band="#33404D",
    text="#E6EDF3",
    soft="#B7C3CE",
    mut="#8B9AA8",
    warn="#E69F00",
    warnbg="#221D16",
    bad="#F0605D",
    **_tiers(
        "#121820",
        {
            "Free": ("#66716F", 0.34),
            "Medium": ("#4A74FF", 0.34),
            "High": ("#D365C6", 0.30),
            "Premium": ("#8DEEF9", 0.26),
            "Ultra": ("#F6F0D0", 0.25),
        },
    ),
)

LIGHT = Palette(
    scheme="light",
    bg="#F1F4F6",
    panel="#FFFFFF",
    raised="#F6F8FA",
    line="#D5DCE2",
    grid="#E9EEF2",
    track="#E3E9EE",
    band="#C6D0D9",
    text="#15202B",
    soft="#3B4956",
    mut="#5B6B7A",
    warn="#8A5A00",
    warnbg="#FBF3E2",
    bad="#B3261E",
    **_tiers(
        "#FFFFFF",
        {
            "Free": ("#8A929C", 0.30),
            "Medium": ("#4A81EF", 0.28),
            "High": ("#8A3A94", 0.26),
            "Premium": ("#0F4F49", 0.24),
            "Ultra": ("#1E0A36", 0.24),
        },
    ),
)

PALETTES: Mapping[Scheme, Palette] = MappingProxyType({"dark": DARK, "light": LIGHT})

HIGH_DARK = Palette(
    scheme="dark",
    bg="#000000",
    panel="#000000",
    raised="#12171C",
    line="#76828E",
    grid="#333C45",
    track="#2B343D",
    band="#6B7883",
    text="#FFFFFF",
    soft="#E3E9EE",
    mut="#C3CDD6",
    warn="#FFB938",
    warnbg="#221A08",
    bad="#FF8E8B",
    **_tiers(
        "#000000",
        {
            "Free": ("#6A7875", 0.40),
            "Medium": ("#4A74FF", 0.40),
            "High": ("#D364C5", 0.36),
            "Premium": ("#8EEEF9", 0.32),
            "Ultra": ("#F5EFCF", 0.30),
        },
    ),
)

HIGH_LIGHT = Palette(
    scheme="light",
    bg="#FFFFFF",
    panel="#FFFFFF",
    raised="#F4F6F8",
    line="#5B6B7A",
    grid="#C9D2DA",
    track="#D9E0E6",
    band="#6A7884",
    text="#000000",
    soft="#1B252E",
    mut="#3A4752",
    warn="#6E4600",
    warnbg="#FFF4DC",
    bad="#9C1B14",
    **_tiers(
        "#FFFFFF",
        {
            "Free": ("#70767F", 0.36),
            "Medium": ("#2A71E3", 0.34),
            "High": ("#8A3B94", 0.32),
            "Premium": ("#023F36", 0.30),
            "Ultra": ("#1E0A36", 0.30),
        },
    ),
)

HIGH_CONTRAST: Mapping[Scheme, Palette] = MappingProxyType({"dark": HIGH_DARK, "light": HIGH_LIGHT})
