"""What runs in a child process under the stub runtime: `python drills.py DRILL LIBRARIES SETTINGS`.

Each drill drives the engine's own lane code on the real CUDA provider, and prints what it saw as one line of JSON; the
tests judge it. Kernels compute nothing here, so no drill looks at a token.
"""

import ctypes
import functools
import itertools
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from cuda_stub.stub import ILLEGAL_ADDRESS, CudaStub

SLOTS, CONTEXT = 8, 256
WARM_ANSWERS = 3
BEAT_S = 0.02


def steps(stub: CudaStub, model: str) -> dict[str, Any]:
    """Load, prefill, decode: what each kind of run costs the device, and what stays in memory."""
    from desk.engine.batch import CHUNK, Batch

    network = open_network(model)
    batch = Batch(network, 2 * SLOTS, CONTEXT)
    rows: dict[str, dict[str, int]] = {}

    def measured(run: Any) -> dict[str, int]:
        """The second of two equal runs: the first one may make room."""
        run.feed.run()
        before = stub.counters()
        run.feed.run()
        return asdict(stub.counters().since(before))

    for row in sequences(CHUNK + 20, 30, 61, *[5] * 13):
        batch.join(row)
    while any(row.missing > 1 for row in batch):
        run = batch.next_run()
        if run.tokens > 1:
            rows[f"prefill of {run.tokens}"] = measured(run)
        else:
            run.feed.run()
        settle(batch, run)
    for active in (16, 8, 3, 1):
        while len(batch) > active:
            batch.leave(max(batch, key=lambda row: row.slot))
        run = batch.next_run()
        rows[f"decode of {active}"] = measured(run)
        settle(batch, run)
    return {"provider": network.provider, "runs": rows}


def memory(stub: CudaStub, model: str) -> dict[str, Any]:
    """What weights, a cache of a size that is no power of two, and runs take on top of each other."""
    from desk.engine.batch import Batch
    from desk.engine.runtime import Runtime
    from desk.models.manifest import read_manifest

    runtime, manifest = Runtime("cuda"), read_manifest(Path(model))
    levels = [stub.counters().in_use]
    network = runtime.load(Path(model), manifest, "cuda")
    levels.append(stub.counters().in_use)
    # 146 MiB: untouched memory costs the machine nothing, and an arena that rounds up shows.
    batch = Batch(network, 600, 500)
    levels.append(stub.counters().in_use)
    for row in sequences(*range(20, 260, 10)):
        batch.join(row)
    for _ in range(60):
        run = batch.next_run()
        run.feed.run()
        settle(batch, run)
    levels.append(stub.counters().peak)
    opened, loaded, cached, worked = levels
    return {
        "weights_planned": manifest.weights_bytes,
        "weights": loaded - opened,
        "cache_planned": batch.cache.bytes,
        "cache": cached - loaded,
        "runs": worked - cached,
        "opened": opened,
    }


def plan(stub: CudaStub, model: str, slots: int, context: int) -> dict[str, Any]:
    """The plan of a lane, what it then takes at most, and what is said when as much is not there."""
    from desk.engine.batch import Batch
    from desk.engine.runtime import Runtime
    from desk.models.fit import plan as planned_for
    from desk.models.manifest import read_manifest

    runtime, manifest = Runtime("cuda"), read_manifest(Path(model))
    opened = stub.counters().in_use
    plan = planned_for(manifest, "cuda", slots, context, loaded=False)
    seen: dict[str, Any] = {"total": plan.total, "margin": plan.margin, "free": runtime.free("cuda")}
    stub.set_memory(opened + plan.total - 1)
    seen["refused"] = trouble_of(lambda: plan.require(runtime.free("cuda"), "The lane"))
    stub.set_memory(opened + plan.total)
    seen["accepted"] = trouble_of(lambda: plan.require(runtime.free("cuda"), "The lane"))
    network = runtime.load(Path(model), manifest, "cuda")
    batch = Batch(network, slots, context)
    for row in sequences(*(1 + n % (context - 2) for n in range(0, 7 * slots, 7))):
        batch.join(row)
    for _ in range(4 * slots):
        run = batch.next_run()
        run.feed.run()
        settle(batch, run)
        for row in [row for row in batch if len(row.known) >= context]:
            batch.leave(row)
    seen["peak"] = stub.counters().peak - opened
    free, spare = runtime.free("cuda"), plan.kv
    del batch, run, row
    seen["given_back"] = runtime.free("cuda", spare) - free
    seen["too_large_to_reuse"] = runtime.free("cuda", spare + 1) - free
    again = Batch(network, slots, context)
    seen["used_again"] = runtime.free("cuda", spare) - free
    del again
    return seen


def steady(stub: CudaStub, model: str) -> dict[str, Any]:
    """Two lanes on one session in turn, requests joining and leaving: the same day twice, the second one counted."""
    from desk.engine.batch import Batch

    network = open_network(model)
    before_lanes = stub.counters().in_use
    lanes = [Batch(network, SLOTS, CONTEXT), Batch(network, 2, CONTEXT)]
    caches = sum(lane.cache.bytes for lane in lanes)

    def day() -> tuple[int, int]:
        """Sixteen requests over both lanes until all are answered; gives runs and slots taken."""
        waiting = [sequences(*range(3, 90, 11)), sequences(*range(40, 140, 13))]
        answered = runs = 0
        taken = set()
        while answered < 16:
            for number, (lane, queue) in enumerate(zip(lanes, waiting, strict=True)):
                while queue and not lane.full:
                    row = queue.pop()
                    lane.join(row)
                    taken.add((number, row.slot))
                run = lane.next_run()
                if run is None:
                    continue
                run.feed.run()
                runs += 1
                settle(lane, run)
                for row in [row for row in lane if len(row.known) - row.pending >= 3 + row.pending % 5]:
                    lane.leave(row)
                    answered += 1
        return runs, len(taken)

    day()
    started = stub.counters()
    runs, taken = day()
    counters = stub.counters().since(started)
    return {
        "runs": runs,
        "slots": taken,
        "caches": caches,
        "beyond_caches": started.in_use - before_lanes - caches,
        "grown": counters.in_use - started.in_use,
        **asdict(counters),
    }


def generation(stub: CudaStub, model: str) -> dict[str, Any]:
    """A prompt and a token on this generation of cards."""
    from desk.engine.batch import Batch

    batch = Batch(open_network(model), 2, CONTEXT)
    before = stub.counters()
    for row in sequences(70, 9):
        batch.join(row)
    for _ in range(6):
        run = batch.next_run()
        run.feed.run()
        settle(batch, run)
    kernels = {"memory-efficient": "attention_kernel_batched", "flash": "flash_fwd", "xqa": "kernel_mha"}
    return {
        **asdict(stub.counters().since(before)),
        "attention": {name: stub.launches_of(part) for name, part in kernels.items()},
    }


def refused_card(stub: CudaStub, model: str) -> dict[str, Any]:
    """What the runtime says to a card that the provider has no machine code for."""
    from desk.engine.runtime import Runtime

    return {"trouble": trouble_of(lambda: Runtime("auto").provider_for("auto"))}


def out_of_memory(stub: CudaStub, model: str) -> dict[str, Any]:
    """No room for the weights, for a cache, and for a run; then there is room again."""
    from desk.engine.batch import CHUNK, Batch
    from desk.engine.feeds import open_cache
    from desk.engine.runtime import Runtime
    from desk.models.manifest import read_manifest

    runtime, manifest = Runtime("cuda"), read_manifest(Path(model))
    stub.set_memory(stub.counters().in_use + manifest.weights_bytes // 2)
    seen = {"weights": trouble_of(lambda: runtime.load(Path(model), manifest, "cuda"))}
    stub.set_memory(16 << 30)
    network = runtime.load(Path(model), manifest, "cuda")
    seen["cache"] = trouble_of(lambda: open_cache(network, 100_000, 100_000))
    batch = Batch(network, SLOTS, CONTEXT)
    for row in sequences(5, CHUNK):
        batch.join(row)
    small, large = batch.next_run(), None
    small.feed.run()
    settle(batch, small)
    while large is None or large.tokens < CHUNK:
        large = batch.next_run()
        if large.tokens < CHUNK:
            large.feed.run()
            settle(batch, large)
    stub.set_memory(stub.counters().in_use)
    seen["run"] = trouble_of(large.feed.run)
    seen["smaller_run_after"] = trouble_of(small.feed.run)
    stub.set_memory(16 << 30)
    seen["run_after"] = trouble_of(large.feed.run)
    return seen


def lane_without_memory(stub: CudaStub, model: str, slots: int, rounds: int) -> dict[str, Any]:
    """A factory's lane serves one user; then the card is full, and a whole batch of users comes. Facts as they came."""
    from desk.engine.factory import Factory
    from desk.facts.codec import encode
    from desk.facts.happened import AnyFact, Finished
    from desk.facts.orders import ChangeTier, Halt, OpenFactory
    from desk.facts.tiers import Tier

    def tier(users: int) -> Tier:
        return Tier(name="Free", model=model, context=CONTEXT, slots=slots, users=users, answer_tokens=32)

    facts: list[AnyFact] = []
    answered, enough = itertools.count(1), threading.Event()
    factory = Factory(lambda fact: tell(fact))

    def tell(fact: AnyFact) -> None:
        """Between two runs: nothing else touches the device now."""
        facts.append(fact)
        if isinstance(fact, Finished):
            match next(answered):
                case number if number == WARM_ANSWERS:
                    stub.set_memory(stub.counters().in_use)
                    factory.order(ChangeTier(tier=tier(slots)))
                case number if number == WARM_ANSWERS + rounds * slots:
                    enough.set()

    factory.order(OpenFactory(tiers=(tier(1),), seed=1, provider="cuda"))
    work = threading.Thread(target=factory.run)
    work.start()
    while work.is_alive():
        work.join(BEAT_S)
        over = enough.is_set()
        factory.beat()
        if over:  # and that beat has told of a batch of what is left of its slots
            factory.order(Halt())
    return {"facts": [encode(fact).decode() for fact in facts]}


def lost_device(stub: CudaStub, model: str) -> dict[str, Any]:
    """An error that poisons the context, in the middle of a run: every later call fails, also in new sessions."""
    from desk.engine.batch import Batch
    from desk.engine.feeds import open_cache

    network = open_network(model)
    batch = Batch(network, 2, CONTEXT)
    for row in sequences(20, 9):
        batch.join(row)
    run = batch.next_run()
    run.feed.run()
    stub.fail(ILLEGAL_ADDRESS, sticky=True, after=10)
    return {
        "run": trouble_of(run.feed.run),
        "run_after": trouble_of(run.feed.run),
        "new_cache": trouble_of(lambda: open_cache(network, 2, CONTEXT)),
        "new_session": trouble_of(lambda: open_network(model)),
    }


def failed_run(stub: CudaStub, model: str) -> dict[str, Any]:
    """An error that a run meets once and that leaves the context whole."""
    from desk.engine.batch import Batch

    batch = Batch(open_network(model), 2, CONTEXT)
    for row in sequences(20):
        batch.join(row)
    run = batch.next_run()
    stub.fail(ILLEGAL_ADDRESS, after=10)
    return {"run": trouble_of(run.feed.run), "run_after": trouble_of(run.feed.run)}


def recorded(stub: CudaStub, model: str) -> dict[str, Any]:
    """Decode steps recorded by the engine itself: what a step costs the host before, while and after it is recorded,
    when its number of rows changes and when a lane is made anew, and what goes in and comes back."""
    from desk.engine.batch import Batch
    from desk.engine.recording import PROOFS, STEADY

    network = open_network(model, graphs=True)
    seen: dict[str, Any] = {}

    def step(batch: Any) -> dict[str, int]:
        run = batch.next_run()
        before = stub.counters()
        run.feed.run()
        cost = asdict(stub.counters().since(before)) | {"rows": len(run.rows), "tokens": run.tokens}
        settle(batch, run)
        return cost

    def until_steady(batch: Any) -> list[dict[str, int]]:
        return [step(batch) for _ in range(STEADY + PROOFS + 1)]

    def filled(slots: int, rows: int) -> Any:
        batch = Batch(network, slots, CONTEXT)
        for row in sequences(*range(5, 5 + rows)):
            batch.join(row)
        while any(row.missing > 1 for row in batch):
            step(batch)
        return batch

    batch = filled(SLOTS, 3)
    seen["three"] = until_steady(batch)
    batch.join(*sequences(40))
    seen["prefill"] = step(batch)
    seen["four"] = step(batch)  # the same recording: three rows were rounded up to four
    while len(batch) > 1:
        batch.leave(max(batch, key=lambda row: row.slot))
    seen["one"] = until_steady(batch)
    seen["told"] = tokens_through(batch)
    seen["again"] = until_steady(filled(2, 1))
    seen["many"] = [until_steady(filled(rows, rows))[-1] for rows in (8, 16)]
    seen["unrecorded"] = network.unrecorded
    return seen


def tokens_through(batch: Any) -> dict[str, Any]:
    """What a replayed step of one row reads on the device, and whether what stands there comes back."""
    import numpy as np

    run = batch.next_run()
    (row,) = run.rows
    binding, values, ids = run.feed._binding, np.linspace(9, 1, 64, dtype=np.float32), np.arange(400, 464)
    for name, array in (("top_v", values), ("top_i", ids)):
        binding._outputs[name][1].update_inplace(array.reshape(1, 1, 64))  # no kernel here would write another
    run.feed.run()
    inputs = {name: value.numpy().ravel().tolist() for name, (_, value) in binding._inputs.items()}
    return {
        "inputs": inputs,
        "known": row.known[-1],
        "cached": row.cached,
        "came_back": bool((run.feed.top_v == values).all() and (run.feed.top_i == ids).all()),
    }


def unrecordable(stub: CudaStub, model: str, how: str) -> dict[str, Any]:
    """A recording that fails: no room for it, or an error in the middle. The lane decodes on, plainly."""
    from desk.engine.batch import Batch
    from desk.engine.recording import STEADY

    network = open_network(model, graphs=True)
    batch = Batch(network, 2, CONTEXT)
    for row in sequences(9):
        batch.join(row)
    run = batch.next_run()
    run.feed.run()
    settle(batch, run)
    troubles, costs = [], []
    for number in range(STEADY + 8):
        run = batch.next_run()
        before = stub.counters()
        if number == STEADY and how == "memory":
            stub.set_memory(before.in_use + 1000)
        if number == STEADY and how in ("error", "lost"):
            plain = costs[-1]["launches"]
            stub.fail(ILLEGAL_ADDRESS, sticky=how == "lost", after=plain + 2 * plain + 5)  # while it is recorded
        troubles.append(trouble_of(run.feed.run))
        costs.append(asdict(stub.counters().since(before)))
        settle(batch, run)
    return {"troubles": troubles, "costs": costs[STEADY - 1 :], "unrecorded": network.unrecorded}


def placement(stub: CudaStub, model: str, graphs: list[str]) -> dict[str, Any]:
    """Where onnxruntime puts each node of these graph files, and what a strict session says to them."""
    import onnxruntime as ort

    def session(graph: str, strict: bool) -> Any:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if strict:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        return ort.InferenceSession(
            graph, options, [("CUDAExecutionProvider", {"enable_cudnn": "0"})], enable_fallback=0
        )

    seen: dict[str, Any] = {}
    for graph in graphs:
        nodes: dict[str, list[str]] = {}
        for part in session(graph, strict=False).get_provider_graph_assignment_info():
            nodes.setdefault(part.ep_name, []).extend(node.op_type for node in part.get_nodes())
        refused = trouble_of(functools.partial(session, graph, strict=True))
        seen[graph] = {"nodes": nodes, "refused": refused is not None}
    return seen


def card(stub: CudaStub, model: str) -> dict[str, Any]:
    """The stub's own manners, without onnxruntime."""
    runtime = ctypes.CDLL("libcudart.so.13")
    size = ctypes.c_size_t
    to_device, to_host = 1, 2
    memory, stream, graph, executable = (ctypes.c_void_p() for _ in range(4))
    data, back = (ctypes.c_ubyte * 16)(*range(16)), (ctypes.c_ubyte * 16)()
    runtime.cudaMalloc(ctypes.byref(memory), size(16))
    seen: dict[str, Any] = {
        "whole_copy": runtime.cudaMemcpy(memory, data, size(16), to_device),
        "copy_past_the_end": runtime.cudaMemcpy(memory, data, size(17), to_device),
        "copy_in_the_wrong_direction": runtime.cudaMemcpy(back, data, size(16), to_host),
        "too_much_memory": runtime.cudaMalloc(ctypes.byref(ctypes.c_void_p()), size(17 << 30)),
    }
    runtime.cudaMemcpy(back, memory, size(16), to_host)
    seen["came_back"] = list(back)

    runtime.cudaStreamCreate(ctypes.byref(stream))
    runtime.cudaStreamBeginCapture(stream, 0)
    runtime.cudaMemcpyAsync(memory, data, size(16), to_device, stream)
    runtime.cudaStreamEndCapture(stream, ctypes.byref(graph))
    in_use = stub.counters().in_use
    stub.set_memory(in_use)
    seen["recording_without_room"] = runtime.cudaGraphInstantiate(ctypes.byref(executable), graph, ctypes.c_ulonglong())
    stub.set_memory(16 << 30)
    runtime.cudaGraphInstantiate(ctypes.byref(executable), graph, ctypes.c_ulonglong())
    before = stub.counters().h2d
    for _ in range(2):
        runtime.cudaGraphLaunch(executable, stream)
    seen["replayed_copies"] = stub.counters().h2d - before
    runtime.cudaStreamBeginCapture(stream, 0)
    seen["allocation_in_capture"] = runtime.cudaMalloc(ctypes.byref(ctypes.c_void_p()), size(16))
    seen["end_of_broken_capture"] = runtime.cudaStreamEndCapture(stream, ctypes.byref(graph))

    runtime.cudaGraphExecDestroy(executable)
    runtime.cudaFree(memory)
    seen["freed_twice"] = runtime.cudaFree(memory)
    return {**seen, "in_use": stub.counters().in_use, "refused_copies": stub.counters().refused_copies}


def touch(stub: CudaStub, model: str) -> None:
    """Read device memory from the host, which must end this process."""
    memory = ctypes.c_void_p()
    ctypes.CDLL("libcudart.so.13").cudaMalloc(ctypes.byref(memory), ctypes.c_size_t(16))
    ctypes.string_at(memory, 1)


# ---- what drills share


def open_network(model: str, graphs: bool = False) -> Any:
    from desk.engine.runtime import Runtime
    from desk.models.manifest import read_manifest

    runtime = Runtime("cuda", graphs=graphs)
    return runtime.load(Path(model), read_manifest(Path(model)), runtime.provider_for("cuda"))


def sequences(*lengths: int) -> list[Any]:
    """Rows for a batch, with prompts of those lengths."""
    from desk.engine.batch import Row
    from desk.engine.sampling import Chooser
    from desk.facts.tiers import Sampling

    return [Row(list(range(1, length + 1)), Chooser(Sampling(), seed=length)) for length in lengths]


def settle(batch: Any, run: Any) -> None:
    """Take in a run as a lane does: each row that is due gets its next token."""
    for row, token in batch.settle(run).tokens:
        row.take(token)


def trouble_of(action: Callable[[], Any]) -> list[str] | None:
    """The kind and the words of what `action` raises, `None` where it goes well."""
    try:
        action()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return None


if __name__ == "__main__":
    name, libraries, text = sys.argv[1:]
    settings = json.loads(text)
    model, lane = settings.pop("model"), settings.pop("lane", {})
    print(json.dumps(globals()[name](CudaStub(Path(libraries), **settings), model, **lane)))
