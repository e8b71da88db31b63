"""Contacts: every host that this program ever spoke to, and why. Nothing is contacted before somebody asks for it."""

import os
import time
from urllib.parse import urlsplit

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_JSON

HUB = "huggingface.co"
"""The hub, where the environment names no other."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One host: why it was contacted last, how often it was noted, and when first and last (Unix time)."""

    host: str
    why: str
    times: int
    first: float
    last: float


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    why: str
    wall: float


def contacted(host: str, why: str) -> None:
    """Note that a host is about to be spoken to, before a byte is sent; raises `OSError` where it cannot be noted."""
    line = msgspec.json.encode(_Line(host=host, why=why, wall=time.time())) + b"\n"
    # One write to a file that only grows: what several processes note at once stays whole.
    file = os.open(places.data_dir() / "hosts.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line)
    finally:
        os.close(file)


def contacts() -> list[Contact]:
    """The hosts in the order in which they were first contacted; lines that cannot be read are left out."""
    found: dict[str, Contact] = {}
    try:
        lines = (places.data_dir() / "hosts.jsonl").read_bytes().splitlines()
    except FileNotFoundError:
        return []
    for text in lines:
        try:
            line = msgspec.json.decode(text, type=_Line)
        except NOT_JSON:
            continue
        known = found.get(line.host)
        times, first = (known.times, known.first) if known else (0, line.wall)
        found[line.host] = Contact(host=line.host, why=line.why, times=times + 1, first=first, last=line.wall)
    return list(found.values())


def hub_host() -> str:
    """The host that a fetch speaks to first, as HF_ENDPOINT names it; it may send on to another for large files."""
    return urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname or HUB


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to contact anybody."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
