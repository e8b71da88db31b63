"""The lane of a tier: its users, its queue, its batch, and the accounts of what it did."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from desk.engine.batch import Batch, Row, Run
from desk.engine.ending import Ending
from desk.engine.prompts import Fitter
from desk.engine.runtime import Network
from desk.engine.sampling import Chooser
from desk.engine.watch import Watcher
from desk.facts.happened import AnyFact, Finished, FinishReason, FirstToken, LaneWork, Slot
from desk.facts.histogram import bucket_of
from desk.facts.tiers import Tier
from desk.scenario import Ask, Users

Tell = Callable[[AnyFact], None]

QUEUE = 4096
"""How many passers-by wait at most."""


@dataclass(slots=True, eq=False)
class Request:
    """Prompt in, tokens out. `row` is its sequence from the first admission on, `asked` the prompt's length as billed,
    `cached` how much of that the KV cache held already when its first token was worked out.

    A request that has to leave a batch keeps its row and goes on where it was: nothing is emitted twice. The answer in
    the row's tokens begins at `start`: at `asked`, unless another vocabulary took over half-way. It is over where the
    row has `end` tokens, if not before.
    """

    number: int
    ask: Ask
    submitted: float
    admitted: float | None = None
    first: float | None = None
    latest: float = 0.0
    asked: int = 0
    cached: int = 0
    start: int = 0
    end: int = 0
    emitted: int = 0
    row: Row | None = None
    ending: Ending | None = None

    @property
    def answer(self) -> list[int]:
        """The answer so far, in the tokens of the lane's model."""
        return self.row.known[self.start :] if self.row is not None else []


@dataclass(slots=True)
class Book:
    """What a lane did since the last beat, as `LaneWork` reports it."""

    busy: float = 0.0
    prefill: int = 0
    emitted: int = 0
    steps: int = 0
    gaps: dict[int, int] = field(default_factory=dict)
    lag: float = 0.0


@dataclass(frozen=True, slots=True)
class Outfit:
    """What a lane needs to run a tier: the batch over its KV cache, and the prompts cut to fit it.

    `planned_bytes` is the memory it was planned to take, `free_bytes` what was free then, `taken_bytes` by how much
    the memory in use grew.
    """

    tier: Tier
    batch: Batch
    fitter: Fitter
    load_s: float
    planned_bytes: int = 0
    free_bytes: int | None = None
    taken_bytes: int | None = None


class Lane:
    """One production line. All times are stamps of `desk.facts.happened.now`, in seconds.

    `tier` is in force; `wanted` is set while a change waits for the lane to drain and load, until `drained_by` at the
    latest. With `overcommit` the next load may go beyond its memory plan. `proven` says that a run has ended well since
    the outfit was put on.
    """

    def __init__(self, tier: Tier, tell: Tell, watcher: Watcher) -> None:
        self.tier = tier
        self.state: Literal["loading", "running", "draining", "failed"] = "loading"
        self.wanted: Tier | None = None
        self.overcommit = False
        self.drained_by = 0.0
        self.passed = 0.0
        self.proven = False
        self.book = Book()
        self.users: Users | None = None
        self.outfit: Outfit | None = None
        self.active: dict[Row, Request] = {}
        self.queue: deque[Request] = deque()
        self._before: tuple[Fitter, Network] | None = None
        self._tell = tell
        self._watcher = watcher

    @property
    def share(self) -> float:
        return self.tier.share

    # ---- requests come

    def submit(self, request: Request, lag: float = 0.0) -> None:
        """Put a request at the end of the queue, `lag` seconds after it was due.

        A passer-by who finds `QUEUE` others waiting is turned away, which counts as cancelled: an open loop that asks
        for more than there is must not fill the memory.
        """
        self.book.lag = max(self.book.lag, lag)
        if request.ask.user < 0 and len(self.queue) >= QUEUE:
            self._finish(request, "cancelled", request.submitted + lag)
        else:
            self.queue.append(request)

    def admit(self, now: float) -> None:
        """Give waiting requests the free slots, in their order."""
        if self.state != "running" or self.outfit is None:
            return
        batch = self.outfit.batch
        while self.queue and not batch.full:
            request = self.queue.popleft()
            row = request.row
            if row is None:
                known = self._fitted(request, self.outfit.fitter)
                request.asked = request.start = len(known)
                row = request.row = self._row(request, known)
                if self.tier.sampling.stop:
                    request.ending = Ending(self.outfit.fitter.text.stream(), self.tier.sampling.stop)
            elif len(row.known) >= batch.context:
                self._finish(request, "length", now)
                continue
            batch.join(row)
            request.end = min(batch.context, len(row.known) + request.ask.answer_tokens - request.emitted)
            if request.admitted is None:
                request.admitted = now
            self.active[row] = request

    def _fitted(self, request: Request, fitter: Fitter) -> list[int]:
        ask = request.ask
        if ask.prompt_tokens:
            return fitter.cut(ask.prompt, ask.prompt_tokens, ask.answer_tokens)
        return list(fitter.fit(ask.prompt, self.tier.answer_tokens))

    def _row(self, request: Request, known: list[int]) -> Row:
        return Row(known, Chooser(self.tier.sampling, request.ask.seed, known))

    # ---- tokens go

    def next_run(self) -> Run | None:
        """The next run of the lane, `None` where no request is active."""
        return self.outfit.batch.next_run() if self.outfit is not None and self.active else None

    def settle(self, run: Run, now: float) -> None:
        """Book the run that has just ended and hand its tokens to their requests."""
        assert self.outfit is not None
        outcome = self.outfit.batch.settle(run)
        book, eos, watched = self.book, self.outfit.batch.network.manifest.eos, self._watcher.request
        book.steps += 1
        book.prefill += outcome.prefilled
        waits: dict[float, int] = {}  # by the moment of the token before: in a steady batch, one moment for all
        emitted = 0
        for row, token in outcome.tokens:
            request = self.active[row]
            if token in eos:
                # The end mark is a sign for the engine, not a token that anybody gets.
                self._finish(request, "eos", now)
                continue
            row.known.append(token)
            request.emitted += 1
            emitted += 1
            if request.first is None:
                self._first(request, now)
            else:
                waits[request.latest] = waits.get(request.latest, 0) + 1
            request.latest = now
            if watched is not None and request.number == watched:
                self._watcher.said(token)
            if request.ending is not None and request.ending.push(token):
                self._finish(request, "stop", now)
            elif len(row.known) >= request.end:
                self._finish(request, "length", now)
        book.emitted += emitted
        for latest, count in waits.items():
            bucket = bucket_of(now - latest)
            book.gaps[bucket] = book.gaps.get(bucket, 0) + count

    def _first(self, request: Request, now: float) -> None:
        assert request.admitted is not None
        assert request.row is not None
        request.first = now
        request.cached = min(request.row.reused, request.asked)
        self._tell(
            FirstToken(
                t=now,
                tier=self.tier.name,
                request=request.number,
                submitted=request.submitted,
                admitted=request.admitted,
                prompt=request.asked,
                cached=request.cached,
            )
        )

    def _finish(self, request: Request, reason: FinishReason, now: float) -> None:
        row = request.row
        if row is not None and self.active.pop(row, None) is not None:
            assert self.outfit is not None
            self.outfit.batch.leave(row)
        self._watcher.ended(request.number, now)
        self._tell(
            Finished(
                t=now,
                tier=self.tier.name,
                request=request.number,
                submitted=request.submitted,
                first=request.first,
                prompt=request.asked,
                emitted=request.emitted,
                reason=reason,
                cached=request.cached,
            )
        )
        if self.users is not None:
            self.users.answered(request.ask.user, now)

    # ---- changes

    def retune(self, tier: Tier, now: float) -> None:
        """Bring settings into force that need no new cache; raises `Trouble` and changes nothing for an unknown mix.

        Requests in the queue of users who are one too many now are cancelled; those being answered are finished.
        """
        if self.users is not None:
            self.users.retune(tier, now)
        self.tier = tier
        for request in (*self.active.values(), *self.queue):
            if request.row is not None:
                request.row.chooser = request.row.chooser.retuned(tier.sampling)
        self._dismiss(now)

    def multiply(self, load: float, now: float) -> None:
        """Have `load` times as many users or passers-by; requests of those who are too many now are cancelled."""
        if self.users is not None:
            self.users.multiply(load, now)
            self._dismiss(now)

    def _dismiss(self, now: float) -> None:
        for request in [r for r in self.queue if self.users is not None and self.users.leaving(r.ask.user)]:
            self.queue.remove(request)
            self._finish(request, "cancelled", now)

    def halve(self) -> int | None:
        """Go on with half as many requests at a time; gives how many, `None` where it was only one."""
        assert self.outfit is not None
        leaving = self.outfit.batch.halve()
        if leaving is None:
            return None
        self._requeue(leaving)
        return self.outfit.batch.limit

    def _requeue(self, rows: list[Row]) -> None:
        """Put requests whose rows have left the batch back to the head of the queue, in the order they came."""
        for row in sorted(rows, key=lambda row: row.turn, reverse=True):
            self.queue.appendleft(self.active.pop(row))

    def empty(self) -> None:
        """Requeue what is active and give the cache's memory back; the model stays loaded until the next outfit."""
        if self.outfit is not None:
            rows = list(self.active)
            for row in rows:
                self.outfit.batch.leave(row)
            self._requeue(rows)
            self._before = self.outfit.fitter, self.outfit.batch.network
            self.outfit = None

    def equip(self, outfit: Outfit) -> None:
        """Run on with a new outfit: answers that had begun go on, in the new model's tokens where those differ."""
        foreign = self._before is not None and self._before[0].vocabulary != outfit.fitter.vocabulary
        for request in self.queue:
            if request.emitted == 0:
                request.row = None  # its prompt is cut anew, to the new context
            elif foreign:
                self._translate(request, outfit.fitter)
        self._before = None
        self.outfit = outfit
        self.proven = False
        self.state = "running"

    def _translate(self, request: Request, fitter: Fitter) -> None:
        assert self._before is not None
        said = self._before[0].text.decode(request.answer)
        prompt = self._fitted(request, fitter)
        request.start = len(prompt)
        request.row = self._row(request, [*prompt, *fitter.continuation(said)])
        self._watcher.switch(request.number, fitter.text.stream())
        if request.ending is not None:
            request.ending.switch(fitter.text.stream())

    def skip(self, seconds: float) -> None:
        """Leave a pause out of the gaps between tokens: the lane was told to stand still, it was not slow."""
        for request in (*self.active.values(), *self.queue):
            request.latest += seconds

    def cancel_all(self, now: float, reason: FinishReason = "cancelled") -> None:
        """End every request."""
        for request in (*self.active.values(), *self.queue):
            self._finish(request, reason, now)
        self.queue.clear()

    # ---- accounts

    def work(self) -> LaneWork:
        """The accounts since the last call, and the slots as they are."""
        book, self.book = self.book, Book()
        slots = tuple(
            Slot(request.number, request.asked, min(row.cached, request.asked), request.emitted)
            for row, request in self.active.items()
        )
        return LaneWork(
            tier=self.tier.name,
            busy=book.busy,
            prefill=book.prefill,
            emitted=book.emitted,
            steps=book.steps,
            queue=len(self.queue),
            slots=slots,
            gaps=book.gaps,
            lag=book.lag,
        )
