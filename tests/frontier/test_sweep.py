"""A sweep from plan to points, what it survives, and whether what is predicted from it comes true."""

import io
import json
import sys
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from desk.bench.findings import ratio_of
from desk.bench.prediction import Checked
from desk.facts.codec import encode
from desk.facts.happened import ChildEnded, RunStarted
from desk.facts.plans import LANE, Graph, Plan
from desk.facts.swept import PointMeasured, PointMeasuring, PointMissed, PointStarted, SweepStarted
from desk.facts.tiers import Tariff, Tier
from desk.facts.trouble import Trouble
from desk.frontier.points import Denominator, Measure, recordings, setting, survey
from desk.plant import settings
from desk.plant.sweep import Sweep
from desk.verbs.app import app
from desk.verbs.prediction import show

sys.path.insert(0, str(Path(__file__).parent))

from scripted_factory import BUSY_W, KEPT_S, PROMPT, PROMPT_S, ROW_S, STEP_S, Factory, answers

PLAN = Plan(
    graphs=(Graph(model="m"),), slots=(1, 4, 8), contexts=(256,), warmup_s=1.0, settle_s=1.0, window_s=10.0, repeats=2
)


def swept(plan=PLAN, seconds=1e4, done=(), sweep="", start=100.0):
    """A factory that was taken through a plan for so long, and the sweep that did it."""
    factory = Factory(told=lambda fact: course.see(fact), start=start)
    course = Sweep(factory, plan, done=done, sweep=sweep)
    course.start()
    factory.go(seconds)
    return factory, course


def recorded(folder, factory):
    """The file of a run, without what came before it."""
    begin = next(place for place, fact in enumerate(factory.facts) if isinstance(fact, RunStarted))
    path = folder / f"{factory.facts[begin].run}.jsonl"
    path.write_bytes(b"".join(map(encode, factory.facts[begin:])))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The points of the whole plan."""
    factory, _ = swept()
    return survey([recorded(tmp_path_factory.mktemp("runs"), factory)])


def expected(slots):
    """Tokens per second of a lane alone, by the script: a prompt costs once an answer."""
    answer = answers(PLAN.works[0].answer_tokens)
    row = ROW_S + KEPT_S * (PROMPT + answer / 2) + PROMPT_S * PROMPT / answer
    return slots / (STEP_S + row * slots)


class TestSweep:
    def test_every_point_is_marked_warmed_settled_and_measured_for_its_window(self):
        factory, course = swept()
        assert course.ended
        assert factory.facts[-1].reason == "duration"
        started = [fact for fact in factory.facts if isinstance(fact, PointStarted)]
        windows = [
            (begun.t, ended.t)
            for begun, ended in zip(
                (fact for fact in factory.facts if isinstance(fact, PointMeasuring)),
                (fact for fact in factory.facts if isinstance(fact, PointMeasured)),
                strict=True,
            )
        ]
        assert [(fact.tier.slots, fact.repeat, fact.number) for fact in started] == [
            (slots, repeat, 1 + place + 3 * repeat) for repeat in (0, 1) for place, slots in enumerate((1, 4, 8))
        ]
        for point, (begun, ended) in zip(started, windows, strict=True):
            assert 10.0 <= ended - begun < 10.3
            assert begun - point.t >= (2.0 if point.number == 1 else 1.0)

    def test_its_points_are_what_the_script_makes_with_the_spread_of_the_repeats(self, whole):
        assert [point.tier.slots for point in whole.points()] == [1, 4, 8]
        for point in whole.points():
            rate = point.height("tokens_per_second")
            assert rate.value == pytest.approx(expected(point.tier.slots), rel=0.02)
            assert rate.windows == 2
            assert rate.low <= rate.value <= rate.high
            assert point.quality == "measured"
            assert point.precision == "q8"
            assert point.watts().value == pytest.approx(BUSY_W, rel=0.01)
            assert point.height("tokens_per_joule").value == pytest.approx(rate.value / BUSY_W, rel=0.02)
            per_joule, per_mw = point.height("tokens_per_joule"), point.height("tokens_per_second_per_mw")
            assert per_mw.value == pytest.approx(1e6 * per_joule.value)
            assert point.speed("e2e").value < point.speed("itl").value

    def test_a_denominator_takes_in_more_watts_and_is_printed(self, whole):
        point = whole.points()[0]
        tariff = Tariff(wall_factor=1.1, pue=1.3)
        board, host, site = (Denominator.of(scope, tariff, 40.0) for scope in ("board", "host", "all-in"))
        assert point.watts(host).value == pytest.approx(point.watts(board).value + 40.0)
        assert point.watts(site).value == pytest.approx(point.watts(host).value * 1.43)
        assert "1.3" in site.words
        assert point.watts(Denominator.of("host", tariff)) is None
        joules = 1 / point.height("tokens_per_joule").value
        cost = point.height("dollars_per_mtok", board, tariff)
        assert cost.value == pytest.approx(joules * tariff.dollars_per_kwh / 3.6)
        hourly = msgspec.structs.replace(tariff, dollars_per_hour=3.6)
        rate = point.height("tokens_per_second").value
        assert point.height("dollars_per_mtok", board, hourly).value == pytest.approx(1000 / rate)

    def test_stopped_inside_a_window_it_keeps_what_is_there_and_goes_on_later(self, tmp_path, whole):
        factory, course = swept(seconds=32.0)
        assert course.stage == "measuring"
        course.stop()
        factory.go(1.0)
        first = recorded(tmp_path, factory)
        known = survey([first])
        assert len(known.done) == 2
        assert [len(point.windows) for point in known.points()] == [1, 1, 1]
        assert known.plan == PLAN
        again, course = swept(done=known.done, sweep=known.sweep, start=900.0)
        assert course.ended
        second = recorded(tmp_path, again)
        told = next(fact for fact in again.facts if isinstance(fact, SweepStarted))
        assert told.sweep == factory.facts[1].run
        assert recordings(second) == [first, second]
        both = survey(recordings(first))
        assert len(both.done) == 6
        assert {setting(point.tier) for point in both.points()} == {setting(point.tier) for point in whole.points()}
        with pytest.raises(Trouble, match="All points"):
            swept(done=both.done)

    def test_a_point_that_does_not_fit_is_missed_and_the_others_are_measured(self, tmp_path):
        plan = msgspec.structs.replace(PLAN, slots=(2, 32, 4), repeats=1)
        factory, course = swept(plan)
        assert course.ended
        found = survey([recorded(tmp_path, factory)])
        assert [point.tier.slots for point in found.points()] == [2, 4]
        ((tier, cause),) = [(each.tier, each.cause) for each in found.missed]
        assert (tier.slots, cause) == (32, "It does not fit.")

    def test_a_window_in_which_the_engine_died_is_no_window(self, tmp_path):
        factory = Factory(told=lambda fact: course.see(fact))
        course = Sweep(factory, msgspec.structs.replace(PLAN, repeats=1))
        course.start()
        factory.go(6.0)
        assert course.stage == "measuring"
        factory.say(ChildEnded(t=factory.t, child="engine", exit=3, cause="The engine crashed."))
        factory.go(1e4)
        found = survey([recorded(tmp_path, factory)])
        assert [point.tier.slots for point in found.points()] == [4, 8]
        assert [each.cause for each in found.missed] == ["The engine crashed."]

    def test_it_rests_between_points_where_that_is_asked_and_tells_the_time_left(self):
        plan = msgspec.structs.replace(PLAN, slots=(1, 2), repeats=1, cooldown_s=5.0)
        factory = Factory(told=lambda fact: course.see(fact))
        course = Sweep(factory, plan)
        assert course.progress.seconds_left == pytest.approx(2 * 16.0)
        course.start()
        factory.go(14.0)
        assert (course.stage, course.progress.done) == ("resting", 1)
        assert factory.paused
        left = course.progress.seconds_left
        factory.go(8.0)
        assert not factory.paused
        assert course.progress.seconds_left < left
        factory.go(1e4)
        assert course.ended
        assert course.progress.seconds_left == 0.0
        assert not [fact for fact in factory.facts if isinstance(fact, PointMissed)]

    def test_a_recording_of_something_else_is_refused(self, tmp_path):
        factory = Factory(told=lambda fact: None)
        factory.equip((Tier(name=LANE, model="m"),))
        factory.start()
        factory.go(1.0)
        with pytest.raises(Trouble, match="not the recording of a sweep"):
            recordings(recorded(tmp_path, factory))

    def test_a_point_measured_once_has_no_doubt_to_tell(self):
        assert Measure(1.0).deviation is None
        assert Measure(1.0, 0.9, 1.1, 2).deviation == pytest.approx(0.2 / 1.128)


class TestCommandLine:
    """What `desk sweep --show`, `desk mix` and `desk bench --prediction` tell."""

    preset = """
title = "Two"
[common]
model = "m"
context = 256
answer_tokens = 64
[[tiers]]
name = "Free"
slots = 4
users = 4
price = { output = 1.0 }
[[tiers]]
name = "Ultra"
slots = 1
users = 1
share = 3.0
price = { output = 9.0 }
promise = { tokens_per_second_per_user = 30.0 }
"""

    def told(self, *words):
        found = CliRunner().invoke(app, list(words))
        assert found.exit_code == 0, found.output
        return found.stdout

    def test_a_sweep_and_its_mix_are_told_in_words_and_as_data(self, tmp_path, home):
        factory, _ = swept(msgspec.structs.replace(PLAN, repeats=1))
        path, two = recorded(tmp_path, factory), tmp_path / "two.toml"
        two.write_text(self.preset)
        settings.keep(tariff=Tariff(currency="EUR"))
        shown = self.told("sweep", "--resume", str(path), "--show")
        assert "Slots" in shown
        assert "m q8 on cpu" in shown
        assert "€/Mtok" in shown
        points = json.loads(self.told("sweep", "--resume", str(path), "--show", "--json"))["points"]
        assert [point["slots"] for point in points] == [1, 4, 8]
        words = self.told("mix", str(path), "--preset", str(two), "--demand", "Ultra=20")
        assert "over today's" in words
        assert words.count("€/h") == 2
        assert "$" not in shown + words
        found = json.loads(self.told("mix", str(path), "--preset", str(two), "--demand", "Ultra=20", "--json"))
        assert set(found) == {"earns most", "makes most tokens", "today"}
        assert found["earns most"]["parts"]["Ultra"]["tokens_per_second"] == pytest.approx(20.0, rel=0.1)
        assert found["today"]["parts"]["Free"]["corrected"] is False
        watts = json.loads(self.told("mix", str(path), "--preset", str(two), "--power", "120", "--json"))
        assert watts["earns most"]["watts"] == pytest.approx(120.0, rel=0.01)

    def test_a_prediction_stands_beside_what_was_measured(self):
        ratio = ratio_of("the split in force", "predicted", [0.97, 1.01, 0.99])
        found = Checked("the split in force", 2e-4, 1.98e-4, 3, ratio, {"Ultra": (40.0, 39.6)})
        paper = io.StringIO()
        show((found,), 10.0, Console(file=paper, width=120), "GBP")
        assert "0.72" in paper.getvalue()
        assert "The split in force, £/h" in paper.getvalue()
        assert "Ultra, tok/s" in paper.getvalue()
        assert "-1.0%" in paper.getvalue()
        assert "Sums of 3 rounds of 10 s" in paper.getvalue()
