"""The meter process: watts and joules from whatever the machine has.

`process` the process and its loop, `chain` which source is taken, `source` what every source is to them, `rounds` when
it is asked. Sources: `gpus` (each a `gpu`, through `nvml`, the one door to the driver, and `fieldvalues`, its quickest
call), `amd`, `rapl`, `battery`. `counter` turns the counters of all of them into edges, `power` keeps their samples,
`agreement` holds the two against each other, `sysfs` reads the kernel's files.
"""
