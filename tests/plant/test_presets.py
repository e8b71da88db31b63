"""Presets: those that ship, and files of the user's."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.facts.tiers import TIER_NAMES, Price, Promise, Sampling, Tier
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
    ("old", "new", "told"),
    [
        ("context = 512", "context = 1", "line 10: context of tier Ultra is 1, but must lie between 16 and 1"),
        ("context = 512", "contxt = 512", "line 10: contxt of tier Ultra is no field of a tier; context is one"),
        ("context = 512", 'context = "big"', "line 10: context of tier Ultra must be a whole number, not text"),
        ("context = 256", "context = 1.5", "line 5: context of tier Free must be a whole number, not a number"),
        ('name = "Ultra"', 'name = "Free"', "line 9: it names the tier Free twice"),
        ('name = "Ultra"', "", "line 8: name of tier 2 is missing"),
        ("price = { output = 2.0 }", "price = 2.0", "line 11: price of tier Ultra must be a table, not a number"),
        (
            "price = { output = 2.0 }",
            "price.ouput = 2.0",
            "line 11: price.ouput of tier Ultra is no field of a tier; out",
        ),
        ("price = { output = 2.0 }", "\n[tiers.price]\noutput = -1", "line 13: price.output of tier Ultra is -1"),
        ("price = { output = 2.0 }", 'price.output = "2"', "line 11: price.output of tier Ultra must be a number, not"),
        ("[common]", "titel = 3\n[common]", "line 3: titel is no field of a preset"),
        ('title = "Two"', "title = ", "line 2"),
        (GOOD, 'title = "None"\ntiers = []', "it has no tiers"),
    ],
)
def test_a_slip_in_a_file_is_named_with_its_line_and_field(tmp_path, old, new, told):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(Trouble) as caught:
        presets.preset(str(path))
    assert caught.value.cause.startswith("mine.toml")
    assert told in caught.value.cause
    assert caught.value.remedy


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    st.lists(
        st.builds(
            Tier,
            name=words,
            model=words,
            share=st.floats(0.01, 100.0),
            arrivals_per_second=st.none() | st.floats(1e-3, 1e4),
            lengths=st.sampled_from(["", "chat"]),
            price=st.builds(Price, input=st.floats(0.0, 1e6)),
            promise=st.builds(Promise, ttft_s=st.none() | st.floats(1e-6, 1e5)),
            sampling=st.builds(Sampling, stop=st.lists(words.filter(bool), max_size=3).map(tuple)),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda tier: tier.name,
    ),
    words,
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_saved_is_read_again_as_it_was(tmp_path, tiers, note):
    chosen = presets.Preset(name="x", title="A title", note=note, illustration=bool(note), tiers=tuple(tiers))
    saved = presets.save(chosen, tmp_path / "mine.toml")
    assert saved == presets.preset(saved.key)
    assert (saved.tiers, saved.note, saved.illustration) == (chosen.tiers, note, bool(note))


def test_a_saved_file_says_its_units_and_keeps_a_tier_on_few_lines(tmp_path):
    path = tmp_path / "mine.toml"
    presets.save(presets.preset("gtc-2026"), path)
    text = path.read_text()
    assert "price     dollars per million tokens" in text
    assert "price = { input = 0.0, cached = 0.0, output = 150.0 }" in text
    assert "second-hand" in presets.preset(str(path)).source


def test_a_folder_that_cannot_be_written_is_trouble(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match=r"The preset was not saved to .*mine\.toml"):
        presets.save(presets.preset("gtc-2026"), tmp_path / "file" / "mine.toml")


def test_an_unknown_preset_is_told_what_there_is():
    with pytest.raises(Trouble, match=r"no preset nosuch.*this-machine"):
        presets.preset("nosuch")
