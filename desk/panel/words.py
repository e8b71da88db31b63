"""The words of the window: whatever people read there goes through `tr` or `plural`, so that it can be translated.

The texts in the code are English and are the keys of the catalogues, which are gettext's:
`<folder>/<language>/LC_MESSAGES/desk.mo`. The language is chosen once, when the process starts, by
`TOKEN_DESK_LANGUAGE`; `en_XA` is a made-up one whose texts are in brackets, accented and 40 % longer, which shows what
escaped and what has too little room. What was recorded, and what the floors below say of trouble, stays as it was
written. A text holds no braces but those of its fields.
"""

import gettext
import os
import string
from pathlib import Path

from desk.facts.places import shipped

LANGUAGES = shipped("assets", "languages")
MADE_UP = "en_XA"
LONGER = 0.4
"""How much longer translated texts are allowed to be than English ones."""

_ACCENTED = str.maketrans("aceinouyACEINOUY", "áçéíñóúýÁÇÉÍÑÓÚÝ")
_FILLER = " óñé twó thréé fóúr fívé síx sévéñ éíght ñíñé téñ"


def tr(text: str, /, **values: object) -> str:
    """The text in the language of the window; where values are given, its `{fields}` are filled with them."""
    said = _language.gettext(text)
    return said.format(**values) if values else said


def plural(one: str, many: str, count: float, /, **values: object) -> str:
    """`one` or `many`, in the form that the language asks for with a count; `{n}` is the count where none is given."""
    return _language.ngettext(one, many, int(count) if count == int(count) else 2).format(**{"n": count, **values})


def spoken_language(name: str, folder: Path = LANGUAGES) -> gettext.NullTranslations:
    """The catalogue of a language; English as it is written where there is none for it."""
    if name == MADE_UP:
        return _MadeUp()
    return gettext.translation("desk", str(folder), [name] if name else [], fallback=True)


class _MadeUp(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return _made_up(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return _made_up(super().ngettext(msgid1, msgid2, n))


def _made_up(text: str) -> str:
    """`Stop {name}` as `[Stóp {name} óñé]`: fields and markup stay."""
    parts = []
    for literal, field, spec, conversion in string.Formatter().parse(text):
        parts.append(_accented(literal))
        if field is not None:
            parts.append("{" + field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}")
    return f"[{''.join(parts)}{_FILLER[: round(len(text) * LONGER)]}]" if text else text


def _accented(literal: str) -> str:
    """Accents on letters that stand outside of `<tags>`."""
    said, tag = [], False
    for letter in literal:
        tag = letter == "<" or (tag and letter != ">")
        said.append(letter if tag else letter.translate(_ACCENTED))
    return "".join(said)


_language = spoken_language(os.environ.get("TOKEN_DESK_LANGUAGE", ""))
