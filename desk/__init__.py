"""Token Desk: a control panel for one token factory, your own machine."""

__version__ = "0.1.0"
