"""The vendor's errors, told apart by their words: there are no codes for them."""

import re
from typing import Literal

from desk.facts.trouble import Trouble

Used = Literal["cuda", "cpu"]

_OUT_OF_MEMORY = (
    "Failed to allocate memory",
    "Available memory of",
    "CUDA failure 2:",
    "CUBLAS failure 3:",
    "bad_alloc",
    "Unable to allocate",
)
_UNFIT = re.compile(r"\bCUDA failure (35|98|209|222):")
"""The driver is too old, or the libraries hold no code for this card: it is whole, and will never run this."""

_DEVICE_FAILED = re.compile(r"\b(CUDA|CUBLAS|CURAND|CUDNN) (failure \d|error )")


class DeviceLost(Trouble):
    """The device answers nothing sensible any more: only a fresh process can go on."""


class OutOfMemory(Trouble):
    """What was asked for does not fit into memory; less of it may."""


def translated(error: Exception, used: Used, what: str) -> Trouble:
    """`error` as a `Trouble` of the kind that decides what comes next; `what` begins its sentence."""
    text = words(error)
    if any(mark in str(error) for mark in _OUT_OF_MEMORY):
        remedy = "Choose fewer slots, a shorter context or a smaller model, or close other programs."
        return OutOfMemory(f"{what}: out of memory ({text}).", remedy)
    if used == "cuda" and _UNFIT.search(str(error)):
        return Trouble(f"{what}: {text}", "Choose the provider cpu; `desk doctor --gpu` says what this card lacks.")
    if used == "cuda" and _DEVICE_FAILED.search(str(error)):
        return DeviceLost(f"{what}: {text}", "Start again; if it comes back, update the NVIDIA driver or reboot.")
    return Trouble(f"{what}: {text}", "Build or fetch the model again, or choose another one.")


def words(error: Exception) -> str:
    """What the vendor says, without the C++ signatures before it and the source lines after it."""
    text = " ".join(str(error).split()) or type(error).__name__
    failed = _DEVICE_FAILED.search(text)
    if failed:
        text = text[failed.start() :]
    elif mark := next((mark for mark in _OUT_OF_MEMORY if mark in text), ""):
        text = text[text.index(mark) :]
    elif "Status Message: " in text:
        text = text.partition("Status Message: ")[2]
    return text.partition(" ; ")[0][:300]
