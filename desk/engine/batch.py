"""The batch of a lane: which sequence lies in which slot of the KV cache, and what the next run computes.

Rows join and leave at any step. A run is either one decode of all rows that need a single token, whatever their
lengths, or one chunk of one row's prompt, written straight into its slot; the two alternate, so a long prompt never
stalls the others for long.

Three facts about the attention kernel shape this module: a run over several rows takes one token of each; a run of
several tokens on top of a past takes one row; and a row's result does not depend on its neighbours. A prompt must give
the same wherever it is cut, so that a request's tokens do not depend on the load around it. Where the graph has shown
that it does (`Network.seamless`: as long as no chunk is a single token, which another kernel multiplies), chunks are as
long as is good for the others; else they end at multiples of `CHUNK`, because with 8-bit activations another rounding
is another text.

For the same reason what a slot holds of a prompt serves the next prompt that begins alike: a row starts behind that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from desk.engine.feeds import Feed, open_cache
from desk.engine.runtime import Network
from desk.engine.sampling import Chooser
from desk.facts.trouble import Trouble

CHUNK = 64
"""Prompt tokens in one run: within a tenth of the best prefill speed."""

BESIDE, BESIDE_ROW, PAST = 32, 5.0, 1000.0
"""Prompt tokens in one run where others wait for it with their next token: at least so many, and so many for each row
that waits, since a decode of many rows takes longer anyway; fewer on top of a long past, half as many on `PAST` tokens,
since each of them attends to all of it. Never more than `CHUNK`.

Milliseconds a run, 135M parameters in 8 bits on two cores, best of 16: decodes of 1, 8 and 16 rows of 200 tokens take
6.1, 13.4 and 22.3; chunks of 16, 32, 48 and 64 tokens on top of 100 take 14.3, 22.6, 30.9 and 39.0, on top of 900 18.5,
29.1, 40.6 and 51.1. So a chunk and a decode take at most about as long as three plain decodes of 16 rows, and of 8.
A prompt token costs a tenth more with 32 than with 64; with 16, a half. Beside 16 rows, a chunk of 40 whatever the past
took 1.6 times as long for a prompt of a thousand tokens, and a twentieth of the tokens a second of short requests.
"""


def chunk_beside(waiting: int, cached: int, seamless: bool) -> int:
    """How many tokens of a prompt, of which so many are cached, a chunk may have beside so many rows that wait for
    their next one."""
    if not waiting or not seamless:
        return CHUNK
    return min(CHUNK, max(BESIDE, int(BESIDE_ROW * waiting / (1 + cached / PAST))))


@dataclass(slots=True, eq=False)
class Row:
    """One sequence in the batch: the tokens known so far, and how many of them the cache holds.

    A row decodes when exactly one known token is not in the cache yet; `pending` is what it must first catch up with,
    of which its slot held `reused` tokens when it joined.
    """

    known: list[int]
    chooser: Chooser
    cached: int = 0
    pending: int = 0
    reused: int = 0
    slot: int = -1
    turn: int = 0

    @property
    def missing(self) -> int:
        """Known tokens that the cache does not hold yet."""
        return len(self.known) - self.cached

    def take(self, token: int) -> None:
        """Append the row's next token."""
        self.known.append(token)


@dataclass(slots=True)
class Run:
    """One run of the model, ready to go: `tokens` of each of `rows`; `None` is a row computed along for nobody.

    `choosers` are those of the rows that get their next token from it, `prefilled` is how many tokens are of prompts.
    """

    feed: Feed
    rows: list[Row | None]
    tokens: int
    choosers: list[Chooser | None]
    prefilled: int


@dataclass(slots=True)
class Outcome:
    """What a run gave: the rows that got their next token, and how many tokens of prompts it processed."""

    tokens: list[tuple[Row, int]]
    prefilled: int


@dataclass(frozen=True, slots=True)
class _Held:
    """What lies at the beginning of a slot, as chunks wrote it: the first `tokens` of the sequence `known`."""

    known: Sequence[int] = ()
    tokens: int = 0

    def common(self, known: Sequence[int]) -> int:
        """How many tokens another sequence has in common with it from the beginning on."""
        pairs = zip(self.known[: self.tokens], known, strict=False)
        return next((place for place, (one, other) in enumerate(pairs) if one != other), min(self.tokens, len(known)))


class Batch:
    """Rows over one KV cache of `slots` sequences of at most `context` tokens.

    Only the first `limit` slots are in use: all of them, until runs of so many rows turned out to need more memory than
    there is. With `overcommit` the cache is made also where free memory does not hold it.
    """

    def __init__(self, network: Network, slots: int, context: int, overcommit: bool = False) -> None:
        self.network = network
        self.context = context
        self.cache = open_cache(network, slots, context, overcommit)
        self._slots: list[Row | None] = [None] * slots
        self._held = [_Held()] * slots
        self.limit = slots
        self._decodes: dict[int, Feed] = {}
        self._prefills: dict[int, Feed] = {}
        self._decode_next = True
        self._joined = 0
        self._latest = -1

    def __len__(self) -> int:
        return sum(row is not None for row in self._slots)

    def __iter__(self) -> Iterator[Row]:
        return (row for row in self._slots if row is not None)

    @property
    def full(self) -> bool:
        return None not in self._slots[: self.limit]

    def join(self, row: Row) -> None:
        """Give the row a free slot and what is held of its prompt; raises `Trouble` for tokens that the graph must not
        see.

        On a device the kernels trust what they are given, so lengths and ids are checked here.
        """
        if not 0 < len(row.known) < self.context:
            raise Trouble(
                f"A prompt of {len(row.known)} tokens does not fit a context of {self.context}.",
                "Shorten the prompt or raise the context.",
            )
        if min(row.known) < 0 or max(row.known) >= self.network.manifest.vocabulary:
            raise Trouble("A prompt holds a token that the model does not know.", "Use the model's own tokenizer.")
        self._joined += 1
        row.turn = self._joined
        row.pending = len(row.known)
        row.slot, row.reused = self._place(row.known)
        row.cached = row.reused
        self._slots[row.slot] = row

    def _place(self, known: list[int]) -> tuple[int, int]:
        """A free slot for a prompt and how many of its first tokens it now holds: the most that any slot does, copied
        where the cache can be; then the lowest slot."""
        free = [slot for slot, row in enumerate(self._slots[: self.limit]) if row is None]
        if not self.cache.together:
            return free[0], 0
        copied = self.cache.host is not None
        source = max(range(len(self._slots)) if copied else free, key=lambda slot: self._held[slot].common(known))
        reused = self._usable(self._held[source].common(known), len(known))
        target = free[0] if copied or not reused else source
        if reused and source != target:
            self.cache.move(source, target, reused)
        self._held[target] = _Held(known, reused)
        return target, reused

    def _usable(self, common: int, length: int) -> int:
        """How many of the tokens that are held a prompt can begin behind, so that it gives what it gives alone."""
        if self.network.seamless:
            return max(0, min(common, length - 2))  # a single token must not remain
        return min(common, length - 1) // CHUNK * CHUNK

    def leave(self, row: Row) -> None:
        """Free the row's slot."""
        assert self._slots[row.slot] is row
        self._slots[row.slot] = None
        row.slot = -1

    def halve(self) -> list[Row] | None:
        """Run with half as many rows from now on; gives those that left for it, `None` where only one is left."""
        highest = 1 + max(row.slot for row in self)
        if highest == 1:
            return None
        self.limit = highest // 2
        leaving = [row for row in self if row.slot >= self.limit]
        for row in leaving:
            self.leave(row)
        return leaving

    def next_run(self) -> Run | None:
        """The next run, its inputs written; `None` for an empty batch."""
        waiting, highest, prefilling = 0, -1, None
        for slot, row in enumerate(self._slots):
            if row is None:
                continue
            if len(row.known) - row.cached == 1:
                waiting += 1
                highest = slot
            elif prefilling is None or row.turn < prefilling.turn:
                # One prompt after the other: side by side, all of them would wait as long as the last.
                prefilling = row
        if prefilling is not None and not (self._decode_next and waiting):
            self._decode_next = True
            return self._chunk(prefilling, chunk_beside(waiting, prefilling.cached, self.network.seamless))
        if not waiting:
            return None
        self._decode_next = False
        return self._decode(waiting, highest)

    def settle(self, run: Run) -> Outcome:
        """Take in what the run computed and draw the next token of every row that is through."""
        tokens = run.tokens
        for row in run.rows:
            if row is not None:
                row.cached += tokens
                if tokens > 1:  # a token alone is rounded in its own way, which no other prompt may take over
                    self._held[row.slot] = _Held(row.known, row.cached)
        if not any(run.choosers):
            return Outcome([], run.prefilled)
        drawn = zip(run.rows, run.choosers, run.feed.sampler.choose(run.choosers), strict=True)
        return Outcome([(row, token) for row, chooser, token in drawn if row is not None and chooser], run.prefilled)

    def _chunk(self, row: Row, most: int = CHUNK) -> Run:
        feed = self._prefills.get(row.slot)
        if feed is None:
            feed = self._prefills[row.slot] = self.cache.feed(row.slot, 1, min(CHUNK, self.context))
        tokens = min(most, row.missing)
        if self.network.seamless and row.missing == tokens + 1:
            tokens -= 1  # no chunk may be left with a single token
        feed.chunk(row.known[row.cached : row.cached + tokens], row.cached)
        chooser = row.chooser if tokens == row.missing else None
        return Run(feed, [row], tokens, [chooser], min(tokens, max(0, row.pending - row.cached)))

    def _decode(self, waiting: int, highest: int) -> Run:
        """All rows that need one token, of which there are `waiting`, in slots up to `highest`. Others below that are
        computed along on a harmless token: it lands behind what their slot holds, where the next real token overwrites
        it.

        Where the cache takes one row at a time, each of them in turn."""
        if not self.cache.together:
            ready = [row for row in self if row.missing == 1]
            row = next((row for row in ready if row.slot > self._latest), ready[0])
            self._latest = row.slot
            self._decode_next = row is not ready[-1]  # a chunk of a prompt comes after all of them
            return self._chunk(row)
        if waiting <= highest and self.cache.host is not None:
            highest = self._compact()
        count = self.cache.width(1 + highest, self.limit)
        feed = self._decodes.get(count)
        if feed is None:
            feed = self._decodes[count] = self.cache.feed(0, count)
        # All that the rows have to say is asked now, in one go: after the run it would have to come from memory again.
        run, ids, lengths = Run(feed, [], 1, [], 0), [], []
        for slot, row in enumerate(self._slots[:count]):
            if row is not None and len(row.known) - row.cached == 1:
                run.rows.append(row)
                run.choosers.append(row.chooser)
                run.prefilled += row.cached < row.pending
                ids.append(row.known[-1])
                lengths.append(row.cached)
            else:
                run.rows.append(None)
                run.choosers.append(None)
                ids.append(0)
                lengths.append(self._held[slot].tokens if row is None else row.cached)
        feed.decode(ids, lengths)
        return run

    def _compact(self) -> int:
        """Move the highest decoding rows into free slots below, in a cache that can be copied; gives the highest slot
        of them now.

        A free slot below costs its row in every run, a move once about two of those. On a device a row computed along
        costs next to nothing, so there it stays.
        """
        while True:
            top = max((row for row in self if row.missing == 1), key=lambda row: row.slot)
            hole = next((slot for slot, row in enumerate(self._slots[: top.slot]) if row is None), None)
            if hole is None:
                return top.slot
            self.cache.move(top.slot, hole, top.cached)
            self._held[hole] = self._held[top.slot]
            self._slots[top.slot], self._slots[hole] = None, top
            top.slot = hole
