"""The scenario of the next run is chosen in the run bar; a run that is on keeps its own."""

from desk.facts.happened import RunStarted
from desk.panel.runbar import RunBar
from desk.panel.shown import Shown
from desk.panel.statusline import StatusLine
from desk.panel.theme import Theme
from desk.scenario import names, scenario

PATIENCE_MS = 15_000


def test_the_next_run_takes_the_scenario_that_was_chosen_and_keeps_it(factory, qtbot):
    window, heartbeat = factory
    box = window.runbar.scenarios
    assert [box.itemData(index) for index in range(box.count())] == list(names())
    assert (box.currentText(), box.isEnabled()) == ("Steady", True)
    started = []
    post = heartbeat.books.post
    heartbeat.books.post = lambda fact: (isinstance(fact, RunStarted) and started.append(fact), post(fact))
    index = box.findData("rush-hour")
    box.setCurrentIndex(index)
    box.activated.emit(index)
    window.runbar.toggle()
    qtbot.waitUntil(lambda: window.shown.state == "running", timeout=PATIENCE_MS)
    assert [fact.scenario for fact in started] == ["rush-hour"]
    assert (box.currentText(), box.isEnabled()) == ("Rush hour", False)
    assert box.toolTip().endswith("A run keeps its scenario; stop it to choose another.")
    window.runbar.toggle()
    qtbot.waitUntil(lambda: window.shown.state == "stopped", timeout=PATIENCE_MS)
    assert (box.currentText(), box.isEnabled()) == ("Rush hour", True)
    assert box.toolTip() == scenario("rush-hour").note


def test_a_replay_tells_the_scenario_as_text(application, qtbot):
    bar, line = RunBar(Theme("dark"), "replay"), StatusLine(Theme("dark"))
    for widget in (bar, line):
        qtbot.addWidget(widget)
    shown = Shown(mode="replay", state="running", scenario="rush-hour", run="7f3a91c2")
    bar.show_run(shown)
    line.show_status(shown)
    assert "Rush hour" in bar._scenario_of.text()
    assert "Rush hour run 7f3a91c2" in line.accessibleDescription()


def test_a_scenario_of_somebodys_own_is_told_by_the_name_of_its_file():
    assert Shown(scenario="loads/black-friday.toml").scenario_title == "Black friday"
