"""Has a provider a kernel for every node of a foreign graph? Asked before its weights are loaded."""

from pathlib import Path

import onnx

from desk.facts.trouble import Trouble
from desk.models.foreign.tail import altered_skeleton
from desk.models.kernels import KernelTable, NoKernel, Place
from desk.models.manifest import Manifest

_COUNTING = frozenset({"int32", "int64", "bool"})


def check(folder: Path, manifest: Manifest, place: Place) -> None:
    """Raise `Trouble` that names the first node, of the graph as it is loaded, which `place` cannot run as it is."""
    model = altered_skeleton(folder, manifest)
    try:
        found = KernelTable.of_this_version().lacking(model, place)
    except (LookupError, RecursionError, TypeError, ValueError) as error:  # protobuf asks no more than that fields fit
        cause = f"The graph of model {manifest.name} is not put together as ONNX wants it."
        raise Trouble(cause, "Fetch or export the model again.") from error
    for lacking in found:
        if not _harmless(model, lacking):
            other = "cpu" if place == "cuda" else "cuda"
            remedy = f"or the provider {other}." if other in lacking.elsewhere else "or another model."
            raise Trouble(f"In model {manifest.name}, {lacking}", f"Choose another variant of it, {remedy}")


def _harmless(model: onnx.ModelProto, lacking: NoKernel) -> bool:
    """Whether the runtime helps itself: it counts shapes and positions on the CPU, and takes functions apart."""
    if lacking.place == "cuda" and "cpu" in lacking.elsewhere and set(lacking.types.values()) <= _COUNTING:
        return True
    for opset in model.opset_import:
        if onnx.defs.has(lacking.operator, opset.domain):
            schema = onnx.defs.get_schema(lacking.operator, opset.version, opset.domain)
            # The library is compiled, and its description leaves these two out.
            return schema.has_function or schema.has_context_dependent_function  # ty: ignore[missing-attribute]
    return False
