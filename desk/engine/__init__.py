"""The engine: a process of its own that turns prompts into tokens, one lane per tier.

`process` the pipes, `factory` whose turn it is and what changes, `lane` one tier's users, queue and accounts, `batch`
rows in slots, `sampling` the next token, `scheduler` shares, `loader` and `selftest` models coming up, `prompts` what
fits a context, `watch` text in view, `runtime` THE door to onnxruntime, `driver` which devices there are.
"""
