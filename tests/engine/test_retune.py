"""Settings that change while a request is being answered."""

import msgspec

from desk.engine.batch import Batch, Row
from desk.engine.lane import Lane, Outfit, Request
from desk.engine.sampling import Chooser
from desk.engine.watch import Watcher
from desk.facts.tiers import Sampling
from desk.scenario import Ask, Prompt


def test_requests_draw_by_a_new_sampling_from_their_next_token_on(network, tier):
    greedy = tier(slots=2)

    def answered(*samplings, tokens=8):
        """The answer to one prompt, so many tokens by each sampling."""
        lane = Lane(greedy, lambda fact: None, Watcher(lambda fact: None))
        lane.equip(Outfit(greedy, Batch(network, 2, greedy.context), None, 0.0))
        known = [5, 6, 7]
        ask = Ask(when=0.0, user=0, prompt=Prompt(user=""), answer_tokens=100, seed=3)
        row = Row(known, Chooser(greedy.sampling, ask.seed, known))
        request = Request(number=1, ask=ask, submitted=0.0, asked=3, start=3, row=row)
        lane.submit(request)
        lane.admit(0.0)
        for sampling in samplings:
            lane.retune(msgspec.structs.replace(greedy, sampling=sampling), 0.0)
            begun = request.emitted
            while request.emitted < begun + tokens:
                run = lane.next_run()
                run.feed.run()
                lane.settle(run, 1.0)
        return request.answer

    plain, hot = Sampling(), Sampling(temperature=10.0, top_k=0)
    calm = answered(plain, plain, plain)
    wild = answered(plain, hot, plain)
    assert wild[:8] == calm[:8]
    assert wild[8:16] != calm[8:16]
    assert wild == answered(plain, hot, plain)
    assert wild != answered(plain, hot, hot)
