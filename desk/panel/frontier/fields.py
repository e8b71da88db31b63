"""Fields for one number, as the cards beside the frontier have them."""

from collections.abc import Callable

from PySide6.QtGui import QFontMetricsF, QKeyEvent
from PySide6.QtWidgets import QLineEdit

from desk.facts.trouble import Trouble
from desk.panel.theme import font, scaled
from desk.panel.views import Desk
from desk.panel.words import tr


class NumberField(QLineEdit):
    """A number above 0, or nothing. `then` is called when another one is given; what is none is told and taken back.

    It is `wide` pixels of the design, and takes more where its hint is longer and there is room.
    """

    def __init__(
        self,
        desk: Desk,
        name: str,
        hint: str,
        then: Callable[[], None],
        parts: tuple[int, ...] = (1,),
        *,
        wide: int,
    ) -> None:
        super().__init__()
        self._desk, self._name, self._then, self._parts = desk, name, then, parts
        self.values: tuple[float, ...] = ()
        self._text = ""
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.editingFinished.connect(lambda: desk.order(self._take))
        self._wide = wide
        desk.theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        """As low as the quiet controls of the theme."""
        px = scaled
        base = f"padding: 0 {px(6)}px; min-height: {px(20)}px; font-size: {px(12)}px"
        ring = f"padding: 0 {px(6) - 1}px; min-height: {px(20) - 2}px"
        self.setStyleSheet(f"QLineEdit {{ {base}; }} QLineEdit:focus {{ {ring}; }}")
        hint = QFontMetricsF(font(12)).horizontalAdvance(self.placeholderText())
        self.setMinimumWidth(px(self._wide))
        self.setMaximumWidth(max(px(self._wide), round(hint) + px(24)))

    @property
    def value(self) -> float | None:
        """The number, the first where there are several."""
        return self.values[0] if self.values else None

    def put(self, *values: float) -> None:
        """Show numbers that come from elsewhere."""
        self.values, self._text = values, " ".join(self._desk.numbers.short(value) for value in values)
        self.setText(self._text)

    def _take(self) -> None:
        if self.text() == self._text:
            return
        try:
            values = tuple(float(word) for word in self.text().replace(",", ".").split())
        except ValueError:
            values = (-1.0,)
        if values and (len(values) not in self._parts or not all(0 < value < 1e12 for value in values)):
            wrong = self.text()
            self.setText(self._text)
            raise Trouble(
                tr("{typed} is not a number above 0.", typed=wrong)
                if self._parts == (1,)
                else tr("{typed} is not one number above 0, or low, base and high.", typed=wrong),
                tr("{field}: write it like 60 or 0.5; empty takes it away.", field=self._name),
            )
        self.values, self._text = values, self.text()
        self._then()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        super().keyPressEvent(event)
        # What has been typed here is no key of the window.
        event.accept()
