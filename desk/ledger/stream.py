"""The text of the one request in view, with its time to first token and its speed."""

from dataclasses import dataclass, field

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
        match fact:
            case Worked():
                if self.tier and not self.ended:
                    self._worked(fact)
            case FirstToken():
                self._open[fact.tier, fact.request] = fact.submitted, fact.t
                if (fact.tier, fact.request) == (self.tier, self.request):
                    self._begin(fact.submitted, fact.t)
            case Finished():
                self._open.pop((fact.tier, fact.request), None)
                if (fact.tier, fact.request) == (self.tier, self.request):
                    self.tokens, self._latest, self.ended = fact.emitted, fact.t, fact.reason
            case Said():
                self._said(fact)
            case ChildEnded(child="engine"):
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
        for work in fact.lanes:
            if work.tier == self.tier:
                for slot in work.slots:
                    if slot.request == self.request and slot.emitted > self.tokens:
                        self.tokens, self._latest = slot.emitted, fact.t
