"""The seam between rows of tokens and a graph: how one run's inputs are filled, and its candidates read.

`Wiring` in a model's manifest says what its graph asks for. A `Feed` writes just that, so everything above it knows
tokens and lengths alone. A cache is of one of two kinds: `SharedCache`, in which past and present are the same memory
and any rows run together, and `GrowingCache` for graphs that append to their past, one row at a time.
"""

from collections.abc import Callable, Sequence
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np

from desk.engine.recording import Recorder, bucket
from desk.engine.sampling import Sampler
from desk.facts.trouble import Trouble
from desk.models.ram import free_memory

if TYPE_CHECKING:
    from desk.engine.runtime import Binding, Network


def open_cache(network: "Network", slots: int, context: int, overcommit: bool = False) -> "SharedCache":
    """A fresh KV cache of the kind that the graph asks for; raises `Trouble` with the numbers where memory does not
    hold it, unless with `overcommit` the system may make room."""
    if network.provider == "cpu" and not overcommit:
        size, free = network.manifest.kv_bytes(slots, context), free_memory()
        if size > free:
            raise Trouble(
                f"The KV cache of {slots} slots of {context} tokens takes {size / 2**30:.1f} GiB, "
                f"and {free / 2**30:.1f} GiB of memory are free.",
                "Choose fewer slots or a shorter context.",
            )
    return (GrowingCache if network.manifest.wiring.growing else SharedCache)(network, slots, context)


class SharedCache:
    """Keys and values of one lane in one block [tensors, slots, kv_heads, context, head_size].

    `host` is the block as an array where it lies in host memory, else `None`. `together` says that one run may decode
    several rows.
    """

    together = True

    def __init__(self, network: "Network", slots: int, context: int) -> None:
        m = network.manifest
        self.network = network
        self.context = context
        self._slots = slots
        self._row_shape = (m.kv_heads, context, m.head_size)
        self._memory = network.memory((2 * m.layers, slots, *self._row_shape))
        self.bytes = self._memory.bytes
        self.host = self._memory.host
        self._row_bytes = self.bytes // (2 * m.layers * slots)

    def feed(self, first: int, rows: int, tokens: int = 1) -> "Feed":
        """A bound run over `rows` neighbouring slots from `first` on, up to `tokens` tokens each."""
        return Feed(self, first, rows, tokens)

    def width(self, rows: int, slots: int) -> int:
        """How many rows a decode of the first `rows` out of `slots` computes: as many as a recording has."""
        return rows if self.network.unrecorded else bucket(rows, slots)

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a slot to another one (host memory only)."""
        assert self.host is not None, "a cache on the device is never compacted"
        self.host[:, target, :, :length] = self.host[:, source, :, :length]

    def bind(self, binding: "Binding", first: int, rows: int) -> None:
        """Bind past and present of those slots to the same memory."""
        shape = (rows, *self._row_shape)
        start = self._memory.address + first * self._row_bytes
        for tensor, (past, present) in enumerate(self.network.cache_names):
            address = start + tensor * self._slots * self._row_bytes
            binding.take(past, self.network.kv_dtype, shape, address)
            binding.give(present, self.network.kv_dtype, shape, address)

    def grow(self, binding: "Binding", slot: int, cached: int, total: int) -> None:
        """Nothing to prepare: there is room for the new tokens behind the old."""

    def keep(self, slot: int) -> None:
        """Nothing to do: the run wrote where it will be read."""


class GrowingCache(SharedCache):
    """Keys and values of one lane where each run reads a row's past and writes it anew, longer.

    One row more than there are slots takes what a run writes; then it is that slot's row, and the old one takes the
    next run's. A row holds its tensors one behind the other, each packed for the length that it has now.
    """

    together = False

    def __init__(self, network: "Network", slots: int, context: int) -> None:
        super().__init__(network, slots + 1, context)
        self.host = None  # rows lie packed, so none is ever moved
        self._row_of = list(range(slots))
        self._spare = slots

    def bind(self, binding: "Binding", first: int, rows: int) -> None:
        """Nothing to bind yet: every run has sizes of its own."""
        assert rows == 1, "a growing cache runs one row at a time"

    def grow(self, binding: "Binding", slot: int, cached: int, total: int) -> None:
        """Bind the slot's past of `cached` tokens, and the spare row for its present of `total`."""
        heads, _, size = self._row_shape
        tensors = len(self.network.cache_names)
        past, present = (
            self._memory.address + row * tensors * self._row_bytes for row in (self._row_of[slot], self._spare)
        )
        for tensor, names in enumerate(self.network.cache_names):
            offset = tensor * self._row_bytes
            binding.take(names[0], self.network.kv_dtype, (1, heads, cached, size), past + offset)
            binding.give(names[1], self.network.kv_dtype, (1, heads, total, size), present + offset)

    def keep(self, slot: int) -> None:
        """Take what the run wrote as the slot's row."""
        self._row_of[slot], self._spare = self._spare, self._row_of[slot]


class Feed:
    """One kind of run, bound once: `decode` or `chunk` writes its inputs, `run` runs it.

    `ids` int64 [rows, tokens] go in. Out come `top_v` [rows, candidates], logits in falling order, and `top_i` int64,
    their tokens, from which `sampler` draws.
    """

    def __init__(self, cache: SharedCache, first: int, rows: int, tokens: int) -> None:
        network = cache.network
        wiring, candidates = network.manifest.wiring, network.manifest.candidates
        self._cache = cache  # keeps the bound memory alive
        self._first = first
        self._tokens = tokens
        self._wiring = wiring
        self._binding = network.binding()
        cache.bind(self._binding, first, rows)
        self.ids = self._input("input_ids", rows, tokens)
        self._lengths = self._input(wiring.lengths, rows) if wiring.lengths else None
        self._last = self._input(wiring.last, rows, 1) if wiring.last else None
        self._mask = self._input(wiring.mask, rows, cache.context) if wiring.mask else None
        self._positions = self._input(wiring.positions, rows, tokens) if wiring.positions else None
        self._before: Sequence[int] = [-1] * rows  # how far the ones of each row of the mask reach
        self._columns = np.arange(cache.context)
        self._write_ids = _writer(self.ids)
        self._write_cached = [_writer(array) for array in (self._lengths, self._positions) if array is not None]
        if wiring.total:
            # The only input that the provider reads in host memory. The capacity serves every step of one token alike.
            self._total = np.full(network.lone_shape(wiring.total), cache.context, network.kinds[wiring.total])
            self._binding.read(wiring.total, self._total, on_host=True)
        if wiring.keep:
            self._binding.read(wiring.keep, np.ones(network.lone_shape(wiring.keep), network.kinds[wiring.keep]))
        self.top_v = np.zeros((rows, candidates), np.float32)
        self.top_i = np.zeros((rows, candidates), np.int64)
        records = tokens == 1 and cache.together and not network.unrecorded
        for name, array in (("top_v", self.top_v), ("top_i", self.top_i)):
            self._binding.write(name, array.reshape(rows, 1, candidates), from_device=records)
        self.sampler = Sampler(self.top_v, self.top_i)
        self._runs = Recorder(network, self._binding, self.top_v) if records else self._binding

    def decode(self, ids: Sequence[int], cached: Sequence[int]) -> None:
        """One token of each row, on top of the `cached` ones that its slot holds."""
        self._write_ids(*ids)
        for write in self._write_cached:
            write(*cached)
        if self._mask is not None:
            # As wide as the cache, so that one binding serves every length: a row's own is the sum of its ones. Mostly
            # a row has one token more than in the step before, however long the context is.
            for row, (length, before) in enumerate(zip(cached, self._before, strict=True)):
                if length == before + 1:
                    self._mask[row, length] = 1
                elif length != before:
                    self._mask[row, : length + 1] = 1
                    self._mask[row, length + 1 :] = 0
            self._before = cached

    def chunk(self, ids: Sequence[int], cached: int) -> None:
        """Some tokens of a single row, on top of `cached` ones."""
        tokens = len(ids)
        total = cached + tokens
        self.ids[0, :tokens] = ids
        if self._lengths is not None:
            self._lengths[0] = total - 1
        if self._wiring.total:
            self._total[...] = total
        if self._last is not None:
            self._last[0, 0] = tokens - 1
        if self._positions is not None:
            self._positions[0, :tokens] = self._columns[cached:total]
        if self._mask is not None:
            self._mask[0, :total] = 1
            self._binding.resize(self._wiring.mask, (1, total))
        if tokens != self._tokens:
            self._tokens = tokens
            self._binding.resize("input_ids", (1, tokens))
            if self._positions is not None:
                self._binding.resize(self._wiring.positions, (1, tokens))
        self._cache.grow(self._binding, self._first, cached, total)

    def run(self) -> None:
        """Run on what was written last."""
        self._runs.run()
        self._cache.keep(self._first)

    def _input(self, name: str, *shape: int) -> np.ndarray:
        return self._binding.read(name, np.zeros(shape, self._cache.network.kinds[name]))


def _writer(array: np.ndarray) -> Callable[..., None]:
    """A call that writes all numbers of an array: numpy takes longer to copy a list, and most with cold caches."""
    return partial(Struct(f"{array.size}{array.dtype.char}").pack_into, array.data.cast("B"), 0)
