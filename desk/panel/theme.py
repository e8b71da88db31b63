"""The look of the program: bundled fonts, colours of the chosen scheme, and the few widget rules Fusion needs.

Nothing here imports numpy or pyqtgraph, because the window is painted before those are loaded.
"""

from functools import cache
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from desk.facts.palette import PALETTES, Palette, Scheme
from desk.facts.places import shipped
from desk.facts.trouble import Trouble

Choice = Literal["auto", "dark", "light"]

SANS = "Inter"
MONO = "JetBrains Mono"
RADIUS = 8
MARGIN = 16
GUTTER = 8


def prepare(app: QApplication) -> None:
    """Give the application the style and the fonts that every theme builds on; call it once, before any widget."""
    app.setStyle("Fusion")
    for file in sorted(shipped("assets", "fonts").glob("*.?tf")):
        if QFontDatabase.addApplicationFont(str(file)) < 0:
            raise Trouble(f"The font {file.name} cannot be read.", "Install Token Desk again: a file of it is damaged.")
    app.setFont(font(13))


@cache
def font(size: int, weight: int = 400, *, tabular: bool = True, mono: bool = False, tight: bool = False) -> QFont:
    """A font of the house, `size` in logical pixels; `tabular` digits are equally wide, so that values stand still.

    `tight` draws big figures 2.2 % closer. Fonts are shared: copy one before changing it.
    """
    made = QFont(MONO if mono else SANS)
    made.setPixelSize(size)
    made.setWeight(QFont.Weight(weight))
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    if tabular and not mono:
        made.setFeature(QFont.Tag("tnum"), 1)
    if tight:
        made.setLetterSpacing(QFont.SpacingType.PercentageSpacing, 97.8)
    return made


class Theme(QObject):
    """The scheme in force and its colours. Widgets keep it, ask it while painting, and repaint on `changed`."""

    changed = Signal()

    def __init__(self, choice: Choice = "auto", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice: Choice = choice
        self._scheme: Scheme = self._resolved()
        self._colours: dict[str, QColor] = {}
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._system_changed)

    @property
    def choice(self) -> Choice:
        return self._choice

    @property
    def scheme(self) -> Scheme:
        return self._scheme

    @property
    def palette(self) -> Palette:
        return PALETTES[self._scheme]

    def choose(self, choice: Choice) -> None:
        """Follow the desktop (`auto`) or hold one scheme."""
        self._choice = choice
        self._system_changed()

    def colour(self, token: str) -> QColor:
        """The colour of a token (`"panel"`, `"mut"`, ...)."""
        return self._made(getattr(self.palette, token))

    def tier(self, name: str) -> QColor:
        return self._made(self.palette.tier(name))

    def fill(self, name: str) -> QColor:
        return self._made(self.palette.fill(name))

    def dress(self, window: QWidget) -> None:
        """Put palette and rules on a window and all it holds; call it again on `changed`."""
        window.setPalette(_qt_palette(self.palette))
        window.setStyleSheet(_rules(self.palette))

    def _made(self, text: str) -> QColor:
        colour = self._colours.get(text)
        if colour is None:
            colour = self._colours[text] = QColor(text)
        return colour

    def _resolved(self) -> Scheme:
        if self._choice != "auto":
            return self._choice
        # Unknown is what headless displays and desktops without a theme plug-in answer; dark is the house default.
        light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
        return "light" if light else "dark"

    def _system_changed(self) -> None:
        scheme = self._resolved()
        if scheme != self._scheme:
            self._scheme = scheme
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
    """The one style sheet: controls 32 high with a 6 px radius; `[quiet]` ones lie inside strips and are 24 high."""
    # A style sheet takes its images from files only, so this one exists once for each scheme.
    chevron = shipped("assets", "icons", f"combo-{tokens.scheme}.svg").as_posix()
    return f"""
    QPushButton, QComboBox, QSpinBox, QDoubleSpinBox, QLineEdit {{
        background: {tokens.panel}; color: {tokens.text}; border: 1px solid {tokens.band}; border-radius: 6px;
        padding: 0 12px; min-height: 30px; font-size: 13px; font-weight: 500;
    }}
    QPushButton[quiet="true"], QComboBox[quiet="true"] {{
        min-height: 22px; padding: 0 8px; font-size: 12px; background: {tokens.raised};
    }}
    QPushButton[bare="true"], QComboBox[bare="true"] {{ border-color: transparent; background: transparent; }}
    QPushButton:hover, QComboBox:hover, QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover {{
        border-color: {tokens.mut};
    }}
    QPushButton:focus, QComboBox:focus, QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus {{
        border-color: {tokens.soft};
    }}
    QPushButton:pressed, QPushButton:checked {{ background: {tokens.track}; }}
    QPushButton:disabled, QComboBox:disabled, QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled {{
        color: {tokens.mut}; border-color: {tokens.line};
    }}
    QPushButton[strong="true"] {{ border-color: {tokens.soft}; font-weight: 700; }}
    QComboBox::drop-down {{ border: none; width: 24px; }}
    QComboBox::down-arrow {{ image: url("{chevron}"); width: 14px; height: 14px; }}
    QComboBox QAbstractItemView {{
        background: {tokens.panel}; color: {tokens.text}; border: 1px solid {tokens.band};
        selection-background-color: {tokens.track}; selection-color: {tokens.text}; outline: none;
    }}
    QToolTip {{
        background: {tokens.raised}; color: {tokens.text}; border: 1px solid {tokens.band}; padding: 4px 6px;
        font-size: 12px;
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
