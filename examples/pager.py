"""Everybody whom Alertmanager would tell, on this machine: prints what it is told. For docs/howto/page.md."""

import contextlib
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Pager(BaseHTTPRequestHandler):
    """A webhook for every receiver."""

    def do_POST(self) -> None:
        """Print the alerts of one notification."""
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in told["alerts"]:
            name, words = alert["labels"]["alertname"], alert["annotations"]
            print(
                f"{told['receiver']}: {alert['status'].upper()} {name}: {words['summary']}. {words['description']}",
                flush=True,
            )
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing but alerts is printed."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    print(f"The pager listens at http://127.0.0.1:{port}/", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        HTTPServer(("127.0.0.1", port), Pager).serve_forever()
