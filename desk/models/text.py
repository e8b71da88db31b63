"""The door to the tokenizer and to chat templates: text to token ids and back."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import tokenizers
from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest

Message = Mapping[str, str]
"""`role` (system, user, assistant) and `content`."""

MAX_PROMPT_CHARS = 4_000_000
"""More than any context here holds; a template that writes more is broken or hostile."""

_HELD_TOKENS = 32


class Text:
    """Tokenizer and chat template of one model folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Raises `Trouble` for a tokenizer or template that cannot be read."""
        self._manifest = manifest
        with self._told():
            self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / manifest.tokenizer))
        self._template = _compiled(manifest) if manifest.chat_template else None
        marks = {"bos_token": manifest.bos, "eos_token": next(iter(manifest.eos), None)}
        self._special = {
            name: "" if token is None else self._tokenizer.id_to_token(token) or "" for name, token in marks.items()
        }

    def encode(self, text: str) -> list[int]:
        """The ids of a plain prompt; names of special tokens in `text` become those tokens."""
        with self._told():
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        start = self._manifest.bos
        return ids if start is None or ids[:1] == [start] else [start, *ids]

    def chat(self, messages: Sequence[Message]) -> list[int]:
        """The ids of a conversation, ready for the model's answer; raises `Trouble` where its template fails."""
        if self._template is None:
            raise Trouble(f"Model {self._manifest.name} has no chat template.", "Choose a model made for conversation.")
        context = {
            "messages": [dict(message) for message in messages],
            "add_generation_prompt": True,
            "raise_exception": _refuse,
            **self._special,
        }
        return self.encode(_rendered(self._template, self._manifest.name, context))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, special tokens left out."""
        with self._told():
            return self._tokenizer.decode(ids, skip_special_tokens=True)

    def stream(self) -> "Stream":
        return Stream(self)

    @contextmanager
    def _told(self) -> Generator[None]:
        """Put what the library stumbles over into words: it raises bare exceptions, and panics past every handler."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            cause = f"The {self._manifest.tokenizer} of model {self._manifest.name} cannot be read: {error}."
            raise Trouble(cause, "Build or fetch the model again.") from error


class Stream:
    """The text of one answer as its ids come: what `push` and `finish` give, joined, is what `decode` gives."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._shown: list[int] = []
        self._held: list[int] = []

    def push(self, token: int) -> str:
        """The text that is whole now; empty while a character's bytes are still to come."""
        self._held.append(token)
        # Decoded together with the tokens before, since some vocabularies write a token's space by its neighbour.
        known, grown = self._text.decode(self._shown), self._text.decode(self._shown + self._held)
        if grown.endswith("\N{REPLACEMENT CHARACTER}") and len(self._held) < _HELD_TOKENS:
            return ""
        self._shown, self._held = self._held, []
        return grown[len(known) :]

    def finish(self) -> str:
        """What is still held at the end of the answer: a character that was cut short."""
        known, grown = self._text.decode(self._shown), self._text.decode(self._shown + self._held)
        self._shown, self._held = [], []
        return grown[len(known) :]


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without a way to Python's insides, and without the ways to make a little text enormous."""

    intercepted_binops = frozenset({"*", "**", "%"})
    _PADDING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)) or operator == "**":
            raise SecurityError(f"the operator {operator} is for numbers only, and ** for none")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not (isinstance(obj, str) and attr in self._PADDING) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        # Asked about each attribute; the original keeps a format from reaching out, but not from padding.
        if super().wrap_str_format(value) is not None:
            raise SecurityError("text.format is not available")


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)


def _compiled(manifest: Manifest) -> Template:
    # Blocks on a line of their own leave no line behind: what templates of published models are written for.
    sandbox = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    for name in ("center", "format", "indent", "wordwrap"):
        del sandbox.filters[name]
    try:
        return sandbox.from_string(manifest.chat_template)
    except TemplateError as error:
        raise _trouble(manifest.name, error) from error


def _rendered(template: Template, name: str, context: Mapping[str, object]) -> str:
    pieces: list[str] = []
    length = 0
    try:
        for piece in map(str, template.generate(context)):  # what is undefined comes as itself
            length += len(piece)
            if length > MAX_PROMPT_CHARS:
                raise SecurityError(f"more than {MAX_PROMPT_CHARS} characters")
            pieces.append(piece)
    except Exception as error:  # a template is a program of its own: whatever goes wrong in it is its author's
        raise _trouble(name, error) from error
    return "".join(pieces)


def _trouble(name: str, error: Exception) -> Trouble:
    reason = str(error).rstrip(".") or type(error).__name__
    return Trouble(f"The chat template of model {name} fails: {reason}.", "Choose another model, or mend its template.")
