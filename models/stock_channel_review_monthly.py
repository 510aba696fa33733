from datetime import timedelta

from odoo import models

# Credentials nobody has renewed for so long are asked about.
CREDENTIALS_AGE = timedelta(days=365)
# A secret that ends within this time is asked about.
SECRET_ENDS = timedelta(days=45)


class StockChannelReviewMonthly(models.Model):
    """Findings of the month: keys, money and what moved without being sold."""

    _inherit = "stock.channel.review"

    def _find_monthly(self, channel):
        return [
            self._find_credentials(channel),
            self._find_adjustments(channel),
            *self._find_returns(channel),
            self._find_write_offs(channel),
            self._find_transfers(channel),
            self._find_audited(
                channel,
                "rules",
                ["stock.channel.rule", "stock.channel"],
                self.env._("No rule and no setting was changed."),
            ),
        ]

    # ----------------------------------------------------------- credentials

    def _find_credentials(self, channel):
        """Whether what the channel is reached with is in force and not too old."""
        now = self.env.cr.now()
        facts = []
        set_at = channel.credentials_set_at
        if set_at and set_at < now - CREDENTIALS_AGE:
            facts.append(
                self.env._(
                    "The credentials are from %s, over a year old.",
                    channel._moment_text(set_at),
                )
            )
        if channel._capabilities().webhooks:
            facts += self._secret_facts(channel, now)
        return self._finding(
            "credentials",
            len(facts),
            " ".join(facts)
            or self.env._("Credentials and signing secrets are in force."),
            model="stock.channel",
            domain=[("id", "=", channel.id)],
        )

    def _secret_facts(self, channel, now):
        secrets_sudo = channel.sudo().secret_ids
        active_sudo = secrets_sudo.filtered(lambda s: s._is_active_at(now))
        if not active_sudo:
            return [self.env._("No signing secret is in force.")]
        ends = active_sudo.mapped("valid_to")
        if all(ends) and max(ends) < now + SECRET_ENDS:
            return [
                self.env._(
                    "The last signing secret ends on %s.",
                    channel._moment_text(max(ends)),
                )
            ]
        return []

    # ------------------------------------------------------------------ money

    def _find_adjustments(self, channel):
        domain = [
            ("channel_id", "=", channel.id),
            ("kind", "=", "count"),
            ("state", "=", "applied"),
            *self._period_domain("decided_at"),
        ]
        ((count, value),) = self.env["stock.channel.approval"]._read_group(
            domain, [], ["__count", "value:sum"]
        )
        fact = self.env._("No count was applied.")
        if count:
            fact = self.env._("%s counts were applied to the stock.", count)
        return self._finding(
            "adjustments",
            count,
            fact,
            value=value or 0.0,
            model="stock.channel.approval",
            domain=domain,
        )

    def _find_returns(self, channel):
        """Returns that are not finished, and those where goods and money part."""
        mine = [("channel_id", "=", channel.id)]
        return [
            self._find_return_lines(
                "returns_open",
                [*mine, ("return_state", "in", ["announced", "received"])],
                "not_restocked_value",
                self.env._("goods are announced and not finished"),
            ),
            self._find_return_lines(
                "not_restocked",
                [*mine, ("is_refunded", "=", True), ("not_restocked_qty", ">", 0)],
                "not_restocked_value",
                self.env._("goods were refunded and are not back"),
            ),
            self._find_return_lines(
                "not_refunded",
                [*mine, ("is_refunded", "=", False), ("accepted_qty", ">", 0)],
                "restocked_value",
                self.env._("goods are back and nobody refunded them"),
            ),
        ]

    def _find_return_lines(self, kind, domain, measure, words):
        ((count, value),) = self.env["stock.channel.return.line"]._read_group(
            domain, [], ["__count", f"{measure}:sum"]
        )
        fact = self.env._("None.")
        if count:
            fact = self.env._("%(count)s lines: %(words)s.", count=count, words=words)
        return self._finding(
            kind,
            count,
            fact,
            value=value or 0.0,
            model="stock.channel.return.line",
            domain=domain,
        )

    # ------------------------------------------------------------------ goods

    def _mapped_locations(self, channel):
        """Return the roots of what this channel offers, the inactive ones too."""
        places = channel.with_context(active_test=False).location_ids
        return places.location_ids

    def _done_lines_domain(self, channel):
        return [
            ("company_id", "=", channel.company_id.id),
            ("state", "=", "done"),
            *self._period_domain("date"),
        ]

    def _find_write_offs(self, channel):
        """Goods scrapped from where this channel sells, or when they came back."""
        domain = [
            *self._done_lines_domain(channel),
            ("location_dest_id.usage", "=", "inventory"),
            ("move_id.is_inventory", "=", False),
            "|",
            ("location_id", "child_of", self._mapped_locations(channel).ids),
            ("move_id.channel_return_line_id.channel_id", "=", channel.id),
        ]
        groups = self.env["stock.move.line"]._read_group(
            domain, ["product_id"], ["quantity_product_uom:sum", "__count"]
        )
        count = sum(lines for _product, _quantity, lines in groups)
        fact = self.env._("Nothing was written off.")
        if count:
            fact = self.env._("Products written off: %s, at cost.", len(groups))
        return self._finding(
            "write_offs",
            count,
            fact,
            value=sum(
                quantity * product.with_company(channel.company_id).standard_price
                for product, quantity, _lines in groups
            ),
            model="stock.move.line",
            domain=domain,
        )

    def _find_transfers(self, channel):
        """Goods that went from one location of the channel to another."""
        roots = self._mapped_locations(channel)
        places = channel.with_context(active_test=False).location_ids
        domain = [
            *self._done_lines_domain(channel),
            ("location_id", "child_of", roots.ids),
            ("location_dest_id", "child_of", roots.ids),
        ]
        groups = self.env["stock.move.line"]._read_group(
            domain,
            ["location_id", "location_dest_id", "product_id"],
            ["quantity_product_uom:sum", "id:array_agg"],
        )
        value, line_ids = 0.0, []
        for source, target, product, quantity, ids in groups:
            if self._place_of(places, source) == self._place_of(places, target):
                continue
            line_ids += ids
            cost = product.with_company(channel.company_id).standard_price
            value += quantity * cost
        fact = self.env._("Nothing moved from one location to another.")
        if line_ids:
            fact = self.env._(
                "%s times goods went from one location of the channel to another.",
                len(line_ids),
            )
        return self._finding(
            "transfers",
            len(line_ids),
            fact,
            value=value,
            model="stock.move.line",
            domain=[("id", "in", line_ids)],
        )

    def _place_of(self, places, location):
        """Return the channel location that a stock location belongs to."""
        return places.filtered(
            lambda place: any(
                location.parent_path.startswith(root.parent_path)
                for root in place.location_ids
            )
        )[:1]
