"""The doctor: what this machine can run, and exactly what is missing where it cannot.

`examination` the checks in their order, `premises` the machine, `cards` driver and card, `conversation` one child with
a time limit, since everything risky happens in children.
"""
