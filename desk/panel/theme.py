"""The look of the program: bundled fonts, text size, colours of the chosen scheme, and the few rules Fusion needs.

Nothing here imports numpy or pyqtgraph, because the window is painted before those are loaded.

The text size magnifies everything alike. Layouts ask `scaled` for their measures and `font` for their fonts. A widget
that paints itself does so on a `canvas`, where measures and fonts are those of a text size of 100 % and the painter
magnifies; so no painter has to multiply.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

from PySide6.QtCore import QObject, QSizeF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from desk.facts.palette import HIGH_CONTRAST, PALETTES, Palette, Scheme
from desk.facts.places import shipped
from desk.facts.trouble import Trouble
from desk.panel.words import tr

Choice = Literal["auto", "dark", "light"]

SANS = "Inter"
MONO = "JetBrains Mono"
RADIUS = 8
MARGIN = 16
GUTTER = 8
TEXT_SIZES = (90, 200)
"""The smallest and the largest text size in percent."""


@dataclass
class _TextSize:
    """How much larger than designed everything is drawn. There is one in a process, as there is one set of fonts."""

    chosen: float = 1.0
    natural: int = 0
    plain: int = 0

    @property
    def factor(self) -> float:
        return 1.0 if self.natural else self.chosen


_size = _TextSize()


def zoom() -> float:
    """How many logical pixels a pixel of the design takes: the text size as a fraction."""
    return _size.factor


def scaled(pixels: float) -> int:
    """A measure of the design in whole logical pixels at the text size."""
    return round(pixels * _size.factor)


@contextmanager
def natural() -> Generator[None]:
    """Draw and measure at 100 % in here, whatever the text size: for a canvas, and for pictures of fixed size."""
    _size.natural += 1
    try:
        yield
    finally:
        _size.natural -= 1


@contextmanager
def plain_glyphs() -> Generator[None]:
    """Make fonts without alternate glyphs in here: they cannot be read back from a PDF. Digits differ in width then."""
    _size.plain += 1
    try:
        yield
    finally:
        _size.plain -= 1


@contextmanager
def canvas(widget: QWidget, magnified: float = 1.0) -> Generator[tuple[QPainter, QSizeF]]:
    """A smooth painter on a widget in its paint event, and the size of the widget in pixels of the design.

    `magnified` enlarges what is painted beyond the text size.
    """
    factor = zoom() * magnified
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(factor, factor)
    try:
        with natural():
            yield painter, QSizeF(widget.size()) / factor
    finally:
        painter.end()


def prepare(app: QApplication) -> None:
    """Give the application the fonts that every theme builds on; call it once, before any widget."""
    for file in sorted(shipped("assets", "fonts").glob("*.?tf")):
        if QFontDatabase.addApplicationFont(str(file)) < 0:
            cause = tr("The font {name} cannot be read.", name=file.name)
            raise Trouble(cause, tr("Install Token Desk again: a file of it is damaged."))
    app.setFont(font(13))


def font(size: int, weight: int = 400, *, tabular: bool = True, mono: bool = False, tight: bool = False) -> QFont:
    """A font of the house, `size` in pixels of the design; `tabular` digits are equally wide: values stand still.

    `tight` draws big figures 2.2 % closer. Fonts are shared: copy one before changing it.
    """
    return _font(scaled(size), weight, tabular, mono, tight, bool(_size.plain))


@cache
def _font(pixels: int, weight: int, tabular: bool, mono: bool, tight: bool, plain: bool) -> QFont:
    made = QFont(MONO if mono else SANS)
    made.setPixelSize(pixels)
    made.setWeight(QFont.Weight(weight))
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if plain:
        for feature in ("calt", "tnum"):
            made.setFeature(QFont.Tag(feature), 0)
    elif not mono:
        # Said either way: what a font leaves open, a painter takes from the font of the application.
        made.setFeature(QFont.Tag("tnum"), int(tabular))
    if tight:
        made.setLetterSpacing(QFont.SpacingType.PercentageSpacing, 97.8)
    return made


class Theme(QObject):
    """What is in force of scheme, contrast, text size and motion. Widgets keep it, ask it while painting, and lay out
    and repaint on `changed`.

    `reduced_motion` asks everything that would slide to stand. With `fixed` colours, no wish of the desktop counts:
    for pictures, which look the same everywhere.
    """

    changed = Signal()

    def __init__(self, choice: Choice = "auto", parent: QObject | None = None, *, fixed: Palette | None = None) -> None:
        super().__init__(parent)
        self._fixed = fixed
        self._choice: Choice = choice
        self._contrast = False
        self.reduced_motion = False
        # Held, because Qt for Python lets go of the second as soon as nobody holds the first.
        self._hints = QGuiApplication.styleHints()
        self._wishes = self._hints.accessibility()
        self._palette = self._resolved()
        self._colours: dict[str, QColor] = {}
        self._hints.colorSchemeChanged.connect(self._system_changed)
        self._wishes.contrastPreferenceChanged.connect(self._system_changed)

    @property
    def choice(self) -> Choice:
        return self._choice

    @property
    def high_contrast(self) -> bool:
        """Whether more contrast was chosen here; the desktop may ask for it, too."""
        return self._contrast

    @property
    def text_size(self) -> int:
        """In percent."""
        return round(100 * _size.chosen)

    @property
    def scheme(self) -> Scheme:
        return self._palette.scheme

    @property
    def palette(self) -> Palette:
        return self._palette

    def choose(
        self,
        choice: Choice | None = None,
        *,
        high_contrast: bool | None = None,
        text_size: int | None = None,
        reduced_motion: bool | None = None,
    ) -> None:
        """Bring choices into force at once; what is left out stays. `auto` follows the desktop.

        `text_size` is in percent, kept within `TEXT_SIZES`, and the same for all themes of the process.
        """
        before = self._palette, _size.chosen, self.reduced_motion
        if choice is not None:
            self._choice = choice
        if high_contrast is not None:
            self._contrast = high_contrast
        if text_size is not None:
            _size.chosen = min(max(text_size, TEXT_SIZES[0]), TEXT_SIZES[1]) / 100
        if reduced_motion is not None:
            self.reduced_motion = reduced_motion
        self._palette = self._resolved()
        if before != (self._palette, _size.chosen, self.reduced_motion):
            self.changed.emit()

    def colour(self, token: str) -> QColor:
        """The colour of a token (`"panel"`, `"mut"`, ...)."""
        return self._made(getattr(self.palette, token))

    def tier(self, name: str) -> QColor:
        return self._made(self.palette.tier(name))

    def fill(self, name: str) -> QColor:
        return self._made(self.palette.fill(name))

    def dress(self, window: QWidget) -> None:
        """Put palette and rules on a window and all it holds; call it again on `changed`."""
        window.setFont(font(13))
        window.setPalette(_qt_palette(self.palette))
        window.setStyleSheet(_rules(self.palette))

    def _made(self, text: str) -> QColor:
        colour = self._colours.get(text)
        if colour is None:
            colour = self._colours[text] = QColor(text)
        return colour

    def _resolved(self) -> Palette:
        if self._fixed is not None:
            return self._fixed
        scheme: Scheme = "dark"
        if self._choice != "auto":
            scheme = self._choice
        # Unknown is what headless displays and desktops without a theme plug-in answer; dark is the house default.
        elif self._hints.colorScheme() == Qt.ColorScheme.Light:
            scheme = "light"
        wanted = self._wishes.contrastPreference() == Qt.ContrastPreference.HighContrast
        return (HIGH_CONTRAST if self._contrast or wanted else PALETTES)[scheme]

    def _system_changed(self) -> None:
        before, self._palette = self._palette, self._resolved()
        if before is not self._palette:
            self.changed.emit()


def _qt_palette(tokens: Palette) -> QPalette:
    """What Fusion and unstyled widgets read; the highlight is neutral, colour being kept for tiers and alarms."""
    role = QPalette.ColorRole
    made = QPalette()
    for which, colour in (
        (role.Window, tokens.bg),
        (role.Base, tokens.panel),
        (role.AlternateBase, tokens.raised),
        (role.Button, tokens.panel),
        (role.ToolTipBase, tokens.raised),
        (role.Light, tokens.band),
        (role.Midlight, tokens.line),
        (role.Mid, tokens.line),
        (role.Dark, tokens.line),
        (role.Shadow, tokens.bg),
        (role.Highlight, tokens.band),
        (role.Accent, tokens.soft),
        (role.HighlightedText, tokens.text),
        (role.WindowText, tokens.text),
        (role.Text, tokens.text),
        (role.ButtonText, tokens.text),
        (role.ToolTipText, tokens.text),
        (role.BrightText, tokens.text),
        (role.PlaceholderText, tokens.mut),
        (role.Link, tokens.text),
        (role.LinkVisited, tokens.soft),
    ):
        made.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(tokens.mut))
    return made


def _rules(tokens: Palette) -> str:
    """The one style sheet: controls 32 high with a 6 px radius; `[quiet]` ones lie inside strips and are 24 high.

    `[slim]` ones are 32 high with the small text of the quiet ones. Who has the focus wears a ring of two pixels.
    """
    px = scaled
    # A style sheet takes its images from files only, so this one exists once for each scheme.
    chevron = shipped("assets", "icons", f"combo-{tokens.scheme}.svg").as_posix()
    return f"""
    QPushButton, QComboBox, QSpinBox, QDoubleSpinBox, QLineEdit {{
        background: {tokens.panel}; color: {tokens.text}; border: 1px solid {tokens.band}; border-radius: 6px;
        padding: 0 {px(12)}px; min-height: {px(30)}px; font-size: {px(13)}px; font-weight: 500;
        selection-background-color: {tokens.band}; selection-color: {tokens.text};
    }}
    QPushButton[quiet="true"], QComboBox[quiet="true"] {{
        min-height: {px(22)}px; padding: 0 {px(8)}px; font-size: {px(12)}px; background: {tokens.raised};
    }}
    QPushButton[slim="true"] {{ padding: 0 {px(8)}px; font-size: {px(12)}px; background: {tokens.raised}; }}
    QPushButton[bare="true"], QComboBox[bare="true"] {{ border-color: transparent; background: transparent; }}
    QPushButton:hover, QComboBox:hover, QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover {{
        border-color: {tokens.mut};
    }}
    QPushButton:focus, QComboBox:focus, QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus {{
        border: 2px solid {tokens.soft}; padding: 0 {px(12) - 1}px; min-height: {px(30) - 2}px;
    }}
    QPushButton[quiet="true"]:focus, QComboBox[quiet="true"]:focus {{
        padding: 0 {px(8) - 1}px; min-height: {px(22) - 2}px;
    }}
    QPushButton[slim="true"]:focus {{ padding: 0 {px(8) - 1}px; }}
    QPushButton:pressed, QPushButton:checked {{ background: {tokens.track}; }}
    QPushButton:disabled, QComboBox:disabled, QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled {{
        color: {tokens.mut}; border-color: {tokens.line};
    }}
    QPushButton[strong="true"] {{ border-color: {tokens.soft}; font-weight: 700; }}
    QComboBox::drop-down {{ border: none; width: {px(24)}px; }}
    QComboBox::down-arrow {{ image: url("{chevron}"); width: {px(14)}px; height: {px(14)}px; }}
    QComboBox QAbstractItemView {{
        background: {tokens.panel}; color: {tokens.text}; border: 1px solid {tokens.band};
        selection-background-color: {tokens.track}; selection-color: {tokens.text}; outline: none;
    }}
    QToolTip {{
        background: {tokens.raised}; color: {tokens.text}; border: 1px solid {tokens.band}; padding: 4px 6px;
        font-size: {px(12)}px;
    }}
    QMenu {{ background: {tokens.panel}; color: {tokens.text}; border: 1px solid {tokens.band}; padding: 4px; }}
    QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 4px; }}
    QMenu::item:selected {{ background: {tokens.track}; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {tokens.band}; border-radius: 5px; min-height: 24px; min-width: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    """
