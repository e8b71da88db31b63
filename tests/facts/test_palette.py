"""Colours keep their distance for every kind of vision, and text keeps its contrast."""

import itertools

import pytest

from desk.facts.palette import DARK, HIGH_CONTRAST, HIGH_DARK, HIGH_LIGHT, LIGHT, PALETTES, mix
from desk.facts.tiers import TIER_NAMES

# Machado, Oliveira and Fernandes 2009, severity 1.0, applied to linear RGB.
VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def linear(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def seen(colour, vision):
    rgb = linear(colour)
    mixed = (sum(factor * part for factor, part in zip(row, rgb, strict=True)) for row in VISION[vision])
    return [min(1.0, max(0.0, part)) for part in mixed]


def lab(rgb):
    """CIE Lab of linear sRGB under D65."""
    red, green, blue = rgb
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one, other, vision="normal"):
    pairs = zip(lab(seen(one, vision)), lab(seen(other, vision)), strict=True)
    return sum((a - b) ** 2 for a, b in pairs) ** 0.5


def contrast(one, other):
    """WCAG 2 contrast ratio."""
    light, dark = sorted(
        (
            sum(factor * part for factor, part in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True))
            for c in (one, other)
        ),
        reverse=True,
    )
    return (light + 0.05) / (dark + 0.05)


ALL = pytest.mark.parametrize(
    "palette", [DARK, LIGHT, HIGH_DARK, HIGH_LIGHT], ids=["dark", "light", "high contrast dark", "high contrast light"]
)


@pytest.mark.parametrize("vision", VISION)
@ALL
def test_tiers_are_told_apart(palette, vision):
    for one, other in itertools.combinations(TIER_NAMES, 2):
        assert distance(palette.tier(one), palette.tier(other), vision) >= 25, (one, other)


@ALL
def test_tiers_are_far_from_alarms_and_grow_steadily_from_the_panel(palette):
    for tier in TIER_NAMES:
        assert distance(palette.tier(tier), palette.warn) > 40
        assert distance(palette.tier(tier), palette.bad) > 40
        assert contrast(palette.tier(tier), palette.panel) >= 3
    ramp = [contrast(palette.tier(tier), palette.panel) for tier in TIER_NAMES]
    assert ramp == sorted(ramp)


@ALL
def test_text_is_readable_wherever_it_stands(palette):
    for text, ground in itertools.product(("text", "soft", "mut"), ("bg", "panel", "raised")):
        assert contrast(getattr(palette, text), getattr(palette, ground)) >= 4.5, (text, ground)
    assert contrast(palette.warn, palette.panel) >= 4.5
    assert contrast(palette.warn, palette.warnbg) >= 4.5
    assert contrast(palette.text, palette.warnbg) >= 4.5
    assert contrast(palette.bad, palette.panel) >= 4.5


@pytest.mark.parametrize("palette", [HIGH_DARK, HIGH_LIGHT], ids=["dark", "light"])
def test_high_contrast_raises_text_to_seven_and_graphics_to_four_and_a_half(palette):
    for text, ground in itertools.product(("text", "soft", "mut", "warn", "bad"), ("bg", "panel", "raised")):
        assert contrast(getattr(palette, text), getattr(palette, ground)) >= 7, (text, ground)
    assert contrast(palette.text, palette.warnbg) >= 7
    assert contrast(palette.warn, palette.warnbg) >= 7
    assert all(contrast(palette.tier(tier), palette.panel) >= 4.5 for tier in TIER_NAMES)
    for edge in ("line", "band"):
        assert contrast(getattr(palette, edge), palette.panel) >= 4.5


def test_mixing_is_opaque_and_bounded():
    assert mix("#FFFFFF", "#000000", 0.0) == "#000000"
    assert mix("#FFFFFF", "#000000", 1.0) == "#FFFFFF"
    assert mix("#FF0000", "#0000FF", 0.5) == "#800080"
    assert DARK.fill("Ultra") == mix("#F6F0D0", "#121820", 0.25)


def test_an_unknown_tier_is_grey():
    for palette in (*PALETTES.values(), *HIGH_CONTRAST.values()):
        assert palette.tier("Own") == palette.mut
        assert palette.fill("Own") == palette.track
