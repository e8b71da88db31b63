"""The board: the periods of the last hour as columns, and every figure a ratio of two of them.

Columns hold running sums. So a figure over any window is one difference divided by another: the ratio of the sums,
never the mean of rates; and a curve costs a few look-ups a point, however long its window is. Percentiles have windows
of their own, and are formed for the periods that somebody looks at.
"""

from desk.board.board import Board, Mark
from desk.board.increments import Floats
from desk.board.ratios import SHORTEST_S, Basis

__all__ = ["SHORTEST_S", "Basis", "Board", "Floats", "Mark"]
