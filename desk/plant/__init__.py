"""The plant: children started and watched, their facts merged, written down and handed on; and what lasts between runs.

`plant` is the live factory with its controls, on one thread: `children` a process and its pipes, `supervision` who is
silent and what is done about it, `pen` what is written where, `restating` what stands, said again behind a gap. For a
run `needs` says which models its lanes ask for, `builds` has the missing ones built, `loads` holds those in use.

`replay` gives the facts of a recording as the plant gives live ones, `sweep` takes the plant through the points of one
of the `plans`, `jobs` works on models beside it. `settings` and `presets` are the files that people edit, `machine`
says what the computer is.
"""
