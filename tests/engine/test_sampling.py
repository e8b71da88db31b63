"""Drawing a token: against a straightforward reference, and reproducibly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.engine.sampling import Chooser, Sampler
from desk.facts.tiers import Sampling

samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 1.0, 2.5]),
    top_k=st.sampled_from([0, 1, 5, 64]),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
)


shifts = st.sampled_from([0.0, 30.0, 300.0, -300.0])
"""What all logits of a row may have in common: some lie too far out to be drawn beside others."""


def candidates(rows, seed=0):
    """Random logits in falling order, multiples of 1/64 so that a shift is exact, and the ids they belong to."""
    random = np.random.default_rng(seed)
    logits = (-np.sort(-random.normal(0.0, 3.0, (rows, 64)), axis=1) * 64).round().astype(np.float32) / 64
    return logits, random.permuted(np.tile(np.arange(100, 164), (rows, 1)), axis=1)


def reference(logits, ids, sampling, seen):
    """The probability of every id, by the book and one step after the other."""
    scores = {
        int(token): float(logit / sampling.repetition_penalty if logit > 0 else logit * sampling.repetition_penalty)
        if token in seen
        else float(logit)
        for token, logit in zip(ids, logits, strict=True)
    }
    ranked = sorted(scores, key=lambda token: -scores[token])
    if sampling.temperature == 0.0:
        return {ranked[0]: 1.0}
    ranked = ranked[: sampling.top_k or None]
    weights = np.exp([(scores[token] - scores[ranked[0]]) / sampling.temperature for token in ranked])
    chances = weights / weights.sum()
    kept = int(np.searchsorted(np.cumsum(chances), sampling.top_p * (1 - 1e-6))) + 1
    chances = chances[:kept] / chances[:kept].sum()
    return dict(zip(ranked[:kept], chances.tolist(), strict=True))


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0, top_k=0),
        Sampling(temperature=0.7, top_k=8),
        Sampling(temperature=1.5, top_k=0, top_p=0.8),
        Sampling(temperature=1.0, top_k=20, top_p=0.9, repetition_penalty=1.4),
    ],
)
def test_draws_follow_the_distribution(sampling):
    logits, ids = candidates(1)
    seen = set(ids[0, :10].tolist())
    chooser, sampler = Chooser(sampling, seed=1, known=list(seen)), Sampler(logits, ids)
    draws = 20_000
    counts = {}
    for _ in range(draws):
        (token,) = sampler.choose([chooser])
        counts[token] = counts.get(token, 0) + 1
    expected = reference(logits[0], ids[0], sampling, seen)
    assert counts.keys() <= expected.keys()
    for token, chance in expected.items():
        spread = (chance * (1 - chance) / draws) ** 0.5
        assert abs(counts.get(token, 0) / draws - chance) < 5 * spread + 1e-4


@given(st.lists(st.tuples(samplings, shifts), min_size=1, max_size=8), st.integers(0, 1000))
def test_a_row_draws_alone_as_it_does_beside_others(kinds, seed):
    logits, ids = candidates(len(kinds), seed)
    logits += np.array([[shift] for _, shift in kinds], np.float32)

    def choosers():
        return [Chooser(sampling, seed + row, ids[row, :5].tolist()) for row, (sampling, _) in enumerate(kinds)]

    together, separate, sampler = choosers(), choosers(), Sampler(logits, ids)
    for _ in range(3):
        assert sampler.choose(together) == [
            Sampler(logits[row : row + 1], ids[row : row + 1]).choose([chooser])[0]
            for row, chooser in enumerate(separate)
        ]


@pytest.mark.parametrize("sampling", [Sampling(temperature=1.0, top_p=0.9), Sampling(temperature=2.0, top_k=7)])
def test_only_the_distances_between_logits_count(sampling):
    logits, ids = candidates(3)
    near, far = [[Chooser(sampling, seed) for seed in range(3)] for _ in range(2)]
    drawn, away = Sampler(logits, ids), Sampler(logits + np.array([[512.0], [0.0], [-512.0]], np.float32), ids)
    assert [drawn.choose(near) for _ in range(300)] == [away.choose(far) for _ in range(300)]


@given(samplings, st.integers(0, 1000))
def test_every_draw_is_one_that_the_settings_allow(sampling, seed):
    logits, ids = candidates(1, seed)
    chooser = Chooser(sampling, seed)
    allowed = reference(logits[0], ids[0], sampling, set())
    assert all(Sampler(logits, ids).choose([chooser])[0] in allowed for _ in range(20))


def test_a_sampler_follows_rows_that_come_go_and_change_their_settings():
    logits, ids = candidates(3)
    hot, cold = Sampling(temperature=5.0, top_k=0), Sampling(temperature=0.0)
    rows, sampler = [Chooser(hot, seed) for seed in range(3)], Sampler(logits, ids)
    assert any(sampler.choose(rows) != ids[:, 0].tolist() for _ in range(20))
    rows[:2] = [row.retuned(cold) for row in rows[:2]]
    assert all(sampler.choose(rows)[:2] == ids[:2, 0].tolist() for _ in range(20))
    rows[0], rows[2] = None, rows[2].retuned(cold)
    assert sampler.choose(rows)[1:] == ids[1:, 0].tolist()


def test_a_temperature_next_to_nothing_is_greedy():
    logits, ids = candidates(2)
    rows = [Chooser(Sampling(temperature=1e-300, top_p=top_p), seed=3) for top_p in (1.0, 0.5)]
    assert Sampler(logits, ids).choose(rows) == ids[:, 0].tolist()


def test_a_token_of_the_answer_counts_as_seen_once_it_is_known():
    logits, ids = np.array([[2.0, 1.9]], np.float32), np.array([[7, 8]])
    known: list[int] = []
    chooser, sampler = Chooser(Sampling(repetition_penalty=2.0), 0, known), Sampler(logits, ids)
    assert sampler.choose([chooser]) == [7]
    known.append(7)
    assert sampler.choose([chooser]) == [8]


def test_the_same_seed_draws_the_same_tokens():
    logits, ids = candidates(1)
    sampling = Sampling(temperature=1.0)

    def draws(seed):
        chooser = Chooser(sampling, seed)
        return [Sampler(logits, ids).choose([chooser])[0] for _ in range(30)]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)


def test_greedy_is_the_largest_whatever_else_is_set():
    logits, ids = candidates(3)
    rows = [Chooser(Sampling(temperature=0.0, top_k=5, top_p=0.2), seed=row) for row in range(3)]
    assert Sampler(logits, ids).choose(rows) == ids[:, 0].tolist()
