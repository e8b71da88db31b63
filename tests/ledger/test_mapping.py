"""Which GPU the engine is charged for: its own name for it, proven or contradicted by the memory that filled."""

import pytest
from story import BESIDE, BOARD, PACKAGE, T0, opened, run_started

from desk.facts.happened import ChildEnded, ChildGivenUp, ChildStale, EngineOpened, LaneLoading, LaneReady
from desk.facts.metered import Device, DeviceReading, Read
from desk.ledger.seeing import see
from desk.ledger.standing import Standing

GIB = 1 << 30
FREE_GIB = (2, 2)
"""In use on both boards before anything is loaded."""


def engine(uuid="", provider="cuda"):
    return EngineOpened(t=T0, runtime="1", provider=provider, device="Example", threads=1, device_uuid=uuid)


def used(at, *gib, **fields):
    boards = (BOARD, BESIDE)
    readings = (
        DeviceReading(device=board.id, memory_used=each * GIB, **fields)
        for board, each in zip(boards, gib, strict=True)
    )
    return Read(t=T0 + at, devices=tuple(readings))


def loaded(uuid, *after):
    """What stands, and what was marked last, once three GiB were loaded and both boards hold so much."""
    sizes = {"context": 64, "slots": 1, "weights_bytes": 2 * GIB, "kv_bytes": GIB, "load_s": 1.0}
    ready = LaneReady(t=T0 + 2.0, tier="Free", model="m", precision="q4", provider="cuda", **sizes)
    standing, mark = Standing(), None
    facts = [run_started(), opened(devices=(BOARD, BESIDE)), engine(uuid), used(0.5, *FREE_GIB)]
    for fact in (*facts, LaneLoading(t=T0 + 1.0, tier="Free", model="m"), ready, used(5.0, *after)):
        mark = see(standing, fact)
    return standing, mark


@pytest.mark.parametrize(
    ("uuid", "after", "verdict", "counted"),
    [
        (BESIDE.uuid, (2, 5), "proven", ("gpu1",)),
        (BESIDE.uuid, (5, 2), "contradicted", ()),
        (BESIDE.uuid, (2, 2), "contradicted", ()),
        ("GPU-of-a-slice", (5, 2), "proven", ("gpu0",)),
        ("GPU-of-a-slice", (5, 5), "unproven", ("gpu0", "gpu1")),
    ],
)
def test_the_board_whose_memory_filled_is_charged(uuid, after, verdict, counted):
    standing, mark = loaded(uuid, *after)
    assert (standing.mapping.verdict, standing.counted) == (verdict, counted)
    if verdict == "contradicted":
        assert mark == ("trouble", standing.doubt, "")
        assert "the 3,072 MiB that it loaded" in standing.doubt
        assert standing.doubt.endswith("No watts are given to the tiers.")
    elif verdict == "unproven":
        assert standing.doubt == "Which GPU the engine uses is not known; the watts are those of all of them."


def test_without_a_reading_from_before_the_load_nothing_is_proven():
    standing = Standing()
    for fact in (opened(devices=(BOARD,)), engine(BOARD.uuid), LaneLoading(t=T0, tier="Free", model="m")):
        see(standing, fact)
    sizes = {"context": 64, "slots": 1, "weights_bytes": 2 * GIB, "kv_bytes": 0, "load_s": 1.0}
    see(standing, LaneReady(t=T0, tier="Free", model="m", precision="q4", provider="cuda", **sizes))
    see(standing, Read(t=T0 + 9.0, devices=(DeviceReading(device="gpu0", memory_used=9 * GIB),)))
    assert (standing.mapping.verdict, standing.counted) == ("unproven", ("gpu0",))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([engine(provider="cpu"), opened()], "The engine runs on the processor, but only"),
        (
            [engine(), opened(source="rapl", devices=(PACKAGE,))],
            "The engine runs on the GPU, but only",
        ),
        ([ChildStale(t=T0, child="meter", age=2.0)], "The meter is not answering."),
        ([ChildEnded(t=T0, child="meter", exit=1, cause="It died.")], "It died."),
        ([ChildGivenUp(t=T0, child="meter", cause="It died often.", remedy="")], "It died often."),
        ([opened(source="none", devices=()), engine()], ""),
    ],
)
def test_what_stands_against_the_joules_of_the_tiers_is_said(facts, words):
    standing = Standing()
    for fact in facts:
        see(standing, fact)
    assert standing.doubt.startswith(words)
    assert bool(standing.doubt) is bool(words)


def test_lanes_that_were_never_seen_alone_are_a_doubt():
    standing = Standing(uncalibrated=True)
    for fact in (opened(), engine(BOARD.uuid)):
        see(standing, fact)
    assert standing.doubt.startswith("The watts of each lane alone are not known yet")
    standing.uncalibrated = False
    assert standing.doubt == ""


def test_devices_are_called_by_their_kind_and_several_boards_by_their_number():
    standing = Standing()
    assert standing.title(BOARD) == "GPU"
    see(standing, opened(devices=(BOARD, BESIDE, PACKAGE)))
    whole = Device(id="machine", kind="machine", name="Example")
    titles = [standing.title(device) for device in (BOARD, BESIDE, PACKAGE, whole)]
    assert titles == ["GPU 0", "GPU 1", "CPU", "This machine"]
