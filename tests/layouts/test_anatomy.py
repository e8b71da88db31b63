"""Graphs read off their bytes: what onnx itself reads, and never more than a `Trouble` for what is none."""

import contextlib

import onnx
import pytest
from answering import DATA
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.facts.trouble import Trouble
from desk.models.foreign import anatomy

GRAPHS = sorted(DATA.rglob("*.onnx"))


@pytest.mark.parametrize("file", GRAPHS, ids=lambda file: "/".join(file.parts[-2:]))
def test_it_is_what_onnx_reads(file):
    graph, read = onnx.load(file, load_external_data=False).graph, anatomy.read(file)
    assert [(node.op_type, tuple(node.input)) for node in graph.node] == [(n.operator, n.inputs) for n in read.nodes]
    for node, found in zip(graph.node, read.nodes, strict=True):
        assert found.numbers == {a.name: a.i for a in node.attribute if a.type == onnx.AttributeProto.INT}
    for ports, found in ((graph.input, read.inputs), (graph.output, read.outputs)):
        assert [port.name for port in ports] == list(found)
        for port in ports:
            kind = port.type.tensor_type
            assert found[port.name].shape == tuple(d.dim_value or d.dim_param for d in kind.shape.dim)
            assert found[port.name].kind == anatomy.TYPES[kind.elem_type]
    for tensor in graph.initializer:
        found = read.tensors[tensor.name]
        assert (found.shape, found.kind) == (tuple(tensor.dims), anatomy.TYPES[tensor.data_type])
        assert found.outside == {entry.key: entry.value for entry in tensor.external_data}


@pytest.mark.parametrize("file", GRAPHS, ids=lambda file: "/".join(file.parts[-2:]))
def test_the_skeleton_is_the_graph_without_its_weights(file):
    whole = onnx.load(file, load_external_data=False)
    for tensor in whole.graph.initializer:
        tensor.ClearField("raw_data")
    assert onnx.load_model_from_string(anatomy.skeleton(file)) == whole


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_spoiled_bytes_are_a_trouble_or_another_graph(tmp_path, data):
    content = bytearray((DATA / "genai-llama-fp32" / "model.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path / "spoiled.onnx"
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(Trouble):
        anatomy.read(file)


def test_graphs_nested_without_end_are_refused(tmp_path):
    def field(number, content):
        size, length = b"", len(content)
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + content

    graph = b""
    for _ in range(3000):
        graph = field(1, field(5, field(6, graph)))  # a graph's node's attribute's graph
    file = tmp_path / "deep.onnx"
    file.write_bytes(field(7, graph))
    with pytest.raises(Trouble, match="not a whole ONNX graph"):
        anatomy.read(file)
