"""What the judge of alarms tells, and what the user does not want to see; recorded by the plant."""

from typing import Literal

from desk.facts.fact import Fact
from desk.facts.numbers import Real

Severity = Literal["notice", "warning", "critical"]


class AlarmRaised(Fact):
    """A condition that asks for attention has lasted. `alarm` and `subject` (a tier or a device) name it.

    `title` is a word or two for the event lane; `cause` and `remedy` are sentences with the values of that moment. The
    end of a run ends its alarms.
    """

    alarm: str
    title: str
    cause: str
    remedy: str = ""
    subject: str = ""
    severity: Severity = "warning"


class AlarmCleared(Fact):
    """The condition has gone, for good as far as can be told; `title` is a word or two for the event lane."""

    alarm: str
    title: str
    subject: str = ""


class AlarmShelved(Fact):
    """The user does not want to see an alarm until the stamp `until`, `None`: until the run ends."""

    alarm: str
    subject: str = ""
    until: Real | None = None
