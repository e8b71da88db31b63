"""What is never changed once it is made."""

from typing import Any, Self

import msgspec


class Frozen(msgspec.Struct, frozen=True, gc=False):
    """A value. It is its own copy, so that whoever copies what holds thousands of them copies only the holder."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self
