"""The tables of the lowest floor: tiers and their limits, figures and their words, places."""

from pathlib import Path

import msgspec
import pytest

from desk.facts import places
from desk.facts.figures import FIGURES
from desk.facts.tiers import TIER_NAMES, Price, Promise, Sampling, Tier
from desk.facts.trouble import Trouble


def tier(**settings):
    return Tier(name="High", model="m", **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"context": 8}, "context of tier High is 8, but must lie between 16 and"),
        ({"slots": 0}, "slots of tier High is 0"),
        ({"share": 0.0}, "share of tier High is 0"),
        ({"share": float("nan")}, "share of tier High is nan"),
        ({"users": -1}, "users of tier High is -1"),
        ({"think_s": 1e9}, "think_s of tier High"),
        ({"answer_tokens": 0}, "answer_tokens of tier High is 0"),
        ({"price": Price(input=-1.0)}, "price.input of tier High is -1"),
        ({"price": Price(output=1e9)}, "price.output of tier High"),
        ({"sampling": Sampling(top_k=65)}, "sampling.top_k of tier High is 65"),
        ({"sampling": Sampling(top_p=0.0)}, "sampling.top_p of tier High is 0"),
        ({"promise": Promise(ttft_s=0.0)}, "promise.ttft_s of tier High is 0, but must be above 0"),
        (
            {"promise": Promise(tokens_per_second_per_user=-2.0)},
            "promise.tokens_per_second_per_user of tier High is -2",
        ),
    ],
)
def test_a_setting_that_no_lane_can_run_is_refused_by_its_name(settings, words):
    with pytest.raises(ValueError, match=words.replace(".", r"\.")):
        tier(**settings)
    with pytest.raises(msgspec.ValidationError, match=words.replace(".", r"\.")):
        msgspec.convert(msgspec.to_builtins(settings) | {"name": "High", "model": "m"}, Tier)


def test_a_tier_promises_nothing_unless_told():
    assert tier().promise == Promise()
    assert tier(promise=Promise(ttft_s=0.2)).promise.tokens_per_second_per_user is None
    assert len(TIER_NAMES) == len(set(TIER_NAMES)) == 5


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_is_explained(figure):
    assert FIGURES[figure.key] is figure
    assert figure.definition.endswith(".")
    assert figure.definition[0].isupper()
    assert not figure.formula.endswith(".")
    assert figure.title
    assert figure.unit
    assert figure.window
    assert figure.kind in ("measured", "derived", "assumed")
    assert figure.tiers or figure.total


def test_figures_of_energy_are_told_from_others():
    assert FIGURES["tokens_per_joule"].of_energy
    assert not FIGURES["tokens_per_second"].of_energy


def test_trouble_is_a_cause_and_a_remedy():
    assert str(Trouble("It broke.", "Mend it.")) == "It broke. Mend it."
    assert str(Trouble("It broke.")) == "It broke."


def test_folders_are_made_where_the_home_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN_DESK_HOME", str(tmp_path / "new" / "home"))
    assert places.data_dir() == tmp_path / "new" / "home"
    assert places.models_dir().is_dir()
    assert places.runs_dir().is_dir()
    assert places.settings_file() == tmp_path / "new" / "home" / "settings.toml"


def test_without_a_home_the_users_own_folders_are_used(tmp_path, monkeypatch):
    monkeypatch.delenv("TOKEN_DESK_HOME")
    monkeypatch.setattr(places.platformdirs, "user_data_dir", lambda name, appauthor: str(tmp_path / "data" / name))
    monkeypatch.setattr(places.platformdirs, "user_config_dir", lambda name, appauthor: str(tmp_path / "config" / name))
    assert places.data_dir() == tmp_path / "data" / "token-desk"
    assert places.settings_file() == tmp_path / "config" / "token-desk" / "settings.toml"


def test_what_ships_is_found_beside_or_inside_the_package(tmp_path, monkeypatch):
    assert places.shipped("desk", "facts", "places.py") == Path(places.__file__).resolve()
    package = tmp_path / "desk"
    (package / "_data").mkdir(parents=True)
    monkeypatch.setattr(places, "_PACKAGE", package)
    assert places.shipped("assets") == package / "_data" / "assets"
