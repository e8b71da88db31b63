"""The verbs of the command line but for the children and the bare window, which start without this package."""
