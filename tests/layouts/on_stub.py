"""What runs in a child process under the stub CUDA runtime: `python on_stub.py LIBRARIES MODEL`.

The real CUDA provider takes the graph of another exporter, and the engine's own batch drives it. Kernels compute
nothing here, so nobody looks at a token. One line of JSON says what was seen.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cuda_stub.stub import CudaStub

SLOTS, CONTEXT = 4, 128


def main(libraries, model):
    stub = CudaStub(Path(libraries))
    from desk.engine.batch import Batch, Row
    from desk.engine.runtime import Runtime
    from desk.engine.sampling import Chooser
    from desk.facts.tiers import Sampling
    from desk.facts.trouble import Trouble
    from desk.models.store import open_model

    try:
        runtime = Runtime("cuda", graphs=True)
        folder, manifest = open_model(model, "", "cuda")
        network = runtime.load(folder, manifest, runtime.provider_for("cuda"))
    except Trouble as trouble:
        return {"trouble": str(trouble)}
    batch = Batch(network, SLOTS, CONTEXT)
    for length in (80, 9, 30):
        batch.join(Row(list(range(1, length + 1)), Chooser(Sampling(), seed=0)))
    seen = {"provider": network.provider, "unrecorded": network.unrecorded, "graph": manifest.graph, "runs": []}
    while len(seen["runs"]) < 12:
        run = batch.next_run()
        run.feed.run()
        before = stub.counters()
        if network.manifest.wiring.growing:
            counters = None  # the same run twice would read a past that has moved on
        else:
            run.feed.run()
            counters = asdict(stub.counters().since(before))
        for row, token in batch.settle(run).tokens:
            row.take(token)
        seen["runs"].append({"rows": len(run.rows), "tokens": run.tokens, "counters": counters})
    return seen


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
