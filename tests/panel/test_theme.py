"""The theme follows its choice, and dresses windows in its palette and the bundled fonts."""

import subprocess
import sys

from desk.facts.palette import DARK, HIGH_DARK, LIGHT


def test_the_theme_follows_its_choice(qapp):
    from desk.panel.theme import Theme

    theme = Theme()
    assert theme.scheme == "dark", "a display that answers Unknown is shown dark"
    told = []
    theme.changed.connect(lambda: told.append(theme.scheme))
    theme.choose("light")
    theme.choose("light")
    assert told == ["light"]
    assert theme.colour("panel").name().upper() == LIGHT.panel
    assert theme.tier("High").name().upper() == LIGHT.tiers["High"]
    theme.choose("dark")
    assert told == ["light", "dark"]


def test_choices_come_into_force_together_and_once(qapp):
    from desk.panel.theme import Theme, font, natural, scaled, zoom

    theme = Theme("light")
    told = []
    theme.changed.connect(lambda: told.append(theme.palette))
    theme.choose("dark", high_contrast=True, text_size=150, reduced_motion=True)
    try:
        assert told == [HIGH_DARK]
        assert (theme.scheme, theme.high_contrast, theme.text_size, theme.reduced_motion) == ("dark", True, 150, True)
        assert (zoom(), scaled(13), font(12).pixelSize()) == (1.5, 20, 18)
        with natural():
            assert (scaled(13), font(12).pixelSize()) == (13, 12)
        theme.choose(text_size=900)
        assert theme.text_size == 200
    finally:
        theme.choose(text_size=100)
    theme.choose(high_contrast=False)
    assert told[-1] == DARK


def test_fonts_are_the_bundled_ones_and_digits_are_equally_wide(qapp):
    from PySide6.QtGui import QFontInfo, QFontMetricsF

    from desk.panel.theme import font, prepare

    prepare(qapp)
    for weight in (400, 500, 600, 700):
        info = QFontInfo(font(13, weight))
        assert (info.family(), info.weight()) == ("Inter", weight)
    assert QFontInfo(font(12, mono=True)).family() == "JetBrains Mono"
    widths = [QFontMetricsF(font(34, 600)).horizontalAdvance(digit * 5) for digit in "0123456789"]
    assert max(widths) - min(widths) < 0.25, "five digits differ by less than a quarter of a pixel"


def test_a_dressed_window_wears_the_palette(qtbot, qapp):
    from PySide6.QtGui import QPalette
    from PySide6.QtWidgets import QWidget

    from desk.panel.theme import Theme

    window = QWidget()
    qtbot.addWidget(window)
    Theme("light").dress(window)
    assert window.palette().color(QPalette.ColorRole.Window).name().upper() == LIGHT.bg
    assert LIGHT.band in window.styleSheet()


def test_the_first_paint_needs_neither_numpy_nor_pyqtgraph():
    heavy = "numpy", "pyqtgraph"
    script = "import sys, desk.panel.theme, desk.panel.icons, desk.panel.numbers, desk.panel.cards, desk.panel.bars\n"
    script += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
