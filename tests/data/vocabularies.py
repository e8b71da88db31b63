"""Record how other libraries cut text with small vocabularies of the kinds that `desk.models.vocabulary` writes.

    python -m venv v && v/bin/pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 sentencepiece==0.2.3
    v/bin/python tests/data/vocabularies.py

Writes `vocabularies.json`: per vocabulary its metadata as GGUF files have it, and the ids of each text. Byte-level ones
are cut by the tokenizers that transformers makes for Qwen 2 and Llama 3, those with scores by SentencePiece itself.
"""

import io
import json
from pathlib import Path

import sentencepiece
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers.convert_slow_tokenizer import TikTokenConverter
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

HERE = Path(__file__).parent
LEARNT = [
    *(HERE.parents[1] / "README.md").read_text(encoding="utf-8").splitlines(),
    "Fräulein Müller naïvely paid 1234567 zł for 89 kg of crème brûlée.",
    "def step(rows):\n        return [row for row in rows if row.done]",
] * 2
TEXTS = [
    "The factory makes tokens.",
    "  two spaces,   three,    four, and a tail  ",
    "1, 23, 456 and 7890123 tokens/s in 2026",
    "We'll see what they've done; IT'S done.",
    "crème brûlée, Cafe\u0301, naïve, Straße",
    "漢字かな交じり文、그리고 한국어. Кириллица и עברית",
    "🦤 flies 🏳️‍🌈 over\u00a0there\u2003now",
    "line one\nline two\r\n\r\n\tindented\n\n\nend\n",
    "def f(x):\n        return x ** 2  # done",
    "<mark>turn</mark>",
    "x",
    " ",
]
MARKS = ["<end>", "<mark>", "</mark>"]
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def byte_level(pattern: str, normalizer: object, *, ignore_merges: bool) -> dict:
    made = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    made.normalizer = normalizer
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(LEARNT, trainer)
    model = json.loads(made.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return {
        "model": "gpt2",
        "tokens": tokens,
        "token_type": [CONTROL if token in MARKS else NORMAL for token in tokens],
        "merges": [" ".join(merge) for merge in model["merges"]],
        "ids": [made.encode(text, add_special_tokens=False).ids for text in TEXTS],
    }


def scored(*, prefix: bool, user_defined: list[str]) -> dict:
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LEARNT),
        model_writer=file,
        model_type="bpe",
        vocab_size=560,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=prefix,
        control_symbols=MARKS[:1],
        user_defined_symbols=user_defined,
        minloglevel=2,
    )
    made = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    every = range(made.get_piece_size())
    kinds = [(made.is_unknown, UNKNOWN), (made.is_control, CONTROL), (made.is_byte, BYTE)]
    types = [next((kind for asked, kind in kinds if asked(i)), NORMAL) for i in every]
    for piece in user_defined:
        types[made.piece_to_id(piece)] = USER_DEFINED
    return {
        "model": "llama",
        "add_space_prefix": prefix,
        "tokens": [made.id_to_piece(i) for i in every],
        "scores": [made.get_score(i) for i in every],
        "token_type": types,
        "ids": [made.encode(text) for text in TEXTS],
    }


llama = TikTokenConverter().pattern
recorded = {
    "qwen2": byte_level(PRETOKENIZE_REGEX, normalizers.NFC(), ignore_merges=False),
    "llama-bpe": byte_level(llama, None, ignore_merges=True),
    "gemma": scored(prefix=False, user_defined=[*MARKS[1:], "\n\n", "▁▁", "▁▁▁▁"]),
    "llama-spm": scored(prefix=True, user_defined=[]),
}
content = json.dumps({"texts": TEXTS, **recorded}, ensure_ascii=False, separators=(",", ":"))
(HERE / "vocabularies.json").write_text(content + "\n", encoding="utf-8")
