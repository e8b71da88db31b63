"""Opening the runtime and outfitting lanes, on a thread of its own: beats and other lanes go on meanwhile."""

import queue
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from desk.engine.batch import Batch
from desk.engine.lane import Outfit
from desk.engine.prompts import Fitter
from desk.engine.runtime import DeviceLost, Runtime, Used
from desk.engine.selftest import check_rows
from desk.facts.happened import now
from desk.facts.tiers import Provider, Tier
from desk.facts.trouble import Trouble
from desk.models.fit import fit, plan
from desk.models.store import open_model
from desk.models.text import Text
from desk.scenario import mix, prompts


@dataclass(frozen=True, slots=True)
class Opened:
    """The runtime is there."""

    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Overcommitted:
    """A lane is being loaded as ordered although its plan does not fit; the remedy says what that may lead to."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class Outfitted:
    """A lane can run `outfit.tier`."""

    outfit: Outfit


@dataclass(frozen=True, slots=True)
class Refused:
    """A lane cannot run `tier`. `risk` is what happens to whoever loads it all the same, empty where that is no way."""

    tier: Tier
    trouble: Trouble
    risk: str = ""


@dataclass(frozen=True, slots=True)
class Broke:
    """A bug or a lost device: the exception belongs to whoever runs the factory."""

    error: Exception


Loaded = Opened | Overcommitted | Outfitted | Refused | Broke


class Loader:
    """Does one thing after the other; what came of it goes to `done`, on this thread."""

    def __init__(self, done: Callable[[Loaded], None]) -> None:
        self._done = done
        self._jobs: queue.SimpleQueue[Callable[[], Loaded] | None] = queue.SimpleQueue()
        self._runtime: Runtime | None = None
        # Reading a tokenizer holds the interpreter for a tenth of a second, so lanes of one model share it, too.
        self._texts: weakref.WeakValueDictionary[tuple[Path, str], Text] = weakref.WeakValueDictionary()
        self._thread = threading.Thread(target=self._work, name="loader", daemon=True)
        self._thread.start()

    def open(self, provider: Provider, graphs: bool = False) -> None:
        """Open the runtime with that wish; with `graphs` it records decode steps on CUDA."""
        self._jobs.put(lambda: self._open(provider, graphs))

    def outfit(self, tier: Tier, overcommit: bool = False) -> None:
        """Load what a lane of that tier needs, with `overcommit` also where its plan does not fit."""
        self._jobs.put(lambda: self._outfit(tier, overcommit))

    def close(self) -> None:
        """End the thread after what it has been asked to do so far."""
        self._jobs.put(None)

    def ended(self, seconds: float) -> bool:
        """Whether the thread ends within that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result = job()
            except Exception as error:
                result = Broke(error)
            self._done(result)
            # Nothing of a finished job may live on here: an outfit that a lane gives up must free its memory.
            del job, result

    def _open(self, provider: Provider, graphs: bool) -> Opened:
        self._runtime = Runtime(provider, graphs=graphs)
        return Opened(self._runtime)

    def _outfit(self, tier: Tier, overcommit: bool) -> Outfitted | Refused:
        assert self._runtime is not None
        start = now()
        try:
            provider = self._runtime.provider_for(tier.provider)
            folder, manifest = open_model(tier.model, tier.precision, provider)
            if tier.context > manifest.context:
                raise Trouble(
                    f"Tier {tier.name} asks for a context of {tier.context} tokens, "
                    f"but {manifest.title} was made for at most {manifest.context}.",
                    f"Choose a context of at most {manifest.context} tokens.",
                )
            prompts(tier.mix)
            if tier.lengths:
                mix(tier.lengths)
            key = (folder, manifest.revision)
            text = self._texts.get(key) or self._texts.setdefault(key, Text(folder, manifest))
            fitter = Fitter(text, manifest, tier.context)
            loaded = self._runtime.loaded(folder, manifest, provider)
            planned = plan(manifest, provider, tier.slots, tier.context, loaded)
            free = self._runtime.free(provider, planned.kv)
            try:
                planned.require(free, f"A lane of {manifest.title} with {tier.slots} slots of {tier.context} tokens")
            except Trouble as trouble:
                fitted = fit(manifest, provider, tier.slots, tier.context, free, loaded=loaded)
                risk = "" if fitted.hopeless else fitted.override()
                if not (overcommit and risk):
                    return Refused(tier, trouble, risk)
                cause = f"{trouble.cause} Tier {tier.name} is loaded all the same, as ordered."
                self._done(Overcommitted(Trouble(cause, risk)))
            before = self._in_use(provider)
            network = self._runtime.load(folder, manifest, provider)
            check_rows(network)
            batch = Batch(network, tier.slots, tier.context, overcommit)
            after = self._in_use(provider)
            taken = None if loaded or before is None or after is None else max(0, after - before)
        except DeviceLost:
            raise  # no lane can run on in this process, so it is not this one's alone
        except Trouble as trouble:
            return Refused(tier, trouble)
        return Outfitted(Outfit(tier, batch, fitter, now() - start, planned.total, free, taken))

    def _in_use(self, provider: Used) -> int | None:
        """Bytes in use where `provider` computes, from any fixed zero: of this process on the CPU, of all on a GPU."""
        if provider == "cpu":
            return psutil.Process().memory_info().rss
        free = self._runtime.free(provider) if self._runtime is not None else None
        return None if free is None else -free
