"""Undo and redo over tiers, and edits on their way: without a window, with a plant that only listens."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.facts.tiers import TIER_NAMES, Price, Promise, Sampling, Tier
from desk.facts.trouble import Trouble
from desk.panel.tiers.edits import PATIENCE, Edits, choices
from desk.panel.tiers.fields import BY_PATH, FIELDS, differences, with_values
from desk.panel.tiers.history import History, ordered, step
from desk.plant import presets
from desk.plant.plant import Plant

VALUES = {"users": st.integers(0, 9), "share": st.sampled_from([0.5, 1.0, 2.0]), "price.output": st.floats(0, 9)}
cells = st.sampled_from(sorted(VALUES)).flatmap(lambda path: st.tuples(st.just(path), VALUES[path]))
moves = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(TIER_NAMES), cells),
    st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from(TIER_NAMES)),
    st.tuples(st.sampled_from(["undo", "redo"])),
)


def leaves(struct, prefix=""):
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, msgspec.Struct):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_setting_of_a_tier_is_a_field():
    assert sorted(BY_PATH) == sorted(set(leaves(Tier(name="Free", model="m"))) - {"name"})


@given(st.lists(moves, max_size=25))
def test_undoing_everything_gives_what_was_and_redoing_it_what_came(script):
    """A plain list of states is the model: the history must walk along it, whatever the script does."""
    start = now = ordered(Tier(name=name, model="m") for name in TIER_NAMES[:2])
    history, states, at = History(), [start], 0
    for kind, *rest in script:
        after = dict(now)
        if kind == "set" and rest[0] in now:
            path, value = rest[1]
            after[rest[0]] = with_values(now[rest[0]], {path: value})
        elif kind == "add" and rest[0] not in now:
            after = ordered([*now.values(), Tier(name=rest[0], model="m")])
        elif kind == "remove":
            after.pop(rest[0], None)
        elif kind in ("undo", "redo"):
            found = history.back() if kind == "undo" else history.forth()
            at += 0 if found is None else -1 if kind == "undo" else 1
            now = now if found is None else found.taken(now)
            assert now == states[at]
            continue
        if after != now:
            history.do(step(kind, now, after))
            now, states, at = after, [*states[: at + 1], after], at + 1
    while (found := history.back()) is not None:
        now = found.taken(now)
    assert now == start
    while (found := history.forth()) is not None:
        now = found.taken(now)
    assert now == states[-1]


def test_undo_leaves_alone_what_else_has_changed_since():
    free = Tier(name="Free", model="m", users=4)
    done = step("users", {"Free": free}, {"Free": with_values(free, {"users": 9})})
    later = with_values(free, {"users": 9, "price.output": 2.0})
    assert done.reversed().taken({"Free": later})["Free"] == with_values(free, {"price.output": 2.0})


OF_KIND = {
    "number": st.floats(0, 1e6).map(lambda number: float(f"{number:.10g}")),
    "whole": st.integers(0, 10**6),
    "choice": st.sampled_from(["", "code"]),
    "texts": st.lists(st.text(min_size=1, max_size=4), max_size=3).map(tuple),
}


# The first text that hypothesis draws reads its tables, which takes a busy machine a while.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FIELDS).flatmap(lambda field: st.tuples(st.just(field), OF_KIND[field.kind])))
def test_what_a_field_writes_it_reads_again(given):
    field, value = given
    assert field.read(field.write(value)) == value
    assert field.read(field.show(value)) == value or (field.kind == "choice" and not field.blank)


@pytest.mark.parametrize("text", ['"open', '"a" 3', '"", 3'])
def test_texts_that_are_not_written_as_such_are_told(text):
    with pytest.raises(ValueError, match="Stop texts"):
        BY_PATH["sampling.stop"].read(text)


def test_texts_without_quotes_are_told_apart_by_commas():
    assert BY_PATH["sampling.stop"].read("END, ###") == ("END", "###")


class Listening(Plant):
    """A plant that has not been opened: what it is asked for is kept."""

    def __init__(self, tiers):
        super().__init__(tiers, preset="this-machine")
        self.asked = []

    def change(self, tier):
        self.asked.append(tier)

    def equip(self, tiers, preset=""):
        self.asked.append((tuple(tiers), preset))


@pytest.fixture
def plant(home):
    return Listening([])


@pytest.fixture
def edits(plant):
    made = Edits(plant)
    made.see({tier.name: tier for tier in presets.preset("this-machine").tiers}, running=True)
    return made


def see(edits, *tiers, **more):
    return edits.see({**edits.now, **{tier.name: tier for tier in tiers}}, running=True, **more)


def test_a_value_is_ordered_until_its_fact_comes_and_then_differs_from_the_preset(edits, plant):
    edits.set("Ultra", "price.output", 6.0)
    (asked,) = plant.asked
    assert asked.price == Price(input=0.5, cached=0.25, output=6.0)
    assert edits.is_ordered("Ultra", "price.output")
    assert edits.now["Ultra"].price.output == 2.0
    see(edits, asked)
    assert not edits.is_ordered("Ultra", "price.output")
    assert edits.preset_value("Ultra", "price.output") == (2.0,)
    assert [(tier, field.label, old, new) for tier, field, old, new in edits.changes()] == [
        ("Ultra", "Output price", 2.0, 6.0)
    ]


def test_quick_edits_of_two_views_do_not_undo_each_other(edits, plant):
    free = edits.now["Free"]
    edits.set("Free", "users", 9)
    edits.change(with_values(free, {"price.output": 0.5}))  # from a drawer that has not seen the fact of the first
    assert (plant.asked[-1].users, plant.asked[-1].price.output) == (9, 0.5)


def test_an_order_that_never_comes_back_is_given_up_in_a_sentence(edits):
    edits.set("Free", "slots", 200)
    assert not any(see(edits, busy={"Free"}) for _ in range(3 * PATIENCE))
    assert edits.is_ordered("Free", "slots")
    troubles = [see(edits) for _ in range(PATIENCE + 3)]
    assert not edits.is_ordered("Free", "slots")
    assert [str(each) for each in troubles if each] == ["Free did not take slots. The factory keeps what it has."]


def test_undo_orders_the_old_value_of_the_running_factory_and_redo_the_new_one(edits, plant):
    edits.set("Free", "users", 9)
    see(edits, plant.asked[-1])
    edits.undo()
    assert plant.asked[-1].users == 4
    see(edits, plant.asked[-1])
    edits.redo()
    assert plant.asked[-1].users == 9
    edits.redo()
    assert len(plant.asked) == 3


def test_a_preset_is_one_step_and_takes_its_name_along(edits, plant):
    edits.take(presets.preset("gtc-2026"))
    assert plant.preset == "gtc-2026"
    assert [tier.price.output for tier in plant.asked] == [3.0, 6.0, 45.0, 150.0]
    see(edits, *plant.asked)
    assert not edits.changes()
    edits.undo()
    assert (plant.preset, edits.origin.name) == ("this-machine", "this-machine")
    assert edits.wanted["Ultra"].price.output == 2.0


def test_tiers_come_and_go_between_runs_only(edits, plant):
    with pytest.raises(Trouble, match="between runs"):
        edits.remove("High")
    assert not edits.history.done
    edits.see(edits.now, running=False)
    edits.remove("High")
    tiers, preset = plant.asked[-1]
    assert ([tier.name for tier in tiers], preset) == (["Free", "Medium", "Premium", "Ultra"], "this-machine")
    edits.see({tier.name: tier for tier in tiers}, running=True)
    with pytest.raises(Trouble, match="Stop the run"):
        edits.undo()
    edits.see(edits.now, running=False)
    edits.undo()
    assert [tier.name for tier in plant.asked[-1][0]] == list(TIER_NAMES)


def test_a_value_that_no_lane_can_run_is_no_step(edits, plant):
    with pytest.raises(ValueError, match="between 1 and 256"):
        edits.set("Free", "slots", 0)
    assert (plant.asked, edits.history.done) == ([], [])


def test_what_is_offered_holds_what_is_in_force():
    tier = Tier(name="Free", model="somewhere/else", lengths="own")
    assert choices(BY_PATH["model"], tier)[-1] == "somewhere/else"
    assert choices(BY_PATH["precision"], tier) == [""]
    assert "code" in choices(BY_PATH["lengths"], tier)
    assert "own" in choices(BY_PATH["lengths"], tier)


def test_differences_are_told_by_field():
    free = Tier(name="Free", model="m")
    other = msgspec.structs.replace(free, promise=Promise(ttft_s=1.0), sampling=Sampling(stop=("x",)))
    assert [(field.path, old, new) for field, old, new in differences(free, other)] == [
        ("promise.ttft_s", None, 1.0),
        ("sampling.stop", (), ("x",)),
    ]
