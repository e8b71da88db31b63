"""What people write in TOML: settings, sets of tiers, scenarios and the catalogue."""

import tomllib
from functools import cache
from pathlib import Path
from random import Random

import msgspec
from spoil import as_toml, changed, spoiled

from desk.facts import places
from desk.facts.plans import Graph, Plan, Work
from desk.facts.tiers import Budget
from desk.models.catalogue import parsed
from desk.plant.plans import read as read_plan
from desk.plant.presets import preset, save
from desk.plant.settings import Settings, Watts, declared, load
from desk.plant.settings import save as keep
from desk.scenario.curve import scenario

_PLAN = Plan(
    title="A plan",
    graphs=(Graph(model="m", precision="q8"),),
    works=(Work(lengths="chat"),),
    contexts=(512,),
    repeats=2,
)


@cache
def _shipped(*parts: str) -> bytes:
    return places.shipped(*parts).read_bytes()


def _text(chance: Random, whole: bytes) -> bytes:
    if chance.randrange(2):
        return spoiled(chance, whole)
    value = changed(chance, tomllib.loads(whole.decode()))
    return as_toml(value if isinstance(value, dict) else {"value": value})


def settings(chance: Random, folder: Path) -> object:
    """The settings of the last start; what was read can be written and read again."""
    whole = msgspec.to_builtins(
        Settings(watts=Watts(idle=20.0, busy=65.0), budget=Budget(joules=1.0), place=(0, 0, 9, 9))
    )
    places.settings_file().write_bytes(_text(chance, as_toml(whole)))
    found, trouble = load()
    if trouble is None:
        keep(found)
        assert load() == (found, None)
    elif chance.randrange(2):
        raise trouble
    return found


def watts(chance: Random, folder: Path) -> object:
    """IDLE,BUSY on the command line."""
    return declared(spoiled(chance, b"20,65").decode(errors="surrogateescape"))


def presets(chance: Random, folder: Path) -> object:
    """A set of tiers; what was read can be written for people and read again."""
    path = folder / "mine.toml"
    path.write_bytes(_text(chance, _shipped("assets", "presets", "gtc-2026.toml")))
    found = preset(str(path))
    assert save(found, path).tiers == found.tiers
    return found


def plans(chance: Random, folder: Path) -> object:
    """The plan of a sweep, with every point of it."""
    path = folder / "mine.toml"
    path.write_bytes(_text(chance, as_toml(msgspec.to_builtins(_PLAN))))
    found = read_plan(path)
    return found.seconds, sum(1 for _ in found.points())


def scenarios(chance: Random, folder: Path) -> object:
    """A curve of load, asked how it goes on."""
    path = folder / "mine.toml"
    path.write_bytes(_text(chance, _shipped("assets", "scenarios", "rush-hour.toml")))
    found = scenario(str(path))
    moments = [chance.uniform(0.0, 1e4) for _ in range(3)]
    return [(found.load(moment), found.after(moment, chance.uniform(0.0, 100.0))) for moment in moments]


def catalogues(chance: Random, folder: Path) -> object:
    """The catalogue of models."""
    return parsed(_text(chance, _shipped("models", "catalogue.toml")).decode(errors="replace"))
