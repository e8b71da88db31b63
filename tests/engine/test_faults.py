"""Whatever fails while requests are under way: the engine goes on or ends, and every request is accounted for."""

import dataclasses
import itertools
import sys
from pathlib import Path

import pytest
from test_engine_child import CHILD, child, rest, send, until  # noqa: F401 - a fixture comes with them
from test_factory import accounts, balance

from desk.engine import feeds
from desk.engine.runtime import OutOfMemory
from desk.facts.happened import (
    ChildEnded,
    ChildGivenUp,
    ChildStarted,
    Finished,
    FirstToken,
    LaneFailed,
    LaneReady,
    Machine,
    RunStarted,
    RunStopped,
    Troubled,
    Worked,
)
from desk.facts.orders import ChangeTier, OpenFactory, Pause
from desk.facts.tiers import Tariff
from desk.ledger.ledger import Ledger
from desk.plant.plant import Plant
from desk.plant.supervision import ENGINE

sys.path.insert(0, str(Path(__file__).parents[1] / "plant"))

from scripted_plant import LIMITS, Watched, script


@pytest.fixture
def memory_for(monkeypatch):
    """`memory_for(2)` lets no run of more rows succeed; 0: none at all."""
    true_run, most = feeds.Feed.run, [10**6]

    def run(feed):
        if len(feed.ids) > most[0]:
            raise OutOfMemory("The run failed: out of memory.", "Choose fewer slots.")
        true_run(feed)

    monkeypatch.setattr(feeds.Feed, "run", run)
    return lambda rows: most.__setitem__(0, rows)


def test_out_of_memory_halves_the_batch_and_nothing_is_lost_or_counted_twice(running, tier, memory_for):
    memory_for(3)
    run = running().open(tier("Free", slots=8, users=8, answer_tokens=30), tier("High", slots=2))
    trouble = run.until(Troubled, 2)
    assert "out of memory" in trouble.cause
    assert "goes on with 2 requests at a time" in trouble.cause
    before = len(run.of(Finished))
    run.until(Finished, before + 12, lambda fact: fact.tier == "Free")
    run.factory.beat()
    free = next(lane for lane in run.of(Worked)[-1].lanes if lane.tier == "Free")
    assert len(free.slots) <= 2
    run.until(Finished, 4, lambda fact: fact.tier == "High")
    run.halt()
    balance(run)
    assert len(run.of(Troubled)) == 2
    assert not run.of(LaneFailed)
    whole = run.of(Finished, lambda fact: fact.reason == "length")
    assert all(15 <= fact.emitted <= 30 for fact in whole if fact.tier == "Free")


def test_what_was_begun_before_memory_ran_out_goes_on_where_it_was(running, tier, memory_for):
    run = running().open(tier("Free", slots=4, users=4, mix="brief", answer_tokens=400, context=512))
    run.until(FirstToken, 4)
    memory_for(1)
    run.until(Troubled, 2)
    run.factory.beat()
    held = {slot.request: slot.emitted for slot in run.of(Worked)[-1].lanes[0].slots}
    memory_for(100)
    run.until(Finished, 4)
    run.halt()
    balance(run)
    first = run.of(Finished)[:4]
    assert {fact.request for fact in first} == {1, 2, 3, 4}
    assert all(fact.emitted >= held.get(fact.request, 1) for fact in first)
    assert accounts(run)["Free"]["prefill"] > sum(fact.prompt for fact in run.of(FirstToken))  # worked out again


def test_a_single_row_without_memory_fails_the_lane_and_the_others_go_on(running, tier, memory_for, monkeypatch):
    true_run = feeds.Feed.run
    poor = set()

    def run_of(feed):
        if id(feed._cache) in poor:
            raise OutOfMemory("The run failed: out of memory.", "Choose fewer slots.")
        true_run(feed)

    monkeypatch.setattr(feeds.Feed, "run", run_of)
    run = running().open(tier("Free", slots=4, users=4), tier("High"))
    run.until(FirstToken, 1, lambda fact: fact.tier == "Free")
    poor.add(id(run.factory._lanes["Free"].outfit.batch.cache))
    failed = run.until(LaneFailed)
    assert (failed.tier, "out of memory" in failed.cause) == ("Free", True)
    run.until(Finished, 6, lambda fact: fact.tier == "High")
    run.halt()
    balance(run)
    assert {fact.reason for fact in run.of(Finished, lambda fact: fact.tier == "Free")} <= {"length", "error"}


def test_a_run_that_hangs_ends_the_engine_with_the_reason(child, tier):  # noqa: F811 - the fixture imported above
    prank = (
        "import threading\n"
        "from desk.engine import factory, feeds\n"
        "factory.RUN_S = 0.5\n"
        "true_run, runs = feeds.Feed.run, []\n"
        "def run(feed):\n"
        "    runs.append(feed)\n"
        "    true_run(feed) if len(runs) < 40 else threading.Event().wait()\n"
        "feeds.Feed.run = run\n"
    )
    process = child(prank)
    send(process, OpenFactory(tiers=(tier("Free"),)))
    facts = until(process, Troubled)
    rest(process)
    assert process.returncode == 1
    assert "did not end within" in facts[-1].cause
    assert "Free" in facts[-1].cause
    assert any(isinstance(fact, Worked) for fact in facts)


@pytest.mark.parametrize("state", ["loading", "waiting", "prefilling", "decoding", "draining", "paused", "failed"])
def test_a_halt_settles_every_request_whatever_its_lane_is_doing(running, tier, state):
    import msgspec

    settings = tier("Free", slots=2, users=5, answer_tokens=200)
    run = running().open(settings)
    if state != "loading":
        run.until(LaneReady)
    if state in ("decoding", "draining", "paused"):
        run.until(FirstToken, 2)
    if state == "prefilling":
        run.until(FirstToken)
    if state == "draining":
        run.order(ChangeTier(tier=msgspec.structs.replace(settings, slots=1)))
    if state == "paused":
        run.order(Pause())
    if state == "failed":
        run.order(ChangeTier(tier=msgspec.structs.replace(settings, model="nothing")))
    run.halt()
    assert run.exit == 0
    balance(run)
    numbers = [fact.request for fact in run.of(Finished)]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    # All users had asked before the first of them got a token: two had a slot, the others waited.
    assert len(numbers) >= (5 if run.of(FirstToken) else 0)


# ---- engines that end, as the books see it


def folded(facts, tiers):
    """The totals of a run in which the engine ends after these facts."""
    machine = Machine(system="", processor="", cores=1, memory_bytes=1)
    ledger, start = Ledger(), min(fact.t for fact in facts) - 1.0
    ledger.post(RunStarted(t=start, run="", wall=0.0, desk="", machine=machine, tiers=tiers, tariff=Tariff()))
    ledger.post(ChildStarted(t=start, child="engine", pid=1))
    for fact in facts:
        ledger.post(fact)
    end = max(fact.t for fact in facts)
    ledger.post(ChildEnded(t=end, child="engine", exit=-11, cause="It crashed."))
    ledger.post(RunStopped(t=end + 0.1, reason="given up"))
    return ledger.totals()


def test_requests_that_end_with_their_engine_are_cancelled_in_the_books(running, tier):
    """The engine may end at any moment: what it holds and what waits by then is cancelled, and nothing twice."""
    tiers = (tier("Free", slots=2, users=5, answer_tokens=9), tier("High", slots=3, users=2))
    run = running().open(*tiers)
    # A lane that is not ready yet has no requests: both serve, and a beat has told so, before anything is cut off.
    run.until(FirstToken, accept=lambda fact: fact.tier == "High")
    with run.factory._turn:
        run.factory.beat()
    for moment in range(12):
        run.until(FirstToken, 5 * (moment + 1))
        with run.factory._turn:
            run.factory.beat()
            facts = list(run.facts)
            open_now = {name: len(lane.active) + len(lane.queue) for name, lane in run.factory._lanes.items()}
        totals = folded(facts, tiers).tiers
        for name, requests in open_now.items():
            finished = [fact for fact in facts if isinstance(fact, Finished) and fact.tier == name]
            assert totals[name].cancelled == requests
            assert totals[name].finished == len(finished)
            assert totals[name].emitted == sum(f.emitted for f in finished) + sum(
                slot.emitted for work in facts[-1].lanes if work.tier == name for slot in work.slots
            )
        # Between two beats the books know what was told: the request that a user sends next is not among it.
        cut = facts[: -1 - moment] if moment else facts
        if not any(isinstance(fact, Worked) for fact in cut):
            continue
        since = list(itertools.takewhile(lambda fact: not isinstance(fact, Worked), reversed(cut)))
        told = {fact.request for fact in cut if isinstance(fact, Finished)}
        for name in open_now:
            answered = sum(fact.tier == name for fact in since if isinstance(fact, Finished))
            cancelled = folded(cut, tiers).tiers[name].cancelled
            users = next(t.users for t in tiers if t.name == name)
            assert users - answered <= cancelled <= users
            assert len(told) == sum(account.finished for account in folded(cut, tiers).tiers.values())


@pytest.fixture
def plant(prompt_folder, tier, tmp_path, monkeypatch):
    """`plant(prank)` is a plant with the real engine, which the prank breaks, and a scripted meter."""
    monkeypatch.setenv("TOKEN_DESK_HOME", str(tmp_path))
    opened = []

    def open_plant(prank):
        code = CHILD.format(folder=str(prompt_folder), prank=prank)

        def argv(verb, *arguments):
            return [sys.executable, "-c", code] if verb == "engine" else script()(verb, *arguments)

        limits = LIMITS | {"engine": dataclasses.replace(ENGINE, backoff=(0.02,))}
        tiers = (tier("Free", slots=2, users=4), tier("High", slots=1, users=1))
        opened.append(Plant(tiers, argv=argv, limits=limits))
        opened[-1].open()
        return Watched(opened[-1])

    yield open_plant
    for one in opened:
        one.close()


CRASH = (
    "import os\n"
    "from desk.engine import feeds\n"
    "true_run, runs = feeds.Feed.run, []\n"
    "def run(feed):\n"
    "    runs.append(feed)\n"
    "    {condition} and os.abort()\n"
    "    true_run(feed)\n"
    "feeds.Feed.run = run\n"
)


def test_a_crash_brings_a_fresh_engine_that_counts_on_and_the_books_balance(plant, tmp_path):
    mark = str(tmp_path / "crashed")
    once = f"len(runs) == 60 and not os.path.exists({mark!r}) and open({mark!r}, 'w').close() is None"
    watched = plant(CRASH.format(condition=once))
    watched.plant.start()
    ended = watched.until_kind(ChildEnded, child="engine")
    assert "SIGABRT" in ended.cause
    watched.until_kind(LaneReady)
    watched.until_kind(Finished)
    for _ in range(6):
        watched.until_kind(Finished)
    watched.plant.stop()
    watched.until_kind(RunStopped)
    facts = watched.facts
    finished = [fact for fact in facts if isinstance(fact, Finished)]
    numbers = [fact.request for fact in finished]
    assert len(set(numbers)) == len(numbers)
    crash = facts.index(ended)
    before = {fact.request for fact in facts[:crash] if isinstance(fact, Finished | FirstToken)}
    after = {fact.request for fact in facts[crash:] if isinstance(fact, Finished | FirstToken)}
    assert before
    assert after
    assert not before & after
    ledger = Ledger()
    for fact in facts[next(n for n, fact in enumerate(facts) if isinstance(fact, RunStarted)) :]:
        ledger.post(fact)
    books = ledger.totals().tiers.values()
    lost = sum(account.cancelled for account in books) - sum(fact.reason == "cancelled" for fact in finished)
    assert 1 <= lost <= 5  # users of both tiers: each has one request at a time
    assert sum(account.finished for account in books) == sum(fact.reason == "length" for fact in finished)
    assert before - set(numbers), "the crash met nobody"


def test_three_crashes_in_a_row_end_the_run_with_the_reason(plant):
    watched = plant(CRASH.format(condition="len(runs) == 20"))
    watched.plant.start()
    given_up = watched.until_kind(ChildGivenUp, child="engine")
    assert "SIGABRT" in given_up.cause
    assert given_up.remedy
    assert watched.until_kind(RunStopped).reason == "given up"
    assert len([fact for fact in watched.facts if isinstance(fact, ChildEnded) and fact.child == "engine"]) == 3
