"""What remains of runs: `store` the folder of them, `summary` one in a line, `carry` one taken elsewhere, `comparison`
several beside each other, `search` which of them somebody means."""
