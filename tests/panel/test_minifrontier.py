"""The small frontier on the Floor: there where one was measured here, true to the view, gone where it has no room."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import Qt
from scripted import tiers

from desk.facts import places
from desk.facts.codec import encode
from desk.facts.happened import RunStarted
from desk.facts.plans import Graph, Plan
from desk.panel import minifrontier
from desk.panel.frontier.scene import scene, with_lanes
from desk.panel.shown import Shown, TierLine
from desk.panel.theme import Theme
from desk.panel.views import View
from desk.panel.window import Window
from desk.plant.sweep import Sweep

FRONTIER = Path(__file__).resolve().parents[1] / "frontier"
PATIENCE_MS = 30_000
LINES = tuple(
    TierLine(tier, speed=30.0 * place, tokens_per_second=60.0, tokens_per_joule=2.0)
    for place, tier in enumerate(tiers(), start=1)
)
LIVE = Shown(mode="live", state="running", run="r", tiers=LINES)


def sweep(name, model="smollm2-135m"):
    """Write a sweep of two slots by a scripted factory into the folder of runs."""
    sys.path.insert(0, str(FRONTIER))
    from scripted_factory import Factory

    sys.path.remove(str(FRONTIER))
    plan = Plan(graphs=(Graph(model=model),), slots=(1, 4), warmup_s=0.0, settle_s=1.0, window_s=5.0, repeats=2)
    factory = Factory(told=lambda fact: course.see(fact))
    course = Sweep(factory, plan)
    course.start()
    factory.go(1e4)
    begin = next(place for place, fact in enumerate(factory.facts) if isinstance(fact, RunStarted))
    first, *rest = factory.facts[begin:]
    with open(places.runs_dir() / f"{name}.jsonl", "wb") as file:
        for fact in (msgspec.structs.replace(first, run=name, preset="sweep"), *rest):
            file.write(encode(fact))


@pytest.fixture
def window(application, qtbot, home):
    made = Window("live", Theme("dark"), (1920, 1080))
    qtbot.addWidget(made)
    made.open_views_with(lambda _entry: View(None))
    made.show()
    minifrontier.add_to(made)
    yield made
    made.close()


def test_the_newest_frontier_of_these_models_stands_below_the_device_with_the_lanes_on_it(window, qtbot):
    floor = window.floor
    small = floor._frontier

    def settled(shown=LIVE):
        window.show_all(shown)
        qtbot.waitUntil(lambda: not small._worker.busy("newest"), timeout=PATIENCE_MS)
        window.show_all(shown)
        qtbot.wait(1)
        return small.isVisible()

    still = replace(LIVE, tiers=tuple(TierLine(line.tier) for line in LINES))
    assert not settled(still), "nothing was measured"
    sweep("another", model="another")
    assert not settled(still), "another model"
    room = floor.machine.height()
    sweep("own")
    assert settled(still)
    heights = [spot.y.value for spot in small.scene.spots]
    assert small._y.low <= min(heights) <= max(heights) <= small._y.high, "no lane runs, and the axes hold the points"
    assert settled()
    assert floor.machine.minimumSizeHint().height() <= floor.machine.height() < room
    assert small.geometry().top() > floor.machine.geometry().bottom()
    assert floor._scroll.verticalScrollBar().maximum() == 0
    assert small.scene == with_lanes(
        scene(small._found, (), "tokens_per_second_per_mw", "itl", minifrontier.BOARD, None), LINES
    )
    assert {place.tier: place.x for place in small.scene.live} == {line.tier.name: line.speed for line in LINES}
    assert "Ultra now: 150 tokens per second per user" in small.accessibleDescription()
    before = small._x
    lines = tuple(replace(line, speed=line.speed * 1.01) for line in LINES)
    assert settled(replace(LIVE, tiers=lines))
    assert small.scene.live != with_lanes(small._still, LINES).live
    assert small._x == before, "axes do not breathe with every reading"
    found = small._found
    assert settled(replace(LIVE, state="stopped"))
    assert small._found is found, "what has not changed is not read again"
    qtbot.mouseClick(small, Qt.MouseButton.LeftButton)
    assert window.visited == "frontier"
    window.visit("floor")
    qtbot.keyClick(small, Qt.Key.Key_Return)
    assert window.visited == "frontier"
    window.visit("floor")
    floor.turn_lower("editor")
    assert not small.isVisible(), "the settings of a tier have its place"
    floor.turn_lower("machine")
    assert small.isVisible()
    for size in ((1440, 900), (1920, 700)):
        window.resize(*size)
        qtbot.waitUntil(lambda: not small.isVisible(), timeout=PATIENCE_MS)
    window.resize(1920, 1080)
    qtbot.waitUntil(small.isVisible, timeout=PATIENCE_MS)


def test_lanes_without_a_sweep_stand_on_a_chart_of_their_own_and_keep_still(window, qtbot):
    small = window.floor._frontier
    window.show_all(replace(LIVE, tiers=tuple(replace(line, tokens_per_joule=None) for line in LINES)))
    assert small.isVisible()
    assert small.scene.axis == "tokens_per_second", "nothing measures watts"
    window.show_all(LIVE)
    assert (small.scene.axis, small.scene.spots) == ("tokens_per_second_per_mw", ())
    assert {place.tier: place.x for place in small.scene.live} == {line.tier.name: line.speed for line in LINES}
    assert "A sweep measures the edge" in small.accessibleDescription()
    assert "Ultra now: 150 tokens per second per user." in small.accessibleDescription()
    machine = window.floor.machine
    qtbot.waitUntil(lambda: machine.height() == machine.minimumSizeHint().height(), timeout=PATIENCE_MS)
    axes = small._x, small._y
    for factor in (1.1, 0.9):
        lines = (replace(line, speed=factor * line.speed, tokens_per_joule=2.0 * factor) for line in LINES)
        window.show_all(replace(LIVE, tiers=tuple(lines)))
        assert (small._x, small._y) == axes, "axes do not breathe with every reading"
    window.show_all(replace(LIVE, state="paused", tiers=tuple(TierLine(line.tier) for line in LINES)))
    assert small.isVisible(), "the page stands still in a pause"
    window.show_all(replace(LIVE, run="next", tiers=tuple(TierLine(line.tier) for line in LINES)))
    assert not small.isVisible(), "no lane of this run has made a token"


def test_a_recording_shows_its_own_lanes_and_no_frontier_of_this_machine(application, qtbot, home):
    sweep("own")
    window = Window("replay", Theme("dark"), (1920, 1080))
    qtbot.addWidget(window)
    window.show_all(replace(LIVE, mode="replay"))
    minifrontier.add_to(window)
    window.show()
    small = window.floor._frontier
    assert small.isVisible()
    assert not small._worker.busy("newest")
    assert small.scene.live
    assert not small.scene.spots
    window.close()


def test_the_newest_sweep_of_another_device_is_none_of_this_machine(home):
    sweep("own")
    models = frozenset({"smollm2-135m"})
    store = minifrontier.Runs()
    found = [each for each in minifrontier.newest(store, models, "", None) if each is not None]
    assert [len(each.points) for (each,) in found] == [2]
    (known,) = found[0]
    elsewhere = replace(known, device="Another GPU")
    assert [each for each in minifrontier.newest(store, models, "This GPU", elsewhere) if each] == [(None,)]
