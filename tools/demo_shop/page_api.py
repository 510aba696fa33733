"""The web page and the control calls behind its buttons; loopback only.

The demo player uses the same control calls. They are not signed, so they refuse
every caller that is not on this machine and every browser page that is not ours.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request

from . import orders, returns, view
from .store import Store
from .wire import RefusedError

HEARTBEAT = 10.0
"""Seconds after which a quiet stream sends a comment, to notice closed pages."""


def blueprint(store: Store) -> Blueprint:
    """Return the routes of the page and its buttons."""
    routes = Blueprint("page", __name__)
    routes.before_request(_check_local)

    @routes.get("/")
    def _page() -> str:
        return render_template(
            "shop.html", catalogue=store.catalogue, state=view.state(store)
        )

    @routes.get("/control/state")
    def _state() -> dict[str, Any]:
        return view.state(store)

    @routes.get("/control/stream")
    def _stream() -> Response:
        if not store.watch():
            raise RefusedError(503, "busy", "Too many pages are watching.")
        answer = Response(_events(store), mimetype="text/event-stream")
        answer.headers["Cache-Control"] = "no-store"
        answer.call_on_close(store.unwatch)
        return answer

    _add_buttons(routes, store)
    return routes


def _add_buttons(routes: Blueprint, store: Store) -> None:
    """Add what customers can do."""

    @routes.post("/control/orders")
    def _place() -> tuple[dict[str, Any], int]:
        lines = _body().get("lines")
        if not isinstance(lines, list) or not lines:
            raise RefusedError(422, "bad_type", "lines must be a list.", "lines")
        return orders.place(store, lines), 201

    @routes.post("/control/orders/<order_id>/cancel")
    def _cancel(order_id: str) -> dict[str, Any]:
        return _change(orders.cancel, store, order_id)

    @routes.post("/control/orders/<order_id>/returns")
    def _announce(order_id: str) -> tuple[dict[str, Any], int]:
        return _change(returns.announce, store, order_id), 201

    @routes.post("/control/returns/<return_id>/receive")
    def _receive(return_id: str) -> dict[str, Any]:
        _body()
        return returns.receive(store, return_id)


def _change(
    action: Callable[[Store, str, list[dict[str, Any]]], dict[str, Any]],
    store: Store,
    order_id: str,
) -> dict[str, Any]:
    """Run a change of an order over the lines in the body; none means all."""
    lines = _body().get("lines", [])
    if not isinstance(lines, list):
        raise RefusedError(422, "bad_type", "lines must be a list.", "lines")
    return action(store, order_id, lines)


def _check_local() -> None:
    """Refuse callers from elsewhere and other sites' pages in a local browser.

    The name in ``Host`` is checked too: a foreign name that was pointed at this
    machine after its page was loaded would otherwise pass as our own page.
    """
    host = urlsplit(f"//{request.host}").hostname or ""
    origin = request.headers.get("Origin")
    is_ours = origin is None or urlsplit(origin).netloc == request.host
    if not (_is_loopback(request.remote_addr or "") and is_ours and _is_local(host)):
        raise RefusedError(403, "not_local", "Only from this machine.")


def _is_local(host: str) -> bool:
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _body() -> dict[str, Any]:
    """Return the JSON object a control call must carry.

    :raise RefusedError: 415 or 400 otherwise.
    """
    if not request.is_json:
        raise RefusedError(415, "not_json", "Send application/json.")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise RefusedError(400, "bad_json", "The body is no JSON object.")
    return body


def _events(store: Store) -> Iterator[str]:
    """Yield the whole state after each change, as server-sent events."""
    seen = -1
    while not store.is_closed:
        revision = store.wait(seen, HEARTBEAT)
        if revision == seen:
            yield ": quiet\n\n"
        else:
            seen = revision
            yield f"data: {json.dumps(view.state(store))}\n\n"
