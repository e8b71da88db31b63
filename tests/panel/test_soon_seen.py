"""How soon a fact is seen, by the facts' own stamps and the clock of the frames: no wall time is looked at."""

from itertools import pairwise

import msgspec
import pytest
from scripted import T0, facts, tiers

from desk.facts.happened import Worked
from desk.facts.metered import Read
from desk.panel.capture import picture_of
from desk.panel.heartbeat import RATE_HZ, Heartbeat
from desk.panel.theme import Theme
from desk.panel.window import Window
from desk.plant.plant import Plant

BUDGET_S = 1.0
CHANGED_AT = 20.01
"""Just after a half-second has begun, which is the longest way to its end."""


class Told(Plant):
    """A plant whose children say what a script says, when the clock of the frames is there."""

    def __init__(self, script):
        super().__init__(tiers())
        self._script = list(script)
        self.t = T0

    def drain(self):
        due = [fact for fact in self._script if fact.t <= self.t]
        del self._script[: len(due)]
        return due


def changed(script):
    """The same run, whose lanes emit four tokens for one from a moment on, on half as much power again."""
    for fact in script:
        if fact.t - T0 > CHANGED_AT and isinstance(fact, Worked):
            fact = msgspec.structs.replace(
                fact, lanes=tuple(msgspec.structs.replace(work, emitted=4 * work.emitted) for work in fact.lanes)
            )
        elif fact.t - T0 > CHANGED_AT and isinstance(fact, Read):
            (told,) = fact.devices
            edges = tuple((t, joules + 150.0 * (t - T0 - CHANGED_AT)) for t, joules in told.edges)
            fact = msgspec.structs.replace(fact, devices=(msgspec.structs.replace(told, edges=edges),))
        yield fact


@pytest.fixture
def beating(application):
    """A window on a script, moved by hand from frame to frame: (heartbeat, source)."""
    windows = []

    def made(script):
        source = Told(script)
        window = Window("live", Theme("dark"))
        windows.append(window)
        heartbeat = Heartbeat(window, source)
        window.resize(1440, 900)
        window.show()
        return heartbeat, source

    yield made
    for window in windows:
        window.close()
        window.deleteLater()


def test_what_a_fact_changes_is_on_the_screen_within_a_second(beating, application):
    script = list(facts(seconds=22.0, source="nvml-counter", stopped=False))
    assert max(b.t - a.t for a, b in pairwise(each for each in script if isinstance(each, Worked))) < 0.11
    both = [beating(script), beating(changed(script))]
    for heartbeat, source in both:
        source.t = T0 + CHANGED_AT
        heartbeat.beat()
        while heartbeat._pending:
            heartbeat.beat()
        heartbeat.refresh()
        heartbeat.charts.run.refresh_all()
    strips = both[0][0].charts.run.strips
    seen = {}
    for frame in range(1, round(1.5 * BUDGET_S * RATE_HZ)):
        pictures = []
        for heartbeat, source in both:
            source.t = T0 + CHANGED_AT + frame / RATE_HZ
            heartbeat.beat()
            application.processEvents()
            pictures.append(picture_of(heartbeat.charts.run.viewport(), 1.0))
        for strip in strips:
            box = strip.rect.toRect()
            if strip not in seen and pictures[0].copy(box) != pictures[1].copy(box):
                seen[strip] = frame / RATE_HZ
    late = {strip.spec.title: seen.get(strip) for strip in strips if seen.get(strip, 9.0) > BUDGET_S}
    assert not late, "seconds from the fact to the picture"
    assert min(seen.values()) > 0.0
