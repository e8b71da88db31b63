"""A whole factory on the tiny decoder: accounts, orders, changes while it runs."""

import itertools
import random
import threading

import msgspec
import pytest
import tiny_decoder

from desk.engine import changeover, feeds
from desk.engine import factory as factory_module
from desk.engine import lane as lane_module
from desk.facts.happened import (
    EngineOpened,
    Finished,
    FirstToken,
    LaneDraining,
    LaneFailed,
    LaneLoading,
    LaneReady,
    LoadChanged,
    Paused,
    Resumed,
    Said,
    TierChanged,
    Troubled,
    Worked,
)
from desk.facts.orders import ChangeLoad, ChangeTier, Halt, OpenFactory, Pause, Resume, Watch
from desk.facts.tiers import Price, Promise, Sampling
from desk.facts.trouble import Trouble


def accounts(run):
    """What the beats add up to, by tier: tokens, prompt tokens, gaps, busy seconds."""
    sums = {}
    for worked in run.of(Worked):
        for lane in worked.lanes:
            account = sums.setdefault(lane.tier, {"emitted": 0, "prefill": 0, "gaps": 0, "busy": 0.0})
            account["emitted"] += lane.emitted
            account["prefill"] += lane.prefill
            account["gaps"] += sum(lane.gaps.values())
            account["busy"] += lane.busy
    return sums


def balance(run):
    """Check a halted run: beats, first tokens and endings tell the same story, and each request has one of each."""
    finished, firsts = run.of(Finished), run.of(FirstToken)
    assert len({fact.request for fact in finished}) == len(finished)
    assert len({fact.request for fact in firsts}) == len(firsts)
    assert {fact.request for fact in finished if fact.emitted} == {fact.request for fact in firsts}
    assert {fact.request: fact.first for fact in finished if fact.emitted} == {f.request: f.t for f in firsts}
    for tier, account in accounts(run).items():
        emitted = [fact.emitted for fact in finished if fact.tier == tier]
        assert account["emitted"] == sum(emitted)
        assert account["gaps"] == sum(count - 1 for count in emitted if count)
    for fact in finished:
        assert fact.submitted <= (fact.first if fact.first is not None else fact.t) <= fact.t
    worked = run.of(Worked)
    assert all(earlier.t + later.span == pytest.approx(later.t) for earlier, later in itertools.pairwise(worked))
    assert all(sum(lane.busy for lane in fact.lanes) <= fact.span + 1e-6 for fact in worked)
    assert not worked[-1].lanes or not any(lane.slots or lane.queue for lane in worked[-1].lanes)


def test_every_lane_makes_tokens_and_the_accounts_balance(running, tier):
    run = running().open(tier("Free"), tier("High", slots=1, users=4), tier("Ultra", slots=2, users=1, mix="brief"))
    for name in ("Free", "High", "Ultra"):
        run.until(Finished, 5, lambda fact, name=name: fact.tier == name)
        run.factory.beat()
    run.halt()
    assert run.exit == 0
    opened = run.until(EngineOpened)
    assert (opened.provider, opened.device_uuid) == ("cpu", "")
    assert opened.threads >= 1
    assert opened.cause
    ready = run.of(LaneReady)
    assert [fact.tier for fact in ready] == ["Free", "High", "Ultra"]
    assert {(fact.provider, fact.precision, fact.context) for fact in ready} == {("cpu", "fp32", 256)}
    kv = 2 * tiny_decoder.LAYERS * tiny_decoder.KV_HEADS * tiny_decoder.SIZE * 4 * 256
    assert [fact.kv_bytes for fact in ready] == [3 * kv, kv, 2 * kv]
    balance(run)
    reasons = {fact.reason for fact in run.of(Finished)}
    assert reasons == {"length", "cancelled"}
    assert all(6 <= fact.emitted <= 12 for fact in run.of(Finished, lambda fact: fact.reason == "length"))


def test_prompt_tokens_are_processed_once_unless_the_cache_holds_them(running, tier):
    run = running().open(tier("Free", users=1, think_s=3600.0))
    run.until(LaneReady)
    run.halt()
    assert accounts(run)["Free"] == {"emitted": 0, "prefill": 0, "gaps": 0, "busy": 0.0}

    run = running().open(tier("Free", slots=2, users=2))
    run.until(Finished, 8)
    run.halt()
    whole = sum(fact.prompt - fact.cached for fact in run.of(FirstToken))
    begun = sum(fact.prompt for fact in run.of(Finished, lambda fact: fact.first is None))
    assert any(fact.cached for fact in run.of(FirstToken))
    assert all(0 <= fact.cached < fact.prompt for fact in run.of(FirstToken))
    cached = {fact.request: fact.cached for fact in run.of(FirstToken)}
    assert all(fact.cached == cached.get(fact.request, 0) for fact in run.of(Finished))
    assert whole <= accounts(run)["Free"]["prefill"] <= whole + begun


def test_the_same_seed_gives_the_same_requests(running, tier):
    def asked(seed):
        run = running().open(tier("Free", users=1, slots=1), seed=seed)
        run.until(Finished, 6)
        run.halt()
        return [(fact.prompt, fact.emitted) for fact in run.of(Finished)][:6]

    assert asked(3) == asked(3)
    assert asked(3) != asked(4)


def test_an_answer_ends_at_the_end_mark_which_is_nobodys_token(running, tier, tmp_path):
    """The prompts are answered by hand to learn what the model says, then it says the same with that as its mark."""
    plain = running().open(tier("Free", users=1, slots=1, mix="brief", answer_tokens=12)).order(Watch(tier="Free"))
    words = said(plain, 1)
    plain.halt()
    spoken = words.split(" ")[1:]
    mark = next(
        (place for place, word in enumerate(spoken) if place and word.startswith("w") and word not in spoken[:place]),
        None,
    )
    assert mark is not None, "the tiny decoder repeats a single word"
    end = tiny_decoder.WORDS.index(f" {spoken[mark].split('<')[0]}")
    folder = tiny_decoder.write(tmp_path / "ending", end=end)
    run = running().open(tier("Free", users=1, slots=1, mix="brief", answer_tokens=12, model=str(folder)))
    done = run.until(Finished, accept=lambda fact: fact.reason == "eos")
    run.halt()
    assert done.emitted <= 12
    balance(run)


def said(run, count):
    """The text of the `count`-th finished request of a watched tier, by beating until it is over."""
    finished = 0
    while finished < count:
        run.factory.beat()
        finished = len([fact for fact in run.of(Finished) if run.of(Said, lambda s, f=fact: s.request == f.request)])
        run.factory_is_alive()
    request = run.of(Said)[0].request
    return "".join(fact.text for fact in run.of(Said, lambda fact: fact.request == request))


def test_a_context_that_is_full_ends_an_answer(running, tier):
    run = running().open(tier("Free", context=24, answer_tokens=200, users=2, slots=2))
    run.until(Finished, 4)
    run.halt()
    for fact in run.of(Finished, lambda fact: fact.reason == "length"):
        assert fact.prompt + fact.emitted == 24
    balance(run)


@pytest.fixture
def gate(monkeypatch):
    """Holds the next run of a model once it is `armed`: `inside` says that it is under way, `go` lets it end."""

    class Gate:
        armed, inside, go = threading.Event(), threading.Event(), threading.Event()

    true_run = feeds.Feed.run

    def gated(feed):
        if Gate.armed.is_set() and feed.ids.shape[1] == 1:  # a decode, which gives a token to every row
            Gate.inside.set()
            assert Gate.go.wait(20.0)
        true_run(feed)

    monkeypatch.setattr(feeds.Feed, "run", gated)
    return Gate


def test_a_halt_lets_no_further_token_out_and_a_beat_counts_the_run_under_way(running, tier, gate):
    run = running().open(tier("Free"), tier("High"))
    run.until(FirstToken, 4)
    gate.armed.set()
    assert gate.inside.wait(20.0)
    run.factory.beat()
    run.factory.beat()
    assert sum(lane.busy for lane in run.of(Worked)[-1].lanes) == pytest.approx(run.of(Worked)[-1].span)
    emitted = sum(account["emitted"] for account in accounts(run).values())
    run.order(Halt())
    gate.go.set()
    run.halt()
    assert run.exit == 0
    balance(run)
    assert sum(fact.emitted for fact in run.of(Finished)) == emitted
    assert run.of(Finished)[-1].reason == "cancelled"


def test_a_pause_keeps_every_sequence_and_stays_out_of_the_gaps(running, tier):
    run = running().open(tier("Free", users=2, slots=2, answer_tokens=256))
    run.until(FirstToken, 2)
    run.order(Pause(), Pause())
    paused = run.until(Paused)
    run.factory.beat()
    held = run.of(Worked)[-1].lanes[0]
    assert held.slots
    run.factory.beat()
    still = run.of(Worked)[-1].lanes[0]
    assert (still.busy, still.emitted, still.slots) == (0.0, 0, held.slots)
    run.order(Resume(), Resume())
    resumed = run.until(Resumed)
    going = {slot.request for slot in held.slots}
    run.until(Finished, len(going), lambda fact: fact.request in going)
    run.halt()
    balance(run)
    assert len(run.of(Paused)) == len(run.of(Resumed)) == 1
    assert all(fact.reason == "length" for fact in run.of(Finished, lambda fact: fact.request in going))
    assert resumed.t > paused.t


def test_a_pause_is_not_a_gap_between_tokens(running, tier, monkeypatch):
    """With a clock that leaps an hour during the pause, no gap may be an hour."""
    from desk.facts import histogram

    leap = [0.0]
    true_now = factory_module.now
    monkeypatch.setattr(factory_module, "now", lambda: true_now() + leap[0])
    run = running().open(tier("Free", users=1, slots=1, answer_tokens=200))
    run.until(FirstToken)
    run.order(Pause())
    run.until(Paused)
    leap[0] = 3600.0
    run.order(Resume())
    run.until(Finished)
    run.halt()
    longest = max(bucket for worked in run.of(Worked) for lane in worked.lanes for bucket in lane.gaps)
    assert histogram.seconds_of(longest) < 60.0


def test_prices_and_users_change_at_once(running, tier):
    before = tier("Free", users=1)
    run = running().open(before)
    run.until(FirstToken)
    after = msgspec.structs.replace(
        before,
        users=3,
        price=Price(output=9.0),
        share=2.0,
        promise=Promise(ttft_s=1.0),
        sampling=Sampling(temperature=1.0),
    )
    run.order(ChangeTier(tier=after))
    assert run.until(TierChanged).tier == after
    run.until(Worked if run.factory.beat() else FirstToken, 6)
    run.order(ChangeTier(tier=msgspec.structs.replace(after, users=0)))
    run.until(TierChanged, 2)
    while True:
        run.factory.beat()
        lane = run.of(Worked)[-1].lanes[0]
        if not lane.slots and not lane.queue:
            break
    finished = len(run.of(Finished))
    run.factory.beat()
    run.halt()
    assert len(run.of(Finished)) == finished
    assert not run.of(LaneDraining)
    balance(run)


def test_a_lane_drains_and_loads_while_the_other_goes_on(running, tier):
    before = tier("Free", slots=2)
    run = running().open(before, tier("High"))
    run.until(FirstToken, 3)
    after = msgspec.structs.replace(before, context=128, slots=5, price=Price(output=2.0))
    run.order(ChangeTier(tier=after))
    ready = run.until(LaneReady, accept=lambda fact: fact.tier == "Free" and fact.slots == 5)
    assert ready.context == 128
    first, second = (run.until(TierChanged, number).tier for number in (1, 2))
    assert first == msgspec.structs.replace(after, context=before.context, slots=before.slots)
    assert second == after
    run.until(Finished, accept=lambda fact: fact.tier == "Free" and fact.t > ready.t)
    draining = run.until(LaneDraining)
    run.until(FirstToken, accept=lambda fact: fact.tier == "High" and fact.t > draining.t)
    run.halt()
    balance(run)
    order = [type(fact) for fact in run.facts if getattr(fact, "tier", None) in ("Free", first, second)]
    kinds = [kind for kind in order if kind in (TierChanged, LaneDraining, LaneLoading, LaneReady)]
    assert kinds == [LaneLoading, LaneReady, TierChanged, LaneDraining, LaneLoading, LaneReady, TierChanged]


def test_what_has_not_finished_when_the_time_is_up_goes_on_afterwards(running, tier, monkeypatch):
    monkeypatch.setattr(changeover, "DRAIN_S", 0.0)
    before = tier("Free", slots=3, answer_tokens=200)
    run = running().open(before)
    run.until(FirstToken, 3)
    run.factory.beat()
    held = {slot.request: slot.emitted for slot in run.of(Worked)[-1].lanes[0].slots}
    run.order(ChangeTier(tier=msgspec.structs.replace(before, slots=2)))
    run.until(LaneReady, 2)
    run.until(Finished, len(held), lambda fact: fact.request in held)
    run.halt()
    balance(run)
    for fact in run.of(Finished, lambda fact: fact.request in held):
        assert fact.reason == "length"
        assert fact.emitted >= held[fact.request]


def test_requeued_answers_continue_as_if_nothing_had_happened(running, tier, monkeypatch):
    """Greedy on float32, one prompt: every answer begins the same, also where it was moved to a new cache half-way."""
    monkeypatch.setattr(changeover, "DRAIN_S", 0.0)

    def answer(disturb):
        before = tier("Free", users=1, slots=1, mix="brief", answer_tokens=400, context=512)
        run = running().order(Watch(tier="Free")).open(before)
        run.until(FirstToken)
        run.order(Pause())
        run.until(Paused)
        run.factory.beat()
        (held,) = run.of(Worked)[-1].lanes[0].slots
        assert held.emitted > 0
        if disturb:
            run.order(ChangeTier(tier=msgspec.structs.replace(before, slots=2)))
            run.until(LaneReady, 2)
        run.order(Resume())
        text = said(run, 1)
        run.halt()
        balance(run)
        return text, held.emitted

    moved, moved_at = answer(disturb=True)
    whole, _ = answer(disturb=False)
    both = min(len(moved), len(whole))
    assert both > 3 * moved_at
    assert moved[:both] == whole[:both]


def test_requeued_requests_keep_their_order(running, tier, monkeypatch):
    """With one slot left, who was admitted first is answered first; users who leave withdraw what waits."""
    monkeypatch.setattr(changeover, "DRAIN_S", 0.0)
    before = tier("Free", users=6, slots=3, mix="brief", answer_tokens=200)
    run = running().open(before)
    run.until(FirstToken, 3)
    run.order(Pause())
    run.until(Paused)
    run.factory.beat()
    held = [slot.request for slot in run.of(Worked)[-1].lanes[0].slots]
    run.order(ChangeTier(tier=msgspec.structs.replace(before, slots=1)))
    run.until(LaneReady, 2)
    done = len(run.of(Finished))
    run.order(Resume())
    run.until(Finished, done + len(held))
    order = [fact.request for fact in run.of(Finished)][done : done + len(held)]
    assert order == held
    assert run.of(Worked)[-1].lanes[0].queue == 3


def test_users_who_leave_withdraw_what_waits(running, tier):
    before = tier("Free", users=6, slots=2, answer_tokens=200)
    run = running().open(before)
    run.until(FirstToken, 2)
    run.order(Pause())
    run.until(Paused)
    run.order(ChangeTier(tier=msgspec.structs.replace(before, users=2)))
    run.until(TierChanged)
    run.factory.beat()
    lane = run.of(Worked)[-1].lanes[0]
    withdrawn = run.of(Finished, lambda fact: fact.reason == "cancelled")
    assert withdrawn
    assert all((fact.first, fact.emitted) == (None, 0) for fact in withdrawn)
    assert len(lane.slots) + lane.queue <= 4  # users 0 and 1, and whoever of the others is being answered
    run.halt()
    balance(run)


def test_the_load_multiplies_users_at_once_and_those_who_are_too_many_withdraw(running, tier):
    run = running().open(tier("Free", users=2, slots=1, answer_tokens=200))
    run.until(FirstToken)
    run.order(ChangeLoad(load=2.5))
    run.until(FirstToken, 9)
    run.order(Pause())
    run.until(Paused)
    assert run.of(LoadChanged)[0].load == 2.5
    run.factory.beat()
    work = run.of(Worked)[-1].lanes[0]
    assert len(work.slots) + work.queue in (4, 5)  # the fifth may have been answered and not have asked again
    run.order(ChangeLoad(load=0.5))
    run.until(LoadChanged, 2)
    run.factory.beat()
    assert run.of(Worked)[-1].lanes[0].queue <= 1  # the one user who is left; who is being answered may leave later
    assert run.of(Finished, lambda fact: fact.reason == "cancelled")
    run.halt()
    balance(run)


def test_another_vocabulary_takes_over_the_words(running, tier, tmp_path, monkeypatch):
    """The other model knows none of the first one's words: the answer goes on, and its text in the new words."""
    monkeypatch.setattr(changeover, "DRAIN_S", 0.0)
    words = [word.replace(" w", " v") for word in tiny_decoder.WORDS]
    other = tiny_decoder.write(tmp_path / "other", seed=1, end=-1, words=words)
    before = tier("Free", slots=2, users=2, answer_tokens=200)
    run = running().order(Watch(tier="Free")).open(before)
    run.until(FirstToken, 2)
    run.order(Pause())
    run.until(Paused)
    run.factory.beat()
    held = run.of(Worked)[-1].lanes[0].slots
    run.order(ChangeTier(tier=msgspec.structs.replace(before, model=str(other))))
    ready = run.until(LaneReady, 2)
    assert ready.revision == "seed 1"
    run.order(Resume())
    text = said(run, 1)
    run.until(Finished, len(held), lambda fact: fact.request in {slot.request for slot in held})
    run.halt()
    balance(run)
    watched = run.of(Said)[0].request
    (done,) = run.of(Finished, lambda fact: fact.request == watched)
    assert done.emitted > next(slot.emitted for slot in held if slot.request == watched) > 0
    before_it, after_it = text.count(" w"), text.count(" v")
    assert before_it > 0
    assert after_it > 0
    assert before_it + after_it + text.count("<") == done.emitted


@pytest.mark.parametrize("context", [16, 32])
def test_prompts_that_have_no_answer_yet_are_cut_to_a_shorter_context(running, tier, monkeypatch, context):
    monkeypatch.setattr(changeover, "DRAIN_S", 0.0)
    before = tier("Free", slots=2, users=5, answer_tokens=100)
    run = running().open(before)
    run.until(LaneReady)
    run.order(ChangeTier(tier=msgspec.structs.replace(before, context=context)))
    ready = run.until(LaneReady, 2)
    run.until(FirstToken, 8, lambda fact: fact.t > ready.t)
    run.halt()
    balance(run)
    assert all(fact.prompt <= context // 2 for fact in run.of(FirstToken, lambda fact: fact.t > ready.t))


def test_a_refused_change_leaves_the_lane_as_it_was(running, tier, tmp_path):
    before = tier("Free")
    run = running().open(before)
    run.until(FirstToken)
    run.order(ChangeTier(tier=msgspec.structs.replace(before, model=str(tmp_path / "nothing"), users=2)))
    failed = run.until(LaneFailed)
    assert "nothing" in failed.cause
    assert failed.remedy
    run.until(LaneReady, 2)
    in_force = run.until(TierChanged, 2)
    assert in_force.tier == msgspec.structs.replace(before, users=2)
    run.until(Finished, accept=lambda fact: fact.t > in_force.t)
    run.halt()
    balance(run)


@pytest.mark.parametrize(
    "settings",
    [
        {"context": tiny_decoder.CONTEXT + 1},
        {"model": "no-such-model"},
        {"mix": "no-such-mix"},
        {"provider": "cuda"},
    ],
)
def test_a_lane_that_cannot_open_says_why_and_the_others_run(running, tier, settings):
    run = running().open(tier("Free", **settings), tier("High"))
    failed = run.until(LaneFailed)
    assert failed.tier == "Free"
    assert failed.cause.endswith(".")
    assert failed.remedy.endswith(".")
    run.until(Finished, accept=lambda fact: fact.tier == "High")
    run.order(ChangeTier(tier=tier("Free")))
    run.until(Finished, accept=lambda fact: fact.tier == "Free")
    run.halt()
    balance(run)


def test_cuda_asked_for_where_there_is_none_opens_no_lane_on_the_cpu(running, tier):
    run = running().open(tier("Free"), tier("High", provider="cpu"), provider="cuda")
    trouble = run.until(Troubled)
    assert "NVIDIA" in trouble.cause
    assert run.until(LaneFailed).tier == "Free"
    assert run.until(LaneReady).tier == "High"
    opened = run.until(EngineOpened)
    run.halt()
    assert opened.provider == "cpu"
    assert [fact.tier for fact in run.of(LaneReady)] == ["High"]


def test_changes_that_come_during_a_change_win(running, tier):
    before = tier("Free")
    run = running().open(before)
    run.until(FirstToken)
    for slots in (1, 2, 4):
        run.order(ChangeTier(tier=msgspec.structs.replace(before, slots=slots)))
    run.until(TierChanged, accept=lambda fact: fact.tier.slots == 4)
    run.until(Finished, 8)
    run.halt()
    balance(run)
    assert run.of(LaneReady)[-1].slots == 4


def test_a_change_taken_back_while_draining_loads_nothing(running, tier):
    before = tier("Free", answer_tokens=200)
    run = running().open(before)
    run.until(FirstToken)
    run.order(Pause())
    run.until(Paused)
    run.order(ChangeTier(tier=msgspec.structs.replace(before, slots=4)), ChangeTier(tier=before), Resume())
    run.until(Finished, 4)
    run.halt()
    balance(run)
    assert len(run.of(LaneLoading)) == 1
    told = [type(fact) for fact in run.facts if isinstance(fact, LaneReady | LaneDraining)]
    assert told == [LaneReady, LaneDraining, LaneReady]
    assert run.of(TierChanged)[-1].tier == before


def test_orders_that_make_no_sense_are_answered_with_a_trouble(running, tier):
    run = running().open(tier("Free"))
    run.until(LaneReady)
    run.order(ChangeTier(tier=tier("Ultra")))
    assert "Ultra" in run.until(Troubled).cause
    run.order(ChangeTier(tier=tier("Free", mix="no-such-mix")))
    assert "no-such-mix" in run.until(Troubled, 2).cause
    assert run.until(TierChanged).tier == tier("Free")
    run.order(OpenFactory(tiers=()))
    assert "twice" in run.until(Troubled, 3).cause


def test_a_watched_request_says_all_of_its_words(running, tier):
    run = running().open(tier("Free", users=1, slots=1, mix="brief", answer_tokens=40)).order(Watch(tier="Free"))
    text = said(run, 1)
    request = run.of(Said)[0].request
    emitted = run.of(Finished, lambda fact: fact.request == request)[0].emitted
    run.order(Watch())
    assert text.count(" w") + text.count("<") == emitted
    run.until(Finished, len(run.of(Finished)) + 2)
    silent = len(run.of(Said))
    run.factory.beat()
    run.until(Finished, len(run.of(Finished)) + 2)
    assert len(run.of(Said)) == silent


def test_accounts_balance_whatever_is_asked(running, tier, monkeypatch):
    """Random orders of every kind on two lanes, from a fixed seed."""
    monkeypatch.setattr(changeover, "DRAIN_S", 0.02)
    chance = random.Random(11)
    run = running().open(tier("Free", slots=2, users=4), tier("High", slots=3, users=2, think_s=0.01))
    run.until(FirstToken, 2)
    for _ in range(40):
        name = chance.choice(("Free", "High"))
        changed = tier(
            name,
            slots=chance.choice((1, 2, 3)),
            context=chance.choice((128, 256)),
            users=chance.randint(0, 5),
            answer_tokens=chance.choice((1, 5, 40)),
            share=chance.choice((0.5, 1.0, 4.0)),
        )
        run.order(
            chance.choice((ChangeTier(tier=changed), ChangeTier(tier=changed), Pause(), Resume(), Watch(tier=name)))
        )
        run.factory.beat()
        if chance.random() < 0.4:
            run.order(Resume())
            run.until(Worked, len(run.of(Worked)))
    run.order(Resume(), ChangeTier(tier=tier("Free", users=2)), ChangeTier(tier=tier("High", users=2)))
    for name in ("Free", "High"):
        run.until(
            Finished,
            len(run.of(Finished, lambda fact, name=name: fact.tier == name)) + 3,
            lambda fact, name=name: fact.tier == name,
        )
    run.halt()
    balance(run)


def test_passers_by_are_served_and_their_lag_is_told(running, tier, gate):
    """While a run is held up, those who come are late for the engine, not for their own clocks."""
    run = running().open(tier("Free", slots=2, users=0, arrivals_per_second=200.0, answer_tokens=2))
    begun = run.until(LaneReady).t
    gate.armed.set()
    assert gate.inside.wait(10.0)
    held = factory_module.now()
    while factory_module.now() < held + 0.2:
        run.factory.beat()
        threading.Event().wait(0.01)
    gate.go.set()
    run.until(Finished, 10)
    run.factory.beat()
    run.halt()
    balance(run)
    lags = [lane.lag for fact in run.of(Worked) for lane in fact.lanes]
    assert 0.1 < max(lags) < 10.0
    assert all(fact.submitted >= begun for fact in run.of(Finished))


def test_nobody_comes_to_a_lane_that_has_failed(running, tier, monkeypatch):
    settings = tier("Free", users=0, arrivals_per_second=1000.0, answer_tokens=1, slots=1)
    run = running().open(settings)
    run.until(Finished, 3)
    lane = run.factory._lanes["Free"]
    run.order(Pause())  # a lane fails between its runs, never within one
    run.until(Paused)
    with run.factory._turn:
        run.factory._changeover.fail(lane, Trouble("It broke.", "Try again."), factory_module.now())
    run.order(Resume())
    run.until(LaneFailed)
    failed_with = run.factory._requests
    leap = 3600.0
    true_now = factory_module.now
    monkeypatch.setattr(factory_module, "now", lambda: true_now() + leap)
    run.order(ChangeTier(tier=settings))
    run.until(LaneReady, 2)
    run.until(Finished, len(run.of(Finished)) + 3)
    assert run.factory._requests - failed_with < 100_000
    run.halt()


def test_more_passers_by_than_can_wait_are_turned_away_and_counted(running, tier, monkeypatch):
    monkeypatch.setattr(lane_module, "QUEUE", 5)
    run = running().open(tier("Free", slots=1, users=0, arrivals_per_second=5000.0, answer_tokens=30))
    run.until(Finished, 20, lambda fact: fact.reason == "cancelled")
    run.factory.beat()
    assert run.of(Worked)[-1].lanes[0].queue <= 5
    run.halt()
    balance(run)
