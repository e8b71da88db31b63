"""The lowest floor: the vocabulary every other floor speaks.

`happened` the facts, `orders` what is asked of children, `codec` lines of JSON, `tiers` promise and price,
`numbers` their bounds, `histogram` durations, `figures` the definitions of what is shown, `palette` colours as data,
`places` folders, `trouble` whose fault it is.
"""
