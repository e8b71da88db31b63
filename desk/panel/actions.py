"""What the window can be told to do: one table that feeds the keys, the sheet of keys and the command palette.

A line here is all that a new key needs. `do` calls what a button would call, so that a key never knows another road.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desk.panel.views import VIEWS
from desk.panel.words import tr

if TYPE_CHECKING:
    from PySide6.QtWidgets import QComboBox

    from desk.panel.window import Window

RUN, VIEW, CHARTS, PANEL = GROUPS = (tr("Run"), tr("Views"), tr("Charts"), tr("Panel"))
"""The headings of the sheet, in its order."""

CAPS = {"Return": "Enter", "Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "-": "−"}
"""What stands on a key, where that is not what Qt calls it."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. `keys` are named as `QKeySequence` names them; the first of them stands in the sheet.

    `words` say what it does, in the imperative. `when` tells whether it can be done now: if not, its key does nothing
    and the palette leaves it out.
    """

    name: str
    words: str
    do: Callable[[Window], object]
    keys: tuple[str, ...] = ()
    group: str = PANEL
    when: Callable[[Window], bool] = lambda _window: True

    @property
    def cap(self) -> str:
        """Its key as it is printed, `Ctrl+Enter`; empty where it has none."""
        return cap(self.keys[0]) if self.keys else ""


def cap(key: str) -> str:
    """A key of Qt's as it is printed on a keyboard."""
    if key.endswith("+"):
        return f"{key[:-2]} +".strip()  # two signs in a row would run together
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, CAPS.get(last, last)])


def live(window: Window) -> bool:
    """There is a factory to give orders to, and not a recording."""
    return window.shown.mode == "live"


def running(window: Window) -> bool:
    """A run is on."""
    return live(window) and window.shown.state in ("opening", "running", "paused")


ACTIONS: tuple[Action, ...] = (
    Action("toggle-run", tr("Start or stop the run"), lambda w: w.runbar.toggle(), ("Ctrl+Return", "Ctrl+Enter"), RUN),
    Action(
        "halt", tr("Emergency stop: cut every request at once"), lambda w: w.halted.emit(), ("Ctrl+.",), RUN, running
    ),
    Action(
        "pause",
        tr("Pause the factory"),
        lambda w: w.runbar.pause.emit(),
        (),
        RUN,
        lambda w: live(w) and w.shown.state == "running",
    ),
    Action(
        "resume",
        tr("Resume the factory"),
        lambda w: w.runbar.resume.emit(),
        (),
        RUN,
        lambda w: live(w) and w.shown.state == "paused",
    ),
    Action(
        "calibrate",
        tr("Calibrate: each tier works alone for a moment"),
        lambda w: w.runbar.calibrate.emit(),
        (),
        RUN,
        lambda w: w.shown.calibration_s is not None,
    ),
    Action("limits", tr("Limits of a run: budget, warm-up, seed"), lambda w: w.runbar.ask_limits(), (), RUN, live),
    Action(
        "shelve",
        tr("Shelve the alarms for 10 minutes"),
        lambda w: w.notices.shelve_all(600.0),
        ("Ctrl+Shift+S",),
        RUN,
        lambda w: w.notices.shelvable,
    ),
    Action(
        "shelve-run",
        tr("Shelve the alarms until the run ends"),
        lambda w: w.notices.shelve_all(None),
        (),
        RUN,
        lambda w: w.notices.shelvable,
    ),
    *(
        Action(
            f"view-{entry.name}",
            tr("Go to {view}", view=entry.title),
            lambda w, name=entry.name: w.visit(name),
            (str(n),),
            VIEW,
        )
        for n, entry in enumerate(VIEWS, start=1)
    ),
    Action("follow", tr("Follow now"), lambda w: w.footer.follow.toggle(), ("F",), CHARTS),
    Action("shorter", tr("Shorter window"), lambda w: w.footer.step_span(-1), ("[",), CHARTS),
    Action("longer", tr("Longer window"), lambda w: w.footer.step_span(1), ("]",), CHARTS),
    Action(
        "lineage", tr("Show where a figure comes from"), lambda w: w.ask_lineage(), ("I",), PANEL, lambda w: w.explains
    ),
    Action("freeze", tr("Freeze the display; the recording goes on"), lambda w: w.toggle_frozen(), ("Space",)),
    Action("picture", tr("Save a picture of this view, as shown"), lambda w: w.save_picture(), ("Ctrl+Shift+E",)),
    Action("kiosk", tr("Kiosk: fill the screen, turn the pages"), lambda w: w.kiosk.toggle(), ("F11",), VIEW),
    Action("palette", tr("Find a command"), lambda w: w.commands.toggle(), ("Ctrl+K",)),
    Action("keys", tr("Show the keys"), lambda w: w.sheet.toggle(), ("?", "F1")),
    Action("theme-auto", tr("Theme: follow the system"), lambda w: w.theme.choose("auto")),
    Action("theme-dark", tr("Theme: dark"), lambda w: w.theme.choose("dark")),
    Action("theme-light", tr("Theme: light"), lambda w: w.theme.choose("light")),
    Action(
        "contrast",
        tr("Theme: high contrast, on or off"),
        lambda w: w.theme.choose(high_contrast=not w.theme.high_contrast),
    ),
    Action(
        "larger", tr("Larger text"), lambda w: w.theme.choose(text_size=w.theme.text_size + 10), ("Ctrl++", "Ctrl+=")
    ),
    Action("smaller", tr("Smaller text"), lambda w: w.theme.choose(text_size=w.theme.text_size - 10), ("Ctrl+-",)),
    Action("usual-text", tr("Text of the usual size"), lambda w: w.theme.choose(text_size=100), ("Ctrl+0",)),
    Action(
        "stillness",
        tr("Reduced motion, on or off"),
        lambda w: w.theme.choose(reduced_motion=not w.theme.reduced_motion),
    ),
)
"""All that has something behind it, in the order of the sheet."""

IN_PARTS = (
    ("Tab", tr("Go to the next part")),
    ("↑ ↓ Enter", tr("Choose and edit a tier")),
    ("← →", tr("Move the cursor of a chart")),
    ("↑ ↓ Enter", tr("Hide a tier of a chart, or show it")),
    ("Shift+Enter", tr("Show that tier alone")),
    ("Ctrl+Space", tr("Mark another run, to compare it")),
    (tr("Wheel"), tr("Look closer at a chart")),
    (tr("Drag"), tr("Mark what to look at; the axis moves it")),
    ("← →", tr("Demo: the caption before, the next step")),
    ("Enter", tr("Press the button in focus")),
    ("Esc", tr("Take back, close")),
)
"""Keys that belong to the part in focus, for the sheet."""


def choices(window: Window) -> Iterator[Action]:
    """What the boxes of the window offer now, for the palette: scenarios, windows of the charts, smoothings."""
    boxes = [("window", tr("Window"), window.footer.span), ("smoothing", tr("Smoothing"), window.footer.smoothing)]
    if live(window):
        boxes.append(("scenario", tr("Scenario"), window.runbar.scenarios))
    for name, head, box in boxes:
        for place in range(box.count() if box.isEnabled() else 0):
            yield Action(
                f"{name}-{place}",
                f"{head}: {box.itemText(place)}",
                lambda _window, box=box, place=place: pick(box, place),
            )


def pick(box: QComboBox, place: int) -> None:
    """Choose as a hand would: the box shows it and tells."""
    box.setCurrentIndex(place)
    box.activated.emit(place)
