"""The journal: the facts of a run in the order in which they arrived, one JSON line each, on disk as they come.

While a run is on, its file is plain (`.jsonl`) and every line is handed to the system at once, so that a crash of this
program loses nothing; once a second the system is asked to bring it to the disk itself. A closed journal is compressed
(`.jsonl.gz`), atomically: at any moment one of the two is whole. A run of days goes on in further parts
(`NAME.2.jsonl`, `NAME.3.jsonl`), each of which is compressed when the next one begins; they read as one, by the name of
the first.
"""

from desk.journal.files import COMPRESSED, SUFFIX, Claim, claimed, compress, existing, packing, part, parts, stem
from desk.journal.reading import Place, Reading, read
from desk.journal.writing import Journal

__all__ = [
    "COMPRESSED",
    "SUFFIX",
    "Claim",
    "Journal",
    "Place",
    "Reading",
    "claimed",
    "compress",
    "existing",
    "packing",
    "part",
    "parts",
    "read",
    "stem",
]
