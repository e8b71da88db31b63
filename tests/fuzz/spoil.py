"""Ways to spoil what is read: bytes, values of JSON and TOML, and names, all drawn from one chance."""

import copy
import json
import math
from random import Random

MOST_SPOTS = 6

WHOLES = (
    0,
    -1,
    1,
    127,
    255,
    65_536,
    2**31 - 1,
    2**31,
    -(2**31),
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**64,
    10**30,
    10**400,
)
REALS = (0.0, -0.0, 0.5, -1e-9, 5e-324, 1e12, -1e12, 1e15, -1e300, 1.7e308, math.nan, math.inf, -math.inf)
NAMES = (
    *("", ".", "..", "../out", "../../../../etc/passwd", "/etc/passwd", "~/x", "C:\\x", "a\\..\\b", "CON", "nul.json"),
    *(
        "a/../../out",
        "./a/.",
        "//a",
        "a\0b",
        "a\nb",
        "\ud800",
        "\u202egnp",
        "é" * 200,
        "x" * 5000,
        "-rf",
        "%s%n",
        "{0}",
    ),
)
WORDS = (*NAMES, "run_started", "nan", "1e999", "__class__", "{{ 1 }}", "http://127.0.0.1:9/", "file:///etc/passwd")
PIECES = (b"\0", b"\n", b"\r\n", b"\xff\xfe", b"\x1f\x8b", b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u0000", b"\\ud800")
DEEP = 5_000
_HOLE = "a hole to be filled with depth"


def spoiled(chance: Random, content: bytes, most: int = MOST_SPOTS) -> bytes:
    """The content with a few spots overwritten, cut out, doubled, filled with noise or with numbers of all sizes."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, most))):
        at = chance.randint(0, len(data))
        stop = min(len(data), at + chance.choice((1, 2, 4, 8, 64, 1024)))
        match chance.randrange(8):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at:stop]
            case 2:
                data[at:at] = data[at:stop]
            case 3:
                data[at:at] = chance.choice(PIECES)
            case 4:
                data[at:stop] = chance.randbytes(stop - at)
            case 5:
                size = chance.choice((1, 2, 4, 8))
                number = chance.choice(WHOLES) % (1 << 8 * size)
                data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))
            case 6:
                del data[at:]
            case 7:
                source = chance.randint(0, len(data))
                data[at:stop] = data[source : source + stop - at]
    return bytes(data)


def anything(chance: Random) -> object:
    """A value that nobody asked for."""
    match chance.randrange(8):
        case 0:
            return chance.choice(WHOLES)
        case 1:
            return chance.choice(REALS)
        case 2 | 3:
            return chance.choice(WORDS)
        case 4:
            return chance.choice((None, True, False))
        case 5:
            return [anything(chance) for _ in range(chance.randrange(3))]
        case 6:
            return {str(chance.choice(WORDS)): anything(chance) for _ in range(chance.randrange(3))}
        case _:
            return _HOLE if chance.randrange(8) == 0 else chance.random() * 10 ** chance.randint(-12, 16)


def changed(chance: Random, value: object, most: int = MOST_SPOTS) -> object:
    """A copy of a value of JSON with a few of its parts replaced, left out, renamed or doubled."""
    whole = [copy.deepcopy(value)]
    for _ in range(chance.choice((1, 1, 1, 2, 3, most))):
        place, key = _spot(chance, whole)
        match chance.randrange(6):
            case 0 if place is not whole:
                del place[key]
            case 1 if isinstance(place, dict):
                place[str(chance.choice(WORDS))] = place.pop(key)
            case 2 if isinstance(place, list) and place is not whole:
                place.insert(key, copy.deepcopy(place[key]))
            case 3 if isinstance(place[key], int | float):
                place[key] = near(chance, place[key])
            case 4 if isinstance(place[key], str):
                place[key] = "".join(chance.choice((place[key], str(chance.choice(WORDS)))) for _ in range(2))
            case _:
                place[key] = anything(chance)
    return whole[0]


def near(chance: Random, number: float) -> float:
    """A number beside another one, or far from it on the same side or the other."""
    if not -1e300 < number < 1e300:
        return -number
    far = chance.choice((chance.uniform(-3600.0, 3600.0), chance.uniform(-1.0, 1.0), 1e9))
    return chance.choice((number + 1, number - 1, -number, number * 2, number + far, number * far))


def _spot(chance: Random, whole: list) -> tuple:
    place, key = whole, 0
    while isinstance(inner := place[key], dict | list) and inner and chance.randrange(5):
        place = inner
        key = chance.choice(list(inner)) if isinstance(inner, dict) else chance.randrange(len(inner))
    return place, key


def as_json(value: object) -> bytes:
    """JSON with what JSON does not have (NaN, lone surrogates, depth without end) where the value has it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace(f'"{_HOLE}"', "[" * DEEP + "]" * DEEP).encode(errors="surrogatepass")


def as_toml(value: dict) -> bytes:
    """TOML with the same liberties: every value inline, so that any nesting goes."""
    lines = "\n".join(f"{_key(key)} = {_inline(each)}" for key, each in value.items() if each is not None)
    return lines.replace(f'"{_HOLE}"', "[" * DEEP + "]" * DEEP).encode(errors="surrogatepass")


def _inline(value: object) -> str:
    match value:
        case dict():
            return (
                "{"
                + ", ".join(f"{_key(key)} = {_inline(each)}" for key, each in value.items() if each is not None)
                + "}"
            )
        case list() | tuple():
            return "[" + ", ".join(_inline(each) for each in value if each is not None) + "]"
        case float() if not math.isfinite(value):
            return str(value)
        case bool() | int() | float():
            return json.dumps(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _key(key: object) -> str:
    return json.dumps(str(key), ensure_ascii=False)
