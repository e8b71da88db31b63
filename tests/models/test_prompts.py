"""What the virtual users ask: every kind is there, well formed, and of the length its name promises."""

import json

import pytest

from desk.facts.places import shipped
from desk.models.manifest import read_manifest
from desk.models.text import Text

KINDS = {"chat": (48, 5, 100), "code": (36, 5, 150), "summarise": (16, 80, 300), "long": (12, 500, 1500)}


@pytest.fixture(scope="module")
def text(embedded_model):
    return Text(embedded_model.folder, read_manifest(embedded_model.folder))


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_are_many_distinct_and_of_the_promised_length(text, kind):
    least, shortest, longest = KINDS[kind]
    lines = shipped("assets", "prompts", f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines]
    assert len(asked) >= least
    assert len({prompt["user"] for prompt in asked}) == len(asked)
    for prompt in asked:
        assert set(prompt) <= {"user", "system"}
        assert all(prompt.values())
        assert shortest <= len(text.encode(prompt["user"])) <= longest


def test_no_kind_ships_without_being_checked():
    assert {path.stem for path in shipped("assets", "prompts").glob("*.jsonl")} == set(KINDS)
