"""What is built before a run: the precision of the provider that the engine is going to choose."""

import pytest

from desk.facts.metered import Device, MeterOpened
from desk.facts.tiers import Tier
from desk.plant import needs

TIER = Tier(name="Free", model="smollm2-135m")


def opened(uuid=None, on_bus=0):
    devices = () if uuid is None else (Device(id="gpu0", kind="gpu", name="NVIDIA GPU", uuid=uuid),)
    return MeterOpened(t=0.0, source="none", quality="none", devices=devices, on_bus=on_bus)


@pytest.mark.parametrize(
    ("meter", "driven", "visible", "provider"),
    [
        (None, True, None, "cpu"),
        (opened(), True, None, "cpu"),
        (opened("GPU-1", 1), True, None, "cuda"),
        (opened("GPU-1", None), False, None, "cuda"),  # where nobody can ask the bus
        (opened("", 1), True, None, "cuda"),  # a card that sleeps
        (opened("", 1), False, None, "cpu"),  # one that sleeps, and another driver has it
        (opened("GPU-1", 2), True, "1", "cuda"),
        (opened("GPU-1", 1), True, "", "cpu"),
        (opened("GPU-1", 1), True, "-1", "cpu"),
    ],
)
def test_what_is_built_is_for_the_card_where_the_engine_will_find_one(
    tmp_path, monkeypatch, meter, driven, visible, provider
):
    monkeypatch.setattr(needs, "DRIVEN", tmp_path if driven else tmp_path / "none")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    [need] = needs.needs([TIER], "auto", meter)
    assert (need.provider, need.precision) == (provider, {"cpu": "q8", "cuda": "fp16"}[provider])
    assert needs.needs([TIER], "cpu", meter)[0].provider == "cpu"
