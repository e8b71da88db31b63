"""The engine: a process of its own that turns prompts into tokens, one lane per tier.

`process` the pipes, `factory` whose turn it is and what changes, `lane` one tier's users, queue and accounts, `batch`
rows in slots, `feeds` what the graph is given, `sampling` the next token, `ending` where an answer stops, `scheduler`
shares, `calibration` lanes by themselves, `changeover` how a lane comes to run what its tier wants, with `loader` and
`selftest`; `prompts` what fits a context, `watch` text in view, `recording` CUDA graphs, `runtime` THE door to
onnxruntime, `driver` which devices there are.

Other children: `answer` one prompt; for the doctor `probe`, `checks` with their `trials` on a `toy`, and `cards`; for
the bench `contestant`, the `course` it is put through, and the `roofline` of the machine.
"""
