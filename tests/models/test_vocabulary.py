"""Tokenizers written from GGUF metadata cut text as the libraries do that trained them, and give it back whole."""

import contextlib
import copy
import json

import pytest
import relatives
from given import DATA, quietly
from hypothesis import given, settings
from hypothesis import strategies as st
from test_decoder import PLAIN

from desk.facts.trouble import Trouble
from desk.models import builder, vocabulary
from desk.models.catalogue import entry
from desk.models.checkpoint import Checkpoint
from desk.models.families import Fields, read_architecture
from desk.models.manifest import read_manifest
from desk.models.text import Text

RECORDED = json.loads((DATA / "vocabularies.json").read_text(encoding="utf-8"))
KINDS = [kind for kind in RECORDED if kind != "texts"]
FAMILY = {"qwen2": "qwen3", "gemma": "gemma3", "llama-bpe": "qwen3", "llama-spm": "gemma3"}
ASKED = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "<think>\nwell\n</think>\n\nHello"},
    {"role": "user", "content": "  More?  "},
]
# What the published templates of both families ask of the sandbox: namespaces, slices, methods of strings, tests.
TEMPLATES = {
    "qwen2": "{%- set ns = namespace(last=messages|length - 1) %}"
    "{%- for message in messages[::-1] %}{%- if message.role == 'user' and ns.last == messages|length - 1 %}"
    "{%- set ns.last = messages|length - 1 - loop.index0 %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}"
    "{%- set content = message.content %}"
    "{%- if message.role == 'assistant' and '</think>' in content %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{{- '<mark>' + message.role + '\\n' + content + '</mark>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<mark>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>' }}{%- endif %}{%- endif %}",
    "gemma": "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first = messages[0]['content'] + '\\n\\n' -%}{%- set rest = messages[1:] -%}"
    "{%- else -%}{%- set first = '' -%}{%- set rest = messages -%}{%- endif -%}"
    "{%- for message in rest -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('by turns') }}{%- endif -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<mark>' + role + '\\n' + (first if loop.first else '') }}"
    "{%- if message['content'] is string -%}{{ message['content'] | trim }}{%- endif -%}{{ '</mark>\\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<mark>model\\n' }}{%- endif -%}",
}


def writes(kind, **fields):
    """Writes the recorded vocabulary into a GGUF file."""
    known = RECORDED[kind] | fields

    def write(writer):
        writer.add_tokenizer_model(known["model"])
        writer.add_tokenizer_pre("default" if "scores" in known else kind)
        writer.add_token_list(known["tokens"])
        writer.add_token_types(known["token_type"])
        if "scores" in known:
            writer.add_token_scores(known["scores"])
            writer.add_add_space_prefix(known["add_space_prefix"])
        else:
            writer.add_token_merges(known["merges"])
        writer.add_bos_token_id(known["tokens"].index("<end>"))
        writer.add_eos_token_id(known["tokens"].index("<end>"))
        if kind in TEMPLATES:
            writer.add_chat_template(TEMPLATES[kind])

    return write


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The text of each kind, read back from a model that was built with it."""
    made = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        tokens = len(RECORDED[kind]["tokens"])
        relatives.write(folder / "made.gguf", FAMILY[kind], tokens=tokens, vocabulary=writes(kind))
        builder.write(folder / "made.gguf", entry("smollm2-135m"), PLAIN, folder, quietly)
        made[kind] = Text(folder, read_manifest(folder))
    return made


def bare(text, kind, ids):
    """`ids` without the start that every prompt of some kinds has."""
    start = RECORDED[kind]["tokens"].index("<end>")
    return ids[1:] if kind != "qwen2" and ids[0] == start else ids


@pytest.mark.parametrize("kind", KINDS)
def test_ids_equal_those_of_the_library_that_made_the_vocabulary(texts, kind):
    for written, ids in zip(RECORDED["texts"], RECORDED[kind]["ids"], strict=True):
        assert bare(texts[kind], kind, texts[kind].encode(written)) == ids, written


@pytest.mark.parametrize("kind", KINDS)
def test_recorded_texts_come_back_whole(texts, kind):
    for written, ids in zip(RECORDED["texts"], RECORDED[kind]["ids"], strict=True):
        back = texts[kind].decode(ids)
        if kind == "qwen2":  # this kind joins accents with their letters, and never parts them again
            written = written.replace("e\u0301", "é")
        assert back == (
            written if RECORDED[kind]["model"] == "llama" else written.replace("<mark>", "").replace("</mark>", "")
        )


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(written=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_streams_to_what_it_decodes_to(texts, kind, written):
    ids = texts[kind].encode(written)
    stream = texts[kind].stream()
    assert "".join(map(stream.push, ids)) + stream.finish() == texts[kind].decode(ids)
    if kind in ("llama-bpe", "gemma") and "<" not in written and "\N{LOWER ONE EIGHTH BLOCK}" not in written:
        assert texts[kind].decode(ids) == written


def test_chat_templates_of_both_families_render(texts):
    qwen = texts["qwen2"]
    assert qwen.chat(ASKED) == qwen.encode(
        "<mark>system\nBe brief.</mark>\n<mark>user\nHi</mark>\n<mark>assistant\nHello</mark>\n"
        "<mark>user\n  More?  </mark>\n<mark>assistant\n"
    )
    gemma = texts["gemma"]
    ids = gemma.chat(ASKED)
    assert ids == gemma.encode(
        "<mark>user\nBe brief.\n\nHi</mark>\n<mark>model\n<think>\nwell\n</think>\n\nHello</mark>\n"
        "<mark>user\nMore?</mark>\n<mark>model\n"
    )
    assert ids.count(RECORDED["gemma"]["tokens"].index("<end>")) == 1
    with pytest.raises(Trouble, match="by turns"):
        gemma.chat(ASKED[1:2] * 2)


def test_starts_and_ends_are_those_that_the_file_names_or_the_kind_implies(tmp_path):
    def checkpoint(kind, change=None, **fields):
        tokens = len(fields.get("tokens", RECORDED[kind]["tokens"]))
        write = writes(kind, **fields)
        relatives.write(tmp_path / "made.gguf", FAMILY[kind], tokens=tokens, vocabulary=write, change=change)
        return Checkpoint(tmp_path / "made.gguf")

    end = {kind: RECORDED[kind]["tokens"].index("<end>") for kind in KINDS}
    for kind, start in (("qwen2", None), ("llama-bpe", end["llama-bpe"]), ("gemma", end["gemma"])):
        assert vocabulary.start_token(checkpoint(kind)) == start
        assert vocabulary.end_tokens(checkpoint(kind)) == (end[kind],)
    assert vocabulary.start_token(checkpoint("gemma", lambda writer: writer.add_add_bos_token(False))) is None
    tokens = [{"<mark>": "<end_of_turn>"}.get(token, token) for token in RECORDED["gemma"]["tokens"]]
    turn = tokens.index("<end_of_turn>")
    assert vocabulary.end_tokens(checkpoint("gemma", tokens=tokens)) == (end["gemma"], turn)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    found = []
    for kind in ("qwen2", "gemma"):
        path = tmp_path_factory.mktemp("spoilt") / f"{kind}.gguf"
        relatives.write(path, FAMILY[kind], tokens=len(RECORDED[kind]["tokens"]), vocabulary=writes(kind))
        found.append(Checkpoint(path))
    return found


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_metadata_that_makes_no_sense_is_refused_in_words(checkpoints, data):
    """Whatever one field says, the file is read as well as before, or refused as the world's fault."""
    checkpoint = copy.copy(data.draw(st.sampled_from(checkpoints)))
    name = data.draw(st.sampled_from(sorted(checkpoint.fields)))
    junk = st.one_of(
        st.integers(-2, 2), st.just(1 << 31), st.floats(), st.text(max_size=3), st.lists(st.integers(0, 3), max_size=3)
    )
    checkpoint.fields = Fields("spoilt.gguf", checkpoint.fields | {name: data.draw(junk)})
    for read in (
        lambda: read_architecture(checkpoint.fields, None),
        lambda: vocabulary.tokenizer_json(checkpoint),
        lambda: vocabulary.end_tokens(checkpoint),
        lambda: vocabulary.start_token(checkpoint),
    ):
        with contextlib.suppress(Trouble):
            read()


def test_a_vocabulary_with_half_its_tables_is_refused(checkpoints):
    for kind, table in (("qwen2", "token_type"), ("gemma", "scores")):
        checkpoint = copy.copy(checkpoints[kind == "gemma"])
        half = {f"tokenizer.ggml.{table}": RECORDED[kind][table][1:]}
        checkpoint.fields = Fields("spoilt.gguf", checkpoint.fields | half)
        with pytest.raises(Trouble, match=r"spoilt\.gguf has tokens without a"):
            vocabulary.tokenizer_json(checkpoint)
