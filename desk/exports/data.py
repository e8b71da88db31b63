"""A recording as text for other programs and for people: one call for each form there is."""

import json
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from desk import journal
from desk.exports.periods import COLUMNS, as_csv, as_jsonl, rows
from desk.exports.receipt import Digest, markdown, receipt
from desk.exports.report import report
from desk.facts.trouble import Trouble
from desk.ledger.ledger import Ledger

Form = Literal["csv", "jsonl", "markdown", "receipt", "receipt-json"]
ENDINGS: dict[Form, str] = {
    "csv": ".csv",
    "jsonl": ".jsonl",
    "markdown": ".md",
    "receipt": ".md",
    "receipt-json": ".json",
}
MARKS = (",".join(COLUMNS).encode(), b'"account": ', b"Token Desk")
"""What every file of ours holds."""


def data_of(recording: Path, form: Form, start: float = 0.0, stop: float = float("inf")) -> str:
    """The text of that form; rows from `start` to `stop` seconds since the run started, pages of the whole run.

    Raises `Trouble` for a recording that cannot be read, and for seconds in which it has no rows.
    """
    facts = journal.read(recording)
    if form in ("csv", "jsonl"):
        told = rows(facts, start, stop)
        first = list(islice(told, 1))  # The rest stays a stream: a day has a million rows.
        if not first and (start > 0 or stop != float("inf")):
            raise Trouble("The run has no rows between these seconds.", "Choose others, or leave them out.")
        whole = chain(first, told)
        return as_csv(whole) if form == "csv" else as_jsonl(whole)
    ledger, digest = Ledger(), Digest()
    for fact in facts:
        ledger.post(fact)
        digest.add(fact)
    if form == "markdown":
        return report(ledger)
    told = receipt(ledger, digest.hexadecimal())
    return markdown(told) if form == "receipt" else json.dumps(told, indent=2) + "\n"
