"""The status page: what people look at. `serve(routes=ROUTES)` puts it on the canary's server.

Views and plots are pure; `handlers` alone knows HTTP, `kept` the history, `sound` a file.
"""

from prober.watch.web.pages.handlers import ROUTES

__all__ = ["ROUTES"]
