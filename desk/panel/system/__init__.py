"""The System view: whether this machine can be trusted, what can be set, and what the program is made of."""
