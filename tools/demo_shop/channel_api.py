"""The calls the hub makes (REST.md): signed, idempotent, answered in JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from . import orders, stock
from .store import Store
from .wire import MAX_BODY, RefusedError, verify

Answer = tuple[int, dict[str, Any]]


def blueprint(store: Store, secret: str) -> Blueprint:
    """Return the routes of the channel side; each checks the signature first."""
    routes = Blueprint("channel", __name__)

    @routes.before_request
    def _check_signature() -> None:
        if (request.content_length or 0) > MAX_BODY:
            raise RefusedError(413, "too_big", "The body is larger than 1 MiB.")
        raw = request.get_data(cache=True)
        headers = {name.lower(): value for name, value in request.headers.items()}
        verify(secret, raw, headers)

    _add_writing(routes, store)
    _add_reading(routes, store)
    return routes


def _add_writing(routes: Blueprint, store: Store) -> None:
    """Add what the hub tells us."""

    @routes.post("/inventory")
    def _take_inventory() -> Response:
        return _once(store, lambda: _inventory(store))

    @routes.post("/shipments")
    def _take_shipment() -> Response:
        return _once(store, lambda: _report(store, "shipment", "shipment.created"))

    @routes.post("/cancellations")
    def _take_cancellation() -> Response:
        return _once(store, lambda: _report(store, "cancellation", "order.cancelled"))


def _add_reading(routes: Blueprint, store: Store) -> None:
    """Add what the hub asks us."""

    @routes.get("/inventory")
    def _give_inventory() -> Response:
        return _json(200, stock.level_page(store, request.args.get("cursor", "")))

    @routes.get("/orders")
    def _give_orders() -> Response:
        names = ("updated_since", "cursor", "id")
        since, cursor, order_id = (request.args.get(name, "") for name in names)
        return _json(200, orders.order_page(store, since, cursor, order_id))

    @routes.get("/listings")
    def _give_listings() -> Response:
        return _json(200, stock.listing_page(store, request.args.get("cursor", "")))

    @routes.get("/locations")
    def _give_locations() -> Response:
        places = [{"id": x.id, "name": x.name} for x in store.catalogue.locations]
        return _json(200, {"locations": places, "next": None})


def _inventory(store: Store) -> Answer:
    """Take numbers; 207 when at least one was not applied."""
    data = _data("inventory.updated")
    with store.transaction() as db:
        results = stock.take_levels(store, db, data)
    is_whole = all(result["status"] == "applied" for result in results)
    return 200 if is_whole else 207, {"results": results}


def _report(store: Store, kind: str, topic: str) -> Answer:
    """Take a shipment or cancellation; 409 when we had it already."""
    data = _data(topic)
    with store.transaction() as db:
        is_new = orders.take_report(store, db, kind, data)
    if is_new:
        return 201, {"status": "taken"}
    return 409, {"status": "duplicate", "code": "had_already"}


def _data(topic: str) -> dict[str, Any]:
    """Return the ``data`` of the request's body.

    :raise RefusedError: 400 when the body is not what this address takes.
    """
    try:
        body = json.loads(request.get_data(cache=True))
    except ValueError as error:
        raise RefusedError(400, "bad_json", "The body is no JSON.") from error
    if not isinstance(body, dict) or body.get("type") != topic:
        raise RefusedError(400, "bad_type", f"This address takes {topic}.", "type")
    data = body.get("data")
    if not isinstance(data, dict):
        raise RefusedError(400, "bad_type", "data must be an object.", "data")
    return data


def _once(store: Store, work: Callable[[], Answer]) -> Response:
    """Do the work once per Idempotency-Key and give repeats the same answer.

    Work and remembered answer are one transaction: a process that dies between
    them has done neither. A refusal changes nothing and is not remembered.
    """
    key = request.headers.get("Idempotency-Key", "")
    raw = request.get_data(cache=True)
    digest = hashlib.sha256(request.path.encode() + b"\n" + raw).hexdigest()
    with store.transaction() as db:
        if key:
            try:
                known = store.recall(key, digest)
            except KeyError as error:
                raise RefusedError(
                    422, "key_reused", "This key came with another body."
                ) from error
            if known:
                return Response(known[1], known[0], mimetype="application/json")
        status, body = work()
        text = json.dumps(body)
        if key:
            store.remember(db, key, digest, status, text)
    return Response(text, status, mimetype="application/json")


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
