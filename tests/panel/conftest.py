"""Windows on scripted factories: a recording, or a real plant whose children follow a script."""

import sys
from pathlib import Path

import pytest
from scripted import facts

from desk.facts.codec import encode
from desk.facts.tiers import Price, Promise, Tier

PLANT = Path(__file__).resolve().parents[1] / "plant"


@pytest.fixture
def application(qapp):
    from desk.panel.app import dressed_application

    yield dressed_application()
    # Without a display the clipboard outlives Python: the end of what Python has put on it would crash the process.
    qapp.clipboard().clear()


@pytest.fixture(scope="session")
def told():
    """The facts of a scripted run; the same run is made up, and judged, once."""
    made = {}

    def of(**script):
        key = repr(sorted(script.items()))
        if key not in made:
            made[key] = tuple(facts(**script))
        return made[key]

    return of


@pytest.fixture(scope="session")
def record(tmp_path_factory, told):
    """Writes a scripted run to a file; the same run is written once."""
    folder = tmp_path_factory.mktemp("recordings")
    made = {}

    def recorded(**script):
        key = repr(sorted(script.items()))
        if key not in made:
            path = folder / f"{len(made)}.jsonl"
            path.write_bytes(b"".join(encode(fact) for fact in told(**script)))
            made[key] = path
        return made[key]

    return recorded


@pytest.fixture
def books(told):
    """Folds a scripted run."""
    from desk.panel.books import Books

    def folded(**script):
        made = Books()
        for fact in told(**script):
            made.post(fact)
        return made

    return folded


@pytest.fixture
def factory(application, home):
    """A window on a real plant with scripted children: (window, heartbeat)."""
    from desk.panel.heartbeat import Heartbeat
    from desk.panel.theme import Theme
    from desk.panel.window import Window
    from desk.plant.plant import Plant

    sys.path.insert(0, str(PLANT))
    from scripted_child import write_model

    sys.path.remove(str(PLANT))
    write_model(home / "model")
    tiers = tuple(
        Tier(
            name=name, model=str(home / "model"), slots=1, users=1, price=Price(output=2.0), promise=Promise(ttft_s=1.0)
        )
        for name in ("Free", "Ultra")
    )

    def argv(verb, *arguments):
        return [sys.executable, str(PLANT / "scripted_child.py"), "behaves", verb, *arguments]

    plant = Plant(tiers, preset="scripted", argv=argv)
    plant.open()
    window = Window("live", Theme("dark"))
    heartbeat = Heartbeat(window, plant)
    heartbeat.start()
    window.show()
    yield window, heartbeat
    window.close()
    window.deleteLater()
