"""The plan of a sweep: which points one lane is taken through, and how each is measured."""

from collections.abc import Iterator
from itertools import product

import msgspec

from desk.facts.numbers import in_words
from desk.facts.tiers import Price, Promise, Provider, Sampling, Tier

LANE = "Sweep"
"""The name of the one tier of a sweep."""


class Graph(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A model of the catalogue, or a folder, in a precision; empty: the one that the machine runs best."""

    model: str
    precision: str = ""


class Work(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is asked: a kind of prompts, and how long prompts and answers are (as in `Tier`)."""

    mix: str = "chat"
    lengths: str = ""
    answer_tokens: int = 64


class Plan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Every graph with every work, context and number of slots: as many clients as slots ask without a pause.

    With `tiers`, their lanes are measured in place of graphs, works and contexts, each at every number of slots and for
    its own prompts and answers: what is to be known about a mix of just these.
    A point is loaded, settles for `settle_s` seconds after all its slots are first taken (the first point of a graph
    for `warmup_s` more) and is measured for `window_s`. The whole plan is gone through `repeats` times, so that a
    machine that grows warm or busy widens the spread of a point and does not bend the curve. All lanes rest for
    `cooldown_s` before each point.
    """

    title: str = ""
    graphs: tuple[Graph, ...] = (Graph(model="smollm2-135m"),)
    slots: tuple[int, ...] = (1, 2, 4, 8)
    contexts: tuple[int, ...] = (1024,)
    works: tuple[Work, ...] = (Work(),)
    provider: Provider = "auto"
    sampling: Sampling = Sampling()
    warmup_s: float = 5.0
    settle_s: float = 3.0
    window_s: float = 15.0
    repeats: int = 3
    cooldown_s: float = 0.0
    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be measured, in words that name the field (msgspec reports them as its own)."""
        limits = {
            "warmup_s": (self.warmup_s, 0.0, 3600.0),
            "settle_s": (self.settle_s, 0.0, 3600.0),
            "window_s": (self.window_s, 3.0, 3600.0),
            "repeats": (self.repeats, 1, 100),
            "cooldown_s": (self.cooldown_s, 0.0, 3600.0),
        }
        for field, (value, low, high) in limits.items():
            if not low <= value <= high:
                raise ValueError(f"{field} is {in_words(value)}, but must lie between {low:g} and {high:g}")
        for field in ("graphs", "slots", "contexts", "works"):
            if not getattr(self, field):
                raise ValueError(f"{field} is empty, so there is nothing to measure")
        for _ in self.points():
            pass  # each of its tiers refuses what no lane can run

    def points(self) -> Iterator[tuple[Tier, int]]:
        """The settings to measure, each with the number of its repeat, in the order of the sweep."""
        lanes = tuple(self._lanes())
        for repeat in range(self.repeats):
            for tier in lanes:
                yield tier, repeat

    def _lanes(self) -> Iterator[Tier]:
        """The settings once. Of tiers that differ in nothing but name, share, promise and price one is measured."""
        if self.tiers:
            plain = {"name": LANE, "share": 1.0, "price": Price(), "promise": Promise(), "sampling": self.sampling}
            asked = {"think_s": 0.0, "arrivals_per_second": None, "burstiness": 1.0}
            lanes = dict.fromkeys(msgspec.structs.replace(tier, **plain, **asked) for tier in self.tiers)
            for tier, slots in product(lanes, self.slots):
                yield msgspec.structs.replace(tier, slots=slots, users=slots)
            return
        for graph, work, context, slots in product(self.graphs, self.works, self.contexts, self.slots):
            yield Tier(
                name=LANE,
                model=graph.model,
                precision=graph.precision,
                provider=self.provider,
                context=context,
                slots=slots,
                users=slots,
                mix=work.mix,
                lengths=work.lengths,
                answer_tokens=work.answer_tokens,
                sampling=self.sampling,
            )

    @property
    def models(self) -> tuple[Graph, ...]:
        """What has to be there to measure it."""
        if not self.tiers:
            return self.graphs
        return tuple(dict.fromkeys(Graph(model=tier.model, precision=tier.precision) for tier in self.tiers))

    @property
    def seconds(self) -> float:
        """How long the windows, rests and settling take at least; loading comes on top."""
        each = self.settle_s + self.window_s + self.cooldown_s
        return sum(1 for _ in self.points()) * each + len(self.models) * self.warmup_s
