"""Foreign graphs on the real CUDA provider, under the stub runtime: everything but the numbers."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from answering import DATA
from cuda_stub.build import build

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the stub CUDA runtime is for Linux on x86-64"
)

CANDIDATE_BYTES = 64 * (4 + 8)
"""What a row gives back, whatever the graph gave as it was exported."""


@pytest.fixture(scope="module")
def on_stub(tmp_path_factory):
    libraries = build(tmp_path_factory.mktemp("cuda_stub"))

    def run(layout):
        command = [sys.executable, str(Path(__file__).parent / "on_stub.py"), str(libraries), str(DATA / layout)]
        child = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert child.returncode == 0, child.stderr[-3000:]
        return json.loads(child.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize(("layout", "copies"), [("genai-llama-fp16", 2), ("genai-llama-fp16-positions", 3)])
def test_attention_graphs_share_their_cache_on_the_device(on_stub, layout, copies):
    seen = on_stub(layout)
    assert seen["provider"] == "cuda"
    assert seen["unrecorded"]  # such graphs count on the CPU, so their runs are never recorded
    assert {(run["rows"], run["tokens"]) for run in seen["runs"]} >= {(1, 64), (1, 16), (3, 1)}
    for run in seen["runs"]:
        counters = run["counters"]
        assert counters["h2d"] == copies  # tokens, mask, and positions where asked for
        assert (counters["d2h"], counters["d2h_bytes"]) == (2, run["rows"] * CANDIDATE_BYTES)
        assert counters["d2d"] == counters["refused_copies"] == 0  # past and present are the same memory
        assert run["tokens"] > 1 or counters["allocations"] == 0


@pytest.mark.parametrize(("layout", "graph"), [("optimum-llama", "model.onnx"), ("js-llama", "onnx/model_fp16.onnx")])
def test_graphs_that_count_shapes_run_too(on_stub, layout, graph):
    seen = on_stub(layout)
    assert (seen["provider"], seen["graph"]) == ("cuda", graph)
    assert all(run["rows"] == 1 for run in seen["runs"])


def test_a_graph_in_the_wrong_floats_is_refused_before_it_loads(on_stub):
    assert "GroupQueryAttention in float32" in on_stub("genai-qwen3-fp32")["trouble"]
