"""Token ids as the references have them, text as it streams, and templates that cannot reach out of their box."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest, read_manifest
from desk.models.text import MAX_PROMPT_CHARS, Text

CONVERSATION = [{"role": "user", "content": "Hi"}]


def manifest_with(**fields):
    """A manifest of which only what text needs is true."""
    sizes = dict.fromkeys(
        ("layers", "kv_heads", "head_size", "vocabulary", "context", "candidates", "parameters", "weights_bytes"), 1
    )
    words = dict.fromkeys(("title", "precision", "revision", "licence", "builder", "graph", "kv_type"), "")
    given = {"name": "spoilt", "tokenizer": "tokenizer.json", "eos": (2,), "files": {}, **fields}
    return Manifest(**sizes, **words, **given)


@pytest.fixture(scope="module")
def folder(embedded_model):
    return embedded_model.folder


@pytest.fixture(scope="module")
def text(folder):
    return Text(folder, read_manifest(folder))


def test_ids_equal_those_of_the_references(text, reference):
    for case in reference:
        assert text.encode(case["prompt"]) == case["ids"]


def test_a_conversation_is_written_as_the_model_learnt_it(text):
    assert text.chat(CONVERSATION) == text.encode(
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert text.chat([{"role": "system", "content": "Be brief."}, *CONVERSATION]) == text.encode(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_special_tokens_are_not_shown(text):
    assert text.decode(text.encode("<|im_start|>Hi<|im_end|>")) == "Hi"


# The vocabulary lacks the bytes of some control characters, and those with which code points beyond this one begin.
@given(written=st.text(st.characters(max_codepoint=0x3FFFF, exclude_categories=["C"])))
@settings(deadline=None)
def test_text_survives_the_round_trip_and_streams_in_whole_characters(text, written):
    ids = text.encode(written)
    stream = text.stream()
    pieces = [stream.push(token) for token in ids]
    assert "".join(pieces) + stream.finish() == text.decode(ids)
    if "<" not in written:
        assert text.decode(ids) == written


@given(ids=st.lists(st.integers(0, 49151), max_size=30))
@settings(deadline=None)
def test_any_ids_stream_to_what_they_decode_to(text, ids):
    stream = text.stream()
    assert "".join(map(stream.push, ids)) + stream.finish() == text.decode(ids)


def test_a_character_of_several_tokens_waits_until_it_is_whole(text):
    ids = text.encode("🦤")
    assert len(ids) > 1
    stream = text.stream()
    assert [stream.push(token) for token in ids] == [""] * (len(ids) - 1) + ["🦤"]


def test_a_start_token_is_put_first_once(folder):
    text = Text(folder, manifest_with(bos=1, chat_template="{{ bos_token }}{{ messages[0].content }}"))
    assert text.encode("Hi") == [1, *text.encode("Hi")[1:]]
    assert text.chat(CONVERSATION) == text.encode("Hi")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for message in messages %}", "end of template"),
        ("{{ messages[0].content.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ raise_exception('no system message') }}", "no system message"),
        ("{{ messages[5].role }}", "no element 5"),
        ("{{ 'a' * 999999999 }}", "for numbers only"),
        ("{{ '%999999999d' % 1 }}", "for numbers only"),
        ("{{ 9 ** 9 ** 9 }}", "for numbers only"),
        ("{{ 'a'.ljust(999999999) }}", "unsafe"),
        ("{{ '{:999999999}'.format(1) }}", "not available"),
        ("{{ 'a' | center(999999999) }}", "No filter"),
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}" + "x" * 999 + "{% endfor %}{% endfor %}",
            "characters",
        ),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
    ],
)
def test_a_template_that_fails_or_reaches_out_is_a_trouble(folder, template, reason):
    with pytest.raises(Trouble, match="The chat template of model spoilt fails") as trouble:
        Text(folder, manifest_with(chat_template=template)).chat(CONVERSATION)
    assert reason in trouble.value.cause
    assert trouble.value.remedy


def test_the_insides_of_python_are_not_there(folder):
    text = Text(folder, manifest_with(chat_template="a{{ ''.__class__ }}{{ messages.__len__ }}b"))
    assert text.decode(text.chat(CONVERSATION)) == "ab"


def test_arithmetic_stays_possible(folder):
    text = Text(folder, manifest_with(chat_template="{% if 7 % 2 == 1 and 2 * 3 == 6 %}odd{% endif %}"))
    assert text.decode(text.chat(CONVERSATION)) == "odd"


def test_a_long_conversation_within_the_limit_passes(folder):
    text = Text(folder, manifest_with(chat_template="{{ messages[0].content }}"))
    assert len(text.chat([{"role": "user", "content": "word " * 1000}])) >= 1000
    with pytest.raises(Trouble):
        text.chat([{"role": "user", "content": "x" * (MAX_PROMPT_CHARS + 1)}])


def test_a_model_without_a_template_or_with_a_torn_tokenizer_says_so(folder, tmp_path):
    with pytest.raises(Trouble, match="no chat template"):
        Text(folder, manifest_with()).chat(CONVERSATION)
    torn = (folder / "tokenizer.json").read_bytes()[:5000]
    (tmp_path / "tokenizer.json").write_bytes(torn)
    with pytest.raises(Trouble, match=r"tokenizer\.json of model spoilt cannot be read"):
        Text(tmp_path, manifest_with())
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(Trouble, match="cannot be read"):
        Text(tmp_path, manifest_with())


def test_the_tokenizer_file_is_plain_json(folder):
    written = msgspec.json.decode((folder / "tokenizer.json").read_bytes())
    assert written["model"]["vocab"]["<|im_end|>"] == 2
    assert [token["id"] for token in written["added_tokens"]] == list(range(17))
