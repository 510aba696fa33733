"""Puts the shop together as one Flask application."""

from __future__ import annotations

import json

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from . import channel_api, page_api
from .store import Store
from .wire import RefusedError


def create_app(store: Store, secret: str) -> Flask:
    """Return the application; the outbox thread is the caller's to start.

    :param str secret: `whsec_…`, shared with the hub, signs both directions.
    """
    app = Flask("tools.demo_shop")
    app.register_blueprint(channel_api.blueprint(store, secret))
    app.register_blueprint(page_api.blueprint(store))

    @app.errorhandler(RefusedError)
    def _refused(error: RefusedError) -> Response:
        return _error(error.status, error.code, error.message, error.field)

    @app.errorhandler(HTTPException)
    def _http_error(error: HTTPException) -> Response:
        return _error(error.code or 500, "http", error.name)

    @app.after_request
    def _harden(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = "default-src 'self'"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return app


def _error(status: int, code: str, message: str, field: str = "") -> Response:
    body = {"code": code, "field": field, "message": message}
    answer = Response(json.dumps(body), status, mimetype="application/json")
    if status in (429, 503):
        answer.headers["Retry-After"] = "1"
    return answer
