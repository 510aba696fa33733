"""What the door answers to what Odoo stumbles over before any route is asked.

A ``Host`` that is no host ends in an error and a traceback in the log, for any address
and anybody who sends it. A form of too many parts, a body in chunks that is too large, an
address below the door's that leads nowhere and a wrong method end in a page of words that
are not ours. There is no hook for either, so that two methods are wrapped, for the door's
own paths only: the answers are the constant ones, and what strangers send writes no
traceback.
"""

import functools
import json

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from odoo import http

from .no_database import is_for_door

TEXTS = {404: "unknown address", 405: "not allowed", 413: "too large"}


def constant(request, status):
    """Return a constant answer that needs neither database nor session."""
    headers = [("Content-Type", "application/json")]
    if status == MethodNotAllowed.code:
        is_pull = request.httprequest.path.endswith("/inventory")
        headers.append(("Allow", "GET, HEAD" if is_pull else "POST"))
    return http.Response(
        json.dumps({"status": TEXTS.get(status, "not understood")}),
        status=status,
        headers=headers,
    )


def prepared(post_init):
    """Wrap the method that prepares a request: what is hardly one gets no further."""

    @functools.wraps(post_init)
    def _post_init(request):
        if is_for_door(request):
            try:
                # Odoo asks for it next; it is kept, so that asking costs nothing.
                _url = request.httprequest.url
            except ValueError:
                raise NotFound(response=constant(request, 404)) from None
            if request.httprequest.method == "OPTIONS":
                raise MethodNotAllowed(response=constant(request, 405))
        return post_init(request)

    return _post_init


def in_our_words(serve):
    """Wrap the method that serves a request: what is wrong is said in one way only."""

    @functools.wraps(serve)
    def _serve_db(request):
        try:
            return serve(request)
        except HTTPException as error:
            status = error.code or 0
            if error.response or not 300 <= status < 500 or not is_for_door(request):
                raise
            # Some senders take a redirect for a failure, others for a new address.
            return constant(request, 404 if status < 400 else status)

    return _serve_db


http.Request._post_init = prepared(http.Request._post_init)
http.Request._serve_db = in_our_words(http.Request._serve_db)
