"""A lane on CUDA whose batch outgrows the card: it halves the batch, goes on, and every account balances."""

from desk.facts.codec import decode_fact
from desk.facts.happened import Finished, FirstToken, LaneFailed, Troubled, Worked

SLOTS, ROUNDS = 32, 2


def test_a_lane_whose_batch_outgrows_the_card_halves_it_and_goes_on(drill):
    seen = drill("lane_without_memory", lane={"slots": SLOTS, "rounds": ROUNDS})
    facts = [decode_fact(line) for line in seen["facts"]]

    def of(kind):
        return [fact for fact in facts if isinstance(fact, kind)]

    assert not of(LaneFailed)
    troubles = of(Troubled)
    assert troubles
    assert all("out of memory" in trouble.cause for trouble in troubles)
    limit = int(troubles[-1].cause.split("goes on with ")[1].split()[0])
    assert 1 <= limit <= SLOTS // 2

    finished, firsts, lanes = of(Finished), of(FirstToken), [lane for fact in of(Worked) for lane in fact.lanes]
    after = [lane for fact in of(Worked) if fact.t > troubles[-1].t for lane in fact.lanes]
    assert max(len(lane.slots) for lane in after) == limit
    assert sum(lane.emitted for lane in lanes) == sum(fact.emitted for fact in finished)
    assert sum(count for lane in lanes for count in lane.gaps.values()) == sum(
        fact.emitted - 1 for fact in finished if fact.emitted
    )
    assert {fact.request for fact in finished if fact.emitted} == {fact.request for fact in firsts}
    assert len({fact.request for fact in finished}) == len(finished)
    assert len({fact.request for fact in firsts}) == len(firsts)
    served = [fact for fact in finished if fact.reason != "cancelled"]
    assert len(served) > ROUNDS * SLOTS
    assert sum(lane.prefill for lane in lanes) >= sum(fact.prompt - fact.cached for fact in firsts)
