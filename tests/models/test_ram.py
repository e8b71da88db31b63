"""What a container allows counts as what is free; the folders are fakes of the kernel's."""

import sys

import psutil
import pytest

from desk.models import ram
from desk.models.ram import free_memory

MIB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


@pytest.fixture
def groups(tmp_path):
    """`groups(own, {group: {file: text}})` gives what `free_memory` then finds."""

    def lay(own, tree):
        (tmp_path / "own").write_text(own)
        for group, files in tree.items():
            folder = tmp_path / "groups" / group
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(f"{text}\n")
        return free_memory(tmp_path / "own", tmp_path / "groups")

    return lay


@pytest.fixture(autouse=True)
def plenty(monkeypatch):
    """The machine has 64 GiB free, whatever machine this is."""
    memory = psutil.virtual_memory()._replace(available=64 << 30)
    monkeypatch.setattr(ram.psutil, "virtual_memory", lambda: memory)


def v2(limit, used, idle=0, high="max"):
    stat = f"anon {used - idle}\ninactive_file {idle}\nactive_file 0"
    return {"memory.max": limit, "memory.high": high, "memory.current": used, "memory.stat": stat}


def v1(limit, used, idle=0):
    stat = f"inactive_file 0\ntotal_inactive_file {idle}"
    return {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used, "memory.stat": stat}


def test_a_limit_leaves_what_is_not_taken(groups):
    assert groups("0::/app", {"app": v2(1000 * MIB, 300 * MIB)}) == 700 * MIB


def test_idle_cached_files_make_room(groups):
    assert groups("0::/app", {"app": v2(1000 * MIB, 990 * MIB, idle=600 * MIB)}) == 610 * MIB


def test_the_tightest_of_all_limits_on_the_way_up_counts(groups):
    tree = {
        "": {"cgroup.controllers": "memory"},
        "pod": v2(500 * MIB, 450 * MIB),
        "pod/app": v2(900 * MIB, 100 * MIB),
        "pod/app/worker": v2("max", 10 * MIB),
    }
    assert groups("0::/pod/app/worker", tree) == 50 * MIB


def test_a_container_that_sees_its_group_as_the_outermost_one(groups):
    assert groups("0::/", {"": v2(256 * MIB, 56 * MIB)}) == 200 * MIB
    assert groups("0::/docker/0123", {"": v2(256 * MIB, 56 * MIB)}) == 200 * MIB


def test_a_limit_from_which_on_a_group_is_slowed_down_counts(groups):
    assert groups("0::/app", {"app": v2("max", 100 * MIB, high=300 * MIB)}) == 200 * MIB


def test_groups_of_the_first_version(groups):
    own = "12:cpu,cpuacct:/else\n5:memory:/docker/0123\n1:name=systemd:/docker/0123\n0::/init.scope"
    unlimited = 9223372036854771712
    assert groups(own, {"memory": v1(unlimited, 0), "memory/docker/0123": v1(400 * MIB, 300 * MIB, 50 * MIB)}) == (
        150 * MIB
    )
    assert groups("5:memory:/docker/gone", {"memory": v1(100 * MIB, 30 * MIB)}) == 70 * MIB


def test_more_taken_than_allowed_is_nothing_free(groups):
    assert groups("0::/app", {"app": v2(100 * MIB, 130 * MIB)}) == 0


@pytest.mark.parametrize(
    ("own", "tree"),
    [
        ("", {}),
        ("0::/app", {}),
        ("0::/app", {"app": v2("max", 5)}),
        ("0::/app", {"app": {"memory.max": "1000", "memory.current": "no number", "memory.stat": ""}}),
        ("nonsense", {"": {"memory.max": "5"}}),
    ],
)
def test_without_a_limit_the_machine_alone_counts(groups, own, tree):
    assert groups(own, tree) == 64 << 30


def test_a_machine_with_less_than_the_limit_counts(groups, monkeypatch):
    memory = psutil.virtual_memory()._replace(available=7 * MIB)
    monkeypatch.setattr(ram.psutil, "virtual_memory", lambda: memory)
    assert groups("0::/app", {"app": v2(1000 * MIB, 300 * MIB)}) == 7 * MIB


def test_where_there_are_no_groups_at_all(tmp_path):
    assert free_memory(tmp_path / "none", tmp_path) == 64 << 30
