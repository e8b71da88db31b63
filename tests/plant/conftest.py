"""Plants whose children follow a script, closed at the end of the test."""

import pytest
from scripted_child import write_model
from scripted_plant import LIMITS, Watched, script

from desk.facts.tiers import Tier
from desk.plant.plant import Plant


@pytest.fixture
def model(tmp_path):
    """A model folder that is ready."""
    write_model(tmp_path / "model")
    return str(tmp_path / "model")


@pytest.fixture
def tiers(model):
    return tuple(Tier(name=name, model=model, slots=1, users=1) for name in ("Free", "Ultra"))


@pytest.fixture
def open_plant(tiers):
    """Opens plants with the behaviours given, and closes them at the end of the test."""
    plants = []

    def opened(limits=None, **behaviours):
        plant = Plant(tiers, preset="scripted", argv=script(**behaviours), limits=limits or LIMITS)
        plants.append(plant)
        plant.open()
        return Watched(plant)

    yield opened
    for plant in plants:
        plant.close()
