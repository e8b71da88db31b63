"""The frontier: what this machine can do at which speed, as measured, and what follows from it for money.

`points` folds the windows of a sweep, `edge` keeps what is not beaten, `mix` splits the device between tiers by it,
`whatif` carries it up a ladder of named factors, `published` reads the keynote's chart for comparison.
"""
