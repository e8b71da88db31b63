"""The panel: the window, and every picture.

`app` opens the `window`, whose `heartbeat` drains the source of facts into its `books`; `look` makes of them what is
`shown`, plain values that the widgets read and nothing else. What people ask of the factory goes through `orders`, of a
recording through `playback`; `actions` lists all that a key or the palette (`command`) can do.

The `floor` is the first of the `views`, with its `cards`, `tiertable`, `floorcharts`, `slotfloor`, `machinecard` and
`eventlog`; the others are packages: `tiers`, `models`, `runs`, `frontier` and `system`. `charts` is what all charts are
made of, `pictures` composes what is carried out, `capture` and `shot` draw widgets off the screen.

`words`, `numbers`, `theme` and `icons` are the ways of everything that is written, counted, coloured or drawn;
`furniture`, `bars`, `overlay` and `notices` what views have in common.
"""
