"""The settings of a tier as fields: where each lies, how it is read and written, and what it takes to change it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from desk.facts.tiers import Tier
from desk.panel.words import tr


@dataclass(frozen=True, slots=True)
class Field:
    """One setting: where it lies in a `Tier`, how it is written, and whether the lane must drain for it.

    `kind` is that of its values: a number, a whole number, one of several names (`choice`), or a list of texts.
    `blank` is the word for an absent or empty value; a number that has one may be left out.
    """

    path: str
    label: str
    unit: str = ""
    kind: Literal["number", "whole", "choice", "texts"] = "number"
    blank: str = ""
    drains: bool = False
    group: str = ""
    note: str = ""

    def of(self, tier: Tier) -> Any:
        value: Any = tier
        for name in self.path.split("."):
            value = getattr(value, name)
        return value

    def into(self, tier: Tier, value: Any) -> Tier:
        """The tier with this setting; raises `ValueError` in words for one that no lane can run."""
        return with_values(tier, {self.path: value})

    def read(self, text: str) -> Any:
        """The value that a text names; raises `ValueError` in words."""
        text = text.strip()
        if self.kind == "texts":
            return _texts(self.label, text)
        if self.kind == "choice":
            return "" if text == self.blank else text
        if self.blank and text in ("", self.blank):
            return None
        try:
            # A thousands separator makes no sense in a price, a decimal comma none in a count.
            return (
                int(text.replace(",", "").replace(" ", "")) if self.kind == "whole" else float(text.replace(",", "."))
            )
        except ValueError:
            whole, any_one = tr("{setting}: “{text}” is not a whole number"), tr("{setting}: “{text}” is not a number")
            said = whole if self.kind == "whole" else any_one
            raise ValueError(said.format(setting=self.label, text=text)) from None

    def write(self, value: Any) -> str:
        """The text that `read` takes for the value; empty for an absent one."""
        if self.kind == "texts":
            return ", ".join(json.dumps(text, ensure_ascii=False) for text in value)
        if value is None or self.kind == "choice":
            return value or ""
        if self.kind == "whole":
            return f"{value:,}"
        exact, cents = f"{value:.10g}", f"{value:.2f}"
        return cents if self.group == PRICE and float(cents) == float(exact) else exact

    def show(self, value: Any) -> str:
        """The value for the eye: as `write`, with the word for an empty one and for what is left to the engine."""
        if self.path == "provider" and value == "auto":
            return tr("auto")
        return self.write(value) or self.blank


LANE, LOAD, PROMISE, PRICE, SAMPLING = tr("Lane"), tr("Load"), tr("Promise"), tr("List price"), tr("Sampling")
NONE, TOKENS = tr("none"), tr("tokens")

FIELDS = (
    Field("model", tr("Model"), "", "choice", drains=True, group=LANE),
    Field("precision", tr("Precision"), "", "choice", tr("automatic"), drains=True, group=LANE),
    Field("provider", tr("Runs on"), "", "choice", drains=True, group=LANE),
    Field("context", tr("Context"), TOKENS, "whole", drains=True, group=LANE, note=tr("prompt and answer together")),
    Field("slots", tr("Slots"), "", "whole", drains=True, group=LANE, note=tr("sequences in the KV cache at once")),
    Field("share", tr("Share"), tr("weight"), group=LANE, note=tr("of the device's time, relative to the other tiers")),
    Field("users", tr("Users"), "", "whole", group=LOAD, note=tr("each asks again when it has its answer")),
    Field("think_s", tr("Pause"), "s", group=LOAD, note=tr("between an answer and the user's next request")),
    Field(
        "arrivals_per_second",
        tr("Arrivals"),
        "1/s",
        blank=NONE,
        group=LOAD,
        note=tr("passers-by who come at this rate in place of users, answered or not"),
    ),
    Field(
        "burstiness",
        tr("Burstiness"),
        "",
        group=LOAD,
        note=tr("shape of the gaps between arrivals; 1: Poisson, less: bursts"),
    ),
    Field("mix", tr("Prompts"), "", "choice", group=LOAD, note=tr("the kind of texts that are asked")),
    Field(
        "lengths", tr("Lengths"), "", "choice", tr("as the texts"), group=LOAD, note=tr("drawn from a published mix")
    ),
    Field("answer_tokens", tr("Longest answer"), TOKENS, "whole", group=LOAD),
    Field("promise.tokens_per_second_per_user", tr("Speed ≥"), "tok/s", blank=NONE, group=PROMISE),
    Field("promise.ttft_s", tr("First token ≤"), "s", blank=NONE, group=PROMISE),
    Field("price.input", tr("Input price"), "$/Mtok", group=PRICE),
    Field("price.cached", tr("Cached input"), "$/Mtok", group=PRICE),
    Field("price.output", tr("Output price"), "$/Mtok", group=PRICE),
    Field("sampling.temperature", tr("Temperature"), "", group=SAMPLING, note=tr("0 takes the likeliest token")),
    Field(
        "sampling.top_k",
        tr("Top-k"),
        "",
        "whole",
        group=SAMPLING,
        note=tr("draws from the likeliest so many; 0: from all"),
    ),
    Field("sampling.top_p", tr("Top-p"), "", group=SAMPLING, note=tr("draws from what makes up this probability")),
    Field("sampling.repetition_penalty", tr("Repetition"), "", group=SAMPLING, note=tr("penalty; 1: none")),
    Field("sampling.stop", tr("Stop texts"), "", "texts", NONE, group=SAMPLING, note=tr("each ends an answer")),
)
"""Every setting of a tier but its name, by groups."""

BY_PATH: Mapping[str, Field] = {field.path: field for field in FIELDS}


def with_values(tier: Tier, values: Mapping[str, Any]) -> Tier:
    """The tier with these values by their paths; raises `ValueError` in words for what no lane can run."""
    outer: dict[str, Any] = {}
    for path, value in values.items():
        name, _, inner = path.partition(".")
        outer[name] = (
            msgspec.structs.replace(outer.get(name, getattr(tier, name)), **{inner: value}) if inner else value
        )
    return msgspec.structs.replace(tier, **outer)


def differences(before: Tier, after: Tier) -> Iterator[tuple[Field, Any, Any]]:
    """The fields in which two tiers differ, each with both values."""
    for field in FIELDS:
        old, new = field.of(before), field.of(after)
        if old != new:
            yield field, old, new


def as_sentence(text: str) -> str:
    """What an error says, as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _texts(label: str, text: str) -> tuple[str, ...]:
    """Texts in quotes, as JSON writes them, or plain ones without a comma in them."""
    if not text.startswith('"'):
        return tuple(part.strip() for part in text.split(",") if part.strip() and part.strip() != NONE)
    try:
        found = json.loads(f"[{text}]")
    except ValueError:
        found = None
    if not found or not all(isinstance(part, str) for part in found):
        raise ValueError(tr('{setting}: write them like "###", "\\n\\n"', setting=label))
    return tuple(found)
