"""The load by hand and the limits of a run, set in the run bar of a real plant with scripted children."""

import pytest
from PySide6.QtCore import Qt

from desk.facts.happened import BudgetChanged, LoadChanged, RunStarted, RunStopped
from desk.facts.tiers import Budget
from desk.panel.limits import PATIENCE, BudgetBar, LoadKnob
from desk.panel.numbers import Numbers
from desk.panel.shown import Shown, Spent
from desk.panel.theme import Theme
from desk.plant import settings

PATIENCE_MS = 20_000


@pytest.fixture
def told(factory):
    """Every fact that the window's books take in from now on."""
    _, heartbeat = factory
    found = []
    post = heartbeat.books.post
    heartbeat.books.post = lambda fact: (found.append(fact), post(fact))
    return found


def of(told, kind):
    return [fact for fact in told if isinstance(fact, kind)]


def test_a_key_on_the_slider_multiplies_the_load_and_the_fact_moves_it(factory, told, qtbot):
    window, _ = factory
    qtbot.waitUntil(lambda: window.shown.users == 2, timeout=PATIENCE_MS)
    slider = window.runbar.knob.slider
    qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: bool(of(told, LoadChanged)), timeout=PATIENCE_MS)
    assert of(told, LoadChanged)[0].load == 1.25
    qtbot.waitUntil(lambda: window.shown.load == 1.25, timeout=PATIENCE_MS)
    window.runbar.toggle()
    qtbot.waitUntil(lambda: window.shown.state == "running", timeout=PATIENCE_MS)
    assert of(told, RunStarted)[0].load == 1.25
    slider.setValue(300)
    slider.sliderReleased.emit()
    qtbot.waitUntil(lambda: window.shown.load == 3.0, timeout=PATIENCE_MS)
    assert window.shown.users == 6
    assert "300%, 6 users" in window.runbar.knob._words.text()


def test_limits_are_set_in_a_form_remembered_and_stop_the_run(factory, told, qtbot):
    window, _ = factory
    bar = window.runbar
    bar.ask_limits()
    form = bar._form
    form._fields["joules"].setText("much")
    qtbot.keyClick(form._fields["joules"], Qt.Key.Key_Return)
    assert form.isVisible()
    assert "Energy: “much” is no number" in form._message.text()
    form._fields["joules"].setText("0,01")
    form._fields["warmup"].setText("1")
    form._fields["seed"].setText("7")
    qtbot.keyClick(form._fields["seed"], Qt.Key.Key_Return)
    assert form.isHidden()
    qtbot.waitUntil(lambda: bool(of(told, BudgetChanged)), timeout=PATIENCE_MS)
    kept, _ = settings.load()
    assert (kept.budget, kept.warmup_s) == (Budget(joules=36.0), 1.0)
    bar.toggle()
    qtbot.waitUntil(lambda: bool(of(told, RunStopped)), timeout=PATIENCE_MS)
    (started,), (stopped,) = of(told, RunStarted), of(told, RunStopped)
    assert (started.warmup_s, started.seed, started.budget.joules) == (1.0, 7, 36.0)
    assert stopped.reason == "budget"
    # 36 J at the script's 30 W after a second of warm-up.
    assert stopped.t - started.t > 2.0


def test_the_scenario_is_remembered(factory, qtbot):
    window, _ = factory
    box = window.runbar.scenarios
    box.activated.emit(box.findData("spike"))
    assert settings.load()[0].scenario == "spike"


def test_the_slider_waits_for_its_fact_and_gives_up_on_one_that_never_comes(application, qtbot):
    knob = LoadKnob(Theme("dark"), Numbers(), live=True)
    qtbot.addWidget(knob)
    knob.show_load(Shown(users=10))
    with qtbot.waitSignal(knob.ordered) as ordered:
        qtbot.keyClick(knob.slider, Qt.Key.Key_Right)
    assert ordered.args == [1.05]
    knob.show_load(Shown(users=10))
    assert knob.slider.value() == 105
    for _ in range(PATIENCE):
        knob.show_load(Shown(users=10))
    assert knob.slider.value() == 100


def test_the_load_of_passers_by_is_told_beside_the_users(application, qtbot):
    knob = LoadKnob(Theme("dark"), Numbers(), live=False)
    qtbot.addWidget(knob)
    knob.show_load(Shown(users=3, arrivals=2.5, load=0.5))
    assert knob._words.text() == "50%, 3 users + 2.50/s"
    assert not knob.slider.isEnabled()


def test_a_budget_that_nothing_measures_says_so(application, qtbot):
    bar = BudgetBar(Theme("dark"))
    qtbot.addWidget(bar)
    bar.show_budget(Shown(spent=(Spent("1.0 of 2.0 min", 0.5), Spent("– of 200 Wh", None))))
    assert bar.accessibleDescription() == "1.0 of 2.0 min"
    assert "– of 200 Wh: nothing measures it here" in bar.toolTip()
