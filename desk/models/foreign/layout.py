"""A folder as other programs export it: which of its files to take, and what its configuration says.

Three layouts are known, by their files: `genai_config.json` beside its graph (onnxruntime-genai's builder),
`onnx/*.onnx` below the configuration (onnx-community and transformers.js), and a graph beside its `config.json`
(optimum).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models.foreign import anatomy
from desk.models.foreign.anatomy import Anatomy
from desk.models.foreign.wiring import precision_of, refuse_provider, window_of, wire
from desk.models.manifest import FileStamp, Manifest

GENAI, TRANSFORMERS_JS, OPTIMUM = "onnxruntime-genai", "transformers.js", "optimum"

TOKENIZER = "tokenizer.json"
CANDIDATES = 64
"""Drawn from on the host where the graph gives all logits: as many as our own graphs hand out."""

BEST = {
    "cpu": ("q4", "fp32", "q4f16", "q8", "int8", "fp16"),
    "cuda": ("fp16", "q4f16", "fp32", "q4"),
}
"""Which variant a provider gets where the tier names none. 8-bit integers have no kernels on CUDA, and attention there
wants 16-bit floats; on a CPU those are converted back and forth."""

_SUFFIXES = {"": "fp32", "_quantized": "int8", "_uint8": "int8"}
_LINEAR = ("MatMulNBits", "MatMul", "Gemm", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a known layout: its graphs by their variant ("" where only the graph itself can tell)."""

    path: Path
    name: str
    exporter: str
    variants: dict[str, Path]
    config: Mapping[str, Any]
    generation: Mapping[str, Any]
    tokenizer: Mapping[str, Any]


def describe(path: Path, precision: str = "", provider: Provider = "cpu") -> Manifest:
    """What there is to know about the model in folder `path` to run it; raises `Trouble` for one that cannot run.

    No weights are read for it. An empty `precision` means the best variant for `provider`.
    """
    folder = open_folder(path)
    file = _chosen(folder, precision, provider)
    graph = anatomy.read(file)
    refuse_provider(folder.name, graph, provider)
    wiring, sizes = wire(folder.name, graph, folder.exporter)
    weights = file.stat().st_size + _outside_bytes(folder, file, graph)
    stored = precision_of(graph, sizes.kv_type)
    config = folder.config
    heads = sizes.kv_heads or _whole(config, "num_key_value_heads") or _whole(config, "num_attention_heads")
    size = sizes.head_size or _head_size(config)
    limits = [limit for limit in (_whole(config, "max_position_embeddings"), sizes.positions) if limit]
    vocabulary = sizes.vocabulary or _whole(config, "vocab_size")
    for known, missing in (
        (heads and size, "the sizes of its heads"),
        (limits, "its context"),
        (vocabulary, "its tokens"),
    ):
        if not known:
            raise Trouble(f"Neither graph nor configuration of model {folder.name} tell {missing}.", _FETCH)
    tokenizer = path / TOKENIZER
    ends, start = _marks(folder)
    content = anatomy.skeleton(file)
    return Manifest(
        name=folder.name,
        title=folder.name,
        precision=f"{stored}, one row a run" if wiring.growing else stored,
        revision=hashlib.sha256(content + str(weights).encode()).hexdigest()[:12],
        licence=_licence(path),
        builder=folder.exporter,
        graph=file.relative_to(path).as_posix(),
        tokenizer=TOKENIZER,
        chat_template=_chat_template(folder),
        layers=sizes.layers,
        kv_heads=heads,
        head_size=size,
        kv_type=sizes.kv_type,
        vocabulary=vocabulary,
        context=min(limits),
        candidates=min(CANDIDATES, vocabulary),
        eos=ends,
        bos=start,
        parameters=_parameters(graph),
        weights_bytes=weights,
        files={TOKENIZER: FileStamp(bytes=tokenizer.stat().st_size, sha256=_sha256(tokenizer))},
        quantisation=stored,
        wiring=wiring,
        window=window_of(graph) or (_whole(config, "sliding_window") if config.get("use_sliding_window", True) else 0),
    )


_FETCH = "Fetch the whole folder again, its configuration included."


def open_folder(path: Path) -> Folder:
    """The folder, its configuration read; raises `Trouble` for no known layout, and for another kind of model."""
    genai, config = _json(path / "genai_config.json"), _json(path / "config.json")
    name = str(config.get("_name_or_path") or "").rstrip("/").rpartition("/")[2] if _hashed(path.name) else ""
    name = name or path.resolve().name
    inner = path / "onnx"
    text = dict(config.get("text_config") or config)
    if genai:
        exporter, variants = GENAI, _genai_graph(path, name, genai)
        model = genai["model"]
        text |= {"max_position_embeddings": model.get("context_length"), "vocab_size": model.get("vocab_size")}
        text |= {key: model[key] for key in ("eos_token_id", "bos_token_id") if key in model}
        decoder = model["decoder"]
        text |= {"num_key_value_heads": decoder.get("num_key_value_heads"), "head_dim": decoder.get("head_size")}
    elif config:
        exporter, graphs = (TRANSFORMERS_JS, inner) if inner.is_dir() else (OPTIMUM, path)
        variants = _variants(name, graphs)
    elif any(path.glob("*.onnx")) or inner.is_dir():
        raise Trouble(f"The model folder {name} has no config.json, so nothing says what its graph is.", _FETCH)
    else:
        raise Trouble(
            f"The folder {name} holds no model of a known layout: no manifest.json, genai_config.json or config.json.",
            "Name a folder as exported for transformers.js, by optimum or by onnxruntime-genai.",
        )
    if config.get("is_encoder_decoder"):
        raise Trouble(f"Model {name} is an encoder-decoder.", "Choose a model that only decodes.")
    if not (path / TOKENIZER).is_file():
        other = (
            "; its tokenizer.model is in a form that is not read here" if (path / "tokenizer.model").exists() else ""
        )
        raise Trouble(
            f"The model folder {name} has no {TOKENIZER}{other}.",
            f"Put the {TOKENIZER} of the model into the folder.",
        )
    return Folder(
        path=path,
        name=name,
        exporter=exporter,
        variants=variants,
        config=text,
        generation=_json(path / "generation_config.json"),
        tokenizer=_json(path / "tokenizer_config.json"),
    )


# ---- which graph


def _genai_graph(path: Path, name: str, genai: Mapping[str, Any]) -> dict[str, Path]:
    try:
        model = genai["model"]
        decoder = model["decoder"]
        file = path / (decoder.get("filename") or "model.onnx")
    except (KeyError, TypeError, AttributeError) as error:
        raise Trouble(f"The genai_config.json of model {name} names no decoder.", _FETCH) from error
    more = sorted({"vision", "speech", "embedding", "encoder"} & model.keys())
    if more or "pipeline" in decoder:
        cause = f"Model {name} is in parts ({', '.join(more) or 'a pipeline'} beside the decoder)."
        raise Trouble(cause, "Choose a model of text alone, in one graph.")
    if file.parent.resolve() != path.resolve():
        raise Trouble(f"The genai_config.json of model {name} names a graph outside its folder.", _FETCH)
    if not file.is_file():
        raise Trouble(f"The graph {file.name} of model {name} is missing.", _FETCH)
    return {"": file}


def _variants(name: str, folder: Path) -> dict[str, Path]:
    """Graphs of whole decoders by variant, as transformers.js names its files."""
    files = {file.stem: file for file in sorted(folder.glob("*.onnx"))}
    for stems, cause, remedy in (
        (("encoder_model",), "is an encoder-decoder", "Choose a model that only decodes."),
        (
            ("vision_encoder", "audio_encoder", "embed_tokens", "speech_encoder"),
            "is multimodal, in several graphs",
            "Choose a model made for text alone.",
        ),
    ):
        if any(stem.startswith(stems) for stem in files):
            raise Trouble(f"Model {name} {cause}.", remedy)
    for head in ("model", "decoder_model_merged", "decoder_with_past_model"):
        if found := {
            stem.removeprefix(head): file for stem, file in files.items() if re.fullmatch(rf"{head}(_\w+)?", stem)
        }:
            return {_SUFFIXES.get(suffix, suffix.removeprefix("_")): file for suffix, file in found.items()}
    if len(files) == 1:
        return {"": next(iter(files.values()))}
    what = f"several graphs and no model.onnx ({', '.join(files)})" if files else "no ONNX graph"
    raise Trouble(f"The model folder {name} has {what}.", "Name a folder with one decoder in it.")


def _chosen(folder: Folder, precision: str, provider: Provider) -> Path:
    variants = folder.variants
    wanted = precision.partition(",")[0]
    if len(variants) == 1:
        return next(iter(variants.values()))
    if wanted:
        if wanted not in variants:
            offered = ", ".join(variants)
            raise Trouble(f"Model {folder.name} does not come in precision {wanted}.", f"Choose one of {offered}.")
        return variants[wanted]
    best = BEST["cuda" if provider == "cuda" else "cpu"]
    for name in best:
        if name in variants:
            return variants[name]
    raise Trouble(
        f"Model {folder.name} has no variant for {provider.upper()}, only {', '.join(variants)}.",
        f"Fetch one of {', '.join(best)} as well, or choose another provider.",
    )


def _outside_bytes(folder: Folder, file: Path, graph: Anatomy) -> int:
    """The bytes of weights beside the graph; raises `Trouble` for such as are missing, torn or not in the folder."""
    home = file.parent.resolve()
    ends: dict[Path, int] = {}
    for tensor in graph.tensors.values():
        if not tensor.outside:
            continue
        location = tensor.outside.get("location", "")
        place = (home / location.replace("\0", "?")).resolve()
        if not location or "\0" in location or not place.is_relative_to(home):
            raise Trouble(
                f"The graph of model {folder.name} wants to read its weights from {location or 'nowhere'}, "
                "which lies outside its folder.",
                "Copy the weights into the folder (links to elsewhere are not followed), or do not trust this model.",
            )
        try:
            end = int(tensor.outside.get("offset") or 0) + int(tensor.outside.get("length") or 0)
        except ValueError as error:
            raise Trouble(f"The graph of model {folder.name} misnames where its weights lie.", _FETCH) from error
        ends[place] = max(ends.get(place, 0), end)
    for place, end in ends.items():
        if not place.is_file() or place.stat().st_size < end:
            raise Trouble(f"The file {place.name} of model {folder.name} is missing or torn.", _FETCH)
    return sum(place.stat().st_size for place in ends)


# ---- what the configuration says


def _head_size(config: Mapping[str, Any]) -> int:
    return _whole(config, "head_dim") or _whole(config, "hidden_size") // (_whole(config, "num_attention_heads") or 1)


def _whole(config: Mapping[str, Any], key: str) -> int:
    """A whole number above 0, or 0 where the configuration has none under that name."""
    value = config.get(key)
    return value if isinstance(value, int) and value > 0 else 0


def _marks(folder: Folder) -> tuple[tuple[int, ...], int | None]:
    """The ids that end an answer, what templates call `eos_token` first, and the id that every prompt begins with."""
    tokenizer = _json(folder.path / TOKENIZER)
    named = folder.tokenizer.get("eos_token")
    named = named.get("content") if isinstance(named, dict) else named
    try:
        added = {str(token["content"]): token["id"] for token in tokenizer.get("added_tokens") or ()}
        start = next(_beginnings(tokenizer), None)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise Trouble(f"The {TOKENIZER} of model {folder.name} is not what it must be.", _FETCH) from error
    ends = [added.get(str(named))]
    for source in (folder.generation, folder.config):
        found = source.get("eos_token_id")
        ends += found if isinstance(found, list) else [found]
    ids = tuple(dict.fromkeys(end for end in ends if isinstance(end, int) and end >= 0))
    if not ids:
        raise Trouble(f"Nothing in the folder of model {folder.name} says which token ends an answer.", _FETCH)
    return ids, start


def _beginnings(tokenizer: Mapping[str, Any]) -> Iterator[int]:
    """The special token that the tokenizer itself puts before every text."""
    processors = [tokenizer.get("post_processor") or {}]
    for processor in [*processors, *(processors[0].get("processors") or ())]:
        first = (processor.get("single") or [{}])[0].get("SpecialToken")
        if processor.get("type") == "TemplateProcessing" and first:
            yield from processor["special_tokens"][first["id"]]["ids"]


def _chat_template(folder: Folder) -> str:
    """The Jinja text, from wherever the exporter's version keeps it; empty for a model not made for conversation."""
    file = folder.path / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8", errors="replace")
    template = _json(folder.path / "chat_template.json").get("chat_template") or folder.tokenizer.get("chat_template")
    if isinstance(template, list):
        named = {str(one.get("name")): one.get("template") for one in template if isinstance(one, dict)}
        template = named.get("default") or next(iter(named.values()), "")
    if not isinstance(template, str | None):
        raise Trouble(f"The chat template of model {folder.name} is not a text.", _FETCH)
    return template or ""


def _licence(path: Path) -> str:
    """As the model's card says in its first lines; empty where it has none."""
    card = path / "README.md"
    if not card.is_file():
        return ""
    with card.open(encoding="utf-8", errors="replace") as file:
        found = re.search(r"^license:\s*(\S+)", file.read(4096), re.MULTILINE)
    return found.group(1) if found else ""


def _parameters(graph: Anatomy) -> int:
    """The elements of the matrices that are multiplied with, each as often as it is used."""
    total = 0
    for node in graph.nodes:
        if node.operator not in _LINEAR:
            continue
        if "K" in node.numbers:
            total += node.numbers["K"] * node.numbers.get("N", 0)
        elif len(node.inputs) > 1 and node.inputs[1] in graph.tensors:
            rows, *columns = graph.tensors[node.inputs[1]].shape or (0,)
            total += rows * (columns[0] if columns else 1)
    return total


def _hashed(name: str) -> bool:
    """Whether a folder's name tells nothing: a cache of downloads names its folders by their revision."""
    return re.fullmatch(r"[0-9a-f]{32,}", name) is not None


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _json(file: Path) -> dict[str, Any]:
    """The object in a file, empty where there is none; raises `Trouble` for one that cannot be read."""
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise Trouble(f"The {file.name} of model {file.parent.name} cannot be read: {error}.", _FETCH) from error
    if not isinstance(content, dict):
        raise Trouble(f"The {file.name} of model {file.parent.name} is not what it must be.", _FETCH)
    return content
