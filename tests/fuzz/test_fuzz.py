"""Two thousand hostile cases of each kind of input, shared by its targets: `fuzz.py` runs as many as one has time for.

A number that fails here is a case to run alone: `uv run python tests/fuzz/fuzz.py --case TARGET:NUMBER`.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import KINDS, TARGETS
from watch import outcome

CASES = 2000
"""Of each kind."""


def test_every_target_is_of_a_kind():
    assert sorted(name for names in KINDS.values() for name in names) == sorted(TARGETS)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names])
def test_whatever_is_read_is_a_value_or_a_sentence(kind, name):
    case, _ = TARGETS[name]

    @given(st.integers(0, 2**62))
    @settings(
        max_examples=CASES // len(KINDS[kind]), deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
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
