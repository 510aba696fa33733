from odoo import http
from odoo.http import request
from odoo.tools import SQL


class BareRoute(http.Controller):
    """As little as an Odoo route can do that keeps what it was sent."""

    @http.route(
        "/bare_route",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def insert(self, **_kwargs):
        raw = request.httprequest.get_data()
        request.env.cr.execute(
            SQL("INSERT INTO stock_channel_bare_route (raw) VALUES (%s)", raw)
        )
        return request.make_response(
            '{"status": "accepted"}', headers=[("Content-Type", "application/json")]
        )
