"""The columns of the list: their heads, widths and words, and which of them go where there is no room."""

from collections.abc import Callable
from dataclasses import dataclass

from desk.panel.models.rows import WORDS, Row, memory_words, parameters_words, state_words
from desk.panel.numbers import DASH, Numbers


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, its width in pixels of the design, and what stands in it."""

    head: str
    wide: int
    words: Callable[[Row, Numbers], str]
    right: bool = False
    once: bool = False
    """The same for all precisions of a model, so it stands at the first of them."""


def size_words(row: Row, numbers: Numbers) -> str:
    """What it takes on the disk, or will."""
    condition = row.condition
    return numbers.bytes(condition.total if condition.state == "downloading" else condition.bytes)


MODEL, PARAMETERS, CONTEXT, PRECISION, SIZE, MEMORY, LICENCE, SOURCE, STATE, DEEDS = range(10)
COLUMNS = (
    Column("Model", 182, lambda row, _: row.condition.title, once=True),
    Column("Parameters", 92, lambda row, numbers: parameters_words(row.parameters, numbers), right=True, once=True),
    Column("Context", 84, lambda row, numbers: numbers.count(row.context), right=True, once=True),
    Column("Precision", 84, lambda row, _: row.condition.precision or DASH),
    Column("Size", 84, size_words, right=True),
    Column("Memory", 112, memory_words, right=True),
    Column("Licence", 116, lambda row, _: row.condition.licence or DASH, once=True),
    Column("Source", 84, lambda row, _: row.source, once=True),
    Column("State", 168, state_words),
    Column("", 116, lambda row, _: ", ".join(WORDS[deed] for deed in row.deeds)),
)
SPARE = (SIZE, MEMORY, CONTEXT, LICENCE, PARAMETERS, SOURCE)
"""What goes where there is no room, the last first."""
ALL_DEEDS = 264
"""From this width on, the column of buttons has room for all of them."""
