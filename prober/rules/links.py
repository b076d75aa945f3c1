"""Where people read on. Pure."""

import msgspec


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses for alerts; `pages` are the prober's own, where it is known under which address."""

    runbook: str = "https://runbooks.example.com/livekit-prober.md"
    dashboard: str = "https://grafana.example.com/d/livekit-prober"
    pages: str | None = None
