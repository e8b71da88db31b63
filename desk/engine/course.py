"""What a model is put through by `desk bench`: real lanes, batches, sampling and accounts, but no users.

A turn is the factory's: a lane is picked by stride, makes one run, is charged for it and settles it; every tenth of a
second all lanes report, and each fact is encoded as it would be for the parent. Only the graph runs inside
`session.run`; whatever else a turn takes is counted as outside.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from desk.engine.batch import Batch, Row, chunk_beside
from desk.engine.lane import Lane, Outfit, Request
from desk.engine.prompts import Fitter
from desk.engine.runtime import Network
from desk.engine.sampling import Chooser
from desk.engine.scheduler import Stride
from desk.engine.watch import Watcher
from desk.facts.codec import encode
from desk.facts.happened import AnyFact, Worked, now
from desk.facts.tiers import Sampling, Tier
from desk.facts.trouble import Trouble
from desk.scenario import Ask, Prompt, Users

WARM_STEPS = 2
BEAT_S = 0.1
DRAWN = Sampling(temperature=0.8, top_k=0, top_p=0.95)

MIXED_PROMPT, MIXED_ANSWER = (16, 192), (32, 128)
"""Tokens of prompts and answers in the mixed load, both drawn evenly."""

_LOWEST_ID = 100
"""Below it lie a vocabulary's special tokens."""

_SLICE_S = 0.4

_LANE_ANSWER = 384
"""Tokens that a row gets before it makes room for a fresh one, where rows are kept coming."""


class Course:
    """The measurements of one model; all seconds are of the wall, all answers ready for JSON."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._clock = _Clocked(network.session)
        network.session = self._clock  # ty: ignore[invalid-assignment] - it does all that a session does
        self._encoded = 0
        self._asked = 0

    def prefill(self, prompt: int, times: int) -> dict[str, Any]:
        """That many prompts of `prompt` tokens, one after the other, with one token answered to each."""
        lane = self._lane(1, prompt + 2)
        line = _Line([lane], self._tell)
        for number in range(times):
            self._ask(lane, number, prompt, 1)
        start = now()
        while line.turn():
            pass
        return {"seconds": now() - start}

    def decode(self, rows: int, prompt: int, steps: int, sampling: Sampling | None = None) -> dict[str, Any]:
        """`steps` steps of `rows` rows that hold `prompt` tokens each when they start; `outside_s` is per step."""
        lengths, reached = self._staggered(rows, prompt)
        answer = reached + steps + WARM_STEPS + 3
        lane = self._lane(rows, answer, sampling)
        line = _Line([lane], self._tell)
        for number, length in enumerate(lengths):
            self._ask(lane, number, length, answer)
        line.until_decoding()
        for _ in range(WARM_STEPS):
            line.turn()
        self._clock.seconds = 0.0
        cached = _cached(lane)
        start = now()
        for _ in range(steps):
            line.turn()
        seconds = now() - start
        assert len(lane.active) == rows, "a row that has left gives no tokens, and takes no time"
        return {
            "seconds": seconds,
            "outside_s": (seconds - self._clock.seconds) / steps,
            "context": (cached + _cached(lane)) / 2 / rows,
        }

    def drawn(self, rows: int, prompt: int, steps: int) -> dict[str, Any]:
        """As `decode`, with every token drawn."""
        told = self.decode(rows, prompt, steps, DRAWN)
        return {"tokens_per_second": rows * steps / told["seconds"], "outside_run_s": told["outside_s"]}

    def lanes(self, slots: Sequence[int], prompt: int, seconds: float) -> dict[str, Any]:
        """Lanes of those slots, all full: each alone and all at once, in turns of equal time.

        `ratio` is tokens a second together over the mean of the lanes alone, which is what equal shares of the device
        give where lanes cost each other nothing; `share_error` is the largest difference between a lane's part of the
        step seconds and its share, as a part of its share.
        """
        lanes = [self._kept_full(count, 0, count, prompt, f"Lane {at}") for at, count in enumerate(slots)]
        alone = [_Stretch() for _ in lanes]
        together, whole = _Stretch(), _Line(lanes, self._tell)
        rounds = max(1, round(seconds / (2 * _SLICE_S * len(lanes))))
        part = seconds / (2 * rounds * len(lanes))
        for _ in range(rounds):
            for lane, stretch in zip(lanes, alone, strict=True):
                stretch.extend(_Line([lane], self._tell), part)
            together.extend(whole, part * len(lanes))
        separate = sum(stretch.speed for stretch in alone) / len(lanes)
        busy = sum(whole.charged.values()) / len(lanes)
        return {
            "tokens_per_second": together.speed,
            "ratio": together.speed / separate,
            "share_error": max(abs(spent / busy - 1) for spent in whole.charged.values()),
        }

    def mixed(self, slots: int, requests: int, seed: int) -> dict[str, Any]:
        """Requests of mixed lengths, all there at once, through that many slots, first come first served.

        TTFT counts from admission: what a request waits for a slot is a matter of how many there are.
        """
        chance = random.Random(seed)
        context = min(MIXED_PROMPT[1] + MIXED_ANSWER[1] + 1, self._network.manifest.context)
        lane = self._lane(slots, context)
        line = _Line([lane], self._tell)
        asked = [
            self._ask(lane, number, min(chance.randint(*MIXED_PROMPT), context // 2), chance.randint(*MIXED_ANSWER))
            for number in range(requests)
        ]
        start = now()
        line.until_idle()
        seconds = now() - start
        first = [request.first - request.admitted for request in asked if request.first and request.admitted]
        return {
            "tokens_per_second": sum(request.emitted for request in asked) / seconds,
            **_percentiles("ttft", first),
            **_percentiles("itl", [gap for request in asked for gap in line.gaps.get(request.number, ())]),
        }

    def interference(self, rows: int, prompt: int, long_prompt: int, every: float, seconds: float) -> dict[str, Any]:
        """`rows` rows decode for `seconds`, then as long again with a long prompt every so often in the same lane.

        `ratio` is the 99th percentile of the rows' token gaps beside the prompts over their median gap without;
        `waiting` is how many long prompts were not through at the end.
        """
        lane = self._kept_full(rows + 1, long_prompt + 2, rows, prompt)
        line = _Line([lane], self._tell)
        line.during(seconds)
        plain = [gap for values in line.gaps.values() for gap in values]
        line.gaps.clear()
        long: list[Request] = []
        start = now()
        while (t := now()) < start + seconds:
            if t >= start + len(long) * every:
                long.append(self._ask(lane, -1 - len(long), long_prompt, 1))
            line.follow()
        step = float(np.median(plain))
        beside = _percentiles("itl", [gap for values in line.gaps.values() for gap in values])
        return {
            "plain_step_s": step,
            **beside,
            **_percentiles("long_ttft", [request.first - request.submitted for request in long if request.first]),
            "ratio": beside["itl_p99_s"] / step if beside["itl_p99_s"] is not None else None,
            "waiting": sum(request.first is None for request in long),
        }

    # ---- lanes and what they are asked

    def _staggered(self, rows: int, prompt: int) -> tuple[list[int], int]:
        """The prompts' lengths with which all rows hold `prompt` tokens once the last of them decodes, and the most
        that any of them holds then.

        Rows that are in early decode once beside every chunk of the rows after them, so they begin that much shorter.
        """
        lengths, passed = [prompt], 0
        for waiting in range(rows - 1, 0, -1):
            cached, chunks = 0, 0
            while cached < lengths[-1]:
                cached += chunk_beside(waiting, cached, self._network.seamless)
                chunks += 1
            passed += chunks
            lengths.append(max(1, lengths[-1] - chunks))
        return lengths[::-1], max(prompt, lengths[-1] + passed)

    def _lane(self, slots: int, context: int, sampling: Sampling | None = None, name: str = "Lane") -> Lane:
        longest = self._network.manifest.context
        if context > longest:
            raise Trouble(
                f"That takes a context of {context} tokens, and {self._network.manifest.title} was made for {longest}.",
                "Measure shorter prompts or fewer steps.",
            )
        tier = Tier(
            name=name,
            model=self._network.manifest.name,
            slots=slots,
            context=max(16, context),
            answer_tokens=context,
            sampling=sampling or Sampling(),
        )
        lane = Lane(tier, self._tell, Watcher(self._tell))
        lane.equip(Outfit(tier, Batch(self._network, slots, tier.context), _Nothing(), 0.0))
        return lane

    def _ask(self, lane: Lane, number: int, prompt: int, answer: int) -> Request:
        """A request of that many random tokens, other ones every time: none may begin with what a slot still holds."""
        t = now()
        self._asked += 1
        chance, end = random.Random(self._asked), self._network.manifest.vocabulary
        ids = [chance.randrange(min(_LOWEST_ID, end // 2), end) for _ in range(prompt)]
        row = Row(ids, Chooser(lane.tier.sampling, number, ids))
        ask = Ask(when=t, user=number, prompt=Prompt(user=""), answer_tokens=answer, seed=number)
        request = Request(number=number, ask=ask, submitted=t, asked=prompt, start=prompt, row=row)
        lane.submit(request)
        return request

    def _kept_full(self, slots: int, context: int, rows: int, prompt: int, name: str = "Lane") -> Lane:
        """A lane of at least that context, of which that many rows never end: where one has its answer, a fresh one is
        asked for. They begin with answers of different lengths, so that they do not all end at once. What else is asked
        of the lane has a number below 0 and is not asked again."""
        answer = max(1, min(_LANE_ANSWER, self._network.manifest.context - prompt - 2))
        lane = self._lane(slots, max(context, prompt + answer + 2), name=name)
        lane.users = _Endless(lambda number: self._ask(lane, number, prompt, answer) if number >= 0 else None)
        for number in range(rows):
            self._ask(lane, number, prompt, max(1, answer - number * answer // (4 * rows)))
        _Line([lane], self._tell).until_decoding()
        return lane

    def _tell(self, fact: AnyFact) -> None:
        """What telling costs beside the pipe."""
        self._encoded += len(encode(fact))


class _Line:
    """Lanes taking turns, as a factory lets them.

    `tokens` is what they gave, `charged` their step seconds by the lane's name, `gaps` the seconds between tokens by
    the number of the request, where turns were followed.
    """

    def __init__(self, lanes: Sequence[Lane], tell: Callable[[AnyFact], None]) -> None:
        self._lanes = lanes
        self._tell = tell
        self._stride = Stride()
        self._beaten = now()
        self.tokens = 0
        self.charged = {lane.tier.name: 0.0 for lane in lanes}
        self.gaps: dict[int, list[float]] = {}

    def turn(self) -> bool:
        """One run of the lane whose turn it is; whether any lane had work."""
        t = now()
        for lane in self._lanes:
            lane.admit(t)
        lane = self._stride.pick([lane for lane in self._lanes if lane.active])
        if lane is None:
            return False
        run = lane.next_run()
        assert run is not None
        start = now()
        run.feed.run()
        end = now()
        if len(self._lanes) > 1:  # a lane by itself owes the others nothing when they come together again
            self._stride.charge(lane, end - start)
        self.charged[lane.tier.name] += end - start
        before = lane.book.emitted
        lane.settle(run, end)
        self.tokens += lane.book.emitted - before
        if end - self._beaten >= BEAT_S:
            self._tell(Worked(t=end, span=end - self._beaten, lanes=tuple(lane.work() for lane in self._lanes)))
            self._beaten = end
        return True

    def follow(self) -> bool:
        """A turn whose gaps between tokens are noted."""
        before = [(r, r.latest) for lane in self._lanes for r in lane.active.values() if r.first is not None]
        had_work = self.turn()
        for request, latest in before:
            if request.latest > latest:
                self.gaps.setdefault(request.number, []).append(request.latest - latest)
        return had_work

    def during(self, seconds: float) -> None:
        """Follow turns for that long."""
        end = now() + seconds
        while now() < end:
            self.follow()

    def until_idle(self) -> None:
        """Follow turns until no lane has work."""
        while self.follow():
            pass

    def until_decoding(self) -> None:
        """Turns until every request has its first token."""
        while any(r.first is None for lane in self._lanes for r in (*lane.queue, *lane.active.values())):
            self.turn()


class _Stretch:
    """What a line did in stretches that are apart."""

    def __init__(self) -> None:
        self._seconds, self._tokens = 0.0, 0

    def extend(self, line: _Line, seconds: float) -> None:
        """Let the line work for at least that long."""
        start, before = now(), line.tokens
        while (end := now()) < start + seconds:
            line.turn()
        self._seconds += end - start
        self._tokens += line.tokens - before

    @property
    def speed(self) -> float:
        """Tokens a second."""
        return self._tokens / self._seconds


class _Endless(Users):
    """Users who ask again as soon as they are answered: `again` is told who it was."""

    def __init__(self, again: Callable[[int], object]) -> None:
        self._again = again

    def answered(self, user: int, now: float) -> None:
        self._again(user)


class _Nothing(Fitter):
    """There is nothing to fit: requests come as tokens."""

    def __init__(self) -> None:
        self.vocabulary = ""


class _Clocked:
    """A session, with the seconds that its runs take."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._run = session.run_with_iobinding
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        start = now()
        self._run(binding, options)
        self.seconds += now() - start


def _cached(lane: Lane) -> int:
    return sum(row.cached for row in lane.active)


def _percentiles(name: str, values: Sequence[float]) -> dict[str, float | None]:
    points = np.percentile(values, (50, 99)).tolist() if values else (None, None)
    return dict(zip((f"{name}_p50_s", f"{name}_p99_s"), points, strict=True))
