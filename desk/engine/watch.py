"""The text of one watched request, as it grows."""

from collections.abc import Callable

from desk.facts.happened import AnyFact, Said
from desk.models.text import Stream


class Watcher:
    """Turns the tokens of the one request in view into `Said` facts, a few a second; all others cost nothing.

    `request` is its number, `None` where no request is in view.
    """

    def __init__(self, tell: Callable[[AnyFact], None]) -> None:
        self._tell = tell
        self._tier = ""
        self.request: int | None = None
        self._stream: Stream | None = None
        self._text: list[str] = []

    def follow(self, tier: str, request: int, stream: Stream, answer: list[int]) -> None:
        """View a request from the beginning of its answer on, of which `answer` is already there."""
        self._tier, self.request, self._stream = tier, request, stream
        self._text = [stream.push(token) for token in answer]

    def switch(self, request: int, stream: Stream) -> None:
        """Read the request's further tokens in another model's vocabulary."""
        if request == self.request and self._stream is not None:
            self._text.append(self._stream.finish())
            self._stream = stream

    def leave(self) -> None:
        """View nothing."""
        self.request = self._stream = None
        self._text.clear()

    def said(self, token: int) -> None:
        """The request in view got a token."""
        if self._stream is not None:
            self._text.append(self._stream.push(token))

    def ended(self, request: int, now: float) -> None:
        """A request is over: say what is left of it."""
        if request == self.request and self._stream is not None:
            self._text.append(self._stream.finish())
            self.flush(now)
            self.leave()

    def flush(self, now: float) -> None:
        """Say what has come since the last time."""
        text = "".join(self._text)
        self._text.clear()
        if text and self.request is not None:
            self._tell(Said(t=now, tier=self._tier, request=self.request, text=text))
