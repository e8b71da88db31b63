"""The static check, against known graphs, against every graph that is built here, and against onnxruntime itself."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from desk.facts.places import shipped
from desk.models.kernels import KernelTable
from desk.models.precision import PRECISIONS
from desk.models.store import RUNS_ON

EXPORT = Path(__file__).parents[1] / "cuda_stub" / "export_kernels.py"


@pytest.fixture(scope="module")
def table():
    return KernelTable.of_this_version()


def graph_of(folder):
    return onnx.load(folder / "model.onnx", load_external_data=False)


def small(nodes, inputs, outputs, opset=21, initializers=()):
    """A model of a few nodes; values are named with their types."""

    def values(named):
        return [helper.make_tensor_value_info(name, kind, None) for name, kind in named.items()]

    return helper.make_model(
        helper.make_graph(nodes, "small", values(inputs), values(outputs), list(initializers)),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)],
    )


def test_the_half_precision_graph_has_a_kernel_for_every_node_on_both_providers(table, model):
    graph = graph_of(model("fp16"))
    assert table.lacking(graph, "cuda") == []
    assert table.lacking(graph, "cpu") == []


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_what_the_store_says_of_a_precision_is_what_the_kernels_say(table, model, precision):
    graph = graph_of(model(precision))
    for place in RUNS_ON[precision]:
        assert table.lacking(graph, place) == [], place
    if "cuda" not in RUNS_ON[precision]:
        assert table.lacking(graph, "cuda"), "the graph could run on CUDA, and the store does not say so"


def test_attention_in_float32_is_named(table, model):
    lacking = table.lacking(graph_of(model("q8")), "cuda")
    assert [one.node for one in lacking] == ["attention.0", "attention.1"]
    assert lacking[0].operator == "GroupQueryAttention"
    assert lacking[0].elsewhere == ("cpu",)
    assert str(lacking[0]) == (
        "GroupQueryAttention in float32 and int32 (node attention.0) has no kernel on CUDA; the CPU can run it; "
        "CUDA has it in bfloat16 and float16."
    )


def test_a_planted_sampling_node_is_named(table, model):
    graph = graph_of(model("fp16"))
    logits = next(node.input[0] for node in graph.graph.node if node.op_type == "TopK")
    flat = helper.make_node("Squeeze", [logits], ["flat"], name="flat")
    draw = helper.make_node("Multinomial", ["flat"], ["drawn"], name="draw", dtype=TensorProto.INT64)
    graph.graph.node.extend([flat, draw])
    [lacking] = table.lacking(graph, "cuda")
    assert str(lacking) == ("Multinomial in float32 and int64 (node draw) has no kernel on CUDA; the CPU can run it.")
    assert table.lacking(graph, "cpu") == []


def test_an_unknown_operator_is_named_on_both(table):
    nodes = [helper.make_node("Teleport", ["x"], ["y"], name="beam", domain="com.microsoft")]
    graph = small(nodes, {"x": TensorProto.FLOAT}, {"y": TensorProto.FLOAT})
    for place, words in (("cpu", "the CPU"), ("cuda", "CUDA")):
        assert [str(one) for one in table.lacking(graph, place)] == [f"Teleport (node beam) has no kernel on {words}."]


def test_types_travel_through_casts_shapes_and_constants(table):
    """DynamicQuantizeLinear exists on the CPU alone; the bfloat16 product on CUDA alone."""
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], name="cast", to=TensorProto.BFLOAT16),
        helper.make_node("Shape", ["wide"], ["shape"], name="shape"),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"], name="zeros"),
        helper.make_node("MatMul", ["wide", "wide"], ["product"], name="product"),
        helper.make_node("DynamicQuantizeLinear", ["zeros"], ["q", "s", "z"], name="quantise"),
    ]
    graph = small(nodes, {"x": TensorProto.FLOAT16}, {"product": TensorProto.BFLOAT16})
    assert [one.node for one in table.lacking(graph, "cpu")] == ["product"]
    assert [one.node for one in table.lacking(graph, "cuda")] == ["quantise"]


def test_branches_are_looked_into(table):
    def branch(name, operator):
        node = helper.make_node(operator, ["x"], [f"{name}.y"], name=name)
        return helper.make_graph(
            [node], name, [], [helper.make_tensor_value_info(f"{name}.y", TensorProto.FLOAT, None)]
        )

    choose = helper.make_node("If", ["flag"], ["y"], name="choose")
    choose.attribute.extend(
        [
            helper.make_attribute("then_branch", branch("then", "Relu")),
            helper.make_attribute("else_branch", branch("else", "DynamicQuantizeLinear")),
        ]
    )
    graph = small([choose], {"x": TensorProto.FLOAT, "flag": TensorProto.BOOL}, {"y": TensorProto.FLOAT})
    assert [one.node for one in table.lacking(graph, "cuda")] == ["else"]


def test_a_kernel_without_an_end_serves_only_the_version_it_was_written_for(table):
    """CUDA's Elu was written for version 6 of the operator, and version 22 has none."""
    node = helper.make_node("Elu", ["x"], ["y"], name="elu")
    for opset, lacking in ((21, []), (22, ["elu"])):
        graph = small([node], {"x": TensorProto.FLOAT}, {"y": TensorProto.FLOAT}, opset=opset)
        assert [one.node for one in table.lacking(graph, "cuda")] == lacking


def test_onnxruntime_places_nodes_where_the_table_says(table, drill, model, tmp_path):
    """Those of our own graphs, and some others."""
    nodes = [
        helper.make_node("Elu", ["x"], ["a"], name="elu"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("DynamicQuantizeLinear", ["b"], ["q", "s", "z"], name="quantise"),
    ]
    graph = small(nodes, {"x": TensorProto.FLOAT}, {"q": TensorProto.UINT8}, opset=22)
    graph.ir_version = 10
    other = tmp_path / "other.onnx"
    onnx.save(graph, other)
    files = [*(model(precision) / "model.onnx" for precision in PRECISIONS), other]
    seen = drill("placement", lane={"graphs": [str(file) for file in files]})
    for file in files:
        foretold = [one.operator for one in table.lacking(onnx.load(file, load_external_data=False), "cuda")]
        assert seen[str(file)]["nodes"].get("CPUExecutionProvider", []) == foretold
        assert seen[str(file)]["refused"] == bool(foretold)
    assert seen[str(other)]["nodes"] == {
        "CUDAExecutionProvider": ["Relu"],
        "CPUExecutionProvider": ["Elu", "DynamicQuantizeLinear"],
    }


def test_the_table_is_that_of_the_installed_onnxruntime(stub_libraries, tmp_path):
    """After an update of onnxruntime this fails until the table is exported again."""
    fresh = tmp_path / "kernels.json.gz"
    subprocess.run([sys.executable, EXPORT, fresh], check=True, timeout=60)
    read = [json.loads(gzip.decompress(path.read_bytes())) for path in (fresh, shipped("models", "kernels.json.gz"))]
    assert read[0]["onnxruntime"] == read[1]["onnxruntime"]
    assert read[0] == read[1]
