"""What the window costs the engine: `tests/endurance/panel_cost.py --rounds 8` on a machine that does nothing else.

One run of five tiers goes on all the time. In each round it is measured twice, once with nobody looking (facts are
recorded, and wait) and once with the whole window beating, in turned order from round to round; so what drifts on the
machine meets both alike. Prints tokens/s of both, their ratio, and the processor time of this process, which holds
plant and window but no engine. Ends with 1 where the window costs more than its budget. The picture is painted without
a screen, so what a display server adds is not in it.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QTimer  # noqa: E402

from desk.facts import places  # noqa: E402
from desk.facts.happened import AnyFact, FirstToken, Worked, now  # noqa: E402
from desk.panel.app import dressed_application  # noqa: E402
from desk.panel.heartbeat import Heartbeat  # noqa: E402
from desk.panel.theme import Theme  # noqa: E402
from desk.panel.window import Window  # noqa: E402
from desk.plant.plant import Plant  # noqa: E402
from desk.plant.presets import preset  # noqa: E402

LEAST = 0.95
"""The engine keeps at least this part of its tokens/s beside the window."""

FIRST_S = 300.0
"""How long a model may take to be built and loaded."""

SETTLE_S = 2.0
"""After each turn, before anything is counted."""


class Counter:
    """Tokens by the moment they are told of; `first` once one was made."""

    def __init__(self) -> None:
        self._told: list[tuple[float, int]] = []
        self.first = False

    def see(self, fact: AnyFact) -> None:
        self.first = self.first or isinstance(fact, FirstToken)
        if isinstance(fact, Worked):
            self._told.append((fact.t, sum(work.emitted for work in fact.lanes)))

    def rate(self, start: float, end: float) -> float:
        return sum(tokens for t, tokens in self._told if start < t <= end) / (end - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--size", default="1440x900")
    parser.add_argument("--preset", default="this-machine")
    asked = parser.parse_args()
    models = places.models_dir()
    with tempfile.TemporaryDirectory(prefix="panel-cost-") as folder:
        os.environ["TOKEN_DESK_HOME"] = folder
        (Path(folder) / "models").symlink_to(models, target_is_directory=True)
        application = dressed_application()
        chosen = preset(asked.preset)
        plant = Plant(chosen.tiers, preset=chosen.name)
        window = Window("live", Theme("dark"))
        heartbeat = Heartbeat(window, plant)
        window.resize(*map(int, asked.size.split("x")))
        try:
            plant.open()
            return _measure(window, heartbeat, plant, asked.rounds, asked.seconds)
        finally:
            window.close()
            application.processEvents()


def _measure(window: Window, heartbeat: Heartbeat, plant: Plant, rounds: int, seconds: float) -> int:
    counter = Counter()
    heartbeat.listeners.append(counter.see)
    heartbeat.start()
    window.show()
    plant.start()
    deadline = now() + FIRST_S
    while not counter.first and now() < deadline:
        _spin(1.0)
    if not counter.first:
        print("Not one token was made.")
        return 1
    print(f"{'round':>6} {'alone':>9} {'beside':>9} {'ratio':>7} {'cpu':>7} {'cpu':>7}")
    print(f"{'':>6} {'tok/s':>9} {'tok/s':>9} {'':>7} {'alone':>7} {'beside':>7}")
    ratios, shares = [], []
    for number in range(rounds):
        found: dict[bool, Any] = {}
        for looking in (False, True) if number % 2 else (True, False):
            found[looking] = _stretch(window, heartbeat, seconds, looking=looking)
        rates = {looking: counter.rate(start, end) for looking, (start, end, _) in found.items()}
        ratios.append(rates[True] / rates[False])
        shares.append(found[True][2])
        words = f"{rates[False]:>9.1f} {rates[True]:>9.1f} {ratios[-1]:>7.3f}"
        print(f"{number + 1:>6} {words} {found[False][2]:>7.1%} {found[True][2]:>7.1%}", flush=True)
    kept = statistics.median(ratios)
    print(
        f"beside the window the engine keeps {kept:.1%} of its tokens/s ({min(ratios):.1%} to {max(ratios):.1%});"
        f" the window takes {statistics.median(shares):.1%} of a core"
    )
    return 0 if kept >= LEAST else 1


def _stretch(window: Window, heartbeat: Heartbeat, seconds: float, *, looking: bool) -> tuple[float, float, float]:
    """Start and end of a measurement, and what part of a core this process took in it."""
    window.setVisible(looking)
    heartbeat._timer.start() if looking else heartbeat._timer.stop()
    _spin(SETTLE_S)
    start, spent = now(), time.process_time()
    _spin(seconds)
    end, spent = now(), time.process_time() - spent
    heartbeat.beat()
    while heartbeat._pending:  # what waited is folded outside of what is measured
        heartbeat.beat()
    return start, end, spent / (end - start)


def _spin(seconds: float) -> None:
    """Let the window live for so long."""
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())
