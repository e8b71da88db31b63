"""Data and text out of the books: the JSON object of a run (`summary`), its `table` (on the `screen`), its page
(`report`), its `periods` as rows, its energy `receipt`; each with an `imprint` of what it stands on. None names this
machine or its owner (`privacy`). `data` gives each form of text by its name, `files` writes what leaves the program.
"""
