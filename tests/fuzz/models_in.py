"""What is read of models from anywhere: manifests, foreign folders, graphs, GGUF files, archives and chat templates."""

import hashlib
import io
import json
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from unittest.mock import patch

import msgspec
from spoil import NAMES, as_json, changed, spoiled

from desk.facts.trouble import Trouble
from desk.models import checkpoint as checkpoints
from desk.models import store
from desk.models.archives import place_of, unpack
from desk.models.checkpoint import Checkpoint
from desk.models.foreign import anatomy, fitness
from desk.models.foreign.layout import describe
from desk.models.foreign.tail import altered
from desk.models.foreign.wiring import wire
from desk.models.imports import judge
from desk.models.manifest import FileStamp, Manifest
from desk.models.text import Text
from desk.models.vocabulary import end_tokens, start_token, tokenizer_json

TESTS = Path(__file__).parents[1]
LAYOUTS = ("js-llama", "genai-llama-int4", "optimum-llama", "genai-gemma3-fp32", "genai-phi3-int4")
TALK = ({"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello {{ 1 }}"})


@cache
def _layout(name: str) -> dict[str, bytes]:
    folder = TESTS / "data" / "layouts" / name
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if not name.endswith(("expected.json", "fp16.onnx"))}


def _lay(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _spoilt_text(chance: Random, content: bytes) -> bytes:
    if chance.randrange(2):
        return spoiled(chance, content)
    return as_json(changed(chance, json.loads(content)))


def folders(chance: Random, folder: Path) -> object:
    """A folder of another exporter with hostile files in it, to be listed, judged and spoken to."""
    files = dict(_layout(chance.choice(LAYOUTS)))
    texts = [name for name in files if not name.endswith((".onnx", ".data"))]
    for name in chance.sample(texts, chance.randint(1, 2)):
        files[name] = _spoilt_text(chance, files[name]) if name.endswith(".json") else spoiled(chance, files[name])
    if chance.randrange(8) == 0:
        del files[chance.choice(list(files))]
    place = _lay(files, folder / "model")
    manifest = describe(place, "", chance.choice(("cpu", "cuda")))
    assert manifest.kv_bytes(4, 256) >= 0
    return _spoken_to(place, manifest)


def _spoken_to(place: Path, manifest: Manifest) -> object:
    text = Text(place, manifest)
    stream = text.stream()
    ids = text.chat(TALK) if manifest.chat_template else text.encode("Hello")
    return [stream.push(token) for token in ids[:20]], stream.finish(), text.decode(ids)


def graphs(chance: Random, folder: Path) -> object:
    """The bytes of a graph, picked apart; now and then all the way to the operators that a provider has."""
    files = dict(_layout(chance.choice(LAYOUTS)))
    name = next(name for name in files if name.endswith(".onnx"))
    content = files[name]
    # Most of a graph is weights, which nobody looks at: spoil its head, where the structure is, or its end.
    cut = chance.choice((0, len(content) - 4096, chance.randrange(len(content))))
    files[name] = content[:cut] + spoiled(chance, content[cut : cut + 4096]) + content[cut + 4096 :]
    place = _lay(files, folder / "model")
    if chance.randrange(16) == 0:
        return judge(place)
    graph = anatomy.read(place / name)
    wired, sizes = wire("m", graph, "optimum")
    if chance.randrange(4) == 0:
        altered(place, describe(place))
    return wired, sizes


def operators(chance: Random, folder: Path) -> object:
    """Whether the runtime has kernels for what is left of a graph."""
    files = dict(_layout(chance.choice(LAYOUTS)))
    name = next(name for name in files if name.endswith(".onnx"))
    place = _lay(files, folder / "model")
    manifest = describe(place)
    (place / name).write_bytes(spoiled(chance, files[name]))
    fitness.check(place, manifest, chance.choice(("cpu", "cuda")))
    return manifest


def manifests(chance: Random, folder: Path) -> object:
    """A folder that says of itself that it was made here, with what else is noted beside it."""
    files = dict(_layout("js-llama"))
    stamps = {
        name: FileStamp(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in files.items()
    }
    manifest = describe(_lay(files, folder / "model"))
    manifest = msgspec.structs.replace(manifest, files=stamps)
    origin = store.Origin(files=stamps, wall=1.0, imported="x")
    mismatch = store.Mismatch(file="config.json", expected="0", found="1")
    kept = {"manifest.json": manifest, store.ORIGIN: origin, store.MISMATCH: mismatch}
    (folder / "model" / "manifest.json").write_bytes(as_json(msgspec.to_builtins(manifest)))
    for name in chance.choices(list(kept), (8, 4, 1), k=chance.randint(1, 2)):
        value = msgspec.to_builtins(kept[name])
        (folder / "model" / name).write_bytes(_noted(chance, value))
    place, found = store.open_model(str(folder / "model"))
    for name in (found.graph, found.tokenizer, *found.files):
        assert (place / name).resolve().is_relative_to(place.resolve()), name
    assert found.kv_bytes(4, 256) >= 0
    assert list(found.wiring.cache_names(found.layers)) or not found.layers
    store.verify(place, lambda *_: None)
    return _spoken_to(place, found)


def _noted(chance: Random, value: object) -> bytes:
    return spoiled(chance, as_json(value)) if chance.randrange(4) == 0 else as_json(changed(chance, value, 2))


def _written() -> bytes:
    sys.path.append(str(TESTS / "models"))
    import tiny

    with tempfile.TemporaryDirectory() as folder:
        tiny.write(Path(folder) / "tiny.gguf")
        return (Path(folder) / "tiny.gguf").read_bytes()


GGUF = _written()
# So that no case takes seconds: the vocabulary here is small, too. In force while such a file is read, and no longer.
_few_values = patch.object(checkpoints, "MOST_VALUES", 10_000)


@_few_values
def ggufs(chance: Random, folder: Path) -> object:
    """The header of a GGUF file, and what is made of it: sizes, vocabulary, one matrix."""
    content = GGUF
    path = folder / "model.gguf"
    head = chance.choice((64, 512, 12_000))
    path.write_bytes(spoiled(chance, content[:head]) + content[head:])
    checkpoint = Checkpoint(path)
    name = chance.choice(("blk.0.attn_q", "token_embd", "blk.1.ffn_down"))
    values = checkpoint.values(name, slice(0, 4))
    return tokenizer_json(checkpoint), end_tokens(checkpoint), start_token(checkpoint), values.shape


def archives(chance: Random, folder: Path) -> object:
    """An archive with hostile names, links, sizes and bytes, unpacked."""
    files = dict.fromkeys(("config.json", "onnx/model.onnx", "tokenizer.json"), b"content" * 20)
    files[chance.choice(NAMES)] = b"hostile"
    suffix = chance.choice((".zip", ".tar", ".tar.gz", ".tar.xz"))
    packed = _zip(chance, files) if suffix == ".zip" else _tar(chance, files, suffix.rpartition(".")[2])
    archive = folder / f"model{suffix}"
    archive.write_bytes(spoiled(chance, packed) if chance.randrange(3) else packed)
    place = folder / "place"
    place.mkdir()
    unpack(archive, place, lambda *_: None)
    found = list(place.rglob("*"))
    assert found
    assert not any(path.is_symlink() for path in found)
    return found


def _zip(chance: Random, files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as packed:
        for name, content in files.items():
            info = zipfile.ZipInfo(name.encode(errors="replace").decode() or "empty")
            info.external_attr = chance.choice((0o100644, 0o120777, 0o040755, 0o010644, 0)) << 16
            packed.writestr(info, content)
    return memory.getvalue()


def _tar(chance: Random, files: dict[str, bytes], kind: str) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w" if kind == "tar" else f"w:{kind}") as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name.replace("\ud800", "?"))
            info.type = chance.choice((tarfile.REGTYPE,) * 6 + (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE))
            info.linkname, info.size = chance.choice(NAMES[:10]), len(content)
            packed.addfile(info, io.BytesIO(content))
    return memory.getvalue()


def names(chance: Random, folder: Path) -> object:
    """The name of a file, from an archive or a listing, and of a model, from the command line."""
    parts = [chance.choice((*NAMES, "onnx", "model.onnx")) for _ in range(chance.randint(1, 4))]
    name = chance.choice(("/", "\\", "")).join(parts)
    try:
        place = place_of(name)
    except Trouble:
        place = None
    if place is not None:
        assert (folder / place).resolve().is_relative_to(folder.resolve())
    model = store.name_for(Path("model"), name)
    assert (store.imported_dir() / model).parent == store.imported_dir()
    return place, model


_ATOMS = (
    *(
        "messages",
        "messages[0]",
        "messages[0]['content']",
        "''",
        "'x'",
        "0",
        "1",
        "10**9",
        "range(10**9)",
        "range(99999)",
    ),
    *("bos_token", "namespace()", "cycler('a')", "joiner()", "lipsum", "dict", "self", "loop", "caller", "undefined"),
    *(
        "''.__class__",
        "().__class__.__base__.__subclasses__()",
        "cycler.__init__.__globals__",
        "lipsum.__globals__['os']",
    ),
    *(
        "raise_exception.__globals__",
        "messages.append",
        "messages|attr('__class__')",
        "'%999999999s'",
        "'{:>999999999}'",
    ),
)
_FILTERS = (
    *(
        "upper",
        "list",
        "join",
        "tojson",
        "length",
        "replace('x','xx')",
        "map('upper')",
        "sort",
        "batch(999999)",
        "trim",
    ),
    *("attr('__class__')", "attr('__globals__')", "format(1)", "center(10**9)", "indent(10**9)", "wordwrap(1)", "sum"),
    *(
        "random",
        "pprint",
        "urlize",
        "xmlattr",
        "slice(10**9)",
        "string",
        "reverse",
        "groupby('role')",
        "map('attr','a')",
    ),
)
_BLOCKS = (
    "{{% for a in {0} %}}{1}{{% endfor %}}",
    "{{% for a in {0} recursive %}}{{{{ loop({0}) }}}}{1}{{% endfor %}}",
    "{{% macro m(a) %}}{{{{ m({0}) }}}}{1}{{% endmacro %}}{{{{ m(1) }}}}",
    "{{% set x = {0} %}}{1}{{{{ x }}}}",
    "{{% if {0} %}}{1}{{% endif %}}",
    "{{% include {0} %}}{1}",
    "{{% import {0} as a %}}{1}",
    "{{% extends {0} %}}{1}",
    "{{% filter {2} %}}{1}{{% endfilter %}}",
    "{{{{ {0} {3} {0} }}}}{1}",
    "{{{{ ({0})|{2} }}}}{1}",
    "{{{{ ({0}).{4} }}}}{1}",
)
_DOTS = (
    "__class__",
    "__init__",
    "format('x')",
    "join('xx')",
    "items()",
    "update({})",
    "ljust(10**9)",
    "__mro__",
    "gi_frame",
)


def templates(chance: Random, folder: Path) -> object:
    """A chat template that tries to get out, to go on for ever, or to grow without end."""
    template = _template(chance, 4)
    if chance.randrange(4) == 0:
        template = spoiled(chance, template.encode(), 2).decode(errors="replace")
    place, manifest = _speaker()
    text = Text(place, msgspec.structs.replace(manifest, chat_template=template))
    return len(text.chat(TALK))


def _template(chance: Random, depth: int) -> str:
    if depth == 0:
        return chance.choice(("", "x", "{{ messages[0].content }}", "<|end|>"))
    atom, sign = chance.choice(_ATOMS), chance.choice(("+", "*", "**", "%", "~", "in", "and", "//", "-"))
    inner = "".join(_template(chance, depth - 1) for _ in range(chance.randint(0, 2)))
    return chance.choice(_BLOCKS).format(atom, inner, chance.choice(_FILTERS), sign, chance.choice(_DOTS))


@cache
def _speaker() -> tuple[Path, Manifest]:
    place = TESTS / "data" / "layouts" / "js-llama"
    return place, describe(place)


@_few_values
def sources(chance: Random, folder: Path) -> object:
    """What the user names to be taken in: any file under any suffix."""
    from desk.models.imports import take_in

    content = chance.choice(
        (GGUF[:2000], _layout("js-llama")["onnx/model_q4.onnx"][:2000], b"", b"PK\3\4", b"\x80\x04")
    )
    path = folder / f"x{chance.choice(('.gguf', '.zip', '.tar.gz', '.onnx', '.pt', '.safetensors', '.pkl', '', '.py'))}"
    path.write_bytes(spoiled(chance, content))
    return take_in(str(path), chance.choice(NAMES), lambda *_: None, chance.choice(("", "q8", "q4", "../x")))
