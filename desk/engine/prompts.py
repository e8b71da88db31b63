"""A prompt as the tokens that go into the graph: in the model's chat template, and short enough for the context."""

import re

from desk.facts.trouble import Trouble
from desk.models.manifest import Manifest
from desk.models.text import Text
from desk.scenario import Prompt

_REMEMBERED = 4096

_PIECES = re.compile(r"\s*\S{1,16}")
"""Words with the space before them, such as are very long (or written without spaces) in parts."""


class Fitter:
    """Prompts of one model at one context length. What was fitted once is remembered: users repeat themselves.

    Raises `Trouble` where the context has no room for even the shortest conversation.
    """

    def __init__(self, text: Text, manifest: Manifest, context: int) -> None:
        self.text = text
        self.vocabulary = manifest.files[manifest.tokenizer].sha256
        self._context = context
        self._start = manifest.bos
        self._fitted: dict[tuple[Prompt, int], list[int]] = {}
        self._shortest = text.chat(Prompt(user="?").messages())
        shortest = len(self._shortest)
        if 2 * shortest > context:
            raise Trouble(
                f"A context of {context} tokens has no room for a conversation with {manifest.title}, "
                f"whose shortest prompt takes {shortest}.",
                f"Choose a context of at least {2 * shortest} tokens.",
            )

    def fit(self, prompt: Prompt, answer_tokens: int) -> list[int]:
        """The prompt's tokens, leaving room for an answer of that length, though never giving it more than half.

        A prompt that is too long first loses words from the end of what the user says, then its system instruction.
        """
        room = self._context - min(answer_tokens, self._context // 2)
        key = (prompt, room)
        ids = self._fitted.get(key)
        if ids is None:
            if len(self._fitted) >= _REMEMBERED:
                self._fitted.clear()
            ids = self._fitted[key] = self._cut(prompt, room)
        return ids

    def cut(self, prompt: Prompt, tokens: int, answer_tokens: int) -> list[int]:
        """So many tokens of a prompt, its template included; fewer where the context has no room for them.

        What is cut away is the end of what the user says, at the tokens: whoever asks for a length wants that length.
        """
        tokens = min(tokens, self._context - min(answer_tokens, self._context // 2))
        ids = self.text.chat(prompt.messages())
        excess = len(ids) - max(tokens, len(self._shortest))
        if excess <= 0:
            return ids
        tail = 0  # the template's own end, behind what the user says
        while tail < len(self._shortest) and ids[-1 - tail] == self._shortest[-1 - tail]:
            tail += 1
        return [*ids[: len(ids) - tail - excess], *ids[len(ids) - tail :]]

    def continuation(self, answer: str) -> list[int]:
        """The tokens of an answer that has begun, to go behind those of its prompt."""
        ids = self.text.encode(answer)
        return ids[1:] if ids[:1] == [self._start] else ids

    def _cut(self, prompt: Prompt, room: int) -> list[int]:
        ids = self.text.chat(prompt.messages())
        if len(ids) <= room:
            return ids
        pieces = _PIECES.findall(prompt.user)
        for system in dict.fromkeys((prompt.system, "")):
            # The longest beginning that fits, by bisection: more text never makes fewer tokens.
            fits, too_long, best = 0, len(pieces) + 1, []
            while too_long - fits > 1:
                middle = (fits + too_long) // 2
                ids = self.text.chat(Prompt(system=system, user="".join(pieces[:middle])).messages())
                if len(ids) <= room:
                    fits, best = middle, ids
                else:
                    too_long = middle
            if best:
                return best
        return self.text.chat(Prompt(user="?").messages())
