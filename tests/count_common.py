"""A channel that counts: what the tests of counts and approvals start from."""

from .clock import ClockCase


class CountCase(ClockCase):
    """Ten desks at four each on the one shelf of the one place; it is noon UTC."""

    def setUp(self):
        super().setUp()
        self.product.standard_price = 4.0
        self.receive(self.product, 10)

    def report(self, count_id="C1", lines=None, key=None, channel=None, **vals):
        """Deliver a count and let the hub work; returns its newest proposal.

        :param lines: ``{sku: quantity}``, or a list of lines as they are told.
        """
        if lines is None:
            lines = {"DESK": 8}
        if isinstance(lines, dict):
            lines = [
                {"sku": sku, "quantity": str(quantity)}
                for sku, quantity in lines.items()
            ]
        data = {
            "id": count_id,
            "location_id": "main",
            "counted_at": "2026-11-23T11:00:00Z",
            "lines": lines,
            **vals,
        }
        self.deliver("inventory.counted", data, key=key, channel=channel)
        self.run_inbox()
        return self.proposal(count_id)

    def proposal(self, count_id="C1"):
        """Return the newest proposal of a count."""
        count = self.env["stock.channel.count"].search([("external_id", "=", count_id)])
        return self.env["stock.channel.approval"].search(
            [
                ("subject_model", "=", "stock.channel.count"),
                ("subject_id", "in", count.ids),
            ],
            limit=1,
        )

    def approve(self, approval, user=None):
        """Approve as a second person."""
        user = user or self.make_user("group_approver")
        result = approval.with_user(user).action_approve()
        self.env.invalidate_all()
        return result

    def lines(self, approval):
        """Return (SKU, lot, counted, on hand then, difference, value) per line."""
        return [
            (
                line.sku,
                line.lot_name or "",
                line.counted_qty,
                line.expected_qty,
                line.difference_qty,
                line.value,
            )
            for line in approval.count_line_ids
        ]

    def issues(self, approval):
        return [
            (line.sku, line.issue) for line in approval.count_line_ids if line.issue
        ]

    def on_hand(self, product=None):
        return (
            (product or self.product).with_context(location=self.stock.id).qty_available
        )

    def ship(self, quantity, product=None):
        return self.finish(
            self.make_move(
                product or self.product, quantity, self.stock, self.customers
            )
        )

    def last_message(self):
        return self.env["stock.channel.message"].search([], limit=1, order="id desc")
