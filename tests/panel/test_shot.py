"""Pictures of recordings: the same bytes each time, and they say what they show."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtGui import QImage
from scripted import facts

from desk.facts.codec import encode
from desk.facts.trouble import Trouble
from desk.panel import shot
from desk.panel.shot import shoot


def pixels(path):
    image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32)
    return np.array(image.constBits(), dtype=np.uint8).reshape(image.height(), image.width(), 4)[:, :, 2::-1]


def about(path):
    return json.loads(QImage(str(path)).text("Description"))


def test_two_calls_give_identical_bytes(application, record, tmp_path):
    recording = record(seconds=40.0, source="nvml-counter")
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for out in (first, second):
        shoot(recording, out, size="1920x1080", theme="light")
    assert first.read_bytes() == second.read_bytes()
    assert len(np.unique(pixels(first).reshape(-1, 3), axis=0)) > 50


def test_another_process_locale_and_scale_give_the_same_bytes(application, record, tmp_path):
    recording = record(seconds=40.0, source="nvml-counter")
    shoot(recording, tmp_path / "here.png")
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "QT_QPA_PLATFORM")}
    environment |= {"LC_ALL": "de_DE.UTF-8", "TZ": "Asia/Tokyo", "QT_SCALE_FACTOR": "2"}
    code = "import sys, pathlib; from desk.panel.shot import shoot; shoot(*map(pathlib.Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(recording), str(tmp_path / "there.png")]
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert (tmp_path / "here.png").read_bytes() == (tmp_path / "there.png").read_bytes()


@pytest.mark.parametrize(("size", "wide"), [("1440x900", 2880), ("slide", 1920)])
def test_the_picture_has_the_size_that_was_asked_for(application, record, tmp_path, size, wide):
    out = shoot(record(seconds=10.0), tmp_path / "a.png", size=size, scale=2)
    assert QImage(str(out)).width() == wide


def test_the_metadata_tell_run_mode_and_figures_as_of_a_moment(application, record, tmp_path):
    recording = record(seconds=40.0, source="nvml-counter")
    out = shoot(recording, tmp_path / "a.png")
    told = about(out)
    assert told["run"] == "7f3a91c2"
    assert told["mode"] == "replay"
    assert told["seconds"] > 35
    watts = told["figures"]["watts"]
    assert watts["provenance"] == "measured"
    rate, per_joule = told["figures"]["tokens_per_second"], told["figures"]["tokens_per_joule"]
    assert rate["value"] / watts["value"] == pytest.approx(per_joule["value"], rel=0.02)
    assert sum(tier["tokens_per_second"] for tier in told["tiers"].values()) == pytest.approx(rate["value"])
    assert QImage(str(out)).text("Software").startswith("Token Desk ")
    assert 10 < about(shoot(recording, tmp_path / "early.png", at=15.0))["seconds"] < 15.5


def test_watts_are_null_where_none_are_and_named_where_they_are_assumed(application, record, tmp_path):
    told = about(shoot(record(seconds=40.0), tmp_path / "a.png", size="slide"))
    for key in ("watts", "tokens_per_joule", "energy_cost_per_mtok"):
        assert told["figures"][key]["value"] is None
        assert told["figures"][key]["provenance"] == "unavailable"
    told = about(shoot(record(seconds=40.0, declared=(20.0, 65.0)), tmp_path / "a.png", size="slide"))
    assert told["figures"]["watts"]["provenance"] == "assumed"
    assert told["meter"] == "assumed 20 W idle, 65 W busy"


def test_a_view_that_reads_beside_the_window_is_waited_for(application, record, tmp_path, monkeypatch):
    recording = record(seconds=10.0)
    whole = shoot(recording, tmp_path / "whole.png", view="frontier")
    monkeypatch.setattr(shot, "READ_S", 0.0)
    early = shoot(recording, tmp_path / "early.png", view="frontier")
    assert (pixels(whole) != pixels(early)).any(axis=2).mean() > 0.01, "the sweep that ships has points to draw"


def test_at_zero_there_is_a_picture_of_dashes(application, record, tmp_path):
    told = about(shoot(record(seconds=10.0), tmp_path / "a.png", at=0.0))
    assert told["figures"]["tokens_per_second"]["value"] is None


def test_a_compressed_and_torn_recording_is_drawn_up_to_the_tear(application, tmp_path):
    whole = gzip.compress(b"".join(encode(fact) for fact in facts(seconds=20.0)))
    torn = tmp_path / "torn.jsonl.gz"
    torn.write_bytes(whole[: len(whole) * 2 // 3])
    assert about(shoot(torn, tmp_path / "a.png", size="slide"))["seconds"] > 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"view": "moon"}, "no view moon"),
        ({"size": "3x4"}, "no size 3x4"),
        ({"theme": "pink"}, "no theme pink"),
        ({"scale": 40}, "out of range"),
    ],
)
def test_what_there_is_not_is_said(application, record, tmp_path, options, words):
    with pytest.raises(Trouble, match=words):
        shoot(record(seconds=10.0), tmp_path / "a.png", **options)


def test_no_recording_and_no_folder_are_said(application, record, tmp_path):
    with pytest.raises(Trouble, match="no recording"):
        shoot(tmp_path / "none.jsonl", tmp_path / "a.png")
    with pytest.raises(Trouble, match="cannot be written"):
        shoot(record(seconds=10.0), tmp_path / "nowhere" / "a.png")
    with pytest.raises(Trouble, match=r"as \.jpg"):
        shoot(record(seconds=10.0), tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []
