"""A few thousand hostile cases, of each target its part: `fuzz.py` runs as many as one has time for.

A number that fails here is a case to run alone: `uv run python tests/fuzz/fuzz.py --case TARGET:NUMBER`.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS
from watch import outcome

CASES = 30
"""For a target of weight 1: cases are dear where the weight is low."""


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_is_read_is_a_value_or_a_sentence(name):
    case, weight = TARGETS[name]

    @given(st.integers(0, 2**62))
    @settings(max_examples=CASES * weight, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def check(seed):
        assert outcome(name, case, seed)

    check()


def test_what_leaves_its_folder_or_goes_on_for_ever_is_found(monkeypatch):
    """The watch itself: a case that does either fails."""
    import socket

    from watch import Endless, Escaped

    def reads(chance, folder):
        return open("/etc/passwd").read()

    def writes(chance, folder):
        (folder.parent.parent / "escaped").write_text("x")

    def speaks(chance, folder):
        with socket.socket() as spoken:
            spoken.bind(("127.0.0.1", 0))

    def computes(chance, folder):
        while True:
            pass

    for case in (reads, writes, speaks):
        with pytest.raises(Escaped):
            outcome("", case, 0)
    monkeypatch.setattr("watch.LONGEST_S", 0.05)
    with pytest.raises(Endless):
        outcome("", computes, 0)
