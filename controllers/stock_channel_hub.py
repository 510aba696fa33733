import json
import logging
from datetime import UTC, datetime
from urllib.parse import urlencode

import psycopg2
from werkzeug.exceptions import RequestEntityTooLarge

from odoo import http
from odoo.http import request

from ..connectors.errors import BadSignature
from ..models.stock_channel_mixin import CONCURRENCY_ERRORS

_logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
RETRY_AFTER_SECONDS = "30"


def body_limit(_controller):
    """Return the largest body in bytes; refuse a larger one before it is read."""
    length = request.httprequest.content_length
    if length is not None and length > MAX_BODY:
        raise RequestEntityTooLarge(response=answer(413, "too large"))
    return MAX_BODY


class StockChannelHub(http.Controller):
    """The door: verify, store, answer. No business rule lives here.

    Senders give up on a 4xx and some switch the webhook off after a few errors, so
    an answer says one thing only: was the delivery stored? Whatever is wrong with
    its content becomes an exception inside the hub, and the answer is 200.
    """

    @http.route(
        "/stock_channel/<string:token>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
        max_content_length=body_limit,
    )
    def deliver(self, token, **_kwargs):
        # Read once and kept: Odoo runs the request again after a serialization
        # error, and a second read would find an empty body and refuse a valid
        # delivery.
        raw = request.httprequest.get_data(cache=True)
        channel_sudo = self._find_channel(token)
        if not channel_sudo:
            return answer(404, "unknown address")
        headers = {name.lower(): value for name, value in request.httprequest.headers}
        connector = channel_sudo._connector()
        if self._is_ping(connector, raw, headers):
            return answer(200, "accepted")
        if not self._is_authentic(connector, raw, headers):
            return answer(401, "not authentic")
        delivery = connector.describe(raw, headers)
        try:
            is_new = (
                request.env["stock.channel.message"]
                .sudo()
                ._store(
                    channel_sudo,
                    dedupe_key=delivery.dedupe_key,
                    topic=delivery.topic,
                    order_key=delivery.order_key,
                    raw=raw,
                    origin="webhook",
                )
            )
        except CONCURRENCY_ERRORS:
            raise  # Odoo runs the request again.
        except psycopg2.Error:
            _logger.warning("a delivery could not be stored", exc_info=True)
            request.env.cr.rollback()
            return answer(503, "try again", {"Retry-After": RETRY_AFTER_SECONDS})
        return answer(200, "accepted" if is_new else "duplicate")

    @http.route(
        "/stock_channel/<string:token>/inventory",
        type="http",
        auth="public",
        methods=["GET"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def inventory(self, token, since=None, **_kwargs):
        """Answer the numbers of one channel, for tools that rather ask."""
        channel_sudo = self._find_channel(token)
        if not channel_sudo:
            return answer(404, "unknown address")
        headers = {name.lower(): value for name, value in request.httprequest.headers}
        if not self._is_authentic(channel_sudo._connector(), b"", headers):
            return answer(401, "not authentic")
        if since and not (since.isascii() and since.isdigit() and len(since) <= 18):
            return answer(400, "since is not a cursor of this interface")
        page = (
            request.env["stock.channel.publication"]
            .sudo()
            ._pull_page(channel_sudo, int(since or 0))
        )
        return request.make_json_response(page)

    # -------------------------------------------------------------- helpers

    def _find_channel(self, token):
        """Return the channel behind the token; drafts have no door yet."""
        if not token or len(token) > 64 or not token.isascii() or "\0" in token:
            return request.env["stock.channel"]
        return (
            request.env["stock.channel"]
            .sudo()
            .search([("webhook_token", "=", token), ("state", "!=", "draft")])
        )

    def _is_ping(self, connector, raw, headers):
        """Tell whether a channel only asks if somebody is there, signed or not.

        Odoo takes a form apart before anybody has seen its bytes; it is put together
        again for this one question.
        """
        form = [] if raw else list(request.httprequest.form.items(multi=True))
        try:
            return connector.is_ping(raw or urlencode(form).encode(), headers)
        except Exception:
            _logger.warning("a connector failed over a ping", exc_info=True)
            return False

    def _is_authentic(self, connector, raw, headers):
        try:
            connector.verify(raw, headers, connector.secrets, datetime.now(UTC))
        except BadSignature as error:
            _logger.info("delivery refused: %s", error.message)
            return False
        return True


def answer(status, text, headers=None):
    """Return a constant body for a status; it tells nothing about the inside."""
    return request.make_response(
        json.dumps({"status": text}),
        headers=[("Content-Type", "application/json"), *(headers or {}).items()],
        status=status,
    )
