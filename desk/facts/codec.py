"""Facts and orders to lines of JSON and back."""

import tomllib

import msgspec

from desk.facts.happened import AnyFact
from desk.facts.orders import AnyOrder
from desk.facts.trouble import Trouble

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are no JSON of the wanted kind: nested without end counts, too."""

NOT_TOML = (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError)
"""The same for text that is no TOML."""

_encoder = msgspec.json.Encoder()
_facts = msgspec.json.Decoder(AnyFact)
_many = msgspec.json.Decoder(list[AnyFact])
_orders = msgspec.json.Decoder(AnyOrder)


def encode(message: AnyFact | AnyOrder) -> bytes:
    """One line, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_fact(line: bytes) -> AnyFact:
    """The fact on a line; raises `Trouble` for a line that is torn, foreign or from a newer format."""
    try:
        return _facts.decode(line)
    except NOT_JSON as error:
        raise Trouble(f"A line is not a fact this version knows: {error}.") from error


def decode_facts(lines: bytes) -> list[AnyFact] | None:
    """The facts on many lines, for a tenth less than one by one; `None` unless each line is one, and whole.

    As an array, because between two of its commas stands one fact: no line with two can make up for an empty one. The
    end of a line stays in it, so that none goes on in the next.
    """
    if not lines.endswith(b"\n") or b"\r" in lines:
        return None
    try:
        return _many.decode(b"[%b]" % lines[:-1].replace(b"\n", b",\n"))
    except NOT_JSON:
        return None


def decode_order(line: bytes) -> AnyOrder:
    """The order on a line; raises `Trouble` for anything else."""
    try:
        return _orders.decode(line)
    except NOT_JSON as error:
        raise Trouble(f"A line is not an order this version knows: {error}.") from error
