"""A door that keeps what a shop posts, for tests of what shops post."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable

from connectors.transport import Request, Response


class Door(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""

    taken: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        """Take a delivery."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def delivered(tell: Callable[[str], object]) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the one thing that is posted to an address.

    :param tell: is given the address.
    """
    Door.taken = []
    with http.server.HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        tell(f"http://127.0.0.1:{server.server_address[1]}/stock_channel/x")
        thread.join()
    [delivery] = Door.taken
    return delivery


def nothing(call: Request) -> Response:
    """Answer nothing; parsing makes no call."""
    raise AssertionError(call.url)
