"""Data and text out of the books: the JSON object of a run (`summary`), its table and its page (`report`), its periods as
rows, its energy receipt; each with an imprint of what it stands on, and none with a name of this machine or its owner.
"""
