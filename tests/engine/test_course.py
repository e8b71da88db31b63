"""What the bench measures: as many rows as it says, as long as it says, to the end."""

import pytest

from desk.engine.course import WARM_STEPS, Course


@pytest.mark.parametrize("seamless", [False, True])
@pytest.mark.parametrize(("rows", "prompt"), [(1, 90), (3, 90), (16, 90)])
def test_all_rows_are_equally_long_and_stay(network, monkeypatch, seamless, rows, prompt):
    monkeypatch.setattr(network, "seamless", seamless)
    monkeypatch.setattr(network, "session", network.session)  # a course puts its own clock around it
    told = Course(network).decode(rows, prompt, steps=8)
    assert told["context"] == prompt + WARM_STEPS + 8 / 2
    assert 0 < told["outside_s"] < told["seconds"]
