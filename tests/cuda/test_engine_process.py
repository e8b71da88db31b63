"""The whole engine process on CUDA: orders in, facts out, the provider real and the card a stub."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from tiny_on_cuda import HEAD_SIZE, LAYERS

from desk.facts.codec import decode_fact, encode
from desk.facts.happened import EngineOpened, Finished, LaneFailed, LaneReady, Troubled, Worked
from desk.facts.orders import OpenFactory
from desk.facts.tiers import Tier

ENGINE = [sys.executable, "-m", "desk", "engine"]
PATIENCE_S = 15.0
KV_HEADS, FLOAT16_BYTES = 1, 2


class Engine:
    """A running engine: `facts` so far, and `until` one of them is what a test waits for."""

    def __init__(self, process):
        self.process = process
        self.facts = []
        self._news = threading.Condition()
        self._over = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.facts.append(decode_fact(line))
                self._news.notify_all()
        with self._news:
            self._over = True
            self._news.notify_all()

    def until(self, kind, accept=lambda fact: True):
        """The first fact of that kind that is accepted."""

        def found():
            return next((fact for fact in self.facts if isinstance(fact, kind) and accept(fact)), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._over, PATIENCE_S)
            bad = [fact for fact in self.facts if isinstance(fact, LaneFailed | Troubled)]
            assert found() is not None, f"no {kind.__name__}; troubles: {bad}"
            return found()


@contextmanager
def engine(libraries, order, **stub):
    """An engine that finds the stub as it would find the driver and CUDA's libraries: by the loader's own search."""
    environment = os.environ | {"LD_LIBRARY_PATH": str(libraries)} | {f"CUDA_STUB_{k}": str(v) for k, v in stub.items()}
    pipe = subprocess.PIPE
    with subprocess.Popen(ENGINE, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as process:
        try:
            process.stdin.write(encode(order))
            process.stdin.flush()
            yield Engine(process)
            if not process.stdin.closed:
                process.stdin.close()
            process.wait(PATIENCE_S)
        finally:
            process.kill()


@pytest.fixture
def two_tiers(model):
    def tier(name, slots):
        return Tier(name=name, model=str(model()), context=128, slots=slots, users=slots, answer_tokens=8)

    return OpenFactory(tiers=(tier("Free", 4), tier("Ultra", 1)))


def test_lanes_open_on_cuda_by_themselves_and_serve(stub_libraries, two_tiers):
    with engine(stub_libraries, two_tiers) as running:
        opened = running.until(EngineOpened)
        assert (opened.provider, opened.device, opened.cause) == ("cuda", "Stub card", "")
        for tier, slots in (("Free", 4), ("Ultra", 1)):
            lane = running.until(LaneReady, lambda fact, tier=tier: fact.tier == tier)
            assert lane.provider == "cuda"
            assert lane.kv_bytes == 2 * LAYERS * slots * KV_HEADS * 128 * HEAD_SIZE * FLOAT16_BYTES
            done = running.until(Finished, lambda fact, tier=tier: fact.tier == tier)
            assert done.reason == "length"
            assert 1 <= done.emitted <= 8
        running.until(Worked, lambda fact: all(lane.steps > 0 for lane in fact.lanes))
    assert running.process.returncode == 0


def test_a_lost_device_ends_the_process_so_that_a_fresh_one_can_go_on(stub_libraries, two_tiers):
    with engine(stub_libraries, two_tiers, LOST_AFTER=3000) as running:
        running.until(Troubled, lambda fact: fact.where == "engine")
        running.process.wait(PATIENCE_S)
    assert running.process.returncode == 1
    assert not any(isinstance(fact, EngineOpened) and fact.provider == "cpu" for fact in running.facts)


def test_a_device_lost_while_a_lane_loads_ends_the_process_as_well(stub_libraries, two_tiers):
    """Not the lane alone: whatever it would load next in this process would fail, too."""
    with engine(stub_libraries, two_tiers, LOST_AFTER=60) as running:
        lost = running.until(Troubled, lambda fact: fact.where == "engine")
        running.process.wait(PATIENCE_S)
        assert running.process.stderr.read().decode().splitlines()[-1] == lost.cause
    assert running.process.returncode == 1
    assert "CUDA failure 700" in lost.cause
    assert not any(isinstance(fact, LaneReady | LaneFailed) for fact in running.facts)


def test_a_full_card_fails_the_lanes_in_words_and_not_the_process(stub_libraries, two_tiers):
    with engine(stub_libraries, two_tiers, MEMORY=100) as running:
        failed = running.until(LaneFailed)
        assert failed.cause.startswith("CUDA opens but does not compute: out of memory (Failed to allocate memory for")
        assert "close other programs" in failed.remedy
    assert running.process.returncode == 0


def test_a_card_without_machine_code_fails_the_lanes_and_not_the_process(stub_libraries, two_tiers):
    with engine(stub_libraries, two_tiers, CAPABILITY=70) as running:
        failed = running.until(LaneFailed)
        assert "no kernel image" in failed.cause
    assert running.process.returncode == 0
