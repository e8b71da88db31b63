"""The orders: what the parent asks of a child, one JSON line each on the child's stdin. End of stdin means exit."""

import msgspec

from desk.facts.fact import tag
from desk.facts.numbers import Whole
from desk.facts.tiers import Provider, Sampling, Tier


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="order", tag=tag):
    """Something asked of a child; it is answered by the facts that follow from it, never by a reply."""


class OpenFactory(Order):
    """The engine's first order: load a lane per tier and let the virtual users ask.

    `requests` is the highest number that a request of this run has had: an engine that takes another's place counts on.
    `load` multiplies what all tiers are asked for. With `cuda_graphs` decode steps on CUDA are recorded and replayed.
    """

    tiers: tuple[Tier, ...]
    provider: Provider = "auto"
    scenario: str = "steady"
    seed: Whole = 0
    requests: Whole = 0
    load: float = 1.0
    cuda_graphs: bool = False


class ChangeTier(Order):
    """Bring these settings of the tier of that name into force.

    With `overcommit` its lane is loaded, this once, also where its memory plan does not fit into what is free.
    """

    tier: Tier
    overcommit: bool = False


class ChangeLoad(Order):
    """Multiply what all tiers are asked for by `load`."""

    load: float


class Pause(Order):
    """Stop stepping, keep the KV cache."""


class Resume(Order):
    """Step again."""


class Halt(Order):
    """Emergency stop: no further token, every request counted as cancelled, then exit."""


class Calibrate(Order):
    """Let nobody step for `seconds`, then each lane alone for as long, while the users go on asking."""

    seconds: float = 3.0


class Watch(Order):
    """Send the text of one request of a tier (the longest running one where `request` is `None`); no tier: stop."""

    tier: str | None = None
    request: int | None = None


class Generate(Order):
    """One answer to one prompt, asked of a child that does nothing else; `raw` adds no chat template and no tokens."""

    model: str
    prompt: str
    raw: bool = False
    provider: Provider = "auto"
    max_tokens: Whole = 256
    sampling: Sampling = Sampling()
    seed: int = 0


AnyOrder = OpenFactory | ChangeTier | ChangeLoad | Pause | Resume | Halt | Calibrate | Watch | Generate
