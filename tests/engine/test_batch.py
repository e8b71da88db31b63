"""Rows in slots: whatever happens around a request, its tokens stay the same."""

from pathlib import Path

import numpy as np
import pytest
import tiny_decoder
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tiny_decoder import VOCABULARY

from desk.engine import batch as batch_module
from desk.engine.batch import BESIDE, CHUNK, Batch, Row
from desk.engine.feeds import open_cache
from desk.engine.sampling import Chooser
from desk.facts.tiers import Sampling
from desk.facts.trouble import Trouble
from desk.models.manifest import read_manifest
from desk.models.store import open_model

MASKED = Path(__file__).parents[1] / "data" / "layouts" / "genai-llama-fp32"
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


def sequence(length, start, stride):
    return [1 + (start + stride * k) % (VOCABULARY - 1) for k in range(length)]


lengths = st.one_of(st.integers(1, 9), st.sampled_from([63, 64, 65, 127, 129]), st.integers(1, 150))
prompts = st.one_of(
    st.builds(sequence, lengths, st.integers(0, VOCABULARY), st.integers(0, 60)),
    # Many that begin alike, as behind one system instruction.
    st.builds(
        lambda shared, length, start: sequence(shared, 3, 7) + sequence(length, start, 11),
        st.sampled_from([1, 2, 20, 64, 100]),
        st.integers(0, 50),
        st.integers(0, 2),
    ),
)
requests = st.lists(st.tuples(prompts, st.integers(1, 12), st.integers(0, 12), st.booleans()), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=requests,
    slots=st.integers(1, 5),
    chunks=st.sampled_from([(1, 1), (7, 7), (16, 4), (CHUNK, 2), (CHUNK, BESIDE)]),
    seamless=st.booleans(),
    on_a_device=st.booleans(),
)
def test_greedy_tokens_do_not_depend_on_neighbours_slot_chunking_or_join_time(
    network, monkeypatch, asked, slots, chunks, seamless, on_a_device
):
    """Each request: (prompt, tokens wanted, step at which it comes, whether it is cancelled half-way). On a device no
    slot is copied. What slots are said to hold of prompts they do hold."""
    monkeypatch.setattr(batch_module, "CHUNK", chunks[0])
    monkeypatch.setattr(batch_module, "BESIDE", chunks[1])
    monkeypatch.setattr(network, "seamless", seamless and min(chunks) > 1)
    batch = Batch(network, slots, CONTEXT)
    block = batch.cache.host
    if on_a_device:
        batch.cache.host = None
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
    for slot, held in enumerate(batch._held):
        if held.tokens:
            fresh = open_cache(network, 1, CONTEXT)
            feed = fresh.feed(0, 1, held.tokens)
            feed.chunk(held.known[: held.tokens], 0)
            feed.run()
            np.testing.assert_allclose(block[:, slot, :, : held.tokens], fresh.host[:, 0, :, : held.tokens], atol=1e-4)
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


@pytest.mark.parametrize(("seamless", "chunk"), [(False, CHUNK), (True, BESIDE)])
def test_a_long_prompt_and_the_decoding_rows_take_turns(network, monkeypatch, seamless, chunk):
    monkeypatch.setattr(network, "seamless", seamless)
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
    assert sizes == [1, chunk, 1, chunk, 1, chunk] or sizes == [chunk, 1, chunk, 1, chunk, 1]


@pytest.mark.parametrize("length", [1, 2, BESIDE + 1, CHUNK, CHUNK + 1, CHUNK + BESIDE + 1, 2 * CHUNK + 1])
@pytest.mark.parametrize("beside", [False, True])
def test_no_prompt_that_may_be_cut_anywhere_is_left_with_a_single_token(network, monkeypatch, length, beside):
    monkeypatch.setattr(network, "seamless", True)
    batch, row = Batch(network, 2, CONTEXT), row_of([7] * length)
    if beside:
        batch.join(row_of([5]))
        step(batch)
    batch.join(row)
    sizes = []
    while row.cached < length:
        run = batch.next_run()
        run.feed.run()
        batch.settle(run)
        sizes += [run.tokens] if row in run.rows else []
        if beside and row not in run.rows:
            run.rows[0].take(5)
    assert sum(sizes) == length
    assert max(sizes) <= (BESIDE if beside else CHUNK)
    assert 1 not in sizes or length == 1


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


@pytest.mark.parametrize("seamless", [False, True])
def test_prefill_counts_every_prompt_token_once_but_those_that_were_held(network, monkeypatch, seamless):
    monkeypatch.setattr(network, "seamless", seamless)
    batch, prompts_given, prefilled = Batch(network, 3, CONTEXT), (1, 2, CHUNK, CHUNK + 1, 2 * CHUNK + 5, 3, CHUNK), 0
    rows = [row_of([8] * length) for length in prompts_given]
    waiting = rows.copy()
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
    assert prefilled == sum(prompts_given) - sum(row.reused for row in rows)
    assert rows[-1].reused == (CHUNK - 2 if seamless else 0)


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize("on_a_device", [False, True])
def test_a_prompt_begins_behind_what_a_slot_holds_of_it(network, monkeypatch, seamless, on_a_device):
    """On a device no slot is copied, so that only what a free slot itself holds serves."""
    monkeypatch.setattr(network, "seamless", seamless)
    shared = sequence(2 * CHUNK + 9, 3, 7)
    batch = Batch(network, 3, CONTEXT)
    if on_a_device:
        batch.cache.host = None
    asked = [row_of(shared + sequence(8, start, 11)) for start in range(4)]
    for row in asked[:2]:
        batch.join(row)
        while row.missing > 1 or row.cached < row.pending:
            step(batch)
    whole = len(shared) if seamless else 2 * CHUNK
    assert [row.reused for row in asked[:2]] == [0, 0 if on_a_device else whole]
    batch.leave(asked[0])
    for row in asked[2:]:
        batch.join(row)
    assert [row.reused for row in asked[2:]] == [whole, 0 if on_a_device else whole]
    drawn = {row: [] for row in asked[2:]}
    while min(map(len, drawn.values())) < 6:
        for row, token, _ in step(batch):
            drawn.get(row, []).append(token)
    for row, tokens in drawn.items():
        expected = alone(network, row.known[: row.pending], 6)
        near = next((place for place, (_, lead) in enumerate(expected) if lead <= TIE), 6)
        assert tokens[:near] == [token for token, _ in expected][:near]


@pytest.mark.parametrize("seamless", [False, True])
def test_a_prompt_as_long_as_a_long_context_leaves_what_one_run_of_it_leaves(runtime, tmp_path, monkeypatch, seamless):
    longest = 4200
    monkeypatch.setattr(tiny_decoder, "CONTEXT", longest)
    folder = tiny_decoder.write(tmp_path / "long", end=-1)
    network = runtime.load(folder, read_manifest(folder), "cpu")
    network.seamless = seamless
    prompt = sequence(longest - 3, 3, 7)
    reference = open_cache(network, 1, longest)
    whole = reference.feed(0, 1, len(prompt))
    whole.chunk(prompt, 0)
    whole.run()
    batch, beside, row = Batch(network, 2, longest), row_of([5]), row_of(prompt)
    batch.join(beside)
    step(batch)
    batch.join(row)
    while len(row.known) < longest:
        step(batch)
    held = [cache.host[:, slot, :, : len(prompt)] for cache, slot in ((batch.cache, row.slot), (reference, 0))]
    np.testing.assert_allclose(*held, atol=1e-4)
    assert row.known[len(prompt)] == whole.top_i[0, 0]
    assert whole.top_v[0, 0] - whole.top_v[0, 1] > TIE


def test_answers_are_nobodys_prefix_since_they_are_rounded_as_decodes(network, monkeypatch):
    monkeypatch.setattr(network, "seamless", True)
    batch, first = Batch(network, 1, CONTEXT), row_of([5, 9, 11])
    batch.join(first)
    while len(first.known) < 9:
        step(batch)
    batch.leave(first)
    second = row_of([*first.known, 4, 4])
    batch.join(second)
    assert second.reused == 3


@pytest.mark.parametrize("prompt", [[], [1] * CONTEXT, [-1], [VOCABULARY]])
def test_what_the_graph_must_not_see_is_refused(network, prompt):
    batch = Batch(network, 1, CONTEXT)
    with pytest.raises(Trouble):
        batch.join(row_of(prompt))
    assert not batch.full
    assert batch.next_run() is None


@pytest.fixture(scope="module")
def masked(runtime):
    """A decode of three rows over a graph that asks for a mask."""
    return open_cache(runtime.load(*open_model(str(MASKED), ""), "cpu"), 3, 24).feed(0, 3)


@given(st.lists(st.lists(st.integers(0, 23), min_size=3, max_size=3) | st.none(), max_size=8))
def test_a_mask_has_as_many_ones_as_a_row_has_tokens_wherever_rows_go(masked, steps):
    """Rows leap to any length, as where another takes a slot; `None`: all have one token more."""
    cached = [0, 0, 0]
    for leap in steps:
        cached = leap or [min(length + 1, 23) for length in cached]
        masked.decode([1, 1, 1], cached)
        np.testing.assert_array_equal(masked._mask, np.arange(24) <= np.array(cached)[:, None])
