import json
import logging
from datetime import UTC, datetime
from urllib.parse import urlencode

import psycopg2
from werkzeug.exceptions import RequestEntityTooLarge

from odoo import http
from odoo.http import request

from ..connectors.arrivals import Arrivals
from ..connectors.errors import BadSignature
from ..models import kill_points
from ..models.locks import CONCURRENCY_ERRORS

_logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
RETRY_AFTER_SECONDS = "30"
# Of this process; ``delivery_limit`` says how many each channel has.
ARRIVALS = Arrivals()


def body_limit(_controller):
    """Return how much of a body is read; refuse a larger one before it is read.

    One that does not say how large it is ends there without a word: one byte more tells
    it from the largest that is taken.
    """
    length = request.httprequest.content_length
    if length is not None and length > MAX_BODY:
        raise RequestEntityTooLarge(response=answer(413, "too large"))
    return MAX_BODY + 1


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
        if len(raw) > MAX_BODY:
            return answer(413, "too large")
        channel_sudo = self._find_channel(token)
        if not channel_sudo:
            return answer(404, "unknown address")
        headers = {name.lower(): value for name, value in request.httprequest.headers}
        connector = channel_sudo._connector(channel_sudo._door_secrets())
        if self._is_ping(connector, raw, headers):
            return answer(200, "accepted")
        if not self._is_authentic(connector, raw, headers):
            return answer(401, "not authentic")
        wait = self._wait(channel_sudo, "delivery")
        if wait:
            return too_many(wait)
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
        kill_points.reach("door.stored")
        kill_points.after_commit(request.env.cr, "door.committed")
        return answer(200, "accepted" if is_new else "duplicate")

    @http.route(
        "/stock_channel/<string:token>/inventory",
        type="http",
        auth="public",
        methods=["GET"],
        csrf=False,
        save_session=False,
        readonly=False,
        max_content_length=body_limit,
    )
    def inventory(self, token, since=None, **_kwargs):
        """Answer the numbers of one channel, for tools that rather ask."""
        channel_sudo = self._find_channel(token)
        if not channel_sudo:
            return answer(404, "unknown address")
        headers = {name.lower(): value for name, value in request.httprequest.headers}
        connector = channel_sudo._connector(channel_sudo._door_secrets())
        if not self._is_authentic(connector, b"", headers):
            return answer(401, "not authentic")
        wait = self._wait(channel_sudo, "pull")
        if wait:
            return too_many(wait)
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
        return request.env["stock.channel"].sudo()._at_door(token)

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

    def _wait(self, channel_sudo, kind):
        """Return the seconds until the channel may call again; 0 when it may now.

        Asked once the call is known to be the channel's own: what anybody else sends
        uses up nothing. Numbers that are asked for use up no delivery.

        :param str kind: of calls, each of which has the whole limit.
        """
        sender = (request.env.cr.dbname, channel_sudo.id, kind)
        turn = ARRIVALS.take(sender, channel_sudo.delivery_limit, datetime.now(UTC))
        if turn.is_news:
            self._tell(channel_sudo, sender)
        return turn.wait

    def _tell(self, channel_sudo, sender):
        """Open the alarm of a flood; it must not keep the door from answering."""
        try:
            channel_sudo._note_flood()
        except CONCURRENCY_ERRORS:
            # Odoo runs the request again, and then it is told.
            ARRIVALS.untold(sender)
            raise
        except Exception:
            _logger.warning("a flood could not be told of", exc_info=True)
            ARRIVALS.untold(sender)
            request.env.cr.rollback()


def too_many(wait):
    """Return the refusal of a call that is authentic, and one too many.

    :param int wait: seconds after which to call again.
    """
    return answer(429, "too many", {"Retry-After": str(wait)})


def answer(status, text, headers=None):
    """Return a constant body for a status; it tells nothing about the inside."""
    return request.make_response(
        json.dumps({"status": text}),
        headers=[("Content-Type", "application/json"), *(headers or {}).items()],
        status=status,
    )
