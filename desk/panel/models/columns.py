"""The columns of the list: their heads, widths and words, and which of them go where there is no room."""

from collections.abc import Callable
from dataclasses import dataclass

from desk.panel.models.rows import SOURCES, WORDS, Deed, Row, memory_words, parameters_words, state_words
from desk.panel.numbers import DASH, Numbers
from desk.panel.words import tr


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
    Column(tr("Model"), 182, lambda row, _: row.condition.title, once=True),
    Column(tr("Parameters"), 92, lambda row, numbers: parameters_words(row.parameters, numbers), right=True, once=True),
    Column(tr("Context"), 84, lambda row, numbers: numbers.count(row.context), right=True, once=True),
    Column(tr("Precision"), 84, lambda row, _: row.condition.precision or DASH),
    Column(tr("Size"), 84, size_words, right=True),
    Column(tr("Memory"), 112, memory_words, right=True),
    Column(tr("Licence"), 116, lambda row, _: row.condition.licence or DASH, once=True),
    Column(tr("Source"), 84, lambda row, _: SOURCES[row.source], once=True),
    Column(tr("State"), 168, state_words),
    Column("", 116, lambda row, _: ", ".join(WORDS[deed] for deed in row.deeds)),
)
SPARE = (SIZE, MEMORY, CONTEXT, LICENCE, PARAMETERS, SOURCE)
"""What goes where there is no room, the last first."""
ALL_DEEDS = 264
"""From this width on, the column of buttons has room for all of them, where their words are as short as in English."""
MANY: tuple[Deed, ...] = ("use", "verify", "remove")
"""What takes the most room of all that can be asked for at once."""
