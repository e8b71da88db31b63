"""What differs between two settings, in words."""

import msgspec


def in_words(before: msgspec.Struct, after: msgspec.Struct) -> str:
    """What differs between two settings of one kind: `price.output 30 to 45, users 4 to 8`."""
    return ", ".join(_differences(before, after, ""))


def _differences(before: msgspec.Struct, after: msgspec.Struct, prefix: str) -> list[str]:
    words: list[str] = []
    for name in before.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
            words += _differences(old, new, f"{prefix}{name}.")
        else:
            words.append(f"{prefix}{name} {_value(old)} to {_value(new)}")
    return words


def _value(value: object) -> str:
    if value is None or value == "":
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
