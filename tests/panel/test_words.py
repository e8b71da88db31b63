"""Every text of the window goes through the words, as literals that tools can collect; what need not is named here."""

import ast
import gzip
import json
import os
import re
import string
import struct
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

import desk.panel
from desk.doctor.examination import NAMES, SUBJECTS
from desk.facts import currency
from desk.facts.figures import INSTRUMENTS
from desk.facts.palette import Palette
from desk.facts.places import shipped
from desk.models.catalogue import catalogue
from desk.panel import words
from desk.plant import presets
from desk.scenario import curve

PANEL = Path(desk.panel.__file__).parent
NOT_OF_THE_WINDOW = {
    "words.py",  # the door itself
    "shot.py",  # what it says, it says on the command line, which is English
}
MODULES = {path.relative_to(PANEL).as_posix(): path for path in sorted(PANEL.rglob("*.py"))}
MODULES = {name: path for name, path in MODULES.items() if name not in NOT_OF_THE_WINDOW}

CALLED = (
    *("Token Desk", "JetBrains Mono", "Inter", "Fusion", "Python", "Markdown", "AMD", "NVIDIA", "SHA-256", "UTC"),
    *("PNG", "PDF", "CSV", "JSON", "ONNX", "CUDA", "NVML", "RAPL", "PUE", "GPU", "CPU", "TTFT", "ITL"),
)
"""What is called the same in every language: names, and abbreviations of the field."""
UNITS = {
    *("tok", "user", "tok/s", "tok/s/user", "tok/s/MW", "tok/J", "Mtok", "Wh", "kWh", "ms", "min", "MHz", "GHz", "px"),
    *("kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"),
}
KEYS = {
    *("Ctrl", "Shift", "Alt", "Tab", "Space", "Esc", "Enter", "Return", "Delete", "Home", "End"),
    *("Left", "Right", "Up", "Down"),
}
"""Keys of the keyboard as Qt writes them, also in `Ctrl+Shift+Z`."""
MARKUP = re.compile(r"<[^>]*>|&\w+;")


# ---- the code

STYLE = re.compile(r"[{};]\s*$|[a-z]: [^;]*;")
INKS = {each.name for each in fields(Palette)}
"""The colours of the theme, which stand among the words of a label."""
EXCEPTIONS = {
    "not answering",  # the state of a device, looked up in a table of words
    "Cancelled.",  # what a job has recorded of its end, compared with it
    "Illustration, second-hand: ",  # what the source of a preset may begin with, cut off
}
"""Texts with words that nobody reads."""
EXCEPT_IN = {
    "runs/course.py": {"Medium", "High", "Premium"},  # colours of the ramp, by the tiers that have them
}
UNSEEN = {
    *("setObjectName", "setProperty", "setStyleSheet", "getattr", "setattr", "get_all", "turn_to"),
    *("ValueError", "RuntimeError", "TypeError", "KeyError", "LookupError", "AssertionError"),
}
"""What takes texts that nobody reads, or only programmers."""
SHOWING = {
    *("Label", "QLabel", "QPushButton", "QAction", "QMenu", "Toggle", "Trouble", "headed_card", "drawText"),
    *("setText", "setTitle", "setWindowTitle", "setToolTip", "setPlaceholderText", "setAccessibleName"),
    *("setAccessibleDescription", "addItem", "addItems", "addAction"),
}
"""What shows its texts as they are, so that one word in small letters is for people, too."""
FIGURES = {"title", "definition", "formula", "window"}
"""What the table of figures holds in words: the one floor below whose texts are translated where they are shown."""


def untranslated(node: ast.AST, shown: bool = False) -> Iterator[tuple[int, str]]:
    """The line and text of each literal that reads as written for people and is given to neither `tr` nor `plural`."""
    parts: list[ast.AST] = []
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Compare() | ast.MatchValue() | ast.Assert():
            return  # a docstring, or what is not shown
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return
        case ast.Constant(value=str()) | ast.JoinedStr():
            values = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(part.value if isinstance(part, ast.Constant) else "…" for part in values)
            if for_people(text, shown):
                yield node.lineno, text
            parts = [part for part in values if isinstance(part, ast.FormattedValue)]
        case ast.Dict():
            parts = [*node.values]
        case ast.Subscript():
            parts = [node.value]
        case ast.Call():
            name = called(node)
            if name in UNSEEN:
                return
            shown = name in SHOWING
            parts = [node.func, *([] if name in ("tr", "plural") else node.args), *node.keywords]
        case ast.arg():
            return
        case ast.FunctionDef():
            parts = [node.args, *node.decorator_list, *node.body]
        case ast.AnnAssign():
            parts = [node.value] if node.value else []
        case _:
            parts = [*ast.iter_child_nodes(node)]
    for part in parts:
        yield from untranslated(part, shown)


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def for_people(text: str, shown: bool = False) -> bool:
    """Whether a text has words: several, or one that begins with a capital letter or is `shown` just so."""
    if text in EXCEPTIONS or STYLE.search(text):
        return False
    plain = re.sub(rf"\b({'|'.join(map(re.escape, CALLED))})\b", "", MARKUP.sub(" ", text))
    parts = (part.strip(".,:;!?()“”\"'…–·→") for part in re.split(r"[\s+]+", plain))
    said = [part for part in parts if re.fullmatch(r"[A-Za-z][A-Za-z'’-]+", part) and part not in UNITS | KEYS | INKS]
    return len(said) > 1 or any(shown or (word[0].isupper() and not word.isupper()) for word in said)


@pytest.fixture(scope="module")
def trees():
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def test_what_reads_as_written_for_people_is_found():
    code = """
        def show(self, name: "A name of it") -> "Nothing said":
            '''What a docstring says is for programmers.'''
            self.setText("paused" if name == "some name" else f"{name} stands still")
            self.setObjectName("no word of it")
            self.tell(tr("Stop {name}", name="all of them"), "tok/s", "Ctrl+K", "<b>GPU</b>", {"a key": "Its value"})
            raise Trouble("It fails.", self.words["of a table"])
    """
    found = [text for _, text in untranslated(ast.parse(code.replace("\n        ", "\n")))]
    assert found == ["paused", "… stands still", "all of them", "Its value", "It fails."]


def test_no_literal_of_the_panel_escapes(trees):
    left = [
        f"{name}:{line}: {text!r}"
        for name, tree in trees.items()
        for line, text in untranslated(tree)
        if text not in EXCEPT_IN.get(name, ())
    ]
    assert left == []


def test_texts_are_literals_whose_fields_are_given(trees):
    """Tools collect literals alone. A text without values may be filled later, which `format` then sees to."""
    wrong = []
    for name, tree in trees.items():
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or called(call) not in ("tr", "plural"):
                continue
            many = called(call) == "plural"
            given, named = {each.arg for each in call.keywords}, set()
            for text in call.args[: 2 if many else 1]:
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    named |= {field for _, field, _, _ in string.Formatter().parse(text.value) if field is not None}
                elif many or not (isinstance(text, ast.Attribute) and text.attr in FIGURES):
                    wrong.append(f"{name}:{call.lineno}: no literal")
            named -= {"n"} if many and "n" not in given else set()
            fits = given - {None} <= named if None in given else given == named
            if not fits and (many or given):
                wrong.append(f"{name}:{call.lineno}: {sorted(named)}, but given {sorted(given - {None})}")
    assert wrong == []


# ---- the words themselves

THREE_FORMS = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"


def write_catalogue(folder: Path, language: str, said: dict[str, str]) -> None:
    """A catalogue as gettext's own tools write it: sorted keys and their texts, each with its length and its place."""
    said = {"": f"Content-Type: text/plain; charset=UTF-8\nPlural-Forms: {THREE_FORMS}\n"} | said
    texts = [each.encode() for side in (sorted(said), [said[key] for key in sorted(said)]) for each in side]
    count, place = len(said), 28 + 16 * len(said)
    table = b""
    for text in texts:
        table += struct.pack("<2I", len(text), place)
        place += len(text) + 1
    head = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, place)
    path = folder / language / "LC_MESSAGES" / "desk.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(head + table + b"".join(text + b"\0" for text in texts))


def test_a_catalogue_speaks_with_as_many_forms_as_its_language_has(tmp_path, monkeypatch):
    runs = "{n} run\0{n} runs", "{n} przebieg\0{n} przebiegi\0{n} przebiegów"
    write_catalogue(tmp_path, "pl", {"Stop {name}": "Zatrzymaj {name}", runs[0]: runs[1]})
    monkeypatch.setattr(words, "_language", words.spoken_language("pl", tmp_path))
    assert words.tr("Stop {name}", name="Ultra") == "Zatrzymaj Ultra"
    said = [words.plural("{n} run", "{n} runs", count) for count in (1, 2, 5, 22, 25)]
    assert said == ["1 przebieg", "2 przebiegi", "5 przebiegów", "22 przebiegi", "25 przebiegów"]
    assert words.plural("{n} run", "{n} runs", 1200, n="1 200") == "1 200 przebiegów"
    assert words.tr("Not in it: {name}", name="Ultra") == "Not in it: Ultra"


@pytest.mark.parametrize("name", ["", "xx"])
def test_what_has_no_catalogue_is_english(name, tmp_path, monkeypatch):
    write_catalogue(tmp_path, "pl", {"Stop": "Zatrzymaj"})
    # Not the environment itself: the C library would keep what it has once said in another language.
    monkeypatch.setattr("os.environ", os.environ.copy() | {"LANGUAGE": "pl"})
    monkeypatch.setattr(words, "_language", words.spoken_language(name, tmp_path))
    assert words.tr("Stop") == "Stop"
    counts = {1: "1 run", 1.5: "1.5 runs", 0: "0 runs", 2: "2 runs"}
    assert {count: words.plural("{n} run", "{n} runs", count) for count in counts} == counts


def test_the_made_up_language_is_longer_and_keeps_fields_and_tags():
    made_up = words.spoken_language(words.MADE_UP)
    text = "<b>Stop</b> {name!r} at {watts:.1f} W, or &amp; wait"
    said = made_up.gettext(text)
    assert said.format(name="Ultra", watts=3).startswith("[<b>Stóp</b> 'Ultra' át 3.0 W, ór &")
    assert len(said) >= (1 + words.LONGER) * len(text)
    assert made_up.gettext("") == ""
    assert [made_up.ngettext("one", "many", count)[:4] for count in (1, 2)] == ["[óñé", "[máñ"]


# ---- the window

RECORDING, ECONOMICS = shipped("assets", "recordings", "five-tiers-cpu.jsonl.gz"), shipped("assets", "economics")
GIVEN = {
    *("name", "title", "note", "cause", "licence", "file", "repo", "model", "precision", "preset", "mix"),
    *("distribution", "runtime", "device", "processor"),
}
"""The fields of facts, catalogue, presets and scenarios that bring names and sentences."""
PLAIN = re.compile("[aceinouy]", re.IGNORECASE)
"""Letters that the made-up language has with accents alone."""
FOLDERS = re.compile(r"(models/)?imported|runs|imported, models/imported, .*, runs, .*")
"""What the table of what lies on the disk names as it is called there."""
HASH = "[0-9a-f]{12,}"


def given(value: object, field: str = "") -> Iterator[str]:
    """The texts in the `GIVEN` fields of what is made of dicts and lists."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from given(each, name)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from given(each, field)
    elif isinstance(value, str) and field in GIVEN:
        yield value


def brought(below: list[str]) -> set[str]:
    """All texts that the panel shows as they come: from facts, from files that ship, and from the floors below."""
    with gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        facts = [json.loads(line) for line in lines]
    tables = [tomllib.loads(path.read_text(encoding="utf-8")) for path in ECONOMICS.glob("*.toml")]
    sets = [presets.preset(name) for name in presets.names()]
    made = [msgspec.to_builtins(each) for each in (*catalogue().values(), *map(curve.scenario, curve.names()), *sets)]
    told = {*below, *given(facts), *given(tables), *given(made), *(each.source for each in sets)}
    told |= {*NAMES.values(), *SUBJECTS.values(), *INSTRUMENTS.values(), *curve.names()}
    told |= {RECORDING.name, RECORDING.name.partition(".")[0]}
    for code in currency.NAMED:
        told |= {code, currency.sign(code), currency.words(code)}
    told |= {
        "cpu",  # a provider by its name
        "no NVIDIA device was found",  # what the engine said of it, shortened
        "bý declared",  # the source of the watts of a run, by its key
    }
    told |= {text.rpartition("/")[2] for text in told}  # a file without its folder
    told |= {text[:1].lower() + text[1:] for text in told if " " in text}  # within a sentence
    return {text.rstrip(".") for text in told if len(text) > 1}


def test_no_word_that_a_window_says_escapes(home):
    visited = [sys.executable, str(Path(__file__).with_name("visited.py")), str(RECORDING)]
    spoken = os.environ | {"TOKEN_DESK_LANGUAGE": words.MADE_UP}
    found = json.loads(subprocess.run(visited, env=spoken, check=True, stdout=subprocess.PIPE, timeout=300).stdout)
    told = brought([*found["below"], str(home), str(home / "models")])
    known = "|".join(map(re.escape, sorted(told | {*CALLED, *UNITS, *KEYS}, key=len, reverse=True)))
    taken_away = re.compile(rf"{MARKUP.pattern}|(?<![A-Za-z])({known}|{HASH})(?![A-Za-z])")
    left = []
    for text, where in found["said"].items():
        part = text.removesuffix("…").strip()  # of what was painted in several lines, or had no room
        if FOLDERS.fullmatch(text) or (" " in part and any(part in whole for whole in told)):
            continue
        said = re.findall(r"[^\W\d_]{2,}", taken_away.sub(" ", text))
        if "{" in text or any(PLAIN.search(word) for word in said):
            left.append(f"{where}: {text!r}")
    assert left == []
    assert len(found["said"]) > 1000, "the windows were not visited"
