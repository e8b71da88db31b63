"""The Tiers view: presets, files, undo and redo above one table of all settings, and what differs from the preset."""

from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget

from desk.facts.promises import PROMISES, SOURCE
from desk.facts.tiers import TIER_NAMES, Promise
from desk.panel.furniture import Label, headed_card
from desk.panel.shown import Shown
from desk.panel.theme import GUTTER, MARGIN, scaled
from desk.panel.tiers.changes import Changes
from desk.panel.tiers.fields import BY_PATH
from desk.panel.tiers.grid import Grid
from desk.panel.views import Desk, View
from desk.panel.words import plural, tr
from desk.plant import presets
from desk.plant.presets import Preset
from desk.plant.settings import keep

SPACING = 8
BESIDE = 1180
"""From this width on, the changes have a card of their own beside the table."""

SPEED, TTFT = BY_PATH["promise.tokens_per_second_per_user"], BY_PATH["promise.ttft_s"]


class Page(View):
    """Shows and edits the tiers; what is asked goes through `desk.edits`, what is shown comes back from there."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        assert desk.edits is not None
        self.edits = desk.edits
        theme = desk.theme
        self.grid = Grid(theme, desk.numbers, self.edits, desk.order)
        self.changes = Changes(theme, desk.numbers)
        self._count = Label(theme, "", 12, token="mut")
        self.presets = QComboBox()
        self.presets.setAccessibleName(tr("Preset"))
        self.presets.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._offered: list[Preset] = [presets.preset(name) for name in presets.names()]
        self.set_menu = QMenu(self)
        self.set_menu.aboutToShow.connect(self._fill_set)
        self._set = QPushButton(tr("Add, remove"))
        self._set.setMenu(self.set_menu)
        self.promise_menu = QMenu(tr("Promises"), self)
        self.promise_menu.setToolTipsVisible(True)
        self.promise_menu.aboutToShow.connect(self._fill_promises)
        self._promises = QPushButton(tr("Promises"))
        self._promises.setToolTip(tr("What services are held to, as promises of the chosen tier"))
        self._promises.setMenu(self.promise_menu)
        self.undo = self._button(tr("Undo"), tr("Undo  Ctrl+Z"), lambda: self._order(self.edits.undo))
        self.redo = self._button(tr("Redo"), tr("Redo  Ctrl+Y"), lambda: self._order(self.edits.redo))
        self.open = self._button(tr("Open…"), tr("Tiers from a TOML file"), self.open_file)
        self.save = self._button(
            tr("Save as…"), tr("A TOML file that can be edited, and run: desk run --preset FILE"), self.save_file
        )
        self._buttons = (self._set, self._promises, self.undo, self.redo, self.open, self.save)
        self._lowered = self._folded = False
        self._arrange()
        theme.changed.connect(self._fit)
        self.presets.activated.connect(self._choose)
        self.grid.edited.connect(self._follow)
        self.changes.reverted.connect(self._revert)
        self.changes.all_reverted.connect(lambda: self._order(self.edits.revert))
        for widget in self._buttons:
            widget.setVisible(not self.edits.read_only)
        self.presets.setEnabled(not self.edits.read_only)
        self.setFocusProxy(self.grid)

    def _button(self, text: str, tip: str, do: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.clicked.connect(lambda _=False: do())
        return button

    def _arrange(self) -> None:
        theme = self.desk.theme
        card, column, head = headed_card(theme, tr("Tiers"))
        head.addWidget(self.presets)
        head.addWidget(self._count)
        head.addStretch(1)
        self._tools = QWidget()
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(SPACING)
        for button in self._buttons:
            tools.addWidget(button)
        tools.addStretch(1)
        self._head, self._column = head, column
        head.addWidget(self._tools)
        column.addWidget(self.grid, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GUTTER)
        row.addWidget(card, 1)
        row.addWidget(self.changes)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        """Where the head has no room for its buttons, they stand in a row of their own; where that has none either, the
        promises are a part of the menu beside them."""
        beside = self.width() >= scaled(BESIDE)
        self.changes.setVisible(beside)
        room = self.width() - (self.changes.width() + GUTTER if beside else 0)
        tools = sum(button.sizeHint().width() + SPACING for button in self._buttons)
        needs = self._head.sizeHint().width()
        if self._lowered:
            needs += self._head.spacing() + self._tools.sizeHint().width()
        if (needs > room) != self._lowered:
            self._lowered = needs > room
            self._head.removeWidget(self._tools)
            self._column.removeWidget(self._tools)
            if self._lowered:
                self._column.insertWidget(1, self._tools)
            else:
                self._head.addWidget(self._tools)
            inset = MARGIN if self._lowered else 0
            self._tools.setContentsMargins(inset, 0, inset, 0)
        self._folded = self._lowered and tools + 2 * MARGIN > room
        self._promises.setVisible(not (self._folded or self.edits.read_only))

    # ---- mirroring

    def turn_to(self, subject: str) -> None:
        """Go to the column of a tier, at what its drawer does not have."""
        columns = self.grid.settings.columns
        if subject in columns:
            self.grid.setCurrentIndex(self.grid.settings.index(0, columns.index(subject)))
            self.grid.setFocus()

    def refresh(self, shown: Shown) -> None:
        self.grid.tier_heads.show_now({line.tier.name: line for line in shown.tiers})
        self._follow()

    def _follow(self) -> None:
        edits = self.edits
        self.grid.refresh()
        self.changes.show_edits(edits)
        self.undo.setEnabled(bool(edits.history.done))
        self.redo.setEnabled(bool(edits.history.undone))
        self._set.setEnabled(self._folded or not edits.running)
        self._set.setToolTip(tr("Tiers come and go between runs only: stop the run first.") if edits.running else "")
        changed = len(edits.changes())
        words = [plural("{n} change", "{n} changes", changed)] if changed else []
        if edits.read_only:
            words.append(tr("follows the recording"))
        if edits.origin is not None and edits.origin.illustration:
            words.insert(0, tr("● second-hand"))
        self._count.setText(", ".join(words))
        self._show_presets()

    def _show_presets(self) -> None:
        origin = self.edits.origin
        if origin is not None and origin.key not in (each.key for each in self._offered):
            self._offered.append(origin)
        if self.presets.count() != len(self._offered):
            self.presets.clear()
            for each in self._offered:
                self.presets.addItem(each.title, each.key)
                tip = "\n".join(text for text in (each.note, each.source, str(each.path or "")) if text)
                self.presets.setItemData(self.presets.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        if origin is not None and not self.presets.view().isVisible():
            place = self.presets.findData(origin.key)
            self.presets.setCurrentIndex(place)
            self.presets.setToolTip(self.presets.itemData(place, Qt.ItemDataRole.ToolTipRole))

    # ---- asking

    def _order(self, order: Callable[[], None]) -> None:
        self.desk.order(order)
        self._follow()

    def _revert(self, tier: str, path: str) -> None:
        before = self.edits.preset_value(tier, path)
        if before is not None:
            self._order(lambda: self.edits.set(tier, path, before[0]))

    def _choose(self, place: int) -> None:
        self._take(self._offered[place])

    def _take(self, chosen: Preset) -> None:
        def take() -> None:
            self.edits.take(chosen)
            if chosen.path is not None or chosen.name in presets.names():
                keep(preset=chosen.key)

        self._order(take)

    def _fill_set(self) -> None:
        self.set_menu.clear()
        edits, like = self.edits, self._chosen()
        for name in TIER_NAMES:
            if name not in edits.wanted and like:
                words = tr("Add {tier}", tier=name)
                self.set_menu.addAction(words, lambda name=name: self._order(lambda: edits.add(name, like)))
        for name in reversed(edits.wanted):
            words = tr("Remove {tier}", tier=name)
            self.set_menu.addAction(words, lambda name=name: self._order(lambda: edits.remove(name)))
        for action in self.set_menu.actions():
            action.setEnabled(not edits.running)
        if self._folded:
            self.set_menu.addMenu(self.promise_menu)

    def _fill_promises(self) -> None:
        """The published promises, for the tier whose column the cursor is in."""
        self.promise_menu.clear()
        name = self._chosen()
        if not name:
            return
        self.promise_menu.addAction(tr("{tier}, as published in {source}", tier=name, source=SOURCE)).setEnabled(False)
        self.promise_menu.addSeparator()
        for title, promise in PROMISES.items():
            speed, ttft = promise.tokens_per_second_per_user, promise.ttft_s
            told = f"{title}   ≥ {SPEED.write(speed)} tok/s, ≤ {TTFT.write(ttft)} s"
            self.promise_menu.addAction(told, lambda promise=promise: self._promise(name, promise))

    def _promise(self, name: str, promise: Promise) -> None:
        tier = self.edits.wanted.get(name)
        if tier is not None:
            self._order(lambda: self.edits.change(msgspec.structs.replace(tier, promise=promise)))

    def _chosen(self) -> str:
        """The tier whose column the cursor is in, the first where it is in none; empty where there are no tiers."""
        columns = self.grid.settings.columns
        return columns[max(self.grid.currentIndex().column(), 0)] if columns else ""

    # ---- files

    def open_file(self) -> None:
        """Ask for a file of tiers, and put them in place."""
        if path := self.ask_open():
            self.desk.order(lambda: self._take(presets.preset(str(path))))

    def save_file(self) -> None:
        """Ask where to, and write the tiers as they are wanted."""
        if path := self.ask_save():
            self.desk.order(lambda: self._write(path))
            self._follow()

    def _write(self, path: Path) -> None:
        edits = self.edits
        assert edits.origin is not None
        title = edits.origin.title if edits.origin.path == path else path.stem.replace("-", " ").capitalize()
        chosen = msgspec.structs.replace(edits.origin, title=title, tiers=tuple(edits.wanted.values()))
        saved = presets.save(chosen, path)
        self._offered = [each for each in self._offered if each.key != saved.key] + [saved]
        self.presets.clear()
        edits.take(saved)
        keep(preset=saved.key)

    def ask_open(self) -> Path | None:
        """The user's choice of a file, `None` where there was none."""
        chosen, _ = QFileDialog.getOpenFileName(self, tr("Open tiers"), str(Path.home()), tr("Tiers (*.toml)"))
        return Path(chosen) if chosen else None

    def ask_save(self) -> Path | None:
        """The user's choice of a place, `None` where there was none."""
        chosen, _ = QFileDialog.getSaveFileName(
            self, tr("Save tiers"), str(Path.home() / "tiers.toml"), tr("Tiers (*.toml)")
        )
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix else path.with_suffix(".toml")
