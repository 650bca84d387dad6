"""Alert channel of the tests, and service that hears heartbeats: prints each message, one JSON object a line."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(BaseHTTPRequestHandler):
    """Handler of apprise's json:// notifications, and of heartbeats, whose verdict is their path."""

    def do_POST(self) -> None:
        """Print the message."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers.get_content_type() != "application/json":
            body = json.dumps({"title": self.path, "message": body})
        print(" ".join(body.splitlines()), flush=True)  # noqa: T201 - the pod's log is the record
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep requests out of the log, which has the messages only."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8081), Receiver).serve_forever()  # noqa: S104 - a pod's only address
