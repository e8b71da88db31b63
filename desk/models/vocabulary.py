"""The tokenizer's file, written from a checkpoint's vocabulary in the JSON form that the tokenizer library reads."""

from typing import Any

import msgspec

from desk.facts.trouble import Trouble
from desk.models.checkpoint import Checkpoint

TOKENIZER_FILE = "tokenizer.json"

_CONTROL, _USER_DEFINED = 3, 4  # token types of GGUF: never shown, and shown but never split

_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_PRE_TOKENIZERS = {
    "gpt-2": _BYTES,
    "smollm": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, _BYTES]},
}
"""How text is cut before byte pairs are merged, by the name that GGUF gives it."""


def tokenizer_json(checkpoint: Checkpoint) -> bytes:
    """The tokenizer of `checkpoint`; raises `Trouble` for a kind of vocabulary that is not understood."""
    kind, cut = checkpoint.field("tokenizer.ggml.model"), checkpoint.fields.get("tokenizer.ggml.pre", "gpt-2")
    if kind != "gpt2" or cut not in _PRE_TOKENIZERS:
        cause = f"The model's tokenizer ({kind}, {cut}) is of a kind that cannot be built."
        raise Trouble(cause, f"Choose a model with a byte-level vocabulary of the kind {' or '.join(_PRE_TOKENIZERS)}.")
    tokens: list[str] = checkpoint.field("tokenizer.ggml.tokens")
    types: list[int] = checkpoint.field("tokenizer.ggml.token_type")
    return msgspec.json.encode(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                _added(index, token, special=kind == _CONTROL)
                for index, (token, kind) in enumerate(zip(tokens, types, strict=True))
                if kind in (_CONTROL, _USER_DEFINED)
            ],
            "normalizer": None,
            "pre_tokenizer": _PRE_TOKENIZERS[cut],
            "post_processor": None,
            "decoder": _BYTES,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": {token: index for index, token in enumerate(tokens)},
                "merges": [merge.split(" ", 1) for merge in checkpoint.field("tokenizer.ggml.merges")],
            },
        }
    )


def _added(index: int, token: str, *, special: bool) -> dict[str, Any]:
    return {
        "id": index,
        "content": token,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def end_tokens(checkpoint: Checkpoint) -> tuple[int, ...]:
    """The ids that end an answer: the end of a sequence and, where it is another one, the end of a turn."""
    names = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
    found = [checkpoint.fields[name] for name in names if name in checkpoint.fields]
    if not found:
        raise Trouble("The model does not say which token ends an answer.", "Choose another model.")
    return tuple(dict.fromkeys(found))


def start_token(checkpoint: Checkpoint) -> int | None:
    """The id that every prompt must begin with, `None` where none must."""
    wanted = checkpoint.fields.get("tokenizer.ggml.add_bos_token", False)
    return checkpoint.fields.get("tokenizer.ggml.bos_token_id") if wanted else None
