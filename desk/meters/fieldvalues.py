"""The call that answers several fields at once, with its memory laid out once: it is made twenty times a second.

pynvml lays it out anew for each call and looks every attribute up in Python, which costs more than all else together.
"""

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

NO_TYPE = 3
"""NOT_SUPPORTED, as a driver would say it: the value has a type that this program does not know."""


class _Value(ctypes.Union):
    """`nvmlValue_t`: which member holds the value, `nvmlFieldValue_t.valueType` says."""

    _fields_ = (
        ("double", ctypes.c_double),
        ("uint", ctypes.c_uint),
        ("ulong", ctypes.c_ulong),
        ("ulonglong", ctypes.c_ulonglong),
        ("longlong", ctypes.c_longlong),
        ("int", ctypes.c_int),
        ("ushort", ctypes.c_ushort),
    )


_MEMBERS = ("double", "uint", "ulong", "ulonglong", "longlong", "int", "ushort")


class _FieldValue(ctypes.Structure):
    """`nvmlFieldValue_t`."""

    _fields_ = (
        ("field", ctypes.c_uint),
        ("scope", ctypes.c_uint),
        ("timestamp", ctypes.c_longlong),
        ("latency", ctypes.c_longlong),
        ("type", ctypes.c_uint),
        ("code", ctypes.c_uint),
        ("value", _Value),
    )


class Question:
    """Certain fields of one device, each with its scope; `function` is `nvmlDeviceGetFieldValues` of the library."""

    def __init__(self, function: Callable[..., int], handle: Any, wanted: Sequence[tuple[int, int]]) -> None:
        self._function = function
        self._cells = (_FieldValue * len(wanted))(*(_FieldValue(field, scope) for field, scope in wanted))
        self._arguments = handle, ctypes.c_int(len(wanted)), ctypes.byref(self._cells)

    def ask(self) -> int:
        """Make the call; gives its return code. The fields have their own."""
        return self._function(*self._arguments)

    @property
    def answers(self) -> list[tuple[int, int, float]]:
        """Field, return code and value of each field, the value 0 where the code is not."""
        found = []
        for cell in self._cells:
            code = cell.code or (0 if cell.type < len(_MEMBERS) else NO_TYPE)
            found.append((cell.field, code, 0 if code else getattr(cell.value, _MEMBERS[cell.type])))
        return found
