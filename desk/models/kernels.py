"""The static check: has every node of a graph a kernel on a provider, with the types that it gets?

The table is `models/kernels.json.gz`, exported from onnxruntime's own registry. The check needs neither onnxruntime
nor a device, and so names on any machine what a session on CUDA would refuse, or would quietly put on the CPU.
"""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, inliner

from desk.facts.places import shipped

Place = Literal["cpu", "cuda"]
_PLACE_NAMES: dict[Place, str] = {"cpu": "the CPU", "cuda": "CUDA"}


@dataclass(frozen=True, slots=True)
class NoKernel:
    """A node that `place` cannot run. `types` are those of the operator's type parameters, by their names.

    `elsewhere` names the places that can run it as it is, `offered` the types that `place` has the operator for.
    """

    node: str
    operator: str
    types: dict[str, str]
    place: Place
    elsewhere: tuple[Place, ...]
    offered: tuple[str, ...]

    def __str__(self) -> str:
        """One plain sentence."""
        types = f" in {_words(dict.fromkeys(self.types.values()))}" if self.types else ""
        other = f"; {_words(_PLACE_NAMES[place] for place in self.elsewhere)} can run it" if self.elsewhere else ""
        offered = f"; {_PLACE_NAMES[self.place]} has it in {_words(self.offered)}" if self.offered else ""
        return f"{self.operator}{types} (node {self.node}) has no kernel on {_PLACE_NAMES[self.place]}{other}{offered}."


class KernelTable:
    """What each provider of one onnxruntime version can run."""

    def __init__(self, path: Path) -> None:
        with gzip.open(path) as file:
            table = json.load(file)
        self._kernels: dict[str, dict[Place, list[list]]] = table["kernels"]
        self._schemas: dict[str, dict[int, dict[str, list]]] = {
            operator: {int(since): schema for since, schema in versions.items()}
            for operator, versions in table["schemas"].items()
        }

    @classmethod
    def of_this_version(cls) -> "KernelTable":
        """The table that ships with the program."""
        return cls(shipped("models", "kernels.json.gz"))

    def lacking(self, model: ModelProto, place: Place) -> list[NoKernel]:
        """The nodes of `model` that `place` has no kernel for, subgraphs included, in the order of the graph.

        A type that the graph leaves open (the result of an unknown operator, say) is taken to fit. Operators that
        onnxruntime takes apart into others, and limits on sizes or attributes, are beyond the table.
        """
        model = inliner.inline_local_functions(model) if model.functions else model
        opsets = {opset.domain or "ai.onnx": opset.version for opset in model.opset_import}
        return self._walk(model.graph, {}, opsets, place)

    def _walk(self, graph: GraphProto, outer: dict[str, str], opsets: dict[str, int], place: Place) -> list[NoKernel]:
        """`outer` has the types of the values that a subgraph sees around it."""
        kinds = outer | {tensor.name: _name(tensor.data_type) for tensor in graph.initializer}
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.tensor_type.elem_type:
                kinds[value.name] = _name(value.type.tensor_type.elem_type)
        found: list[NoKernel] = []
        for node in graph.node:
            for attribute in node.attribute:
                for subgraph in (attribute.g, *attribute.graphs):
                    found += self._walk(subgraph, kinds, opsets, place)
            if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
                kinds[node.output[0]] = _constant_type(node.attribute[0])  # becomes an initializer, runs nowhere
            elif trouble := self._judge(node, kinds, opsets, place):
                found.append(trouble)
        return found

    def _judge(self, node: NodeProto, kinds: dict[str, str], opsets: dict[str, int], place: Place) -> NoKernel | None:
        """Judge `node`, and note the types of its outputs in `kinds`."""
        domain = node.domain or "ai.onnx"
        operator = f"{domain}::{node.op_type}"
        versions = [since for since in self._schemas.get(operator, {}) if since <= opsets.get(domain, 1)]
        types: dict[str, str] = {}
        places: tuple[Place, ...] = ()
        if versions:
            since = max(versions)
            types = self._bind(node, operator, self._schemas[operator][since], kinds)
            places = tuple(p for p in _PLACE_NAMES if self._runs(operator, since, types, p))
        if place in places:
            return None
        rows = self._kernels.get(operator, {}).get(place, [])
        leading = next(iter(types), None)  # the parameter of the first input tells most
        offered = sorted({kind for row in rows for kind in row[2].get(leading, ())})
        return NoKernel(node.name or node.output[0], node.op_type, types, place, places, tuple(offered))

    def _bind(self, node: NodeProto, operator: str, schema: dict[str, list], kinds: dict[str, str]) -> dict[str, str]:
        """The types of the operator's type parameters at this node; outputs without a type get theirs in `kinds`."""
        types: dict[str, str] = {}
        parameters = {kind for side in schema.values() for _, kind, _ in side}
        for name, (_, parameter, _) in _paired(node.input, schema["inputs"]):
            if name in kinds:
                types.setdefault(parameter, kinds[name])
        decided = _decided_by_attribute(node)
        for name, (_, parameter, _) in _paired(node.output, schema["outputs"]):
            if decided and parameter not in types:
                types[parameter] = decided
            elif parameter not in types and (only := self._only_type(operator, parameter)):
                types[parameter] = only
            elif parameter not in types and name in kinds:
                types[parameter] = kinds[name]
            # A parameter that is itself a type (int64, say) stands for itself.
            kind = types.get(parameter, parameter if parameter in _TYPE_NAMES else "")
            if kind:
                kinds.setdefault(name, kind)
        return {parameter: types[parameter] for parameter in types if parameter in parameters - _TYPE_NAMES}

    def _only_type(self, operator: str, parameter: str) -> str | None:
        """The one type that every kernel has for `parameter`, such as the int64 of TopK's indices."""
        rows = [row for by_place in self._kernels[operator].values() for row in by_place]
        allowed = {kind for row in rows for kind in row[2].get(parameter, ())}
        return allowed.pop() if len(allowed) == 1 else None

    def _runs(self, operator: str, since: int, types: dict[str, str], place: Place) -> bool:
        def fits(row: list, types: dict[str, str]) -> bool:
            first, last, allowed = row
            # onnxruntime takes an open-ended kernel only for the very version of the operator that it was written for.
            serves = first == since or (last is not None and first < since <= last)
            return serves and all(kind in allowed.get(parameter, (kind,)) for parameter, kind in types.items())

        rows = self._kernels[operator].get(place, [])
        if any(fits(row, types) for row in rows):
            return True
        # On the CPU onnxruntime puts casts to float32 around a node that has no float16 kernel.
        widened = {parameter: "float" if kind == "float16" else kind for parameter, kind in types.items()}
        return place == "cpu" and widened != types and any(fits(row, widened) for row in rows)


def _paired(names: Sequence[str], parameters: list) -> list[tuple[str, Any]]:
    """Names with the formal parameters they stand for; the last one may take all that follow (it is variadic)."""
    many = parameters and parameters[-1][2]
    every = [*parameters, *[parameters[-1]] * (len(names) - len(parameters))] if many else parameters
    return [(name, parameter) for name, parameter in zip(names, every, strict=False) if name]


def _decided_by_attribute(node: NodeProto) -> str | None:
    """The type that an attribute asks the output to have."""
    for attribute in node.attribute:
        if attribute.name in ("to", "dtype"):
            return _name(attribute.i)
        if node.op_type == "ConstantOfShape" and attribute.name == "value":
            return _name(attribute.t.data_type)
    return "float" if node.op_type == "ConstantOfShape" else None


def _constant_type(attribute: AttributeProto) -> str:
    simple = {"value_int": "int64", "value_ints": "int64", "value_float": "float", "value_floats": "float"}
    return _name(attribute.t.data_type) if attribute.name == "value" else simple.get(attribute.name, "string")


def _name(data_type: int) -> str:
    """The name that the table uses: `float` is 32 bits wide, `float16` 16."""
    return TensorProto.DataType.Name(data_type).lower()


_TYPE_NAMES = {name.lower() for name in TensorProto.DataType.keys()}  # noqa: SIM118 (not a dictionary)


def _words(names: Iterable[str]) -> str:
    """`a, b and c`, with float32 under its full name."""
    *most, last = ["float32" if name == "float" else name for name in names]
    return f"{', '.join(most)} and {last}" if most else last
