"""The manifest beside every model that can run: what the files are and how the graph wants to be fed."""

from pathlib import Path

import msgspec

from desk.facts.codec import NOT_JSON
from desk.facts.trouble import Trouble
from desk.models.archives import place_of

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
BUILDER = "token-desk 2"
"""Who made a model of the catalogue. Raised when the same weights would give another graph: old ones are rebuilt."""


_KV_BYTES = {"float16": 2, "float32": 4}
_AGAIN = "Build or fetch the model again."


class FileStamp(msgspec.Struct, frozen=True, kw_only=True):
    """Size and SHA-256 of one file, as it was when the manifest was written."""

    bytes: int
    sha256: str


class Wiring(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a graph is fed: the names of its inputs and outputs, empty for those that it does not have.

    The defaults are the graphs of our own builder, which give `top_v` and `top_i`. `exporter` names who else made the
    graph. `lengths` is each row's total length minus one, `total` the longest of them, `last` the
    position whose logits are wanted, `mask` int64 [rows, total] with ones for the tokens of a row, `positions` int64
    [rows, tokens], `keep` the number of positions to give logits for. `past` and `present` name the tensors of the
    cache, key and value by turns.

    A graph in a file that gives `logits` [rows, tokens, vocabulary] is altered as it is loaded (see
    `desk.models.foreign.tail`): from the value `narrowed` on, only the last position is computed.

    `growing` says that the present is the past with the new tokens appended, in memory of its own, for one row at a
    time; else both are one memory, with room for more tokens than the past has, for any number of rows.
    """

    exporter: str = ""
    lengths: str = "seqlens_k"
    total: str = "total_len"
    last: str = "last_idx"
    mask: str = ""
    positions: str = ""
    keep: str = ""
    logits: str = ""
    narrowed: str = ""
    past: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    growing: bool = False

    def cache_names(self, layers: int) -> list[tuple[str, str]]:
        """Past and present of every tensor of the cache, in order."""
        if self.past:
            return list(zip(self.past, self.present, strict=True))
        names = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
        return [(f"past_key_values.{name}", f"present.{name}") for name in names]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model folder, ready to load.

    A graph of our own builder takes `input_ids` int64 [rows, tokens], `seqlens_k` int32 [rows] (total length - 1),
    `total_len` int32 scalar, `last_idx` int64 [rows, 1] (the position whose logits are wanted) and
    `past_key_values.N.key|value` [rows, kv_heads, capacity, head_size]; it gives `top_v` and `top_i` [rows, 1,
    candidates], sorted, and `present.N.key|value`, bound to the same memory as the past. `top_v` is float32; the cache
    is `kv_type`. How a graph of another exporter differs, `wiring` says.

    `chat_template` is the Jinja text itself. `bos` is set only where every prompt must begin with it. `revision` names
    the weights for people, `source_sha256` the file they were made from; `quantisation` says in a word or two how the
    linear layers are stored, `window` how many tokens back the shortest-sighted layers look (0: all see everything).
    """

    format: int = MANIFEST_FORMAT
    name: str
    title: str
    precision: str
    revision: str
    licence: str
    builder: str
    graph: str
    tokenizer: str
    chat_template: str = ""
    layers: int
    kv_heads: int
    head_size: int
    kv_type: str
    vocabulary: int
    context: int
    candidates: int
    eos: tuple[int, ...]
    bos: int | None = None
    parameters: int
    weights_bytes: int
    files: dict[str, FileStamp]
    source_sha256: str = ""
    quantisation: str = ""
    wiring: Wiring = Wiring()
    window: int = 0

    def kv_bytes(self, slots: int, context: int) -> int:
        """What a KV cache of that many slots and tokens takes. A growing one has a row more, to write into."""
        rows, size = slots + self.wiring.growing, _KV_BYTES[self.kv_type]
        return 2 * self.layers * rows * self.kv_heads * context * self.head_size * size


def _require_sound(manifest: Manifest, folder: str) -> None:
    """Raise `Trouble` for a manifest that nobody here wrote: of files elsewhere, or of sizes that no graph has."""
    texts = (manifest.tokenizer,) if manifest.tokenizer else ()  # a graph that is only measured has no words
    for name in (manifest.graph, *texts, *manifest.files):
        if place_of(name, f"The {MANIFEST} of model {folder}") is None:
            raise Trouble(f"The {MANIFEST} of model {folder} names no file.", _AGAIN)
    sizes = (manifest.layers, manifest.kv_heads, manifest.head_size, manifest.vocabulary, manifest.context)
    wiring = manifest.wiring
    if (
        not all(0 < size < 2**31 for size in (*sizes, manifest.candidates))
        or not all(0 <= token < 2**31 for token in (*manifest.eos, manifest.bos or 0))
        or manifest.kv_type not in _KV_BYTES
        or len(wiring.past) != len(wiring.present)
    ):
        raise Trouble(f"The {MANIFEST} of model {folder} holds sizes that make no sense.", _AGAIN)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`, its files present at the sizes it names; raises `Trouble` for anything else."""
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise Trouble(f"The model folder {folder.name} has no {MANIFEST}.", _AGAIN) from error
    except (OSError, *NOT_JSON) as error:
        raise Trouble(f"The {MANIFEST} of model {folder.name} cannot be read: {error}.", _AGAIN) from error
    if manifest.format != MANIFEST_FORMAT:
        raise Trouble(f"Model {folder.name} was built for another version of Token Desk.", _AGAIN)
    _require_sound(manifest, folder.name)
    for name, stamp in manifest.files.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != stamp.bytes:
            raise Trouble(f"The file {name} of model {folder.name} is missing or torn.", _AGAIN)
    return manifest
