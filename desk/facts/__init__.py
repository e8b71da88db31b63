"""The lowest floor: the vocabulary every other floor speaks.

`happened` the facts, `alarmed`, `metered` and `swept` those of alarms, of the meter and of a sweep, `fact` what they
all are, `frozen` what never changes, `orders` what is asked of children, `codec` lines of JSON, `tiers` promise and
price, `currency` what prices are in, `plans` of sweeps, `promises` to start from, `numbers` bounds of what messages
hold, `histogram` durations, `figures` the definitions of what is shown, `palette` colours as data, `places` folders,
`trouble` whose fault it is.
"""
