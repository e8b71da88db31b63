"""The Tiers view: what each tier promises, costs and is asked for, edited while the factory runs.

`fields` says what can be set, `history` what was done and can be undone, `edits` what is on its way to the factory;
these three know no Qt. `grid` is the table, `changes` what differs from the preset, `view` the page.
"""
