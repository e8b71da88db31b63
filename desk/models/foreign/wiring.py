"""How a graph of another exporter wants to be fed, found in its inputs, outputs and attention nodes.

Two ways of keeping keys and values cover what exporters write. Where every layer attends in GroupQueryAttention, past
and present are one memory with room for the whole context, and rows of any lengths run together. Elsewhere the present
is the past with the new tokens appended: such a cache grows with every run, and each sequence runs by itself.
"""

import re
from collections import Counter
from dataclasses import dataclass

from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models.foreign.anatomy import Anatomy, Node, Port
from desk.models.manifest import Wiring

ATTENTION = "GroupQueryAttention"

_LENGTHS = ("seqlens_k",)
_TOTAL = ("total_sequence_length", "total_seq_len", "total_len")
_KEEP = ("num_logits_to_keep", "logits_to_keep")
_CACHE_TYPES = ("float32", "float16")
_STEPS_TO_LENGTHS = 8
_POINTWISE = ("Add", "Cast", "Div", "Identity", "Mul", "Tanh")
_COUNTS = ("int64", "int32")
_INT8 = {
    "DynamicQuantizeLinear",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "QAttention",
    "QGemm",
    "QLinearAdd",
    "QLinearMatMul",
    "QuantizeLinear",
}
_ELSE = "Export it with a KV cache for text generation, or choose another model."
_UNFED = (
    (re.compile("encoder_|decoder_input_ids"), "is an encoder-decoder", "Choose a model that only decodes."),
    (
        re.compile("inputs_embeds|pixel|image|audio|vision|speech|input_features|token_type_ids"),
        "is one part of a multimodal model",
        "Choose a model made for text alone.",
    ),
    (
        re.compile("conv|ssm|recurrent|mamba|rwkv"),
        "keeps a recurrent state beside its KV cache",
        "Choose a model of which all layers attend.",
    ),
    (
        re.compile("block_table|cumulative_|slot_mapping|attention_metadata"),
        "wants a paged KV cache",
        "Export it again without paged attention.",
    ),
    (
        re.compile("use_cache_branch"),
        "holds two graphs in one, as older exporters made it",
        "Export it again with a newer exporter.",
    ),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the graph itself says about its cache; 0 where it leaves a size open."""

    layers: int
    kv_heads: int
    head_size: int
    kv_type: str
    vocabulary: int
    positions: int


def wire(name: str, graph: Anatomy, exporter: str) -> tuple[Wiring, Sizes]:
    """How to feed the graph of model `name`, and its sizes; raises `Trouble` for one that cannot be fed."""
    pasts, presents = _cache(name, graph.inputs), _cache(name, graph.outputs, "present")
    known = {"input_ids", "attention_mask", "position_ids", *_LENGTHS, *_TOTAL, *_KEEP}
    for unfed in (one for one in graph.inputs if one not in known and one not in pasts.values()):
        for pattern, cause, remedy in _UNFED:
            if pattern.search(unfed):
                raise Trouble(f"Model {name} {cause}: its graph asks for {unfed}.", remedy)
        raise Trouble(f"The graph of model {name} asks for {unfed}, which nothing here can give.", _ELSE)
    ids = graph.inputs.get("input_ids")
    if ids is None or len(ids.shape) != 2:
        raise Trouble(f"The graph of model {name} has no input_ids of rows and tokens.", _ELSE)
    logits = graph.outputs.get("logits")
    if logits is None or len(logits.shape) != 3:
        raise Trouble(f"The graph of model {name} gives no logits.", _ELSE)
    if not pasts:
        raise Trouble(f"The graph of model {name} has no KV cache, so every token would cost the whole text.", _ELSE)
    if pasts.keys() != presents.keys() or len(pasts) % 2 or max(pasts)[0] + 1 != len(pasts) // 2:
        raise Trouble(f"The graph of model {name} does not give back the KV cache that it takes.", _ELSE)
    for port, allowed in (("logits", _CACHE_TYPES), *((port, _COUNTS) for port in known & graph.inputs.keys())):
        kind = (graph.inputs.get(port) or logits).kind
        if kind not in allowed:
            raise Trouble(f"The graph of model {name} has {port} in {kind}, not in {' or '.join(allowed)}.", _ELSE)
    nodes = graph.all_of(ATTENTION)
    for node in nodes:
        if "sliding_window_cache" in node.numbers:
            raise Trouble(
                f"Model {name} keeps a KV cache of the size of its window, which the runtime here does not know.",
                "Export it again with the builder's option windowed_kv_cache=false.",
            )
    shared = _shares(graph, nodes, set(pasts.values()))
    wiring = Wiring(
        exporter=exporter,
        lengths=_first(graph, _LENGTHS),
        total=_first(graph, _TOTAL),
        last="",
        mask=_first(graph, ("attention_mask",)),
        positions=_first(graph, ("position_ids",)),
        keep=_first(graph, _KEEP),
        logits="logits",
        narrowed=_narrowed(graph, "logits"),
        past=tuple(pasts[key] for key in sorted(pasts)),
        present=tuple(presents[key] for key in sorted(pasts)),
        growing=not shared,
    )
    return wiring, _sizes(name, graph, [graph.inputs[past] for past in pasts.values()], nodes)


def refuse_provider(name: str, graph: Anatomy, provider: Provider) -> None:
    """Raise `Trouble` where the provider is known to lack what the graph is made of."""
    eight_bit = sorted({node.operator for node in graph.nodes} & _INT8)
    if provider == "cuda" and eight_bit:
        raise Trouble(
            f"Model {name} computes in 8-bit integers ({eight_bit[0]}), which CUDA has no kernel for.",
            "Choose the fp16 or q4f16 variant of the model, or the provider cpu.",
        )


def precision_of(graph: Anatomy, kv_type: str) -> str:
    """A short word for how the weights are stored, as transformers.js names its variants."""
    if {node.operator for node in graph.nodes} & _INT8:
        return "int8"
    bits = {node.numbers.get("bits", 4) for node in graph.all_of("MatMulNBits")}
    half = kv_type == "float16"
    if not bits:
        return "fp16" if half else "fp32"
    return f"q{min(bits)}{'f16' if half else ''}"


def window_of(graph: Anatomy) -> int:
    """How many tokens back the shortest-sighted layers look; 0 where all of them see everything."""
    windows = (node.numbers.get("local_window_size", -1) for node in graph.all_of(ATTENTION))
    return min((window for window in windows if window > 0), default=0)


def _cache(name: str, ports: dict[str, Port], side: str = "past") -> dict[tuple[int, str], str]:
    """The names of the cache's tensors by layer and part, whatever the exporter's taste."""
    found: dict[tuple[int, str], str] = {}
    for port in ports:
        if match := re.fullmatch(rf"{side}(?:_key_values)?(?:\.(\d+)\.(key|value)|_(key|value)_(\d+))", port):
            layer, part = sorted(filter(None, match.groups()))
            if (int(layer), part) in found:
                raise Trouble(f"The graph of model {name} has two caches for layer {layer}.", _ELSE)
            found[int(layer), part] = port
    return found


def _shares(graph: Anatomy, nodes: list[Node], pasts: set[str]) -> bool:
    """Whether past and present may be one memory with room to spare: only attention sees the past, and attention
    learns the lengths and the positions of its rows from elsewhere than from the past's size or the mask's width."""
    held = {name for node in nodes for name in node.inputs[3:5]}
    elsewhere = {name for node in graph.nodes if node.operator != ATTENTION for name in node.inputs}
    turned = "position_ids" in graph.inputs or all(node.numbers.get("do_rotary", 0) for node in nodes)
    biased = any(name for node in nodes for name in node.inputs[10:11])
    made = {output: node for node in graph.nodes for output in node.outputs}
    counted = all(_counted(graph, made, node) for node in nodes)
    return pasts <= held and not pasts & elsewhere and turned and not biased and counted


def _counted(graph: Anatomy, made: dict[str, Node], attention: Node) -> bool:
    """Whether the lengths that an attention node gets are an input, or the sums of an input's rows."""
    names = attention.inputs[5:6]
    for _ in range(_STEPS_TO_LENGTHS):
        if not names or names[0] in graph.inputs:
            break
        node = made.get(names[0])
        if node is None:
            return False
        if node.operator == "ReduceSum":
            return node.inputs[0] in graph.inputs or made.get(node.inputs[0], node).operator == "Cast"
        names = node.inputs
    return bool(names) and names[0] in _LENGTHS


def _narrowed(graph: Anatomy, logits: str) -> str:
    """The value that the matrix of the logits is multiplied with, where every position goes its own way from there on;
    else the logits themselves."""
    made = {output: node for node in graph.nodes for output in node.outputs}
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    value = logits
    while (node := made.get(value)) is not None and len(node.outputs) == 1:
        moving = [name for name in node.inputs if name and _rank(graph, made, name) is None]
        flat = max((_rank(graph, made, name) or 0 for name in node.inputs if name not in moving), default=0) < 2
        if len(moving) != 1 or readers[moving[0]] != 1 or moving[0] in graph.outputs:
            break
        value = moving[0]
        if node.operator == "MatMulNBits" or (node.operator == "MatMul" and _is_matrix(graph, made, node)):
            return value if value == node.inputs[0] else logits
        if node.operator not in _POINTWISE or not flat:
            break
    return logits


def _is_matrix(graph: Anatomy, made: dict[str, Node], node: Node) -> bool:
    return _rank(graph, made, node.inputs[1]) == 2


def _rank(graph: Anatomy, made: dict[str, Node], name: str) -> int | None:
    """How many dimensions a constant has, also one that a node turns or unpacks; `None` for what is no constant."""
    if name in graph.tensors:
        return len(graph.tensors[name].shape)
    node = made.get(name)
    if node is None or node.operator not in ("Cast", "DequantizeLinear", "Transpose"):
        return None
    return _rank(graph, made, node.inputs[0])


def _sizes(name: str, graph: Anatomy, pasts: list[Port], nodes: list[Node]) -> Sizes:
    if any(len(port.shape) != 4 for port in pasts):
        raise Trouble(f"The KV cache of model {name} is not of rows, heads, tokens and sizes.", _ELSE)
    kinds, shapes = {port.kind for port in pasts}, {(port.shape[1], port.shape[3]) for port in pasts}
    if not kinds <= set(_CACHE_TYPES) or len(kinds) > 1:
        kind = min(kinds - set(_CACHE_TYPES), default="mixed types")
        raise Trouble(f"Model {name} keeps its KV cache in {kind}.", "Export it with a cache in 32 or 16-bit floats.")
    if len(shapes) > 1:
        raise Trouble(f"The layers of model {name} have KV caches of different sizes.", "Choose another model.")
    heads, size = (size if isinstance(size, int) else 0 for size in min(shapes, key=str))
    vocabulary = graph.outputs["logits"].shape[2]
    return Sizes(
        layers=len(pasts) // 2,
        kv_heads=heads,
        head_size=size,
        kv_type=min(kinds),
        vocabulary=vocabulary if isinstance(vocabulary, int) else 0,
        positions=_positions(name, graph, nodes),
    )


def _positions(name: str, graph: Anatomy, nodes: list[Node]) -> int:
    """The longest text that the tables of rotation serve; 0 where there are none.

    Some models turn otherwise once a text is longer than they were first trained on, which makes all that the cache
    holds wrong. They are served up to that length.
    """
    tables = {name for node in nodes if node.numbers.get("do_rotary", 0) for name in node.inputs[7:8]}
    tables |= {name for node in graph.all_of("RotaryEmbedding") for name in node.inputs[2:3]}
    made = {output: node for node in graph.nodes for output in node.outputs}
    longest = [shape[0] for table in tables if table in graph.tensors and (shape := graph.tensors[table].shape)]
    for choice in [made[table] for table in tables if table in made and made[table].operator == "If"]:
        question = made.get("".join(choice.inputs[:1]))
        asked = question.inputs[1:2] if question is not None and question.operator == "Greater" else ()
        limit = graph.tensors.get("".join(asked))
        if limit is None or limit.number is None:
            cause = f"The graph of model {name} chooses how it turns positions in a way that is not understood here."
            raise Trouble(cause, "Choose another model, or export it with another exporter.")
        longest.append(limit.number)
    return min(longest, default=0)


def _first(graph: Anatomy, names: tuple[str, ...]) -> str:
    return next((name for name in names if name in graph.inputs), "")
