"""The text of the one request in view, with its time to first token and its speed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from desk.facts.happened import AnyFact, ChildEnded, Finished, FirstToken, Said, Worked

LONGEST = 20_000
"""Characters of an answer that are kept; of a longer one, the end."""
_TOLD_AGAIN = 16
"""A text that begins with all of so many characters is the answer told from its beginning again."""


@dataclass(slots=True)
class Streams:
    """Folds what was said of the watched request of one run; `tier` is empty before anything was.

    `ttft` in seconds from submission, `tokens` handed to its user so far, `ended` why it is over, empty until then.
    """

    tier: str = ""
    request: int = 0
    text: str = ""
    ttft: float | None = None
    tokens: int = 0
    ended: str = ""
    _first: float | None = None
    _latest: float | None = None
    _open: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    """Submission and first token of every request that is being answered: any of them may come into view."""

    @property
    def rate(self) -> float | None:
        """Tokens per second from the first token to the latest, the first itself not counted."""
        if self._first is None or self._latest is None or self._latest <= self._first or self.tokens < 2:
            return None
        return (self.tokens - 1) / (self._latest - self._first)

    def see(self, fact: AnyFact) -> None:
        """Take a fact in."""
        take = _TAKES.get(type(fact))
        if take is not None:
            take(self, fact)

    def _first_token(self, fact: FirstToken) -> None:
        self._open[fact.tier, fact.request] = fact.submitted, fact.t
        if fact.request == self.request and fact.tier == self.tier:
            self._begin(fact.submitted, fact.t)

    def _finished(self, fact: Finished) -> None:
        self._open.pop((fact.tier, fact.request), None)
        if fact.request == self.request and fact.tier == self.tier:
            self.tokens, self._latest, self.ended = fact.emitted, fact.t, fact.reason

    def _child_ended(self, fact: ChildEnded) -> None:
        if fact.child != "engine":
            return
        self._open.clear()
        if self.tier and not self.ended:
            self.ended = "cancelled"

    def _begin(self, submitted: float, first: float) -> None:
        self.ttft, self._first = first - submitted, first

    def _said(self, fact: Said) -> None:
        if (fact.tier, fact.request) != (self.tier, self.request):
            self.tier, self.request, self.text, self.tokens, self.ended = fact.tier, fact.request, "", 0, ""
            self.ttft = self._first = self._latest = None
            if (known := self._open.get((fact.tier, fact.request))) is not None:
                self._begin(*known)
        again = len(self.text) >= _TOLD_AGAIN and fact.text.startswith(self.text)
        self.text = (fact.text if again else self.text + fact.text)[-LONGEST:]

    def _worked(self, fact: Worked) -> None:
        if self.ended or not self.tier:
            return
        for work in fact.lanes:
            if work.tier == self.tier:
                for slot in work.slots:
                    if slot.request == self.request and slot.emitted > self.tokens:
                        self.tokens, self._latest = slot.emitted, fact.t


_TAKES: dict[type, Callable[[Streams, Any], None]] = {
    Worked: Streams._worked,
    FirstToken: Streams._first_token,
    Finished: Streams._finished,
    Said: Streams._said,
    ChildEnded: Streams._child_ended,
}

FOLLOWED = frozenset(_TAKES)
"""The kinds of facts that tell something of a request's text."""
