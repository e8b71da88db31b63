"""The System view: one card, whose parts are turned to by the words at its top."""

from functools import partial

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from desk.panel.cards import Card
from desk.panel.furniture import Label
from desk.panel.shown import Shown
from desk.panel.system.about import About, Network, Storage
from desk.panel.system.checkup import Checkup
from desk.panel.system.form import Form
from desk.panel.theme import MARGIN, scaled
from desk.panel.views import Desk, View
from desk.panel.words import tr

TITLES = {
    "Check-up": tr("Check-up"),
    "Settings": tr("Settings"),
    "Network": tr("Network"),
    "Storage": tr("Storage"),
    "About": tr("About"),
}
"""What the door of each part says."""

ROOMY = 760
"""From this width on, there is room for the title beside the words."""


class Page(View):
    """Turns among its parts; each looks at what it shows when it is turned to."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        theme, numbers = desk.theme, desk.numbers
        self.checkup = Checkup(theme, numbers)
        self.form = Form(desk)
        self.network = Network(theme, numbers)
        self.storage = Storage(theme, numbers)
        self.about = About(theme, numbers)
        self.parts: dict[str, QWidget] = {
            "Check-up": self.checkup,
            "Settings": self.form,
            "Network": self.network,
            "Storage": self.storage,
            "About": self.about,
        }
        self._stack = QStackedWidget()
        self._title = Label(theme, tr("System"), 16, 600)
        self._group = QButtonGroup(self)
        self.doors: dict[str, QPushButton] = {}
        head = QHBoxLayout()
        head.setSpacing(4)
        head.addWidget(self._title)
        head.addSpacing(8)
        for name, part in self.parts.items():
            self._stack.addWidget(part)
            door = QPushButton(TITLES[name])
            door.setCheckable(True)
            door.setProperty("bare", True)
            door.clicked.connect(partial(self.turn_to, name))
            self._group.addButton(door)
            self.doors[name] = door
            head.addWidget(door)
        head.addStretch(1)
        card = Card(theme)
        column = QVBoxLayout(card)
        column.setContentsMargins(MARGIN, 10, MARGIN, 12)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self._stack, 1)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addWidget(card)
        self.turn_to("Check-up")
        self.setFocusProxy(self.checkup)

    def turn_to(self, subject: str, _checked: bool = True) -> None:
        """Turn to the part of that name."""
        if subject not in self.parts:
            return
        self.doors[subject].setChecked(True)
        part = self.parts[subject]
        self._stack.setCurrentWidget(part)
        if isinstance(part, Form | Network | Storage | About):
            part.refresh()

    def refresh(self, shown: Shown) -> None:
        if self._stack.currentWidget() is self.form:
            self.form.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._title.setVisible(self.width() >= scaled(ROOMY))
        super().resizeEvent(event)

    def leave(self) -> None:
        self.checkup.call_off()
