"""Composed pictures: the same pixels everywhere, nothing cut, nothing small, nothing told that should not be."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pypdf
import pytest
from PySide6.QtCore import QHashSeed
from PySide6.QtGui import QImage
from scripted import facts

from desk.facts.happened import EngineOpened, LaneReady, RunStarted
from desk.facts.metered import MeterOpened
from desk.facts.trouble import Trouble
from desk.panel import theme
from desk.panel.books import Books
from desk.panel.capture import png_of
from desk.panel.pictures.composing import Wish
from desk.panel.pictures.paper import Paper
from desk.panel.pictures.presets import KINDS, NARROW, PRESETS, STYLES
from desk.panel.runs import story
from desk.panel.runs.story import Compared
from desk.panel.shot import compose
from desk.runs.comparison import compare
from desk.runs.summary import Summing

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "golden"
DIGEST = "0123456789abcdef" * 4
SMALLEST = 11
"""In logical pixels: at twice its size, on a slide of 1080, 22 px."""
SINGLE = [kind for kind in KINDS if kind not in ("compare", "receipt")]


@pytest.fixture(scope="module")
def run():
    """Books of the scripted run, folded once for each script."""
    made = {}

    def folded(**script):
        key = repr(sorted(script.items()))
        if key not in made:
            made[key] = Books()
            for fact in facts(**script):
                made[key].post(fact)
        return made[key]

    return folded


@pytest.fixture
def measured(run):
    return run(seconds=40.0, source="nvml-counter")


def pixels(image):
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    raw = np.array(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return raw[:, : image.width(), :3].astype(np.int16)


def at_scale_one(picture):
    return replace(picture, preset=replace(picture.preset, scale=1.0))


@pytest.mark.parametrize(
    ("name", "wish"),
    [
        ("value", Wish("value", "slide", "light", "watts")),
        ("chart", Wish("chart", "slide", "dark")),
        ("floor", Wish("floor", "slide", "dark")),
        ("receipt", Wish("receipt", None, "light")),
    ],
)
def test_pictures_look_as_they_did(application, measured, name, wish, tmp_path):
    image = at_scale_one(wish.of(measured, digest=DIGEST)).image()
    wanted = GOLDEN / f"{name}.png"
    if os.environ.get("TOKEN_DESK_NEW_GOLDEN"):
        wanted.write_bytes(png_of(image.convertToFormat(QImage.Format.Format_RGB32)))
    golden, drawn = pixels(QImage(str(wanted))), pixels(image)
    assert drawn.shape == golden.shape
    off = (np.abs(drawn - golden) > 16).any(axis=2)
    if off.mean() > 0.002:
        image.save(str(tmp_path / f"{name}.png"))
        pytest.fail(f"{off.mean():.2%} of the pixels differ; see {tmp_path}/{name}.png, or write the goldens anew")


@pytest.mark.parametrize("kind", SINGLE)
def test_every_preset_holds_all_its_words_and_none_is_small(application, run, monkeypatch, kind):
    sizes, outside = set(), []
    made, say = theme._font, Paper.say

    def measuring(pixels, *rest):
        sizes.add(pixels)
        return made(pixels, *rest)

    def watching(self, x, base, text, face=None, token="text", *, right=False, room=None):
        wide = say(self, x, base, text, face, token, right=right, room=room)
        left = x - wide if right else x
        point = self.painter.worldTransform().map(left, base)
        if not (point[0] >= 0 and point[0] + wide <= self.box.width() + 1 and 0 < base < self.box.height()):
            outside.append((self.box, text))
        return wide

    monkeypatch.setattr(theme, "_font", measuring)
    monkeypatch.setattr(Paper, "say", watching)
    fitting = [preset for preset in PRESETS if kind in NARROW.get(preset, (kind,))]
    assert "slide" in fitting
    for preset in fitting:
        for script in ({"source": "nvml-counter"}, {"declared": (20.0, 65.0)}, {}):
            at_scale_one(Wish(kind, preset).of(run(seconds=40.0, **script))).image()
    assert outside == []
    assert min(sizes) >= SMALLEST


def test_pixels_are_those_of_the_preset(application, measured):
    for preset in PRESETS.values():
        image = Wish("value", preset.name).of(measured).image()
        assert (image.width(), image.height()) == (preset.width * preset.scale, preset.height * preset.scale)


def test_neither_process_nor_screen_nor_wishes_of_the_desktop_change_a_byte(application, record, tmp_path):
    recording = record(seconds=40.0, source="nvml-counter")
    for ending in ("png", "pdf"):
        compose([recording], tmp_path / f"here.{ending}", Wish("floor", "slide-hd", "light"))
    code = (
        "import sys, pathlib\n"
        "from desk.panel.app import dressed_application\n"
        "from desk.panel.shot import Wish, compose\n"
        "from desk.panel.theme import Theme\n"
        "application = dressed_application()\n"
        "Theme('dark').choose(high_contrast=True, text_size=150)\n"
        "recording, *outs = map(pathlib.Path, sys.argv[1:])\n"
        "for out in outs: compose([recording], out, Wish('floor', 'slide-hd', 'light'))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    environment |= {"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "QT_SCALE_FACTOR": "2", "QT_QPA_PLATFORM": "offscreen"}
    outs = [str(tmp_path / f"there.{ending}") for ending in ("png", "pdf")]
    subprocess.run([sys.executable, "-c", code, str(recording), *outs], env=environment, check=True, timeout=120)
    for ending in ("png", "pdf"):
        assert (tmp_path / f"here.{ending}").read_bytes() == (tmp_path / f"there.{ending}").read_bytes(), ending


def test_no_seed_of_a_hash_table_changes_a_byte_of_a_pdf(application, measured):
    """Qt writes fonts in the order of a hash table, whose seed is another one in every process."""
    picture, written = Wish("chart-table", "docs", "print").of(measured), set()
    for _ in range(6):
        QHashSeed.resetRandomGlobalSeed()
        written.add(picture.pdf())
    assert len(written) == 1


def test_every_plot_says_how_true_it_is_and_estimates_are_marked(application, run):
    picture = Wish("floor", "a4").of(run(seconds=40.0, declared=(20.0, 65.0)))
    words = picture.caption().splitlines()
    assert "REPLAY 22 Nov 2026" in words
    assert {"REPLAY", "REPLAY, estimated", "estimated watts"} <= set(words)
    live = Wish("floor", "slide").of(run(seconds=40.0, source="nvml-counter"), mode="live").caption().splitlines()
    assert "LIVE" in live
    assert not any("REPLAY" in word for word in live)


def test_the_money_of_a_picture_is_in_the_currency_of_its_run(application, four):
    euros = [[in_currency(fact, "EUR") for fact in each] for each in four[:2]]
    books = Books()
    for fact in euros[0]:
        books.post(fact)
    single = [Wish(kind).of(books, digest=DIGEST) for kind in ("receipt", "floor", "chart-table")]
    single.append(Wish("value", figure="revenue_per_hour").of(books))
    for picture, sign in zip(single, ("€/Mtok", "€/h", "€/h", "€/h"), strict=True):
        words = picture.caption()
        assert sign in words
        assert "$" not in words + picture.texts()["Description"]
    alike, mixed = beside(*euros), beside(euros[0], four[1])
    words = Wish("compare", "slide").beside(alike).caption()
    assert "worth, €/h" in words
    assert "$" not in words
    words = Wish("compare", "slide").beside(mixed).caption()
    assert mixed.found.no_money.rstrip(".") in " ".join(words.split("\n"))
    assert not {"worth, €/h", "worth, $/h"} & set(words.splitlines())


def test_a_png_tells_programs_what_it_shows(application, record, tmp_path):
    out = compose([record(seconds=40.0, source="nvml-counter")], tmp_path / "a.png", Wish("floor", "link"))
    told = json.loads(QImage(str(out)).text("Description"))
    lineage = {(each["figure"], each["tier"]): each for each in told["lineage"]}
    watts = lineage["watts", None]
    assert watts["value"] == told["figures"]["watts"]["value"]
    assert watts["source"].startswith("NVML energy counter")
    assert lineage["tokens_per_second", "Ultra"]["value"] == told["tiers"]["Ultra"]["tokens_per_second"]
    assert told["imprint"]["provider"] == "CUDA in 5 of 5 lanes"


@pytest.mark.parametrize(("kind", "size"), [("floor", (720.0, 405.0)), ("receipt", None)])
def test_a_pdf_is_read_by_others_as_it_was_meant(application, measured, kind, size):
    page = Wish(kind, "slide" if size else None, "print").of(measured, digest=DIGEST).pdf()
    reader = pypdf.PdfReader(io.BytesIO(page))
    (sheet,) = reader.pages
    assert size is None or (float(sheet.mediabox.width), float(sheet.mediabox.height)) == size
    text = "".join(sheet.extract_text().split())
    assert ("fivetiersonExampleGPU24GB" if size else "Impliedrevenue") in text
    assert "NVMLenergycounter" in text
    assert "7f3a91c2" in text
    assert size or DIGEST[:8] in text
    fonts = [font.get_object()["/DescendantFonts"][0].get_object() for font in sheet["/Resources"]["/Font"].values()]
    assert fonts
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in fonts)
    assert not sheet["/Resources"].get("/XObject")
    assert reader.metadata.title


def beside(*told):
    """Runs of these facts, read and compared."""
    summings = [Summing() for _ in told]
    for summing, facts_of in zip(summings, told, strict=True):
        summing.fold(facts_of)
    stories = [next(filter(None, story.told("run", facts_of))) for facts_of in told]
    return Compared(compare([summing.summary() for summing in summings]), tuple(stories))


@pytest.fixture(scope="module")
def four():
    """The facts of four runs: measured, estimated, without watts, and of another seed."""
    scripts = ({"source": "nvml-counter"}, {"declared": (20.0, 65.0)}, {}, {"seed": 3})
    return [
        [renamed(fact, f"run{place}") for fact in facts(seconds=40.0, **script)] for place, script in enumerate(scripts)
    ]


def in_currency(fact, code):
    tariff = getattr(fact, "tariff", None)
    if tariff is None:
        return fact
    return msgspec.structs.replace(fact, tariff=msgspec.structs.replace(tariff, currency=code))


def renamed(fact, run):
    return msgspec.structs.replace(fact, run=run) if isinstance(fact, RunStarted) else fact


def test_runs_are_compared_in_every_size_that_has_room(application, four):
    for count in (2, 4):
        compared = beside(*four[:count])
        for preset in (preset for preset in PRESETS if "compare" in NARROW.get(preset, ("compare",))):
            words = at_scale_one(Wish("compare", preset).beside(compared)).caption()
            assert all(f"run{place}" in words for place in range(count))
    words = Wish("compare", "slide").beside(beside(*four[1:3])).caption()
    assert "None is called better. Their spreads overlap." in words


def test_a_comparison_says_in_which_figure_and_of_which_watts(application, four):
    compared = beside(*four[:2])
    words = Wish("compare", "slide", "dark", "watts").beside(compared).caption().splitlines()
    assert {"Power", "W, by the time since the start", "REPLAY, estimated", "estimated watts", "measured"} <= set(words)
    assert "None is called better. Their watts come from different sources." in words
    words = Wish("compare", "slide").beside(compared).caption().splitlines()
    assert {"Tokens per second", "REPLAY", "estimated watts"} <= set(words)
    with pytest.raises(Trouble, match="not compared in happiness"):
        Wish("compare", "slide", "dark", "happiness").beside(compared)


SECRET = "/home/maria schmidt/models/tiny llama"
SERIAL = "GPU-5fd4a1c0-77aa-4c1e-8d1c-0123456789ab"


def named(fact):
    """The fact as a machine would tell it whose owner keeps models at home."""
    if isinstance(fact, RunStarted):
        tiers = tuple(msgspec.structs.replace(tier, model=SECRET) for tier in fact.tiers)
        return msgspec.structs.replace(fact, tiers=tiers, scenario="/home/maria schmidt/rush.toml")
    if isinstance(fact, LaneReady):
        return msgspec.structs.replace(fact, model=SECRET)
    if isinstance(fact, EngineOpened):
        return msgspec.structs.replace(fact, device_uuid=SERIAL)
    if isinstance(fact, MeterOpened):
        devices = tuple(msgspec.structs.replace(device, uuid=SERIAL) for device in fact.devices)
        return msgspec.structs.replace(fact, devices=devices)
    return fact


def test_no_picture_names_the_machine_or_its_owner(application):
    books, mine = Books(), [named(fact) for fact in facts(seconds=40.0, source="nvml-counter")]
    for fact in mine:
        books.post(fact)
    other = [
        msgspec.structs.replace(f, scenario="/mnt/alpha beta/x.toml") if isinstance(f, RunStarted) else f for f in mine
    ]
    pictures = [Wish(kind, None).of(books, digest=DIGEST) for kind in (*SINGLE, "receipt")]
    for picture in (*pictures, Wish("compare", None).beside(beside(mine, other))):
        page = pypdf.PdfReader(io.BytesIO(picture.pdf()))
        told = [picture.caption(), *picture.texts().values(), picture.name, page.pages[0].extract_text()]
        told += [str(value) for value in page.metadata.values()]
        for text in told:
            for secret in ("maria", "schmidt", "/home", "/mnt", "alpha", SERIAL, SERIAL[4:12]):
                assert secret not in text
        assert any("tiny llama" in text or "rush" in text for text in told)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish("moon"), "no kind moon"),
        (Wish("floor", "stamp"), "no preset stamp"),
        (Wish("floor", "slide", "pink"), "no style pink"),
        (Wish("chart", "slide", "dark", "happiness"), "no chart of happiness"),
        (Wish("chart", "link"), "no room in the preset link"),
        (Wish("receipt", "slide"), "size of its own"),
    ],
)
def test_what_there_is_not_is_said_and_nothing_is_written(application, record, tmp_path, wish, words):
    with pytest.raises(Trouble, match=words):
        compose([record(seconds=40.0)], tmp_path / "a.png", wish)
    assert list(tmp_path.iterdir()) == []


def test_other_peoples_files_stay_as_they_are(application, record, tmp_path):
    recording, wish = record(seconds=40.0), Wish("value", "link")
    theirs = tmp_path / "holiday.png"
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(0)
    image.save(str(theirs))
    before = theirs.read_bytes()
    with pytest.raises(Trouble, match="not a picture of Token Desk"):
        compose([recording], theirs, wish)
    with pytest.raises(Trouble, match=r"cannot be written as \.gif"):
        compose([recording], tmp_path / "a.gif", wish)
    assert theirs.read_bytes() == before
    mine = compose([recording], tmp_path / "mine.png", wish)
    compose([recording], mine, Wish("value", "link", "light"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday.png", "mine.png"]
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(Trouble, match="empty"):
        compose([empty], tmp_path / "b.png", wish)


def test_every_style_keeps_words_readable():
    def luminance(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for palette in STYLES.values():
        for ground in (palette.bg, palette.raised):
            for ink in (palette.text, palette.soft, palette.mut):
                low, high = sorted((luminance(ground), luminance(ink)))
                assert (high + 0.05) / (low + 0.05) >= 4.5
