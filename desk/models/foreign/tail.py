"""A foreign graph as it is loaded: with an end that hands out candidates, as our own graphs have.

Exporters write graphs that give all logits of every position, and to look through those on the host costs as much as a
tenth of a step. So the last position is cut out, before the largest matrix where that can be done (`wiring.narrowed`),
and the likeliest tokens are chosen in the graph. The user's files stay as they are.
"""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, helper

from desk.facts.trouble import Trouble
from desk.models.foreign.anatomy import joined, skeleton
from desk.models.manifest import Manifest

OPSET = 11
"""The oldest operator set that counts positions from the end."""

_LAST, _CANDIDATES = "candidates.last", "candidates.count"


def altered(folder: Path, manifest: Manifest) -> bytes:
    """The graph of the model in `folder` with `top_v` and `top_i` in the place of its logits, to be loaded from memory.

    Weights beside the graph stay there. Raises `Trouble` where the graph cannot be altered.
    """
    model = altered_skeleton(folder, manifest)
    own = [tensor for tensor in model.graph.initializer if tensor.name in (_LAST, _CANDIDATES)]
    del model.graph.initializer[:]
    model.graph.initializer.extend(own)
    return joined(model.SerializeToString(), folder / manifest.graph)


def altered_skeleton(folder: Path, manifest: Manifest) -> ModelProto:
    """The same graph without the data of its weights."""
    file = folder / manifest.graph
    try:
        model = onnx.load_model_from_string(skeleton(file))
        # What protobuf calls a text may be any bytes, which it then gives as such.
        if not all(isinstance(word, str) for node in model.graph.node for word in (node.op_type, node.domain)):
            raise DecodeError("an operator's name is no text")
    except DecodeError as error:
        cause = f"The file {manifest.graph} of model {manifest.name} is not a whole ONNX graph."
        raise Trouble(cause, "Fetch or export the model again.") from error
    opset = max((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), default=0)
    if opset < OPSET:
        cause = f"Model {manifest.name} is in ONNX operators of version {opset}, and {OPSET} is the oldest known here."
        raise Trouble(cause, "Export it again with a newer exporter.")
    try:
        _give_candidates(model, manifest)
    except (ValueError, LookupError, StopIteration) as error:
        cause = f"The graph of model {manifest.name} ends in a way that is not understood here."
        raise Trouble(cause, "Choose another model, or export it with another exporter.") from error
    return model


def _give_candidates(model: ModelProto, manifest: Manifest) -> None:
    """Change the end of the graph."""
    graph, wiring = model.graph, manifest.wiring
    for name, number in ((_LAST, -1), (_CANDIDATES, manifest.candidates)):
        graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], [number]))
    (given,) = (output for output in graph.output if output.name == wiring.logits)
    half = given.type.tensor_type.elem_type == TensorProto.FLOAT16
    graph.output.remove(given)

    logits, cut = wiring.logits, "candidates.position"
    gather = helper.make_node("Gather", [wiring.narrowed, _LAST], [cut], name=cut, axis=1)
    if wiring.narrowed == wiring.logits:
        graph.node.append(gather)
        logits = cut
    else:
        reader = _reader(model, wiring.narrowed)
        graph.node.insert(list(graph.node).index(reader), gather)
        reader.input[list(reader.input).index(wiring.narrowed)] = cut
        _forget_shapes(model, reader.output[0], wiring.logits)
    if half:
        graph.node.append(helper.make_node("Cast", [logits], ["candidates.float32"], to=TensorProto.FLOAT))
        logits = "candidates.float32"
    graph.node.append(helper.make_node("TopK", [logits, _CANDIDATES], ["top_v", "top_i"], name="top_v", axis=-1))
    for name, kind in (("top_v", TensorProto.FLOAT), ("top_i", TensorProto.INT64)):
        graph.output.append(helper.make_tensor_value_info(name, kind, [None, 1, manifest.candidates]))


def _reader(model: ModelProto, value: str) -> onnx.NodeProto:
    """The one node that reads `value`."""
    return next(node for node in model.graph.node if value in node.input)


def _forget_shapes(model: ModelProto, first: str, last: str) -> None:
    """Drop what the graph says about the sizes of the values from `first` to `last`: they have one position now."""
    stale = {first}
    while first != last:
        first = _reader(model, first).output[0]
        if first in stale:
            raise ValueError("a graph that goes round")
        stale.add(first)
    kept = [value for value in model.graph.value_info if value.name not in stale]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)
