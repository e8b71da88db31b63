"""The door to onnxruntime on the CPU: providers, shared sessions, broken graphs, and the proof at load."""

import ctypes
import mmap
import shutil
import subprocess
import sys

import msgspec
import numpy as np
import pytest

from desk.engine import driver, feeds, runtime
from desk.engine.batch import Batch
from desk.engine.driver import Driver, NvidiaDevice, ask_driver
from desk.engine.prompts import Fitter
from desk.engine.runtime import Runtime
from desk.engine.selftest import check_rows
from desk.facts.trouble import Trouble
from desk.models.manifest import read_manifest
from desk.models.text import Text
from desk.scenario import Prompt

PRESENT = Driver(devices=(NvidiaDevice(name="A card", uuid="GPU-1"),))


def asked(monkeypatch, answer):
    monkeypatch.setattr(runtime, "ask_driver", lambda: answer)


def test_without_a_device_auto_is_the_cpu_and_says_so(monkeypatch):
    asked(monkeypatch, Driver())
    opened = Runtime("auto")
    assert opened.provider_for("auto") == "cpu"
    assert "No NVIDIA device" in opened.cause
    assert opened.device("cpu")[0]


def test_cpu_is_a_choice_that_needs_no_reason(monkeypatch):
    asked(monkeypatch, PRESENT)
    opened = Runtime("cpu")
    assert (opened.provider_for("auto"), opened.cause, opened.refusal) == ("cpu", "", None)


@pytest.mark.parametrize("wish", ["auto", "cuda"])
@pytest.mark.parametrize(
    "answer", [PRESENT, Driver(cause="The NVIDIA driver is installed but answers with error 999.")]
)
def test_a_device_that_does_not_open_is_refused_and_never_replaced(monkeypatch, wish, answer):
    """The real provider, on a machine that has none of CUDA's libraries."""
    asked(monkeypatch, answer)
    monkeypatch.setattr(runtime.ort, "preload_dlls", lambda **kind: None)
    opened = Runtime(wish)
    with pytest.raises(Trouble) as refused:
        opened.provider_for("auto")
    assert "CUDA" in refused.value.cause
    assert "cpu" in refused.value.remedy
    assert opened.provider_for("cpu") == "cpu"


def test_lanes_of_one_model_share_its_session_until_the_last_is_gone(tiny):
    opened, manifest = Runtime("cpu"), read_manifest(tiny)
    first = opened.load(tiny, manifest, "cpu")
    assert opened.load(tiny, manifest, "cpu") is first
    known = id(first.session)
    second = opened.load(tiny, msgspec.structs.replace(manifest, revision="another"), "cpu")
    assert id(second.session) != known


@pytest.mark.parametrize("spoil", ["torn", "empty", "another graph"])
def test_a_graph_that_is_not_what_the_manifest_says_is_a_trouble(tiny, tmp_path, spoil):
    folder = tmp_path / "broken"
    shutil.copytree(tiny, folder)
    graph, manifest = folder / "model.onnx", read_manifest(folder)
    match spoil:
        case "torn":
            graph.write_bytes(graph.read_bytes()[:5000])
        case "empty":
            graph.write_bytes(b"")
        case "another graph":
            manifest = msgspec.structs.replace(manifest, layers=3)
    with pytest.raises(Trouble) as refused:
        Runtime("cpu").load(folder, manifest, "cpu")
    assert "broken" in refused.value.cause or "tiny" in refused.value.cause
    assert refused.value.remedy


def test_a_cache_that_memory_does_not_hold_is_refused_with_the_numbers(network):
    with pytest.raises(Trouble, match=r"\d GiB.*\d GiB of memory are free") as refused:
        feeds.open_cache(network, 100_000, 1_000_000)
    assert "slots" in refused.value.remedy


def resident(array):
    """The part of an array's memory that the system has handed out, page by page (mincore of POSIX systems)."""
    page = mmap.PAGESIZE
    first, last = -(-array.ctypes.data // page) * page, (array.ctypes.data + array.nbytes) // page * page
    told = (ctypes.c_ubyte * ((last - first) // page))()
    assert ctypes.CDLL(None).mincore(ctypes.c_void_p(first), ctypes.c_size_t(last - first), told) == 0
    return sum(flags & 1 for flags in told) / len(told)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mincore")
def test_a_cache_has_its_memory_from_the_beginning(network):
    """Else a lane's first steps would wait for it, and its share of the device would pay."""
    cache = Batch(network, 32, 4096).cache
    assert cache.bytes == cache.host.nbytes == 64 * 2**20  # so large that no allocator has a used piece of that size
    assert resident(np.empty_like(cache.host)) < 0.1  # what nobody has written to is not there yet
    assert resident(cache.host) == 1.0


def test_a_model_whose_rows_depend_on_each_other_is_refused(tiny, monkeypatch):
    """The second of two rows reads the first one's keys: what a kernel without per-row lengths would do."""
    opened = Runtime("cpu")
    network = opened.load(tiny, read_manifest(tiny), "cpu")
    true_run = feeds.Feed.run

    def leaky(feed):
        if len(feed.ids) > 1:
            feed.ids[1] = feed.ids[0]
        true_run(feed)

    monkeypatch.setattr(feeds.Feed, "run", leaky)
    with pytest.raises(Trouble, match="not alone"):
        check_rows(network)
    monkeypatch.undo()
    check_rows(network)
    assert network.tested


@pytest.mark.parametrize("shows", [False, True])
def test_a_graph_is_seamless_where_it_does_not_show_how_a_prompt_was_cut(tiny, monkeypatch, shows):
    def run(feed):
        feed.top_v[:] = feed._tokens * shows
        feed.top_i[:] = 7

    network = Runtime("cpu").load(tiny, read_manifest(tiny), "cpu")
    monkeypatch.setattr(network, "tested", False)
    monkeypatch.setattr(network, "seamless", shows)
    monkeypatch.setattr(feeds.Feed, "run", run)
    check_rows(network)
    assert network.seamless is not shows


def test_the_probe_is_a_graph_that_the_runtime_accepts():
    session = runtime.open_session(runtime.sessions.probe_graph(), "cpu")
    (doubled,) = session.run(None, {"x": np.array([21.0], np.float32)})
    assert doubled.tolist() == [42.0]


STAND_IN = r"""
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strcpy(name, device ? "Second" : "First"); return 0; }
int cuDeviceGetUuid(unsigned char *uuid, int device) { memset(uuid, 16 + device, 16); return 0; }
"""


@pytest.mark.skipif(sys.platform != "linux", reason="builds a stand-in driver library with the C compiler")
@pytest.mark.parametrize(
    ("init", "version", "names", "cause"),
    [
        (0, 13000, ["First", "Second"], ""),
        (0, 12040, ["First", "Second"], "goes up to CUDA 12.4, and this program needs 13.0"),
        (100, 13000, [], ""),
        (34, 13000, [], ""),
        (999, 13000, [], "error 999"),
        (803, 13000, [], "error 803"),
    ],
)
def test_the_driver_is_asked_for_its_devices(tmp_path, monkeypatch, init, version, names, cause):
    library = tmp_path / "libcuda.so.1"
    command = ["gcc", "-shared", "-fPIC", f"-DINIT={init}", f"-DVERSION={version}", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=STAND_IN.encode(), check=True)
    true_library = driver.ctypes.CDLL
    monkeypatch.setattr(driver.ctypes, "CDLL", lambda name: true_library(str(library)))
    answer = ask_driver()
    assert [device.name for device in answer.devices] == names
    assert cause in answer.cause
    assert bool(answer.cause) == bool(cause)
    if names:
        assert answer.devices[1].uuid == "GPU-11111111-1111-1111-1111-111111111111"


def test_no_driver_is_no_device(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(driver.ctypes, "CDLL", missing)
    assert ask_driver() == Driver()


# ---- prompts that fit


@pytest.fixture
def text(tiny):
    return Text(tiny, read_manifest(tiny))


def test_a_prompt_that_fits_is_what_the_template_says(tiny, text):
    fitter = Fitter(text, read_manifest(tiny), 64)
    prompt = Prompt(system=" w1", user=" w2 w3")
    assert fitter.fit(prompt, 32) == text.chat(prompt.messages())
    assert fitter.fit(prompt, 32) is fitter.fit(prompt, 32)


@pytest.mark.parametrize(("context", "answer", "room"), [(64, 16, 48), (64, 1000, 32), (12, 12, 6)])
def test_a_prompt_that_is_too_long_keeps_its_beginning_and_leaves_room(tiny, text, context, answer, room):
    fitter = Fitter(text, read_manifest(tiny), context)
    words = "".join(f" w{n}" for n in range(90))
    ids = fitter.fit(Prompt(user=words), answer)
    assert len(ids) == room
    assert text.decode(ids).startswith("<user> w0 w1")
    assert text.decode(ids).endswith("<answer>")
    assert room >= len(fitter.fit(Prompt(user=" w5", system=words), answer)) > 2


def test_a_context_without_room_for_a_conversation_is_refused(tiny, text):
    with pytest.raises(Trouble, match="no room") as refused:
        Fitter(text, read_manifest(tiny), 5)
    assert "at least" in refused.value.remedy
