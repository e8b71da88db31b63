"""Changeovers: how a lane comes to run what its tier wants, from the first load to a change while it runs.

Prices, users and the like come into force at once. What takes a fresh cache or model waits until the lane has drained:
its requests are finished, or requeued when the time for that is up, and go on behind the change where they were. What
cannot be loaded is told, and the lane goes on as it was.
"""

import msgspec

from desk.engine.lane import Lane, Outfit, Tell
from desk.engine.loader import Loader, Refused
from desk.engine.runtime import OutOfMemory
from desk.facts.happened import LaneDraining, LaneFailed, LaneLoading, LaneReady, TierChanged, Troubled
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble

DRAIN_S = 5.0
"""How long a lane may take to finish its requests before new settings of its cache or model; the rest are requeued."""

_STRUCTURE = ("model", "precision", "provider", "context", "slots")


def with_structure(tier: Tier, of: Tier) -> Tier:
    """The tier with those settings of another one that take a fresh cache or model to change."""
    return msgspec.structs.replace(tier, **{field: getattr(of, field) for field in _STRUCTURE})


class Changeover:
    """Takes lanes from state to state. What it does takes place at `t`, a stamp of `desk.facts.happened.now`.

    A lane is `loading` until it is equipped or refused, `running`, `draining` where it `wanted` something else
    meanwhile, or `failed` until it is changed again.
    """

    def __init__(self, loader: Loader, tell: Tell) -> None:
        self._loader = loader
        self._tell = tell

    def load(self, lane: Lane, t: float) -> None:
        """Load what the lane wants (what it has, where it wants nothing else)."""
        due = lane.users.next_due() if lane.users is not None else None
        if lane.state == "failed" and lane.users is not None and due is not None:
            lane.users.skip(max(0.0, t - due))  # nobody came to a closed door
        lane.empty()
        lane.state = "loading"
        wanted = lane.wanted or lane.tier
        self._tell(LaneLoading(t=t, tier=wanted.name, model=wanted.model, overcommit=lane.overcommit))
        self._loader.outfit(wanted, lane.overcommit)

    def equip(self, lane: Lane, outfit: Outfit, t: float) -> None:
        """Let the lane run with what was loaded for it."""
        lane.equip(outfit)
        lane.tier = with_structure(lane.tier, outfit.tier)
        self._ready(lane, outfit, t)
        if lane.wanted is not None:
            self._tell(TierChanged(t=t, tier=lane.tier))
        wanted, lane.wanted = lane.wanted, None
        if wanted is not None and with_structure(lane.tier, wanted) != lane.tier:
            self._drain(lane, wanted, t)  # settings changed again while these were loading

    def refuse(self, lane: Lane, refused: Refused, t: float) -> None:
        """The lane says why and goes on as it was before, where it was running before."""
        tier, trouble = refused.tier, refused.trouble
        self._tell(LaneFailed(t=t, tier=tier.name, cause=trouble.cause, remedy=trouble.remedy, risk=refused.risk))
        newer = lane.wanted is not None and with_structure(tier, lane.wanted) != tier
        if newer or (lane.users is not None and with_structure(tier, lane.tier) != tier):
            if not newer:
                lane.wanted, lane.overcommit = lane.tier, True  # it was running, so it may again
            self.load(lane, t)
        else:
            lane.wanted = None
            lane.state = "failed"
            lane.cancel_all(t, "error")

    def change(self, lane: Lane, tier: Tier, overcommit: bool, t: float) -> None:
        """Bring new settings of the lane's tier into force, at once or as soon as it has drained; with `overcommit`
        also where its memory plan does not fit."""
        try:
            lane.retune(with_structure(tier, lane.tier), t)
        except Trouble as trouble:
            self._trouble(trouble, t)
            self._tell(TierChanged(t=t, tier=lane.tier))
            return
        self._tell(TierChanged(t=t, tier=lane.tier))
        same = lane.tier == tier
        lane.overcommit = overcommit
        match lane.state:
            case "running" if not same:
                self._drain(lane, tier, t)
            case "draining" if same and lane.outfit is not None:
                lane.wanted, lane.state = None, "running"
                self._ready(lane, lane.outfit, t)  # taken back: it never stopped being ready
            case "draining":
                lane.wanted = tier
            case "loading":
                lane.wanted = tier
            case "failed":
                lane.wanted = tier
                self.load(lane, t)

    def tend(self, lane: Lane, t: float) -> None:
        """Load a lane that has drained, or has had its time to."""
        if lane.state == "draining" and (not lane.active or t >= lane.drained_by):
            self.load(lane, t)

    def stumble(self, lane: Lane, trouble: Trouble, t: float) -> None:
        """A run has failed: what was for want of memory is tried again with fewer rows, which go on where they were."""
        at_a_time = lane.halve() if isinstance(trouble, OutOfMemory) else None
        if at_a_time is None:
            self.fail(lane, trouble, t)
        else:
            words = "request at a time" if at_a_time == 1 else "requests at a time"
            cause = f"{trouble.cause} Tier {lane.tier.name} goes on with {at_a_time} {words}."
            self._trouble(Trouble(cause, trouble.remedy), t)

    def fail(self, lane: Lane, trouble: Trouble, t: float) -> None:
        """End the lane's requests and give its memory back; only another change opens it again."""
        self._tell(LaneFailed(t=t, tier=lane.tier.name, cause=trouble.cause, remedy=trouble.remedy))
        lane.state = "failed"
        lane.cancel_all(t, "error")
        lane.empty()

    def _drain(self, lane: Lane, wanted: Tier, t: float) -> None:
        lane.wanted = wanted
        lane.state = "draining"
        lane.drained_by = t + DRAIN_S
        self._tell(LaneDraining(t=t, tier=lane.tier.name))

    def _ready(self, lane: Lane, outfit: Outfit, t: float) -> None:
        network = outfit.batch.network
        self._tell(
            LaneReady(
                t=t,
                tier=lane.tier.name,
                model=lane.tier.model,
                precision=network.manifest.precision,
                provider=network.provider,
                context=lane.tier.context,
                slots=lane.tier.slots,
                weights_bytes=network.manifest.weights_bytes,
                kv_bytes=outfit.batch.cache.bytes,
                load_s=outfit.load_s,
                planned_bytes=outfit.planned_bytes,
                free_bytes=outfit.free_bytes,
                taken_bytes=outfit.taken_bytes,
                revision=network.manifest.revision,
            )
        )

    def _trouble(self, trouble: Trouble, t: float) -> None:
        self._tell(Troubled(t=t, where="engine", cause=trouble.cause, remedy=trouble.remedy))
