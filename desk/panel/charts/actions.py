"""What keys and the command palette can do with the charts."""

from collections.abc import Callable

from desk.panel.actions import CHARTS, Action, running
from desk.panel.strips import PAN_PART, StripChart
from desk.panel.window import Window
from desk.panel.words import tr


def actions(chart: Callable[[], StripChart]) -> tuple[Action, ...]:
    """Actions on the chart that is seen, wherever the focus is."""

    def on_floor(window: Window) -> bool:
        return window.view is None

    def action(name: str, words: str, do: Callable[[StripChart], None], *keys: str) -> Action:
        return Action(name, words, lambda _window: do(chart()), keys, CHARTS, on_floor)

    return (
        action("zoom-in", tr("Look closer"), lambda seen: seen.zoom(1), "+", "="),
        action("zoom-out", tr("Look from further away"), lambda seen: seen.zoom(-1), "-"),
        action("earlier", tr("Move to the past"), lambda seen: seen.pan(-PAN_PART), "Shift+Left"),
        action("later", tr("Move towards now"), lambda seen: seen.pan(PAN_PART), "Shift+Right"),
        action("reset", tr("Back to now and to the chosen window"), lambda seen: seen.reset(), "0"),
        action("tables", tr("Show the charts as tables, or the one under the pointer"), StripChart.toggle_tables, "T"),
        Action(
            "note",
            tr("Write a note on this moment"),
            lambda _window: chart().write_note(),
            ("N",),
            CHARTS,
            lambda window: on_floor(window) and running(window),
        ),
    )
