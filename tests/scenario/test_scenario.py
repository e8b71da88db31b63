"""Virtual users: the same seed asks the same, whatever the timing; nobody asks twice at once."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.scenario import Prompt, Users, prompts, texts


@pytest.fixture(autouse=True)
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "assets" / "prompts"
    folder.mkdir(parents=True)
    lines = [{"user": f"question {n}", **({"system": "be kind"} if n % 2 else {})} for n in range(9)]
    (folder / "chat.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    (folder / "torn.jsonl").write_text('{"user": "a"}\n{"user": ')
    (folder / "empty.jsonl").write_text("\n")
    monkeypatch.setattr(texts, "shipped", lambda *parts: tmp_path.joinpath(*parts))
    prompts.cache_clear()
    yield
    prompts.cache_clear()


def tier(**settings):
    return Tier(**({"name": "Free", "model": "m", "users": 4, "answer_tokens": 100} | settings))


def test_a_prompt_is_a_conversation():
    assert Prompt(user="hello").messages() == [{"role": "user", "content": "hello"}]
    assert Prompt(user="hello", system="be kind").messages()[0] == {"role": "system", "content": "be kind"}
    assert [prompt.user for prompt in prompts("chat")] == [f"question {n}" for n in range(9)]


@pytest.mark.parametrize("kind", ["none", "torn", "empty"])
def test_prompts_that_cannot_be_had_are_a_trouble(kind):
    with pytest.raises(Trouble) as refused:
        Users(tier(mix=kind), seed=0, now=0.0)
    assert kind in refused.value.cause
    assert refused.value.remedy


def requests(seed, answer_s, name="Free", count=40, **settings):
    """The first requests by user, when the n-th answer takes `answer_s(n)` seconds."""
    loop, clock, asked, busy = Users(tier(name=name, **settings), seed, 0.0), 0.0, {}, []
    for number in range(count):
        while not busy:
            due = loop.next_due()
            clock = max(clock, due)
            busy += loop.due(clock)
        ask = busy.pop(0)
        asked.setdefault(ask.user, []).append((ask.prompt, ask.answer_tokens, ask.seed))
        clock += answer_s(number)
        loop.answered(ask.user, clock)
    return asked


def test_the_same_seed_asks_the_same_whatever_the_timing():
    quick = requests(1, lambda n: 0.1, think_s=0.5)
    slow = requests(1, lambda n: 3.0 if n % 3 else 0.01, think_s=2.0)
    for user in range(4):
        both = min(len(quick[user]), len(slow[user]))
        assert both > 2
        assert quick[user][:both] == slow[user][:both]
    assert requests(2, lambda n: 0.1) != requests(1, lambda n: 0.1)
    assert requests(1, lambda n: 0.1, name="High") != requests(1, lambda n: 0.1)


def test_answers_are_wanted_evenly_between_half_and_the_whole_limit():
    lengths = [ask[1] for asks in requests(1, lambda n: 0.1, count=2000).values() for ask in asks]
    assert (min(lengths), max(lengths)) == (50, 100)
    assert sum(lengths) / len(lengths) == pytest.approx(75, abs=1.5)
    assert {ask[1] for asks in requests(1, lambda n: 0.1, answer_tokens=1).values() for ask in asks} == {1}


def test_users_start_spread_over_one_pause_and_at_once_without():
    assert len(Users(tier(), 0, 5.0).due(5.0)) == 4
    loop = Users(tier(users=100, think_s=10.0), 0, 5.0)
    assert 20 < len(loop.due(10.0)) < 80
    loop.due(15.0)
    assert loop.next_due() is None


def test_a_user_pauses_between_its_requests():
    loop = Users(tier(users=1, think_s=2.0), 0, 0.0)
    (ask,) = loop.due(2.0)
    assert ask.when <= 2.0
    loop.answered(0, 7.0)
    assert loop.next_due() == 9.0
    assert loop.due(8.9) == []
    assert loop.due(9.5)[0].when == 9.0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.integers(0, 6), st.sampled_from(["ask", "answer", "late answer"])), max_size=60))
def test_there_are_never_more_or_fewer_users_than_set(happenings):
    """Numbers set the users; in between they ask and are answered."""
    loop, clock, busy, users = Users(tier(users=3), 0, 0.0), 0.0, [], 3
    for happening in happenings:
        clock += 1.0
        if happening == "ask":
            asked = [ask.user for ask in loop.due(clock)]
            assert not set(asked) & set(busy)
            assert all(user < users for user in asked)
            busy += asked
            assert set(range(users)) <= set(busy)
        elif isinstance(happening, int):
            users = happening
            loop.retune(tier(users=users), clock)
        elif busy:
            user = busy.pop(0 if happening == "answer" else -1)
            assert loop.leaving(user) == (user >= users)
            loop.answered(user, clock)
