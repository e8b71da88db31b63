"""The text of an answer as its tokens come, and the texts that end it."""

from collections.abc import Sequence

from desk.models.text import Stream


class Ending:
    """Reads along with one answer until one of `stops` turns up in it; `text` is the answer without that."""

    def __init__(self, stream: Stream, stops: Sequence[str] = ()) -> None:
        self.text = ""
        self._stream = stream
        self._stops = stops
        self._overlap = max(map(len, stops), default=1) - 1
        self._over = False

    @property
    def sure(self) -> int:
        """How much of `text` no further token can take away: what may be the beginning of a stop text is not."""
        if self._over:
            return len(self.text)
        held = range(min(self._overlap, len(self.text)), 0, -1)
        return len(self.text) - next(
            (n for n in held if any(stop.startswith(self.text[-n:]) for stop in self._stops)), 0
        )

    def push(self, token: int) -> bool:
        """Whether the answer is over with this token."""
        return self._read(self._stream.push(token))

    def switch(self, stream: Stream) -> None:
        """Read the answer's further tokens in another model's vocabulary."""
        self._read(self._stream.finish())
        self._stream = stream

    def finish(self) -> str:
        """The whole text, once no token comes any more."""
        if not self._over:
            self._read(self._stream.finish())
            self._over = True
        return self.text

    def _read(self, more: str) -> bool:
        begin = max(0, len(self.text) - self._overlap)
        self.text += more
        found = [at for stop in self._stops if (at := self.text.find(stop, begin)) >= 0]
        if found:
            self.text, self._over = self.text[: min(found)], True
        return self._over
