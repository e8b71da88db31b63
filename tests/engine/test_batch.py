"""Rows in slots: whatever happens around a request, its tokens stay the same."""

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tiny_decoder import VOCABULARY

from desk.engine import batch as batch_module
from desk.engine.batch import CHUNK, Batch, Row
from desk.engine.sampling import Chooser
from desk.facts.tiers import Sampling
from desk.facts.trouble import Trouble

TIE = 1e-3
CONTEXT = 256


def row_of(prompt, sampling=None):
    return Row(list(prompt), Chooser(sampling or Sampling(), seed=0))


def step(batch):
    """One run; gives what it gave: (row, token, lead of its logit over the second best)."""
    run = batch.next_run()
    run.feed.run()
    given_out = []
    for row, token in batch.settle(run).tokens:
        best, second = run.feed.top_v[run.rows.index(row), :2].tolist()
        row.take(token)
        given_out.append((row, token, best - second))
    return given_out


def alone(network, prompt, count):
    """The greedy tokens of a prompt that has the whole machine to itself, with their leads."""
    batch, tokens = Batch(network, 1, CONTEXT), []
    batch.join(row_of(prompt))
    while len(tokens) < count:
        tokens += [(token, lead) for _, token, lead in step(batch)]
    return tokens


prompts = st.builds(
    lambda length, start, stride: [1 + (start + stride * k) % (VOCABULARY - 1) for k in range(length)],
    st.one_of(st.integers(1, 9), st.sampled_from([63, 64, 65, 127, 129]), st.integers(1, 150)),
    st.integers(0, VOCABULARY),
    st.integers(0, 60),
)
requests = st.lists(st.tuples(prompts, st.integers(1, 12), st.integers(0, 12), st.booleans()), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests, slots=st.integers(1, 5), chunk=st.sampled_from([1, 7, 16, CHUNK]))
def test_greedy_tokens_do_not_depend_on_neighbours_slot_chunking_or_join_time(
    network, monkeypatch, asked, slots, chunk
):
    """Each request: (prompt, tokens wanted, step at which it comes, whether it is cancelled half-way)."""
    monkeypatch.setattr(batch_module, "CHUNK", chunk)
    batch = Batch(network, slots, CONTEXT)
    waiting = sorted(enumerate(asked), key=lambda numbered: numbered[1][2])
    tokens = {number: [] for number, _ in waiting}
    active, steps = {}, 0
    while waiting or active:
        while waiting and not batch.full and (waiting[0][1][2] <= steps or not active):
            number, (prompt, wanted, _, cancelled) = waiting.pop(0)
            row = row_of(prompt)
            batch.join(row)
            active[row] = (number, (wanted + 1) // 2 if cancelled else wanted)
        for row, token, _ in step(batch):
            number, wanted = active[row]
            tokens[number].append(token)
            if len(tokens[number]) == wanted:
                batch.leave(row)
                del active[row]
        steps += 1
    monkeypatch.undo()
    for number, (prompt, *_) in enumerate(asked):
        reference = alone(network, prompt, len(tokens[number]))
        for position, (token, (expected, lead)) in enumerate(zip(tokens[number], reference, strict=True)):
            if token != expected:
                event("a tie broke the other way")
                assert lead <= TIE, f"request {number} differs at {position}, where the lead is {lead}"
                break


def test_a_decode_computes_no_more_rows_than_are_active(network):
    batch = Batch(network, 4, CONTEXT)
    rows = [row_of([5 + n, 6]) for n in range(4)]
    for row in rows:
        batch.join(row)
    while any(row.missing > 1 for row in batch):
        step(batch)
    assert len(batch.next_run().rows) == 4
    for row in rows[:2]:
        batch.leave(row)
    run = batch.next_run()
    assert sorted(rows.index(row) for row in run.rows) == [2, 3]
    assert len(batch) == 2


def test_a_long_prompt_and_the_decoding_rows_take_turns(network):
    batch = Batch(network, 2, CONTEXT)
    batch.join(row_of([5]))
    step(batch)
    batch.join(row_of([7] * (3 * CHUNK)))
    sizes = []
    for _ in range(6):
        run = batch.next_run()
        run.feed.run()
        sizes.append(run.tokens)
        for row, token in batch.settle(run).tokens:
            row.take(token)
    assert sizes == [1, CHUNK, 1, CHUNK, 1, CHUNK] or sizes == [CHUNK, 1, CHUNK, 1, CHUNK, 1]


def test_prompts_are_prefilled_in_the_order_they_joined(network):
    batch = Batch(network, 3, CONTEXT)
    early, late = row_of([3] * (2 * CHUNK)), row_of([4] * (2 * CHUNK))
    first = row_of([9, 9])
    batch.join(first)
    batch.join(early)
    batch.leave(first)
    batch.join(late)
    assert late.slot < early.slot
    firsts = []
    while len(firsts) < 2:
        firsts += [row for row, *_ in step(batch) if row not in firsts]
    assert firsts == [early, late]


def test_prefill_counts_every_prompt_token_once(network):
    batch, prompts_given, prefilled = Batch(network, 3, CONTEXT), (1, 2, CHUNK, CHUNK + 1, 2 * CHUNK + 5, 3), 0
    waiting = [row_of([8] * length) for length in prompts_given]
    while waiting or len(batch):
        while waiting and not batch.full:
            batch.join(waiting.pop(0))
        run = batch.next_run()
        run.feed.run()
        outcome = batch.settle(run)
        prefilled += outcome.prefilled
        for row, token in outcome.tokens:
            row.take(token)
            if len(row.known) == row.pending + 3:
                batch.leave(row)
    assert prefilled == sum(prompts_given)


@pytest.mark.parametrize("prompt", [[], [1] * CONTEXT, [-1], [VOCABULARY]])
def test_what_the_graph_must_not_see_is_refused(network, prompt):
    batch = Batch(network, 1, CONTEXT)
    with pytest.raises(Trouble):
        batch.join(row_of(prompt))
    assert not batch.full
    assert batch.next_run() is None
