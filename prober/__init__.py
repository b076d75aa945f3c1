"""A robot customer for LiveKit voice products."""

__version__ = "0.1.0"

USER_AGENT = f"livekit-prober/{__version__} (+synthetic)"
"""Who we say we are, where a configuration does not say it otherwise."""
