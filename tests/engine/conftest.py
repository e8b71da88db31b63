"""A tiny decoder, prompts of its own words, and factories that run on them."""

import json
import threading
import time

import pytest
import tiny_decoder

from desk.engine.factory import Factory
from desk.engine.runtime import Runtime
from desk.facts.orders import Halt, OpenFactory
from desk.facts.tiers import Tier
from desk.models.manifest import read_manifest
from desk.scenario import texts

PATIENCE_S = 20.0


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of the tiny decoder; its answers end by their length alone."""
    return tiny_decoder.write(tmp_path_factory.mktemp("models") / "tiny", end=-1)


@pytest.fixture(scope="session")
def runtime():
    return Runtime("cpu")


@pytest.fixture(scope="session")
def network(tiny, runtime):
    return runtime.load(tiny, read_manifest(tiny), "cpu")


@pytest.fixture(scope="session")
def prompt_folder(tmp_path_factory):
    """`assets/prompts` with two kinds: `chat` of all lengths up to 200 words, and `brief`."""
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "assets" / "prompts").mkdir(parents=True)
    chat = [
        {"user": "".join(f" w{(k * n) % 96}" for k in range(n)), "system": " w1 w2" if n % 2 else ""}
        for n in (1, 5, 17, 60, 64, 90, 200)
    ]
    for kind, lines in (("chat", chat), ("brief", [{"user": " w3 w4"}])):
        (folder / "assets" / "prompts" / f"{kind}.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return folder


@pytest.fixture
def shipped_prompts(prompt_folder, monkeypatch):
    monkeypatch.setattr(texts, "shipped", lambda *parts: prompt_folder.joinpath(*parts))
    texts.prompts.cache_clear()
    yield
    texts.prompts.cache_clear()


@pytest.fixture
def tier(tiny):
    """`tier(name, ...)` on the tiny decoder."""

    def make(name="Free", **settings):
        settings = {"model": str(tiny), "context": 256, "slots": 3, "users": 3, "answer_tokens": 12} | settings
        return Tier(name=name, **settings)

    return make


class Running:
    """A factory at work on a thread, its facts, and a way to wait for one of them. The beat is the test's to give."""

    def __init__(self):
        self.facts = []
        self.exit = None
        self._news = threading.Condition()
        self.factory = Factory(self._tell)
        self._thread = threading.Thread(target=self._run, name="factory")
        self._thread.start()

    def _run(self):
        self.exit = self.factory.run()

    def _tell(self, fact):
        with self._news:
            self.facts.append(fact)
            self._news.notify_all()

    def order(self, *orders):
        for order in orders:
            self.factory.order(order)
        return self

    def open(self, *tiers, seed=0, provider="auto"):
        return self.order(OpenFactory(tiers=tiers, seed=seed, provider=provider))

    def of(self, kind, accept=lambda fact: True):
        with self._news:
            return [fact for fact in self.facts if isinstance(fact, kind) and accept(fact)]

    def until(self, kind, count=1, accept=lambda fact: True):
        """Wait for the `count`-th fact of a kind and give it."""

        def found():
            facts = [fact for fact in self.facts if isinstance(fact, kind) and accept(fact)]
            return facts[count - 1] if len(facts) >= count else None

        deadline = time.monotonic() + PATIENCE_S
        with self._news:
            while found() is None:
                self.factory_is_alive()
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind.__name__} number {count}; last: {self.facts[-5:]}"
                self._news.wait(min(left, 1.0))
            return found()

    def factory_is_alive(self):
        assert self._thread.is_alive() or self.exit is not None, "the factory broke"

    def halt(self):
        self.factory.order(Halt())
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self


@pytest.fixture
def running(shipped_prompts):
    """`running()` is a factory at work; all of them are halted at the end."""
    started = []

    def start():
        started.append(Running())
        return started[-1]

    yield start
    for factory in started:
        factory.halt()
