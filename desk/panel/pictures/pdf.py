"""A PDF as Qt writes it, put into the one order that does not depend on the process that wrote it.

Qt numbers and writes the parts of fonts in the order of a hash table, which is another one in every process, names each
embedded font by such a number, and dates the page by the clock of the machine. Here objects are numbered as a reader
comes upon them, fonts are named in that order, and the date is the moment that the picture shows.
"""

import re
from datetime import UTC, datetime

_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_SUBSET = re.compile(rb"/Q[A-Z]{5}\+")
"""The name of an embedded part of a font begins with six letters, which may be any (ISO 32000-1, 9.6.4)."""
_DATE = re.compile(rb"\(D:\d{14}[^)]*\)")
_HEAD = re.compile(rb"\A\d+ 0 obj\n")
_STREAM = b"stream\n"


def canonical(page: bytes, wall: float) -> bytes:
    """The same page with its objects in order; `wall` is the Unix time that it shows.

    Reads what `QPdfWriter` writes: one table of objects, each of them plain, at the end of the file.
    """
    body, _, rest = page.rpartition(b"\nxref\n")
    table, _, rest = rest.partition(b"trailer\n")
    trailer, _, _ = rest.rpartition(b"startxref\n")
    objects = _objects(body + b"\n", table)
    found = _reached(trailer, objects)
    number = {old: place for place, old in enumerate(found, start=1)}
    names: dict[bytes, bytes] = {}
    date = f"(D:{datetime.fromtimestamp(wall, UTC):%Y%m%d%H%M%S}Z)".encode()

    def pointing(text: bytes) -> bytes:
        return _REFERENCE.sub(lambda match: b"%d 0 R" % number[int(match[1])], text)

    def named(match: re.Match[bytes]) -> bytes:
        return names.setdefault(match[0], b"/Q%s+" % _letters(len(names)))

    out, places = bytearray(body[: min(_places(table).values())]), []
    for old in found:
        head, mark, stream = objects[old].partition(_STREAM)
        head = _DATE.sub(date, _SUBSET.sub(named, pointing(head)))
        places.append(len(out))
        out += _HEAD.sub(b"%d 0 obj\n" % number[old], head) + mark + stream
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    size = re.sub(rb"/Size \d+", b"/Size %d" % (len(places) + 1), pointing(trailer))
    return bytes(out + b"trailer\n" + size + b"startxref\n%d\n%%%%EOF\n" % start)


def _places(table: bytes) -> dict[int, int]:
    """Where each object begins, by its number."""
    lines = table.splitlines()[1:]
    return {number: int(line[:10]) for number, line in enumerate(lines) if line.rstrip().endswith(b"n")}


def _objects(body: bytes, table: bytes) -> dict[int, bytes]:
    """The bytes of each object by its number."""
    places = sorted((place, number) for number, place in _places(table).items())
    ends = [place for place, _ in places[1:]] + [len(body)]
    return {number: body[place:end] for (place, number), end in zip(places, ends, strict=True)}


def _reached(trailer: bytes, objects: dict[int, bytes]) -> list[int]:
    """The numbers of all objects, as a reader comes upon them who follows each reference at once."""
    found: dict[int, None] = {}
    waiting = _pointed(trailer)[::-1]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found[number] = None
            waiting += _pointed(objects[number].partition(_STREAM)[0])[::-1]
    return list(found)


def _pointed(text: bytes) -> list[int]:
    return [int(number) for number in _REFERENCE.findall(text)]


def _letters(count: int) -> bytes:
    """`AAAAA`, `BAAAA`, ..."""
    return bytes(ord("A") + count // 26**place % 26 for place in range(5))
