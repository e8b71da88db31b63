"""The end that other exporters' graphs are given: candidates of the last position, chosen in the graph."""

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from answering import DATA
from onnx import TensorProto, helper

from desk.facts.trouble import Trouble
from desk.models.foreign.layout import describe
from desk.models.foreign.tail import altered

ROWS, TOKENS = 2, 5
LAYOUTS = (
    "genai-llama-fp32",
    "genai-llama-fp16",
    "genai-qwen3-int4",
    "genai-gemma3-fp32",
    "optimum-gemma3",
    "js-llama",
)


def opened(graph, beside):
    options = ort.SessionOptions()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(beside))
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def inputs_of(session, manifest):
    """A first run of a few tokens, over an empty past."""
    kinds = {"tensor(int64)": np.int64, "tensor(float)": np.float32, "tensor(float16)": np.float16}
    made = {}
    for port in session.get_inputs():
        past = port.name.startswith("past")
        shape = (ROWS, manifest.kv_heads, 0, manifest.head_size) if past else (ROWS, TOKENS)
        made[port.name] = np.ones(shape, kinds[port.type])
    made["input_ids"] = np.arange(3, 3 + ROWS * TOKENS).reshape(ROWS, TOKENS)
    if "position_ids" in made:
        made["position_ids"] = np.tile(np.arange(TOKENS), (ROWS, 1))
    return made


@pytest.mark.parametrize("layout", LAYOUTS)
def test_candidates_are_the_best_logits_of_the_last_position(layout):
    """Cut before the largest matrix, or behind it where that is all that can be done: as the exporter's own graph."""
    folder = DATA / layout
    manifest = describe(folder)
    file = folder / manifest.graph
    before = {path: path.read_bytes() for path in file.parent.iterdir() if path.is_file()}
    plain = opened(str(file), file.parent)
    logits = plain.run(["logits"], inputs_of(plain, manifest))[0][:, -1].astype(np.float32)
    off = 2e-3 if manifest.kv_type == "float16" else 1e-5  # the graph rounds its 16-bit logits, the CPU not before TopK
    assert manifest.wiring.narrowed not in ("", "logits")
    for narrowed in (manifest.wiring.narrowed, "logits"):
        wiring = msgspec.structs.replace(manifest.wiring, narrowed=narrowed)
        session = opened(altered(folder, msgspec.structs.replace(manifest, wiring=wiring)), file.parent)
        outputs = {output.name: output for output in session.get_outputs()}
        assert "logits" not in outputs
        values, ids = session.run(["top_v", "top_i"], inputs_of(session, manifest))
        assert (values.shape, values.dtype, ids.dtype) == ((ROWS, 1, 64), np.float32, np.int64)
        np.testing.assert_allclose(values[:, 0], -np.sort(-logits, axis=1)[:, :64], atol=off)
        np.testing.assert_allclose(np.take_along_axis(logits, ids[:, 0], axis=1), values[:, 0], atol=off)
    assert {path: path.read_bytes() for path in file.parent.iterdir() if path.is_file()} == before


def narrowed(folder, change):
    """Where the graph is cut once `change` has had it, given the graph and the node of its logits."""
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    change(model.graph, next(node for node in model.graph.node if "logits" in node.output))
    onnx.save(model, folder / "model.onnx")
    return describe(folder)


def hidden(layout):
    return describe(DATA / layout).wiring.narrowed


@pytest.mark.parametrize("layout", ["genai-llama-fp32", "optimum-llama"])
def test_logits_that_are_bent_one_by_one_are_cut_before_their_matrix(copied, layout):
    """As Gemma 2 caps them, then cast: c tanh(x / c)."""

    def capped(graph, node):
        node.output[:] = ["plain"]
        graph.initializer.append(helper.make_tensor("cap", TensorProto.FLOAT, [], [30.0]))
        for name, inputs, output in (
            ("Div", ["plain", "cap"], "a"),
            ("Tanh", ["a"], "b"),
            ("Mul", ["b", "cap"], "c"),
        ):
            graph.node.append(helper.make_node(name, inputs, [output]))
        graph.node.append(helper.make_node("Cast", ["c"], ["logits"], to=TensorProto.FLOAT))
        for name in ("plain", "c"):  # sizes that hold no longer
            graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [ROWS, TOKENS, 288]))

    folder = copied(layout)
    manifest = narrowed(folder, capped)
    assert manifest.wiring.narrowed == hidden(layout)
    session = opened(altered(folder, manifest), folder)
    values, _ = session.run(["top_v", "top_i"], inputs_of(session, manifest))
    assert values.shape == (ROWS, 1, 64)
    assert np.abs(values).max() < 30.0


def read_by_another(graph, node):
    graph.node.append(helper.make_node("Identity", [node.input[0]], ["elsewhere"]))


def by_position(graph, node):
    """Something of another size for each position is added, so a position is more than its own vector."""
    node.output[:] = ["plain"]
    graph.initializer.append(helper.make_tensor("bias", TensorProto.FLOAT, [1, 1, 288], [0.0] * 288))
    graph.node.append(helper.make_node("Add", ["plain", "bias"], ["logits"]))


def by_two_activations(graph, node):
    node.output[:] = ["plain"]
    graph.node.append(helper.make_node("Add", ["plain", "plain"], ["logits"]))


def turned_round(graph, node):
    node.output[:] = ["plain"]
    graph.node.append(helper.make_node("Softmax", ["plain"], ["logits"], axis=1))


@pytest.mark.parametrize("change", [read_by_another, by_position, by_two_activations, turned_round])
def test_what_is_not_known_to_keep_positions_apart_is_cut_behind_the_logits(copied, change):
    folder = copied("genai-llama-fp32")
    manifest = narrowed(folder, change)
    assert manifest.wiring.narrowed == "logits"
    session = opened(altered(folder, manifest), folder)
    assert session.run(["top_v"], inputs_of(session, manifest))[0].shape == (ROWS, 1, 64)


def test_a_graph_in_operators_too_old_to_count_from_the_end_is_refused(copied):
    folder = copied("optimum-llama")
    model = onnx.load(folder / "model.onnx")
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", 10))
    onnx.save(model, folder / "model.onnx")
    with pytest.raises(Trouble, match="operators of version 10"):
        altered(folder, describe(folder))
