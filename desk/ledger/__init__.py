"""The books: `ledger` folds facts into settled half-seconds and the accounts of a run, `energy` divides the joules,
`standing` is what is in force now, `period` what comes out."""
