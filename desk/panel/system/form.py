"""The page of settings: one line each, searched by any word, in force at once, and taken back again."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desk.facts import places
from desk.facts.currency import unit as in_currency
from desk.panel.bars import Toggle, paint_rule
from desk.panel.furniture import Label
from desk.panel.numbers import spoken
from desk.panel.system.options import GROUPS, Option, bring_into_force, defaults
from desk.panel.system.table import Scrolled
from desk.panel.theme import MARGIN, Theme, scaled
from desk.panel.views import Desk
from desk.panel.words import tr
from desk.plant.settings import Settings, load

BESIDE = 900
"""From this width on, the groups stand in two columns."""


class Form(QWidget):
    """Shows the settings file as it is, and follows it; each change is kept and brought into force at once."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._stamp: object = ()
        self._settings = Settings()
        self._past: list[tuple[str, Settings]] = []
        theme = desk.theme
        area = Scrolled(theme, tr("Settings"))
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search"))
        self.search.setAccessibleName(tr("Search settings"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.undo = QPushButton(tr("Undo"))
        self.undo.clicked.connect(self._undo)
        self.reset = QPushButton(tr("Reset to defaults"))
        self.reset.clicked.connect(self._reset)
        self.trouble = Label(theme, "", 13, 600)
        self.trouble.setWordWrap(True)
        self.none = Label(theme, tr("No setting has these words."), 13, token="mut")
        self.groups = [Group(theme, title, options, self._take) for title, options in GROUPS]
        self.rows = {row.option.path: row for group in self.groups for row in group.rows}
        body = QWidget()
        self._beside = columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, MARGIN, 0)
        self._columns = (QVBoxLayout(), QVBoxLayout())
        for column in self._columns:
            column.setSpacing(scaled(20))
            column.addStretch(1)
            columns.addLayout(column)
        self._wide: bool | None = None
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.search, 2)
        head.addStretch(1)
        head.addWidget(self.undo)
        head.addWidget(self.reset)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(12)
        page.addLayout(head)
        page.addWidget(self.trouble)
        page.addWidget(self.none)
        area.hold(body)
        page.addWidget(area, 1)
        self.setFocusProxy(self.search)
        self._place_groups(wide=False)
        self._filter("")
        self.refresh()

    # ---- following the file

    def refresh(self) -> None:
        """Follow the file where it has changed."""
        stamp = _stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._settings, trouble = load()
        self.trouble.setVisible(trouble is not None)
        self.trouble.setText(f"▲ {trouble.cause} {trouble.remedy}" if trouble else "")
        for row in self.rows.values():
            row.setEnabled(trouble is None)
            row.show_settings(self._settings)
        self.reset.setEnabled(trouble is None and self._settings != defaults(self._settings))
        self.undo.setEnabled(trouble is None and bool(self._past))
        last = self._past[-1][0] if self._past else ""
        words = tr("Undo: {change}", change=last) if last else tr("Undo the last change of a setting")
        self.undo.setToolTip(words)
        self.undo.setAccessibleName(words)

    # ---- changing

    def _take(self, option: Option, value: Any) -> None:
        """Bring a value into force; raises `ValueError` in words where it cannot be."""
        self._change(option.label, option.into(self._settings, value))

    def _reset(self) -> None:
        self._change(tr("the reset to defaults"), defaults(self._settings))

    def _undo(self) -> None:
        if self._past:
            _, settings = self._past.pop()
            self._bring(settings)

    def _change(self, what: str, settings: Settings) -> None:
        if settings != self._settings:
            self._past.append((what, self._settings))
            self._bring(settings)

    def _bring(self, settings: Settings) -> None:
        before = self._settings
        self._desk.order(lambda: bring_into_force(self._desk, before, settings))
        self._stamp = ()
        self.refresh()

    # ---- finding and arranging

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        found = [group.look_for(words) for group in self.groups]
        self.none.setVisible(not any(found))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_groups(wide=self.width() >= scaled(BESIDE))
        super().resizeEvent(event)

    def _place_groups(self, *, wide: bool) -> None:
        if wide == self._wide:
            return
        self._wide = wide
        self._beside.setSpacing(scaled(40) if wide else 0)
        self._beside.setStretch(0, 1)
        self._beside.setStretch(1, int(wide))
        for place, group in enumerate(self.groups):
            # Not `takeAt`: what it gives lives on, and the group's new place is never told that its height has changed.
            for column in self._columns:
                column.removeWidget(group)
            column = self._columns[place % 2 if wide else 0]
            column.insertWidget(column.count() - 1, group)


def _stamp() -> object:
    """What changes when the file does."""
    try:
        known = places.settings_file().stat()
    except OSError:
        return None
    return known.st_mtime_ns, known.st_size, known.st_ino


class Group(QWidget):
    """Settings under one heading."""

    def __init__(
        self, theme: Theme, title: str, options: tuple[Option, ...], take: Callable[[Option, Any], None]
    ) -> None:
        super().__init__()
        self.rows = [Row(theme, option, take) for option in options]
        self._title = title.lower().split()
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(Label(theme, title, 14, 600))
        page.addSpacing(4)
        for row in self.rows:
            page.addWidget(row)

    def look_for(self, words: list[str]) -> bool:
        """Show what has all of the words, or all where the heading has them; whether there is any."""
        mine = [word for word in words if word not in self._title]
        found = [row.option.says(mine) for row in self.rows]
        for row, is_found in zip(self.rows, found, strict=True):
            row.setVisible(is_found)
        self.setVisible(any(found))
        return any(found)


class Row(QWidget):
    """One setting: what it is, what it does, and its control; a value that cannot be stays, with a sentence below."""

    def __init__(self, theme: Theme, option: Option, take: Callable[[Option, Any], None]) -> None:
        super().__init__()
        self.option = option
        self._theme = theme
        self._take = take
        self._settings = Settings()
        self._note = Label(theme, option.note, 12, token="mut")
        self._note.setWordWrap(True)
        self._message = Label(theme, "", 12, 600)
        self._message.setWordWrap(True)
        self._message.hide()
        self.control = self._made()
        self.control.setAccessibleDescription(option.note)
        words = QVBoxLayout()
        words.setSpacing(1)
        for label in (Label(theme, option.label, 13, 500), self._note, self._message):
            words.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 7, 0, 8)
        row.setSpacing(8)
        row.addLayout(words, 1)
        row.addWidget(self.control, 0, Qt.AlignmentFlag.AlignVCenter)
        if isinstance(self.control, QLineEdit):
            self._unit = Label(theme, "", 12, token="mut")
            row.addWidget(self._unit)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._measure)
        self._measure()

    def _made(self) -> QWidget:
        option = self.option
        if option.kind == "switch":
            switch = Toggle(self._theme, option.label)
            switch.clicked.connect(lambda on: self._take(option, on))
            return switch
        if option.kind == "choice":
            box = QComboBox()
            for value, words in option.choices:
                box.addItem(words, value)
            box.activated.connect(lambda place: self._take(option, box.itemData(place)))
            return box
        field = Field()
        field.setAlignment(Qt.AlignmentFlag.AlignRight)
        field.setPlaceholderText(option.blank)
        field.done.connect(self._read)
        field.taken_back.connect(lambda: self.show_settings(self._settings))
        return field

    def _measure(self) -> None:
        if isinstance(self.control, QLineEdit):
            self.control.setFixedWidth(scaled(112))
            self._unit.setFixedWidth(scaled(62))
        elif isinstance(self.control, QComboBox):
            self.control.setFixedWidth(scaled(182))

    def _name_unit(self, currency: str) -> None:
        option = self.option
        said = f"{option.label}, {spoken(option.unit, currency)}" if option.unit else option.label
        self.control.setAccessibleName(said)
        if isinstance(self.control, QLineEdit):
            self._unit.setText(in_currency(option.unit, currency))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_rule(painter, self._theme, 0, self.height() - 1, self.width())
        painter.end()

    def show_settings(self, settings: Settings) -> None:
        """Follow the settings; a value that is being typed is left alone."""
        self._settings = settings
        self._name_unit(settings.tariff.currency)
        value, control = self.option.of(settings), self.control
        if isinstance(control, Toggle):
            control.setChecked(value)
        elif isinstance(control, QComboBox):
            if self._numeric:
                value = min((each for each, _ in self.option.choices), key=lambda each: abs(each - value))
            elif control.findData(value) < 0:
                control.addItem(value, value)
            control.setCurrentIndex(control.findData(value))
        elif isinstance(control, Field) and not control.isModified():
            control.setText(self.option.write(settings))
            control.setCursorPosition(0)
            self._refuse("")

    @property
    def _numeric(self) -> bool:
        """Whether the nearest choice is shown where the file holds none of them; what is no number is added to them."""
        return isinstance(self.option.choices[0][0], float)

    def _read(self, text: str) -> None:
        control = self.control
        assert isinstance(control, Field)
        try:
            value = self.option.read(text)
            control.setModified(False)
            self._take(self.option, value)
        except ValueError as error:
            control.setModified(True)
            said = tr("{setting}: {error}. Esc takes it back.", setting=self.option.label, error=error)
            self._refuse(f"▲ {said}")
            return
        self.show_settings(self._settings)

    def _refuse(self, words: str) -> None:
        self._message.setText(words)
        self._message.setVisible(bool(words))
        self._note.setVisible(not words)


class Field(QLineEdit):
    """A line whose text counts when it is left or confirmed, and is taken back by Esc."""

    done = Signal(str)
    taken_back = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.editingFinished.connect(self._finish)

    def _finish(self) -> None:
        if self.isModified():
            self.done.emit(self.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.isModified():
            self.setModified(False)
            self.taken_back.emit()
        else:
            super().keyPressEvent(event)
