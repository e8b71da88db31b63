"""The Frontier view over a sweep of a scripted factory: what is drawn, what follows for money, and Apply with undo."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QPointF, QSizeF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QLabel, QPushButton
from scripted import facts, tiers

from desk.board import Board
from desk.facts import places
from desk.facts.codec import encode
from desk.facts.happened import RunStarted, TariffChanged
from desk.facts.metered import MeterOpened, Read
from desk.facts.plans import Graph, Plan
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.frontier.points import Denominator
from desk.frontier.published import chart as published
from desk.frontier.split import change
from desk.ledger.earnings import earnings
from desk.ledger.ledger import Ledger
from desk.panel.frontier import sweeps
from desk.panel.frontier.ladder import Factors
from desk.panel.frontier.mixcard import Checked
from desk.panel.frontier.reckoning import Question, answer, here
from desk.panel.frontier.scene import LogAxis, scene, with_lanes
from desk.panel.frontier.trial import SETTLE_S, SHORTEST_S, Trial
from desk.panel.frontier.view import Page
from desk.panel.heartbeat import Heartbeat
from desk.panel.look import look
from desk.panel.shown import Shown, TierLine
from desk.panel.theme import Theme
from desk.panel.tiers.edits import Edits
from desk.panel.window import Window
from desk.plant import settings
from desk.plant.plant import Plant
from desk.plant.replay import Replay
from desk.plant.sweep import Sweep

FRONTIER = Path(__file__).resolve().parents[1] / "frontier"
PATIENCE_MS = 60_000


@pytest.fixture(scope="session")
def swept():
    """The facts of a sweep of 1, 4 and 8 slots by its model: made once, for they do not change."""
    sys.path.insert(0, str(FRONTIER))
    from scripted_factory import Factory

    sys.path.remove(str(FRONTIER))
    made = {}

    def of(model):
        if model not in made:
            plan = Plan(
                graphs=(Graph(model=model),), slots=(1, 4, 8), warmup_s=0.0, settle_s=1.0, window_s=5.0, repeats=2
            )
            factory = Factory(told=lambda fact: course.see(fact))
            course = Sweep(factory, plan)
            course.start()
            factory.go(1e4)
            begin = next(place for place, fact in enumerate(factory.facts) if isinstance(fact, RunStarted))
            made[model] = factory.facts[begin:]
        return made[model]

    return of


@pytest.fixture
def keep(swept):
    """Writes the sweep into the folder of runs, `metered` or not."""

    def kept(model="smollm2-135m", name="sweep", metered=True):
        path = places.runs_dir() / f"{name}.jsonl"
        with open(path, "wb") as file:
            for fact in swept(model):
                if isinstance(fact, RunStarted):
                    fact = msgspec.structs.replace(fact, run=name, preset="sweep")
                if metered or not isinstance(fact, MeterOpened | Read):
                    file.write(encode(fact))
        return path

    return kept


@pytest.fixture
def found(keep, home):
    """The sweep, read as the view reads it."""

    def read(**how):
        source = sweeps.Source("s", (keep(**how),), 0.0)
        return next(each for each in sweeps.read(source) if each is not None)

    return read


LINES = tuple(TierLine(tier, speed=30.0, tokens_per_second=60.0, tokens_per_joule=2.0) for tier in tiers())


def drawn(of, axis="tokens_per_second_per_mw", by="itl", denominator=None, tariff=None, **more):
    return with_lanes(scene(of, (), axis, by, denominator or Denominator(), tariff, **more), LINES)


def test_the_chart_is_in_the_units_that_it_names(found):
    of = found()
    megawatts, joules = drawn(of), drawn(of, "tokens_per_joule")
    assert [spot.point.tier.slots for spot in megawatts.spots] == [1, 4, 8]
    for one, other in zip(megawatts.spots, joules.spots, strict=True):
        assert one.y.value == pytest.approx(1e6 * other.y.value)
        assert one.y.low <= one.y.value <= one.y.high
    slowest = megawatts.line[0]
    assert slowest == (megawatts.spots[2].x.value, megawatts.spots[2].y.value)
    assert [y for _, y in megawatts.line] == sorted((y for _, y in megawatts.line), reverse=True)
    assert {(place.x, place.y) for place in megawatts.live} == {(30.0, 2e6)}
    assert [band.tier for band in megawatts.bands] == ["Free", "Medium", "High", "Premium", "Ultra"]
    assert megawatts.bands[0].right == megawatts.bands[1].left == 8.0


def test_the_denominator_is_printed_and_moves_the_points(found):
    of = found()
    board, bare = drawn(of), drawn(of, denominator=Denominator("host"))
    host = drawn(of, denominator=Denominator("host", 60.0))
    assert "metered device" in board.y_title
    assert "60 W for the rest" in host.y_title
    assert all(one.y.value > other.y.value for one, other in zip(board.spots, host.spots, strict=True))
    assert not host.live, "the lanes' joules are those of the device alone"
    assert not bare.spots
    assert "rest of the machine" in bare.wanting


def test_without_watts_the_axis_is_tokens_and_a_cost_by_the_hour_needs_none(found):
    of = found(metered=False)
    assert drawn(of).axis == "tokens_per_second"
    assert drawn(of, keynote=published()).overlay is None, "its readings are per megawatt"
    hourly = drawn(of, "dollars_per_mtok", tariff=Tariff(dollars_per_hour=1.0))
    assert hourly.axis == "dollars_per_mtok"
    assert not hourly.better_up
    assert hourly.spots[0].y.value == pytest.approx(1e6 / 3600 / drawn(of).spots[0].y.value)
    assert here(answer(Question(), tiers(), of.points, Denominator()).best) is None


def test_end_to_end_speeds_have_no_promises_beside_them(found):
    made = drawn(found(), by="e2e")
    assert "end-to-end" in made.x_title
    assert not made.bands
    assert not made.live
    assert all(one.x.value < other.x.value for one, other in zip(made.spots, drawn(found()).spots, strict=True))


def test_watts_that_were_declared_are_dashed(home):
    source = next(each for each in sweeps.sources(sweeps.Runs()) if each is not None)
    assert source.foreign
    example = next(each for each in sweeps.read(source) if each is not None)
    made = drawn(example)
    assert made.dashed
    assert "estimated" in made.y_title
    assert not drawn(example, "tokens_per_second").dashed


def test_a_logarithmic_axis_finds_its_places_again():
    axis = LogAxis.over([3.0, 700.0])
    assert axis.place(axis.value(0.3)) == pytest.approx(0.3)
    assert axis.ticks() == [5, 10, 20, 50, 100, 200, 500]


def test_demand_and_prices_decide_what_is_served(found):
    points = found().points
    alone = answer(Question(promising="Ultra"), tiers(), points, Denominator())
    assert set(alone.best.parts) == {"Ultra"}
    assert alone.why["Free"] == "it has no price"
    assert alone.why["High"] == "others bring more"
    limited = answer(Question(demand={"Ultra": 10.0}), tiers(), points, Denominator())
    assert limited.best.parts["Ultra"].rate == pytest.approx(10.0)
    assert limited.best.revenue < alone.best.revenue
    assert alone.now is not None
    assert alone.gain.value == pytest.approx(alone.best.revenue - alone.now.revenue)
    assert answer(Question(watts=500.0), tiers(), points, Denominator()).now is None
    speeds = [speed for speed, _ in alone.curve]
    assert speeds == sorted(speeds)
    assert 20.0 in speeds, "the promise in force"
    assert max(speeds) == pytest.approx(max(one.speed for one in alone.offers[-1].candidates))


def test_a_trial_measures_what_comes_after_the_lanes_have_settled(home):
    edits = Edits(Plant(tiers()))
    edits.see({tier.name: tier for tier in tiers()}, running=True)
    ledger, board, shown = Ledger(), Board(), Shown(state="running", run="r", tiers=LINES)
    trial = Trial(0.001, tiers())
    seen = []
    for fact in facts(seconds=50.0, stopped=False):
        for period in ledger.post(fact):
            board.add(period)
            trial.look(board, edits, shown)
            seen.append(trial.checked)
    assert seen[0] == Checked(0.001, words="Waiting for the lanes.")
    assert next(each for each in seen if each.measured is not None).seconds >= SHORTEST_S
    last = trial.checked
    assert last.seconds == pytest.approx(board.end - SETTLE_S, abs=1.5)
    assert last.measured == pytest.approx(board.value("revenue_per_hour", None, last.seconds) / 3600)
    edits.now["Ultra"] = msgspec.structs.replace(edits.now["Ultra"], slots=7)
    trial.look(board, edits, shown)
    assert trial.checked == replace(last, words="The tiers were changed since."), "what was measured stays"
    trial.look(board, edits, shown)
    assert trial.checked.measured == last.measured


@pytest.fixture
def page(application, record, qtbot, keep):
    """The view beside a recording, with a sweep that has been read and solved for."""
    keep()
    window = Window("replay", Theme("dark"))
    heartbeat = Heartbeat(window, Replay(record(seconds=20.0, source="nvml-counter"), speed=float("inf")))
    heartbeat.source.play()
    heartbeat.start()
    window.show()
    heartbeat.refresh()
    window.visit("frontier")
    view = window.view
    qtbot.waitUntil(lambda: view.beside.answered is not None, timeout=PATIENCE_MS)
    yield view
    window.close()
    window.deleteLater()


def press(page, text):
    (button,) = [each for each in page.findChildren(QPushButton) if each.text() == text]
    button.click()


def test_a_click_tells_about_a_point_and_the_table_lists_all(page, qtbot):
    chart = page.chart
    spot = next(each for each in chart.scene.spots if each.point.tier.slots == 4)
    at = chart._at(spot.x.value, spot.y.value, chart._plot(QSizeF(chart.size())))
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at.toPoint())
    assert not page.detail.isHidden()
    assert "4 slots" in page.detail.windowTitle()
    assert page.detail.course.values(None), "the repeats over time"
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPointF(4, 4).toPoint())
    assert page.detail.isHidden()
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert "8 slots" in page.detail.windowTitle(), "the slowest first"
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    assert page.detail.isHidden()
    assert "3 measured points" in chart.accessibleDescription()
    page.as_table.click()
    assert page.table.isVisible()
    assert len(page.table.text().splitlines()) == 4
    assert "tok/s/MW" in page.table.text()
    # A recording of a sweep is drawn itself, whatever was measured since.
    assert page.found.source.paths != (sweeps.SHIPPED,)
    source = Replay(sweeps.SHIPPED)
    other = Page(replace(page.desk, source=source))
    qtbot.addWidget(other)
    other.refresh(page.desk.window.shown)
    qtbot.waitUntil(lambda: other.found is not None, timeout=PATIENCE_MS)
    assert other.found.source.paths == (sweeps.SHIPPED,)
    other.leave()
    source.close()


def test_no_year_is_told_before_both_shares_are_set_and_a_slip_is_taken_back(page, qtbot):
    assert "is busy and share of the tokens that are sold are not set" in page.beside.ladder.accessibleDescription()
    press(page, "Its factors")
    press(page, "Take")
    assert page.beside.factors.given["busy_share"].base == pytest.approx(0.6)
    assert "share of the tokens that are sold is not set" in page.beside.ladder.accessibleDescription()
    field = page.beside.factors.fields["sold_share"]
    field.setText("half")
    field.editingFinished.emit()
    assert field.text() == ""
    assert "half is not" in page.desk.window.notices.own.cause
    field.setText("50")
    field.editingFinished.emit()
    assert "not a forecast" in page.beside.ladder.accessibleDescription()
    field = page.beside.factors.fields["pue"]
    field.setText("")
    field.editingFinished.emit()
    assert page.beside.factors.given["pue"].base == 1.3, "what ships comes back"
    kept = Factors(page.desk)
    assert kept.fields["sold_share"].text() == "50"
    assert (kept.given["busy_share"].base, kept.given["pue"].kind) == (pytest.approx(0.6), "published")
    assert set(settings.load()[0].factors) == {"busy_share", "sold_share"}
    kept.deleteLater()


def test_the_money_of_the_run_and_the_price_of_a_promise_are_told_and_a_recording_takes_no_orders(page):
    press(page, "Money")
    page.refresh(page.desk.window.shown)
    statement, ledger = page.beside.statement, page.desk.books.ledger
    found = earnings(ledger.totals(), ledger.standing.tariff)
    told = dict(line.split(": ", 1) for line in statement.text().splitlines())
    numbers = page.desk.numbers
    assert told["Implied revenue"].startswith(numbers.with_unit(found.revenue, "$"))
    assert told["Margin"] == f"{numbers.with_unit(found.margin, '%')}, (revenue − energy cost) ÷ revenue"
    assert told["Break-even busy share"].endswith("needs an hourly rate, in System")
    assert "$/kWh" in told["Energy cost"]
    assert told["Per second and megawatt"].startswith(numbers.with_unit(found.revenue_per_second_per_mw, "$"))
    assert "of the energy: no lane busy" in told["Idle tax"]
    figures = {
        statement.figure_at(QPointF(label.geometry().center()))
        for label in statement.findChildren(QLabel)
        if label.text() in ("Implied revenue", "Idle tax", "Margin")
    }
    assert figures == {("revenue_per_hour", None), ("idle_tax", None), None}
    hourly = msgspec.structs.replace(ledger.standing.tariff, dollars_per_hour=1.0)
    statement.show_statement(earnings(ledger.totals(), hourly), hourly)
    assert "all-in cost ÷ revenue × busy share" in statement.text()
    assert f"{numbers.figure(found.tiers['Ultra'].goodput)}/s" in {
        label.text() for label in statement.findChildren(QLabel)
    }
    statement.show_statement(None, None)
    assert not statement.text()
    page.beside.promise.slider.setValue(page.beside.promise.slider.maximum())
    assert "other tiers" in page.beside.promise.slider.accessibleDescription()
    assert not page.beside.mix.apply.isEnabled()


def test_the_money_of_a_run_in_euros_is_in_euros_on_every_card(page, monkeypatch):
    books, window = page.desk.books, page.desk.window
    tariff = msgspec.structs.replace(books.ledger.standing.tariff, currency="EUR", dollars_per_hour=1.0)
    books.post(TariffChanged(t=books.moment, tariff=tariff))
    shown = look(books, page.desk.numbers, mode="replay")
    window.show_all(shown)
    drawn, draw = [], QPainter.drawText
    monkeypatch.setattr(QPainter, "drawText", lambda painter, *told: drawn.append(told[-1]) or draw(painter, *told))
    page.axis.setCurrentIndex(page.axis.findData("dollars_per_mtok"))
    page.chart.chosen.emit(page.chart.scene.spots[0].point)
    page.as_table.click()
    page.refresh(shown)
    page.beside.mix.show_checked(Checked(1.0, 1.1, 30.0))
    for key in ("busy_share", "sold_share"):
        page.beside.factors.fields[key].setText("50")
        page.beside.factors.fields[key].editingFinished.emit()
    for card in ("Money", "Price of a promise", "What if it scaled"):
        press(page, card)
        page.refresh(shown)
        page.grab()
    page.as_table.click()
    page.grab()
    told = [*drawn, page.table.text(), page.chart.accessibleDescription(), *map(page.axis.itemText, range(4))]
    for label in page.findChildren(QLabel):
        told += [label.text(), label.toolTip(), label.accessibleDescription()]
    said = "\n".join(told)
    assert "$" not in said
    assert "dollar" not in said
    for words in ("€ per million tokens", "€/Mtok", "€/h of the best mix", "€/kWh", "€ on time", "€ a year"):
        assert words in said
    assert "Predicted 3,600 €/h, measured 3,960 €/h" in page.beside.mix.accessibleDescription()


def test_the_best_mix_is_applied_in_one_step_and_undone_in_one(factory, keep, home, qtbot):
    window, heartbeat = factory
    keep(model=str(home / "model"))
    qtbot.waitUntil(lambda: len(heartbeat.edits.now) == 2, timeout=PATIENCE_MS)
    window.visit("frontier")
    page = window.view
    qtbot.waitUntil(lambda: page.beside.answered is not None and page.beside.mix.apply.isEnabled(), timeout=PATIENCE_MS)
    heartbeat.source.start()
    qtbot.waitUntil(lambda: window.shown.state == "running", timeout=PATIENCE_MS)
    before, edits = dict(heartbeat.edits.now), heartbeat.edits
    wanted = change(page.beside.answered.best, before.values())
    assert wanted.after
    page.beside.mix.apply.click()
    assert len(edits.history.done) == 1
    after = before | {tier.name: tier for tier in wanted.after}
    qtbot.waitUntil(lambda: edits.now == after, timeout=PATIENCE_MS)
    page.refresh(window.shown)
    assert not page.beside.mix.apply.isEnabled(), "nothing is left to apply"
    assert "Predicted" in page.beside.mix.accessibleDescription()
    undo = next(action for action in window._offered() if action.name == "undo")
    window.perform(undo)
    qtbot.waitUntil(lambda: edits.now == before, timeout=PATIENCE_MS)
    page.refresh(window.shown)
    assert "The tiers were changed since." in page.beside.mix.accessibleDescription()


def test_a_sweep_is_put_together_followed_and_stopped_and_the_tiers_come_back(factory, home, qtbot):
    window, heartbeat = factory
    qtbot.waitUntil(lambda: len(heartbeat.edits.now) == 2, timeout=PATIENCE_MS)
    before = dict(heartbeat.edits.now)
    window.visit("frontier")
    page, plant = window.view, heartbeat.source
    page.new.click()
    builder = page.builder
    assert builder.isVisible()
    words = [label for label in builder.findChildren(QLabel) if "points" in label.text()]
    assert "4 points, 3 times" in words[0].text(), "both tiers ask for the same"
    assert "min at least" in words[0].text()
    builder.slots.setText("1 two")
    assert not builder.start.isEnabled()
    assert "Slots wants whole numbers" in words[0].text()
    builder.slots.setText("1, 2")
    builder.contexts.setText("64 128")
    builder.boxes["Free"].setChecked(False)
    assert [(tier.context, tier.slots, repeat) for tier, repeat in builder.plan.points()][:5] == [
        *((64, 1, 0), (64, 2, 0), (128, 1, 0), (128, 2, 0)),
        (64, 1, 1),
    ]
    builder.start.click()
    assert page.sweeper.under_way
    assert not page.new.isVisible()
    qtbot.waitUntil(
        lambda: "1 slot, context 64" in page.bar.text and "full slots" in page.bar.text, timeout=PATIENCE_MS
    )
    assert "Point 1 of 12" in page.bar.text
    assert "left" in page.bar.text
    assert list(heartbeat.edits.now) == ["Sweep"]
    with pytest.raises(Trouble, match="factory for itself"):
        page.sweeper.start(builder.plan)
    window.visit("floor")
    page.sweeper.stop()
    qtbot.waitUntil(lambda: not page.sweeper.under_way, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: heartbeat.edits.now == before, timeout=PATIENCE_MS)
    assert plant.preset == "scripted"
    window.visit("frontier")
    assert page.new.isVisible()
    assert page.bar.isHidden()
