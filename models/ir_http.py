import psycopg2
from werkzeug.exceptions import ServiceUnavailable

from odoo import models
from odoo.http import request

DOOR = "/stock_channel/"
# What a connection raises that is gone, or was never made. A lost race is among them:
# Odoo has tried it again several times by then.
NO_DATABASE = (psycopg2.OperationalError, psycopg2.InterfaceError)


def is_for_door(asked):
    """Tell whether a request is for the door of a channel."""
    return asked.httprequest.path.startswith(DOOR)


class DatabaseGone(ServiceUnavailable):
    """The connection broke before anybody had looked at the request."""


class IrHttp(models.AbstractModel):
    """Whoever delivers while the database goes is told to come back.

    Odoo takes whatever goes wrong while it finds out who asks for somebody who may
    not, and answers 403. Some senders take that for good: the delivery is lost.
    """

    _inherit = "ir.http"

    @classmethod
    def _auth_method_public(cls):
        try:
            return super()._auth_method_public()
        except NO_DATABASE as error:
            if not is_for_door(request):
                raise
            raise DatabaseGone from error
