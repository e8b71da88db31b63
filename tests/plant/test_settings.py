"""The settings file: read whole or not at all, and never written over where it could not be read."""

import os
import stat
import tomllib

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from desk.facts import places
from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.plant import settings
from desk.plant.settings import Settings, Watts

money = st.floats(0, 1e6, allow_nan=False)
every = st.builds(
    Settings,
    preset=st.text(),
    provider=st.sampled_from(["auto", "cuda", "cpu"]),
    theme=st.sampled_from(["auto", "dark", "light"]),
    window_s=st.floats(1, 86_400),
    tariff=st.builds(
        Tariff,
        dollars_per_kwh=money,
        pue=st.floats(1, 3),
        wall_factor=st.floats(1, 3),
        dollars_per_hour=st.none() | money,
        currency=st.from_regex("[A-Z]{3}", fullmatch=True),
    ),
    watts=st.none() | st.builds(Watts, idle=st.floats(0, 100), busy=st.floats(100, 500), assumed=st.booleans()),
    high_contrast=st.booleans(),
    text_size=st.integers(90, 200),
    reduced_motion=st.booleans(),
    place=st.none() | st.tuples(*[st.integers(-100_000, 100_000)] * 4),
    maximized=st.booleans(),
)


def write(text):
    places.settings_file().write_text(text, encoding="utf-8")


@examples(deadline=None)  # Each example syncs a file, and a busy disk takes its time.
@given(every)
def test_what_is_saved_is_loaded(chosen):
    settings.save(chosen)
    assert settings.load() == (chosen, None)


def test_without_a_file_the_defaults_hold_and_none_is_made():
    assert settings.load() == (Settings(), None)
    assert not places.settings_file().exists()


def test_the_file_reads_well():
    settings.save(Settings(theme="dark", watts=Watts(idle=20.0, busy=65.0)))
    text = places.settings_file().read_text()
    assert 'theme = "dark"' in text
    assert "[watts]\nidle = 20.0\nbusy = 65.0" in text
    assert tomllib.loads(text)["tariff"]["dollars_per_kwh"] == 0.31


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("theme = dark", "line 1"),
        ("theme = 'dark'\nwindow = 60", "window"),
        ("[tariff]\npue = 'high'", "tariff.pue"),
        ("[tariff]\npue = 0.5", "tariff.pue"),
        ("[tariff]\ncurrency = 'euro'", "line 2: tariff.currency is “euro”"),
        ("[watts]\nidle = 70\nbusy = 60", "watts"),
        ("window_s = 0", "window_s"),
        ("provider = 'gpu'", "provider"),
    ],
)
def test_a_slip_is_named_in_one_sentence_and_the_file_kept(text, named):
    write(text)
    chosen, trouble = settings.load()
    assert chosen == Settings()
    assert str(places.settings_file()) in trouble.cause
    assert named in trouble.cause
    assert "defaults" in trouble.remedy
    with pytest.raises(Trouble):
        settings.save(Settings(theme="light"))
    assert places.settings_file().read_text() == text


def test_bytes_that_are_no_text_are_trouble():
    places.settings_file().write_bytes(b"theme = '\xff'")
    assert "cannot be read" in settings.load()[1].cause


def test_a_failed_save_leaves_the_old_file_and_no_draft(monkeypatch):
    settings.save(Settings(theme="dark"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Trouble, match="No space left"):
        settings.save(Settings(theme="light"))
    assert settings.load()[0].theme == "dark"
    assert [path.name for path in places.settings_file().parent.iterdir()] == ["settings.toml"]


def test_the_file_is_its_owners():
    settings.save(Settings())
    assert stat.S_IMODE(places.settings_file().stat().st_mode) & 0o022 == 0


@pytest.mark.parametrize("text", ["20", "65,20", "a,b", "1,2,3", "-1,5", ""])
def test_watts_that_make_no_sense_are_refused(text):
    with pytest.raises(Trouble, match="IDLE,BUSY"):
        settings.declared(text)


def test_watts_are_idle_then_busy():
    assert settings.declared("20, 65.5") == Watts(idle=20.0, busy=65.5)
