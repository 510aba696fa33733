"""What the screen "Explain this number" shows: which numbers, and where to begin.

The screen stands on a product, a listing or an order, lists every number there is of
it, and tells the story of one. Each button that opens it says where it begins.
"""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .quantities import plain
from .stock_channel_explain_steps import number
from .stock_channel_freshness_report import plain_duration

TAG = "stock_channel_explain"
# What the address of the screen calls the record it stands on.
SOURCES = {
    "product.product": "product",
    "product.template": "template",
    "stock.channel.listing": "listing",
    "stock.channel.order": "order",
}
# Rows shown of each list; what is beyond them is counted.
MOST_ROWS = 200
# Past numbers on a page.
PAGE = 20
TOLD = ("wanted", "acknowledged", "expected", "observed")
WHEN = ("acknowledged_at", "observed_at", "changed_at", "wanted_at")


class StockChannelExplained(models.AbstractModel):
    """Something that numbers can be explained of."""

    _name = "stock.channel.explained"
    _description = "What Numbers Are Explained Of"

    def _explained_listings(self):
        """Return the listings whose numbers are listed, archived ones too."""
        raise NotImplementedError

    def _explained_kits(self):
        """Return the products whose kits are listed below."""
        return self.env["product.product"]

    def explain_channels(self):
        """Return every number of this, and of the kits that it holds back.

        The same few statements, however many numbers there are.

        :return: JSON-able dict of ``record``, ``source``, ``rows`` and ``kits``, and
            how many of either are left out (``more_rows``, ``more_kits``).
        :raise AccessError: unless the user may read this record, and numbers at all.
        :raise UserError: where there is no number to explain.
        """
        self.ensure_one()
        self.check_access("read")
        rows, kits = self._explained_rows()
        products = (rows | kits)[: 2 * MOST_ROWS].product_id
        names = {
            product.id: product.display_name
            for product in products._filtered_access("read")
        }
        return {
            "source": SOURCES[self._name],
            "record": {
                "model": self._name,
                "id": self.id,
                "name": self._explained_name(),
            },
            "at": fields.Datetime.to_string(self.env.cr.now()),
            "rows": rows[:MOST_ROWS]._explain_rows(names),
            "more_rows": max(len(rows) - MOST_ROWS, 0),
            "kits": kits[:MOST_ROWS]._explain_rows(names),
            "more_kits": max(len(kits) - MOST_ROWS, 0),
        }

    def _explained_name(self):
        return self.display_name

    def _explained_rows(self):
        """Return the numbers of this, and those of the kits that it holds back."""
        rows = self.env["stock.channel.publication"].search(
            [("listing_id", "in", self._explained_listings().ids)]
        )
        kits = self._explained_kits()._limited_rows() - rows
        if not rows and not kits:
            raise UserError(
                self.env._(
                    "No channel shows a number of %s yet. Add it to a channel's "
                    "listings; the hub computes the number within a minute.",
                    self._explained_name(),
                )
            )
        return rows, kits

    def _explain_action(self, publication=None, log=None):
        """Return the action that opens the screen on this record.

        :param publication: the number it begins with; else the first one.
        :param log: the past number it begins with.
        :raise UserError: where there is no number to explain.
        """
        self.ensure_one()
        self.check_access("read")
        if not publication:
            self._explained_rows()
        params = {"source": SOURCES[self._name]}
        if publication:
            params["number"] = publication.id
        if log:
            params["log"] = log.id
        return {
            "type": "ir.actions.client",
            "tag": TAG,
            "name": self.env._("Explain %s", self._explained_name()),
            "context": {"active_id": self.id},
            "params": params,
        }


class ProductExplained(models.Model):
    _name = "product.product"
    _inherit = ["product.product", "stock.channel.explained"]

    def action_explain_channels(self):
        """Show what each channel is told of this product, and why."""
        return self._explain_action()

    def _explained_listings(self):
        return (
            self.env["stock.channel.listing"]
            .with_context(active_test=False)
            .search([("product_id", "in", self.ids)])
        )

    def _explained_kits(self):
        return self

    def _limited_rows(self):
        """Return the numbers of the kits that these products hold back."""
        publications = self.env["stock.channel.publication"]
        publications.check_access("read")
        if not self:
            return publications
        touched = self.env["stock.channel.availability"]._touched_by(self.ids)
        return publications.search(
            [
                ("listing_id", "in", [listing_id for (listing_id,) in touched]),
                ("is_kit", "=", True),
                ("limiting_product_id", "in", self.ids),
            ]
        )


class ProductTemplateExplained(models.Model):
    _name = "product.template"
    _inherit = ["product.template", "stock.channel.explained"]

    def action_explain_channels(self):
        """Show what each channel is told of every variant, and why."""
        return self._explain_action()

    def _explained_kits(self):
        return self.with_context(active_test=False).product_variant_ids

    def _explained_listings(self):
        return self._explained_kits()._explained_listings()


class StockChannelListingExplained(models.Model):
    _name = "stock.channel.listing"
    _inherit = ["stock.channel.listing", "stock.channel.explained"]

    def action_explain(self):
        """Show how the numbers of this listing come about."""
        rows = self.env["stock.channel.publication"].search(
            [("listing_id", "=", self.id)], limit=1
        )
        return self._explain_action(rows)

    def _explained_name(self):
        return self.sku

    def _explained_listings(self):
        """Return this one, and the same product at every other channel."""
        return self.product_id._explained_listings()

    def _explained_kits(self):
        return self.product_id


class StockChannelOrderExplained(models.Model):
    _name = "stock.channel.order"
    _inherit = ["stock.channel.order", "stock.channel.explained"]

    def action_explain(self):
        """Show the numbers of what was ordered."""
        return self._explain_action()

    def _explained_listings(self):
        return self.line_ids.listing_id


class StockChannelPublicationExplained(models.Model):
    _inherit = "stock.channel.publication"

    def action_explain(self):
        """Show how this number comes about."""
        self.ensure_one()
        self.check_access("read")
        return self.listing_id._explain_action(self)

    def explain_past(self, offset=0):
        """Return a page of the numbers the channel took, the newest first.

        :param int offset: how many are skipped.
        :return: JSON-able dict of ``rows``, each with the ``id`` of its log entry,
            and the ``total``.
        :raise AccessError: unless the user may read this publication.
        """
        self.ensure_one()
        self.check_access("read")
        logs = self.env["stock.channel.publication.log"]
        domain = [("publication_id", "=", self.id)]
        page = logs.search(domain, offset=max(int(offset), 0), limit=PAGE)
        causes = dict(logs._fields["cause"]._description_selection(self.env))
        return {
            "total": logs.search_count(domain),
            "rows": [
                {
                    "id": log.id,
                    "at": fields.Datetime.to_string(log.acknowledged_at),
                    "quantity": plain(log.quantity),
                    "previous": plain(log.previous_qty),
                    "freshness": plain_duration(log.freshness)
                    if log.changed_at
                    else "",
                    "cause": causes.get(log.cause, ""),
                }
                for log in page
            ],
        }

    def _explain_rows(self, names):
        """Return these numbers as rows of a table.

        :param names: product id → name, of those that may be read.
        """
        pauses_sudo = self.sudo()
        rows = []
        for row, row_sudo in zip(self, pauses_sudo, strict=True):
            rows.append(
                {
                    "id": row.id,
                    "listing": row.listing_id.sku,
                    "listing_id": row.listing_id.id,
                    "channel": row.channel_id.name,
                    "location": row.channel_location_id.name,
                    "product": names.get(row.product_id.id) or self._withheld(),
                    "unit": row_sudo.uom_id.name,
                    "state": row.state,
                    "state_name": self._state_name(row.state),
                    "drift_name": self._drift_name(row.drift),
                    "paused": row._pause_word(),
                    "is_kit": row.is_kit,
                    **{name: row._ledger_quantity(name) for name in TOLD},
                    **{
                        name: fields.Datetime.to_string(row[name]) or None
                        for name in WHEN
                    },
                }
            )
        return rows

    def _ledger_quantity(self, name):
        """Return one quantity of the ledger, None where there is none yet."""
        return number(self[f"{name}_qty"]) if self[f"{name}_at"] else None

    @api.model
    def _state_name(self, state):
        return dict(self._fields["state"]._description_selection(self.env))[state]

    @api.model
    def _drift_name(self, drift):
        names = dict(self._fields["drift"]._description_selection(self.env))
        return names.get(drift) or ""

    def _pause_word(self):
        """Say what keeps the channel's number from being changed, "" if nothing."""
        if not self.listing_id.active or not self.channel_location_id.active:
            return self.env._("Archived")
        if self.listing_id.is_paused:
            return self.env._("Listing paused")
        if self.channel_location_id.is_paused:
            return self.env._("Location paused")
        states = {
            "draft": self.env._("Channel not live"),
            "shadow": self.env._("Channel in shadow"),
            "paused": self.env._("Channel paused"),
        }
        return states.get(self.channel_id.state, "")


class StockChannelPublicationLogExplained(models.Model):
    _inherit = "stock.channel.publication.log"

    def action_explain(self):
        """Show how this number came about, when the channel took it."""
        self.ensure_one()
        self.check_access("read")
        return self.publication_id.listing_id._explain_action(self.publication_id, self)


class StockChannelExceptionExplained(models.Model):
    _inherit = "stock.channel.exception"

    can_explain = fields.Boolean(compute="_compute_can_explain")

    @api.depends("publication_id", "listing_id", "shortage_product_id")
    def _compute_can_explain(self):
        for exception in self:
            exception.can_explain = bool(
                exception.publication_id
                or exception.listing_id
                or exception.shortage_product_id
            )

    def action_explain(self):
        """Show the number this is about."""
        self.ensure_one()
        self.check_access("read")
        if self.publication_id:
            return self.publication_id.action_explain()
        if self.listing_id:
            return self.listing_id.action_explain()
        if self.shortage_product_id:
            return self.shortage_product_id.action_explain_channels()
        raise UserError(
            self.env._("This is not about a number that a channel was told.")
        )


class StockChannelMessageExplained(models.Model):
    _inherit = "stock.channel.message"

    def action_explain(self):
        """Show the numbers of what was ordered with this message."""
        self.ensure_one()
        self.check_access("read")
        if not self.channel_order_id:
            raise UserError(
                self.env._(
                    "This message belongs to no order, so no number hangs on it."
                )
            )
        return self.channel_order_id.action_explain()
