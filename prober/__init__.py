"""A robot customer for LiveKit voice products."""

__version__ = "0.1.0"
