"""`python -m tools.demo_shop`: runs the shop until it is interrupted."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError
from werkzeug.serving import WSGIRequestHandler, make_server

from . import catalogue
from .app import create_app
from .outbox import Outbox
from .store import Store

SECRET_VARIABLE = "DEMO_SHOP_SECRET"  # noqa: S105 - a name, not a secret


class _QuietHandler(WSGIRequestHandler):
    """Logs no line per request; the page's activity feed tells more."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.demo_shop", description=__doc__
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8079, help="port to listen on")
    parser.add_argument(
        "--hub-url", required=True, help="the hub's door: …/stock_channel/<token>"
    )
    parser.add_argument(
        "--secret",
        default=os.environ.get(SECRET_VARIABLE, ""),
        help=f"shared signing secret, whsec_…; ${SECRET_VARIABLE} hides it from ps",
    )
    parser.add_argument(
        "--database", default=":memory:", help="SQLite file (default: memory)"
    )
    parser.add_argument(
        "--catalogue",
        type=Path,
        default=catalogue.DEFAULT_PATH,
        help="JSON file that says what the shop sells",
    )
    return parser.parse_args(arguments)


def _fail(sentence: str) -> int:
    print(f"demo shop: {sentence}", file=sys.stderr)
    return 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the shop; return the exit status."""
    options = _options(arguments)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        Webhook(options.secret)
    except (EmptyWebhookSecretError, ValueError):
        return _fail(f"--secret (or ${SECRET_VARIABLE}) must be whsec_ and base64.")
    try:
        assortment = catalogue.load(options.catalogue)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return _fail(f"cannot read the catalogue {options.catalogue}: {error}.")
    try:
        listener = socket.create_server((options.host, options.port), backlog=64)
    except OSError as error:
        where = f"{options.host}:{options.port}"
        return _fail(f"cannot listen on {where}: {error.strerror}; give --port.")
    _serve(listener, Store(assortment, options.database), options)
    return 0


def _serve(listener: socket.socket, store: Store, options: argparse.Namespace) -> None:
    """Answer requests and send webhooks until interrupted."""
    outbox = Outbox(store, options.hub_url, options.secret)
    server = make_server(
        options.host,
        options.port,
        create_app(store, options.secret),
        threaded=True,
        request_handler=_QuietHandler,
        fd=listener.fileno(),
    )
    signal.signal(signal.SIGTERM, _stop)
    outbox.start()
    print(f"demo shop: http://{options.host}:{options.port}/", flush=True)
    try:
        server.serve_forever()  # returns on an interruption
    finally:
        outbox.stop()
        store.close()
        listener.close()
    print("demo shop: closed", flush=True)


if __name__ == "__main__":
    sys.exit(main())
