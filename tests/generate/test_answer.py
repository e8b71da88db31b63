"""One answer: what goes into the model, what comes out, and every way in which it ends."""

import threading

import pytest
import tiny_decoder

from desk.engine.answer import answer
from desk.engine.batch import Batch, Row
from desk.engine.runtime import Runtime
from desk.engine.sampling import Chooser
from desk.facts.orders import Generate
from desk.facts.tiers import Sampling
from desk.facts.trouble import Trouble
from desk.models.manifest import read_manifest
from desk.models.text import Text

PROMPT = " w3 w1 w4 w1 w5"


def told(folder, prompt=PROMPT, cancel_after=None, **settings):
    """What the child would tell: the texts as they came, and the whole."""
    order = Generate(model=str(folder), prompt=prompt, provider="cpu", **({"max_tokens": 20, "raw": True} | settings))
    cancelled, lines = threading.Event(), []
    if cancel_after == 0:
        cancelled.set()
    for line in answer(order, cancelled):
        lines.append(line)
        if len(lines) == cancel_after:
            cancelled.set()
    return [line["text"] for line in lines[:-1]], lines[-1]


def by_hand(folder, ids, count):
    """The greedy tokens, one run after the other."""
    batch = Batch(Runtime("cpu").load(folder, read_manifest(folder), "cpu"), 1, tiny_decoder.CONTEXT)
    row = Row(list(ids), Chooser(Sampling(), 0))
    batch.join(row)
    while len(row.known) < len(ids) + count:
        run = batch.next_run()
        run.feed.run()
        for _, token in batch.settle(run).tokens:
            row.known.append(token)
    return row.known[len(ids) :]


def test_a_raw_prompt_goes_in_as_it_is_and_the_greedy_answer_comes_out(folder):
    pieces, whole = told(folder)
    text = Text(folder, read_manifest(folder))
    assert whole["prompt_ids"] == text.encode(PROMPT)
    assert whole["token_ids"] == by_hand(folder, whole["prompt_ids"], 20)
    assert whole["text"] == text.decode(whole["token_ids"]) == "".join(pieces)
    assert (whole["provider"], whole["finish"]) == ("cpu", "length")
    assert whole["ttft_s"] > 0
    assert whole["itl_s"] > 0
    assert set(whole) == {"prompt_ids", "token_ids", "text", "ttft_s", "itl_s", "provider", "finish"}


def test_a_conversation_goes_through_the_chat_template(folder):
    _, whole = told(folder, raw=False)
    text = Text(folder, read_manifest(folder))
    assert whole["prompt_ids"] == text.encode(f"<user>{PROMPT}<answer>")


def test_a_raw_prompt_gets_no_beginning_of_text_though_the_model_wants_one(ending_with):
    import msgspec

    from desk.models.manifest import MANIFEST

    folder = ending_with(10**6)
    manifest = msgspec.structs.replace(read_manifest(folder), bos=2)
    (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    raw, chat = told(folder)[1]["prompt_ids"], told(folder, raw=False)[1]["prompt_ids"]
    assert raw == Text(folder, manifest).encode(PROMPT)[1:]
    assert chat[0] == 2


def test_a_seed_draws_the_same_answer_again(folder):
    hot = Sampling(temperature=3.0, top_k=0)
    first, again, other = (told(folder, sampling=hot, seed=seed)[1]["token_ids"] for seed in (7, 7, 8))
    assert first == again != other


def test_any_of_several_end_marks_ends_the_answer_and_is_not_part_of_it(folder, ending_with):
    tokens = told(folder)[1]["token_ids"]
    for mark in (tokens[4], tokens[9]):
        _, whole = told(ending_with(10**6, mark))
        assert whole["finish"] == "eos"
        assert whole["token_ids"] == tokens[: tokens.index(mark)]


def test_an_end_mark_at_once_is_an_empty_answer(folder, ending_with):
    pieces, whole = told(ending_with(told(folder)[1]["token_ids"][0]))
    assert (pieces, whole["text"], whole["token_ids"], whole["finish"]) == ([], "", [], "eos")
    assert (whole["ttft_s"], whole["itl_s"]) == (None, None)


def test_nothing_to_go_on_from_is_refused_and_an_empty_message_is_answered(folder):
    with pytest.raises(Trouble, match="empty"):
        told(folder, prompt="")
    assert told(folder, prompt="", raw=False)[1]["token_ids"]


def test_a_prompt_must_leave_room_for_an_answer(folder):
    longest = tiny_decoder.CONTEXT - 1
    _, whole = told(folder, prompt=" w7" * longest)
    assert (len(whole["prompt_ids"]), len(whole["token_ids"]), whole["finish"]) == (longest, 1, "length")
    with pytest.raises(Trouble, match="takes 512 tokens, and Tiny decoder holds 512 with"):
        told(folder, prompt=" w7" * (longest + 1))


def test_an_answer_ends_where_the_context_is_full(folder):
    _, whole = told(folder, prompt=" w7" * 500, max_tokens=10**6)
    assert len(whole["prompt_ids"]) + len(whole["token_ids"]) == tiny_decoder.CONTEXT
    assert whole["finish"] == "length"


def test_a_stop_text_ends_the_answer_and_is_never_shown(folder):
    text = told(folder)[1]["text"]
    words = text.split()
    stop = f"{words[6]} {words[7]}"
    pieces, whole = told(folder, sampling=Sampling(stop=("never said", stop)))
    assert whole["finish"] == "stop"
    assert whole["text"] == "".join(pieces) == text[: text.index(stop)]
    assert len(whole["token_ids"]) < 20


def test_what_only_begins_like_a_stop_text_is_shown_after_all(folder):
    text = told(folder)[1]["text"]
    pieces, whole = told(folder, sampling=Sampling(stop=(text[3:30] + " never said",)))
    assert (whole["finish"], whole["text"], "".join(pieces)) == ("length", text, text)
    assert len(pieces) < 20


@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_cancelled_answer_keeps_what_it_has(folder, after):
    complete = told(folder)[1]["token_ids"]
    pieces, whole = told(folder, cancel_after=after)
    assert whole["finish"] == "cancelled"
    assert len(whole["token_ids"]) == after
    assert whole["token_ids"] == complete[:after]
    assert "".join(pieces) == whole["text"]


def test_a_catalogue_model_that_is_not_built_is_named_by_its_precision(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN_DESK_HOME", str(tmp_path))
    assert told("smollm2-135m") == ([], {"missing": "q8"})


def test_a_model_that_there_is_none_of_is_a_trouble():
    with pytest.raises(Trouble, match="no model nothing"):
        told("nothing")
