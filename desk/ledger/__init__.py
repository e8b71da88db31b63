"""The books: `ledger` folds facts into settled half-seconds and the accounts of a run, `energy` divides the joules,
`standing` is what is in force now, `period` what comes out."""

RULES = 1
"""Raised with every change by which the same facts give other accounts: what was summed up before is then made anew."""
