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


def decode_order(line: bytes) -> AnyOrder:
    """The order on a line; raises `Trouble` for anything else."""
    try:
        return _orders.decode(line)
    except NOT_JSON as error:
        raise Trouble(f"A line is not an order this version knows: {error}.") from error
