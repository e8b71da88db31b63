"""What virtual users say: the prompts that ship, and texts of a wanted length made of them."""

import random
from functools import lru_cache

import msgspec

from desk.facts.codec import NOT_JSON
from desk.facts.places import shipped
from desk.facts.trouble import Trouble


class Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of `assets/prompts/KIND.jsonl`: what a user says, and optionally the instruction before it."""

    user: str
    system: str = ""

    def messages(self) -> list[dict[str, str]]:
        """The prompt as a conversation, ready for a chat template."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        return [*before, {"role": "user", "content": self.user}]


def kinds() -> tuple[str, ...]:
    """The kinds of prompts that ship."""
    return tuple(sorted(file.stem for file in shipped("assets", "prompts").glob("*.jsonl")))


@lru_cache(maxsize=16)
def prompts(kind: str) -> tuple[Prompt, ...]:
    """The prompts of a kind (the `mix` of a tier), in the order of their file; raises `Trouble` if there are none."""
    path = shipped("assets", "prompts", f"{kind}.jsonl")
    try:
        lines = path.read_bytes().splitlines()
        found = tuple(msgspec.json.decode(line, type=Prompt) for line in lines if line.strip())
    except FileNotFoundError as error:
        offered = ", ".join(kinds()) or "none"
        raise Trouble(f"There are no prompts of the kind {kind}.", f"Choose one of: {offered}.") from error
    except (OSError, *NOT_JSON) as error:
        raise Trouble(
            f"The prompts of the kind {kind} cannot be read: {error}.", "Install Token Desk again."
        ) from error
    if not found:
        raise Trouble(f"The prompts of the kind {kind} are an empty file.", "Install Token Desk again.")
    return found


def at_least(words: int, given: tuple[Prompt, ...], chance: random.Random) -> Prompt:
    """A prompt of at least that many words: one of the given, with what others say behind it where it is too short.

    A word is a token or more, so that cutting it gives a prompt of any length up to `words` tokens.
    """
    first = chance.choice(given)
    parts, count = [first.user], len(first.user.split())
    while count < words:
        parts.append(chance.choice(given).user)
        count += max(1, len(parts[-1].split()))
    return Prompt(user="\n\n".join(parts), system=first.system)
