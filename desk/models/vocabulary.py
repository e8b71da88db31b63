"""The tokenizer's file, written from a checkpoint's vocabulary in the JSON form that the tokenizer library reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from desk.facts.trouble import Trouble
from desk.models.checkpoint import Checkpoint
from desk.models.families import Fields

TOKENIZER_FILE = "tokenizer.json"

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 1, 2, 3, 4, 6
"""Token types of GGUF. Control tokens are never shown; user-defined ones are, but never split or merged."""

_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece writes a space with."""

_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>")
"""How the families mark the end of a turn, for files that do not name the token."""


@dataclass(frozen=True, slots=True)
class _Cut:
    """How text is cut before byte pairs are merged, and what is made of it before."""

    pre_tokenizer: dict[str, Any]
    normalizer: dict[str, Any] | None = None
    ignore_merges: bool = False


def _bytes(*, use_regex: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def _split(digits: str) -> dict[str, Any]:
    """The published pattern of the GPT-4 kind of vocabularies, which differ in how many `digits` stay together."""
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [split, _bytes(use_regex=False)]}


_BYTES = _bytes(use_regex=True)
_CUTS = {
    "gpt-2": _Cut(_BYTES),
    "smollm": _Cut({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, _BYTES]}),
    "qwen2": _Cut(_split(r"\p{N}"), normalizer={"type": "NFC"}),
    "llama-bpe": _Cut(_split(r"\p{N}{1,3}"), ignore_merges=True),
}
"""By the name that GGUF gives it."""

_STARTING = ("llama-bpe",)
"""Those whose prompts begin with a start token where the file does not say."""


def tokenizer_json(checkpoint: Checkpoint) -> bytes:
    """The tokenizer of `checkpoint`; raises `Trouble` for a kind of vocabulary that is not understood."""
    fields = checkpoint.fields
    tokens, types = fields.row("tokenizer.ggml.tokens", str), fields.row("tokenizer.ggml.token_type", int)
    kind, cut = fields["tokenizer.ggml.model"], fields.get("tokenizer.ggml.pre", "gpt-2")
    if len(tokens) != len(types):
        raise fields.trouble("has tokens without a type")
    if kind == "llama":
        made = _by_score(fields, tokens, types)
    elif kind == "gpt2" and cut in list(_CUTS):
        made = _by_merges(fields.row("tokenizer.ggml.merges", str), tokens, types, _CUTS[cut])
    else:
        cause = f"The model's tokenizer ({kind}, {cut}) is of a kind that cannot be built."
        remedy = (
            f"Choose a model with a byte-level vocabulary of the kind {' or '.join(_CUTS)}, or one of SentencePiece."
        )
        raise Trouble(cause, remedy)
    return msgspec.json.encode({"version": "1.0", "truncation": None, "padding": None, "post_processor": None} | made)


def _by_merges(merges: list[str], tokens: list[str], types: list[int], cut: _Cut) -> dict[str, Any]:
    """Byte-level: the file lists the merges."""
    model = _pairs(tokens, [merge.split(" ", 1) for merge in merges], ignore_merges=cut.ignore_merges)
    return {
        "added_tokens": _added_tokens(tokens, types),
        "normalizer": cut.normalizer,
        "pre_tokenizer": cut.pre_tokenizer,
        "decoder": _BYTES,
        "model": model,
    }


def _by_score(fields: Fields, tokens: list[str], types: list[int]) -> dict[str, Any]:
    """SentencePiece's byte pairs: the file gives each token a score, and the pair whose union scores best is merged."""
    scores = fields.row("tokenizer.ggml.scores", float)
    if len(scores) != len(tokens):
        raise fields.trouble("has tokens without a score")
    # Tokens that stand for themselves are found in the text as it is written, before spaces are.
    tokens = [
        token.replace(_SPACE, " ") if kind == _USER_DEFINED else token
        for token, kind in zip(tokens, types, strict=True)
    ]
    prefix = fields.get("tokenizer.ggml.add_space_prefix", True)
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
    before = [{"type": "Prepend", "prepend": _SPACE}, spaces] if prefix else [spaces]
    after = [
        {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        *([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []),
    ]
    unknown = next((token for token, kind in zip(tokens, types, strict=True) if kind == _UNKNOWN), None)
    merges = _merges_by_score(tokens, types, scores)
    return {
        "added_tokens": _added_tokens(tokens, types),
        "normalizer": {"type": "Sequence", "normalizers": before},
        "pre_tokenizer": None,
        "decoder": {"type": "Sequence", "decoders": after},
        "model": _pairs(tokens, merges, unknown=unknown, byte_fallback=_BYTE in types),
    }


def _merges_by_score(tokens: list[str], types: list[int], scores: list[float]) -> list[tuple[str, str]]:
    """All ways to make a token of two others, the best union first."""
    ids = {token: index for index, token in enumerate(tokens) if types[index] == _NORMAL}
    best_first = sorted(ids.items(), key=lambda item: (-scores[item[1]], item[1]))
    return [
        pair
        for token, _ in best_first
        for pair in sorted(
            ((token[:cut], token[cut:]) for cut in range(1, len(token)) if token[:cut] in ids and token[cut:] in ids),
            key=lambda pair: (ids[pair[0]], ids[pair[1]]),
        )
    ]


def _pairs(
    tokens: list[str],
    merges: Sequence[Sequence[str]],
    *,
    ignore_merges: bool = False,
    unknown: str | None = None,
    byte_fallback: bool = False,
) -> dict[str, Any]:
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": unknown,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": unknown is not None,
        "byte_fallback": byte_fallback,
        "ignore_merges": ignore_merges,
        "vocab": {token: index for index, token in enumerate(tokens)},
        "merges": merges,
    }


def _added_tokens(tokens: list[str], types: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "id": index,
            "content": token,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == _CONTROL,
        }
        for index, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind in (_CONTROL, _USER_DEFINED)
    ]


def end_tokens(checkpoint: Checkpoint) -> tuple[int, ...]:
    """The ids that end an answer: the end of a sequence and, where it is another one, the end of a turn."""
    tokens = checkpoint.fields.row("tokenizer.ggml.tokens", str)
    named = (_token(checkpoint.fields, f"tokenizer.ggml.{name}_token_id") for name in ("eos", "eot"))
    found = [index for index in named if index is not None]
    if not found:
        raise Trouble("The model does not say which token ends an answer.", "Choose another model.")
    return tuple(dict.fromkeys(found + [index for index, token in enumerate(tokens) if token in _TURN_ENDS]))


def start_token(checkpoint: Checkpoint) -> int | None:
    """The id that every prompt must begin with, `None` where none must."""
    fields = checkpoint.fields
    usual = fields.get("tokenizer.ggml.model") == "llama" or fields.get("tokenizer.ggml.pre") in _STARTING
    wanted = fields.get("tokenizer.ggml.add_bos_token", usual)
    return _token(fields, "tokenizer.ggml.bos_token_id") if wanted else None


def _token(fields: Fields, name: str) -> int | None:
    index = fields.get(name)
    known = range(len(fields.row("tokenizer.ggml.tokens", str)))
    if index is not None and not (isinstance(index, int) and index in known):
        raise fields.trouble(f"names the token {index!r} as its {name}, which it does not have")
    return index
