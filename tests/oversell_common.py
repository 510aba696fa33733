"""Two shops that offer one shelf, on a clock that stands still."""

from datetime import UTC, datetime

from odoo.addons.stock_channel_hub.connectors.testing.fake_rest import FakeRest

from .clock import ClockCase


class ShopCase(ClockCase):
    """One shop whose customers buy by the same clock."""

    def deliver(self, topic, data, key=None, channel=None):
        """Store a webhook; PostgreSQL's clock goes on, so it is set back to ours."""
        is_new = super().deliver(topic, data, key=key, channel=channel)
        self.env.cr.execute(
            "UPDATE stock_channel_message SET received_at = %s "
            "WHERE id = (SELECT max(id) FROM stock_channel_message)",
            [self.env.cr.now()],
        )
        self.env["stock.channel.message"].invalidate_model()
        return is_new

    def empty_shelf(self):
        """Take away what is free, or bring what is missing."""
        free = self.numbers()["sellable"]
        if free:
            self.receive(self.product, -free)

    def oversold(self):
        return self.env["stock.channel.exception"].search(
            [("category", "=", "oversell")], order="id"
        )


class OversellCase(ShopCase):
    """The first shop is ``self.shop``, the second ``self.other_shop``."""

    def setUp(self):
        super().setUp()
        self.other = self.make_channel(name="Other Shop")
        self.other_place = self.make_place(self.other, "main", self.stock)
        self.other_listing = self.make_listing(self.other, self.product, "DESK")
        self.other_shop = FakeRest(lambda: datetime.now(UTC))
        self.other_shop.add_item("DESK", "main", 0)
        self.shops[self.other.id] = self.other_shop
        self.go_live(self.other)

    def buy(self, order_id, quantity=1, channel=None, sku="DESK", version=1, **vals):
        """A customer buys now; the shop tells us at once."""
        lines = vals.pop("lines", None) or [self.line_data("1", sku, quantity)]
        data = self.order_data(
            order_id,
            version,
            lines=lines,
            placed_at=vals.pop("placed_at", datetime.now(UTC).isoformat()),
            **vals,
        )
        self.deliver("order.updated", data, channel=channel)

    def publish_all(self):
        self.run_compute()
        self.run_publish()
        self.run_publish(self.other)

    def settle(self):
        """Let both shops know what there is, then let a minute pass."""
        self.run_inbox()
        for _round in range(2):
            self.publish_all()
            self.run_poll()
            self.run_poll(self.other)
        self.pass_time(60)

    def sell_here(self, quantity=1, product=None):
        """A salesman confirms an order without a channel."""
        order = self.env["sale.order"].create(
            {
                "partner_id": self.env["res.partner"].create({"name": "Walk In"}).id,
                "warehouse_id": self.warehouse.id,
                "order_line": [
                    (
                        0,
                        0,
                        {
                            "product_id": (product or self.product).id,
                            "product_uom_qty": quantity,
                        },
                    )
                ],
            }
        )
        order.action_confirm()
        return order

    def sale_of(self, order_id, channel=None):
        order = self.env["stock.channel.order"].search(
            [
                ("channel_id", "=", (channel or self.channel).id),
                ("external_id", "=", order_id),
            ]
        )
        return order.sale_order_id

    def story(self, exception):
        """Return the timeline as (seconds after noon, kind, channel, quantity)."""
        return [
            (
                int((event.at - self.noon).total_seconds()),
                event.kind,
                {self.channel: "first", self.other: "other"}.get(event.channel_id, ""),
                event.quantity,
            )
            for event in exception.event_ids
        ]
