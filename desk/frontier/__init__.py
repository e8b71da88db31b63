"""The frontier: what this machine can do at which speed, as measured, and what follows from it for money.

`points` folds the windows of a sweep, `edge` keeps what is not beaten. `options` makes candidates of points, for tiers
whose prompts they were measured with; `mix` splits the device between tiers by them, `split` tells what a given split
brings, with users who pause as `crowd` plays them, and `worth` what one is worth beside another. `whatif` carries it up
a ladder of named factors, `published` reads the keynote's chart for comparison.
"""
