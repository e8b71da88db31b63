"""Presets: those that ship, and files of the user's."""

import pytest

from desk.facts.tiers import TIER_NAMES, Tier
from desk.facts.trouble import Trouble
from desk.plant import presets

GOOD = """
title = "Two"
[common]
model = "smollm2-135m"
context = 256
[[tiers]]
name = "Free"
[[tiers]]
name = "Ultra"
context = 512
price = { output = 2.0 }
"""


def test_this_machine_comes_first_and_the_illustration_ships():
    assert presets.names()[0] == "this-machine"
    assert "gtc-2026" in presets.names()


@pytest.mark.parametrize("name", ["this-machine", "gtc-2026"])
def test_what_ships_has_the_five_tiers_each_with_users_and_dearer_than_the_one_before(name):
    preset = presets.preset(name)
    assert tuple(tier.name for tier in preset.tiers) == TIER_NAMES
    assert all(tier.users > 0 and tier.model == "smollm2-135m" for tier in preset.tiers)
    prices = [tier.price.output for tier in preset.tiers]
    assert prices[0] == 0
    assert prices == sorted(set(prices))
    promises = [tier.promise.tokens_per_second_per_user for tier in preset.tiers]
    assert promises == sorted(promises)


def test_the_illustration_says_so_and_names_its_source():
    preset = presets.preset("gtc-2026")
    assert preset.illustration
    assert "second-hand" in preset.source
    assert [tier.price.output for tier in preset.tiers] == [0, 3, 6, 45, 150]
    assert not presets.preset("this-machine").illustration


def test_a_file_of_the_users_is_read_and_its_tiers_override_what_is_common(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    preset = presets.preset(str(path))
    assert (preset.name, preset.title) == ("mine", "Two")
    assert [(tier.name, tier.context, tier.price.output) for tier in preset.tiers] == [
        ("Free", 256, 0.0),
        ("Ultra", 512, 2.0),
    ]
    assert isinstance(preset.tiers[0], Tier)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("context = 512", "context = 1", "context of tier Ultra"),
        ("context = 512", "contxt = 512", "contxt"),
        ('name = "Ultra"', 'name = "Free"', "twice"),
        ("price = { output = 2.0 }", "price = 2.0", "price"),
        ('title = "Two"', "title = ", "line 2"),
    ],
)
def test_a_slip_in_a_file_is_named(tmp_path, old, new, named):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(Trouble) as caught:
        presets.preset(str(path))
    assert named in caught.value.cause
    assert caught.value.remedy


def test_an_unknown_preset_is_told_what_there_is():
    with pytest.raises(Trouble, match=r"no preset nosuch.*this-machine"):
        presets.preset("nosuch")
