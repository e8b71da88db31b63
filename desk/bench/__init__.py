"""The bench: engines on the same weights, threads and prompts, in interleaved rounds beside the physical floor.

`contest` the rounds, `findings` what came of them, `contestant` a child that measures itself on demand, `peer` the
script that other engines' environments run. `prediction` holds what splits earn against what the frontier says.
"""
