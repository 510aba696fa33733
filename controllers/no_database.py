"""What the door answers while the database cannot be used: come back later.

Odoo serves a request without a database when there is none to be had, be it that
PostgreSQL restarts, fails over or has no connection left. No addon's route exists
then, so that the door would be answered 404, and some senders take a 404 for good:
they never send that delivery again, or switch the webhook off. When the connection
breaks in the middle of a request the answer would be 500, without a word about when to
come back. And 403 when it breaks while Odoo finds out who asks (``models/ir_http.py``).

There is no hook for the first two, so that the two methods are wrapped, for the door's
own paths only; every other request passes through as it was. The body is the constant
one, there is no session, no cookie and no redirect.
"""

import functools
import json
import logging

from odoo import http

from ..models.ir_http import NO_DATABASE, DatabaseGone, is_for_door

_logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = "30"


def try_again():
    """Return 503 with the time to come back; touches neither database nor session."""
    return http.Response(
        json.dumps({"status": "try again"}),
        status=503,
        headers=[
            ("Content-Type", "application/json"),
            ("Retry-After", RETRY_AFTER_SECONDS),
        ],
    )


def without_database(serve):
    """Wrap the method that serves a request without a database."""

    @functools.wraps(serve)
    def serve_nodb(request):
        return try_again() if is_for_door(request) else serve(request)

    return serve_nodb


def with_database(serve):
    """Wrap the method that serves a request with one."""

    @functools.wraps(serve)
    def serve_db(request):
        try:
            return serve(request)
        except (DatabaseGone, *NO_DATABASE):
            if not is_for_door(request):
                raise
            _logger.warning("a delivery met no database", exc_info=True)
            return try_again()

    return serve_db


http.Request._serve_nodb = without_database(http.Request._serve_nodb)
http.Request._serve_db = with_database(http.Request._serve_db)
