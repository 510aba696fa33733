"""The other side of a demo channel: a shop in memory, under an address nobody has."""

from dataclasses import replace
from datetime import UTC, datetime

from ..connectors.testing.fake_channel import json_response
from ..connectors.testing.fake_rest import BASE_URL, SECRET, FakeRest

__all__ = ["SECRET", "DemoShop", "demo_url"]


def demo_url(key):
    """Return the address of a demo channel; what it is found by.

    An external id would have Odoo delete the channel first when the addon is
    uninstalled, and fail on the orders that hang on it.
    """
    return f"https://{key}.oak-and-co.invalid/stock"


class DemoShop(FakeRest):
    """Answers as a shop of the open contract would.

    :param str url: the channel's address, in the domain ``.invalid`` (RFC 2606).
    """

    page_size = 500

    def __init__(self, url):
        super().__init__(lambda: datetime.now(UTC))
        self.url = url

    def _orders(self, call):
        """Tell of orders by delivery alone; what it keeps is for shipments."""
        return []

    def _take(self, data, taken, what):
        """Refuse what belongs to an order the shop does not know, in plain words."""
        if data["order_id"] in self.books.orders:
            return super()._take(data, taken, what)
        unknown = {
            "code": "unknown_order",
            "field": "order_id",
            "message": "The shop has no such order.",
        }
        return json_response(unknown, 404)

    def handle(self, call):
        """Answer a call to this shop's own address."""
        path = call.url.removeprefix(self.url)
        return super().handle(replace(call, url=BASE_URL + path))
