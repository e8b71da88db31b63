"""The embedded model, built once for all tests of a session, and a tiny catalogue for those that spoil things."""

import hashlib
import json

import pytest
import tiny
from given import DATA, quietly

from desk.facts import places
from desk.models import builder
from desk.models.catalogue import catalogue, entry


@pytest.fixture(scope="session")
def reference():
    """What transformers (float32, weights dequantised) and llama.cpp made of six prompts, recorded once."""
    return json.loads((DATA / "smollm2_reference.json").read_text(encoding="utf-8"))["cases"]


@pytest.fixture(scope="session")
def write_embedded(tmp_path_factory):
    """Writes the embedded model in any precision: `write_embedded(precision)` gives the folder."""

    def write(precision):
        folder = tmp_path_factory.mktemp(precision.name)
        embedded = entry("smollm2-135m")
        builder.write(embedded.source(), embedded, precision, folder, quietly)
        return folder

    return write


@pytest.fixture
def write_tiny(tmp_path):
    """Writes a tiny model: `write_tiny(precision, ...)` gives its folder and the weights as published."""

    def write(precision, **how):
        source, folder = tmp_path / "tiny.gguf", tmp_path / precision.name
        weights = tiny.write(source, **how)
        folder.mkdir(exist_ok=True)
        builder.write(source, entry("smollm2-135m"), precision, folder, quietly)
        return folder, weights

    return write


@pytest.fixture
def tiny_catalogue(tmp_path, monkeypatch):
    """A catalogue of one tiny model, `tiny`, whose weights come in a distribution of their own; gives their path."""
    import gguf

    site = tmp_path / "site"
    (site / "tiny_weights-1.0.dist-info").mkdir(parents=True)
    (site / "tiny_weights-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
    )
    weights = site / "tiny.gguf"
    tiny.write(weights, gguf.GGMLQuantizationType.Q4_1)
    content = weights.read_bytes()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "catalogue.toml").write_text(
        '[tiny]\ntitle = "Tiny"\nlicence = "Apache-2.0"\ndistribution = "tiny-weights"\nversion = "1.0"\n'
        f'file = "tiny.gguf"\nbytes = {len(content)}\nsha256 = "{hashlib.sha256(content).hexdigest()}"\n'
        'precisions = ["q8", "q4", "fp16"]\n'
    )
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(places, "shipped", lambda *parts: tmp_path.joinpath(*parts))
    catalogue.cache_clear()
    yield weights
    catalogue.cache_clear()
