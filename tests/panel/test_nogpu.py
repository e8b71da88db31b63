"""Without a usable GPU: which of the reasons it is, what to do, and the ways on from there."""

import pytest
from PySide6.QtCore import Qt
from scripted import T0, facts, meter, tiers

from desk.facts.happened import EngineOpened, LaneFailed, RunStarted, RunStopped, Troubled
from desk.facts.metered import MeterOpened, Tried
from desk.facts.places import RECORDED
from desk.panel.books import Books
from desk.panel.complaints import ON_CPU
from desk.panel.floor import Floor
from desk.panel.look import look
from desk.panel.numbers import Numbers
from desk.panel.shown import Notice, Obstacle
from desk.panel.theme import Theme
from desk.plant.replay import Replay

NO_CUDA = (
    "CUDA does not open: the library libcublasLt.so.13 is missing or does not load.",
    "Install token-desk[cuda].",
)


def opened(cause="", *, on_bus=None, driver="", source="none"):
    told = (Tried(source="nvml-counter", cause=cause),) if cause else ()
    return MeterOpened(t=T0, source=source, quality="unavailable", driver=driver, tried=told, on_bus=on_bus)


def seen(*told):
    books = Books()
    for fact in told:
        books.post(fact)
    return look(books, Numbers())


def failed_run():
    """A run whose lanes all refuse, as it happens where CUDA does not open and nobody asked for the CPU."""
    begun = next(fact for fact in facts(seconds=1.0) if isinstance(fact, RunStarted))
    cause, remedy = NO_CUDA
    return (
        begun,
        meter("nvml-counter"),
        Troubled(t=T0 + 1, where="engine", cause=cause, remedy=remedy),
        *(LaneFailed(t=T0 + 1, tier=tier.name, cause=cause, remedy=remedy) for tier in tiers()),
    )


@pytest.mark.parametrize(
    ("fact", "cause", "remedy"),
    [
        (opened("no NVIDIA driver library on this machine", on_bus=0), "shows no NVIDIA device", "in a container"),
        (opened("no NVIDIA driver library on this machine"), "No NVIDIA driver was found", "Install NVIDIA driver 580"),
        (opened("no NVIDIA driver library on this machine", on_bus=1), "present, but its driver is not", "Install"),
        (opened("the NVIDIA driver is not loaded", on_bus=0), "No NVIDIA driver is loaded", "--gpus all"),
        (opened("the NVIDIA driver is too old", on_bus=1), "too old", "580 or newer"),
        (opened(driver="535.261.03"), "is 535.261.03, and CUDA 13 needs 580", "580 or newer"),
        (opened("this user may not ask the NVIDIA driver", on_bus=1), "no permission", "Join the group"),
        (opened("the NVIDIA driver sees no GPU"), "shows no GPU", "In a container"),
        (opened("the GPU needs a reset", on_bus=1), "The GPU needs a reset.", "Restart the machine"),
    ],
)
def test_each_cause_is_told_apart_with_what_to_do(fact, cause, remedy):
    told = seen(fact).no_gpu
    assert cause in told.cause
    assert remedy.lower() in told.remedy.lower()


def test_nothing_is_claimed_where_a_gpu_is_there_or_nobody_knows_yet():
    assert seen().no_gpu is None
    assert seen(meter("nvml-counter")).no_gpu is None


def test_where_cuda_does_not_open_one_critical_notice_names_the_library_and_offers_the_cpu():
    told = seen(*failed_run())
    assert told.no_gpu == Obstacle(*NO_CUDA)
    (notice,) = told.notices
    assert (notice.severity, notice.action) == ("critical", ON_CPU)
    assert notice.cause == f"Free, Medium, High, Premium and Ultra do not run: {NO_CUDA[0]}"
    assert notice.remedy == NO_CUDA[1]


def test_a_single_lane_that_fails_is_named_alone_and_the_others_go_on():
    books = Books()
    for fact in facts(seconds=5.0, source="nvml-counter", stopped=False):
        books.post(fact)
    books.post(LaneFailed(t=T0 + 5, tier="Ultra", cause="It does not fit.", remedy="Fewer slots."))
    told = look(books, Numbers())
    assert told.no_gpu is None
    (notice,) = (notice for notice in told.notices if notice.severity == "critical")
    assert (notice.cause, notice.action) == ("Ultra does not run: It does not fit.", "")


def test_an_engine_on_the_processor_by_choice_is_no_obstacle():
    told = EngineOpened(t=T0, runtime="onnxruntime 1.31", provider="cpu", device="Example CPU", threads=8)
    assert seen(meter("nvml-counter"), told).no_gpu is None


@pytest.fixture
def floor(application, qtbot):
    made = Floor(Theme("dark"), Numbers())
    qtbot.addWidget(made)
    made.resize(1300, 800)
    made.show()
    return made


def test_the_first_card_says_why_and_starts_on_the_cpu(floor, qtbot):
    welcome = floor.welcome
    floor.show_floor(seen(opened("the NVIDIA driver is too old", on_bus=1)))
    assert "too old" in welcome._why.text()
    assert "Start on CPU" in welcome.button.accessibleName()
    with qtbot.waitSignal(floor.start_on_cpu):
        qtbot.keyClick(welcome.button, Qt.Key.Key_Space)
    floor.show_floor(seen(meter("nvml-counter")))
    assert not welcome._why.isVisible()
    with qtbot.waitSignal(floor.start):
        qtbot.keyClick(welcome.button, Qt.Key.Key_Space)


def test_a_run_in_vain_leads_back_to_the_card(floor):
    floor.show_floor(seen(*failed_run()))
    assert not floor.welcome.isVisible()
    floor.show_floor(seen(*failed_run(), RunStopped(t=T0 + 2, reason="stopped")))
    assert floor.welcome.isVisible()
    assert NO_CUDA[0] in floor.welcome._why.text()


def test_a_recorded_factory_can_be_watched(factory, qtbot):
    window, _ = factory
    with qtbot.waitSignal(window.recording_asked) as asked:
        window.floor.welcome.watch_button.click()
    assert asked.args == [str(RECORDED)]
    replay = Replay(RECORDED)
    assert replay.drain()
    replay.close()


def test_the_offer_ends_the_run_and_starts_again_on_the_cpu(factory, qtbot):
    window, heartbeat = factory
    window.runbar.toggle()
    qtbot.waitUntil(lambda: window.shown.state == "running", timeout=15_000)
    first = window.shown.run
    window.notices.acted.emit(Notice("No CUDA.", severity="critical", action=ON_CPU))
    qtbot.waitUntil(lambda: window.shown.state == "running" and window.shown.run != first, timeout=15_000)
    assert heartbeat.source.provider == "cpu"
