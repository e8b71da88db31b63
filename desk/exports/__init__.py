"""Data and text out of the books: `summary` the JSON object of a run, `table` the same for people."""
