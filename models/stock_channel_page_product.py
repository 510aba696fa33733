"""The page of a product: what channels sell of it, and what they are told."""

from odoo import api, fields, models
from odoo.fields import Domain

from .stock_channel_page_number import pause_text

READERS = "stock_channel_hub.group_user"


class StockChannelSold(models.AbstractModel):
    """A product, or all variants of one, as channels sell it.

    Nothing of it is stored: what is asked for many products at once takes as many
    statements as for one.
    """

    _name = "stock.channel.sold"
    _description = "Sold on Channels"

    channel_publication_ids = fields.Many2many(
        "stock.channel.publication",
        compute="_compute_channel_publications",
        string="Channel Numbers",
        groups=READERS,
    )
    channel_count = fields.Integer(
        "Channels", compute="_compute_channel_count", groups=READERS
    )
    channel_trouble = fields.Char(
        "Needs Attention",
        compute="_compute_channel_count",
        groups=READERS,
        help="Open exceptions, and what is paused or late of this product.",
    )

    def _channel_variants(self):
        """Return the variants of these, archived ones included."""
        raise NotImplementedError

    def _channel_listings(self):
        """Return {id of a variant: its listings}, archived ones included."""
        listings = self.env["stock.channel.listing"].with_context(active_test=False)
        variants = self._channel_variants()
        return listings.search([("product_id", "in", variants.ids)]).grouped(
            lambda listing: listing.product_id.id
        )

    def _of_variants(self, by_variant, empty):
        """Return what belongs to the variants of one product, in their order."""
        found = empty
        for variant in self._channel_variants():
            found |= by_variant.get(variant._origin.id, empty)
        return found

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_channel_publications(self):
        empty = self.env["stock.channel.publication"]
        listings = self.env["stock.channel.listing"].union(
            *self._channel_listings().values()
        )
        rows = empty.search([("listing_id", "in", listings.ids)])
        by_variant = rows._is_of_interest().grouped(
            lambda row: row.listing_id.product_id.id
        )
        for product in self:
            product.channel_publication_ids = product._of_variants(by_variant, empty)

    @api.depends_context("uid", "allowed_company_ids", "lang")
    def _compute_channel_count(self):
        by_variant = self._channel_listings()
        empty = self.env["stock.channel.listing"]
        open_ids = self._open_exceptions(empty.union(*by_variant.values()))
        for product in self:
            listings = product._of_variants(by_variant, empty).filtered("active")
            rows = product.channel_publication_ids
            variants = product._channel_variants()
            product.channel_count = len(listings.channel_id)
            product.channel_trouble = product._channel_trouble(
                len(set().union(*(open_ids.get(id_, ()) for id_ in variants.ids))),
                listings._count_paused(rows),
                sum(row.page_state == "late" for row in rows),
            )

    def _open_exceptions(self, listings):
        """Return {id of a variant: ids of the open exceptions about it}."""
        about = [
            ("product_id", "in", self._channel_variants().ids),
            ("listing_id", "in", listings.ids),
            ("publication_id.listing_id", "in", listings.ids),
        ]
        domain = Domain("state", "=", "open") & Domain.OR(
            Domain(*term) for term in about
        )
        found = {}
        for exception in self.env["stock.channel.exception"].search(domain):
            products = (
                exception.product_id
                | exception.listing_id.product_id
                | exception.publication_id.listing_id.product_id
            )
            for product in products:
                found.setdefault(product.id, set()).add(exception.id)
        return found

    def _channel_trouble(self, exceptions, paused, late):
        """Return in a few words what needs a look, False where nothing does."""
        words = []
        if exceptions == 1:
            words.append(self.env._("1 open exception"))
        elif exceptions:
            words.append(self.env._("%s open exceptions", exceptions))
        if paused == 1:
            words.append(self.env._("1 listing paused"))
        elif paused:
            words.append(self.env._("%s listings paused", paused))
        if late == 1:
            words.append(self.env._("1 number late"))
        elif late:
            words.append(self.env._("%s numbers late", late))
        return ", ".join(words) or False

    def action_open_channel_numbers(self):
        """Open every number of this product, all channels and locations."""
        self.check_access("read")
        numbers = self.env["stock.channel.publication"]
        numbers.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Channel Numbers"),
            "res_model": numbers._name,
            "view_mode": "list,form",
            "domain": [("listing_id.product_id", "in", self._channel_variants().ids)],
            "context": {"active_test": False, "search_default_group_channel": 1},
        }

    def action_open_channel_trouble(self):
        """Open the exceptions about this product; its numbers where there is none."""
        self.check_access("read")
        listings = self.env["stock.channel.listing"].union(
            *self._channel_listings().values()
        )
        ids = set().union(*self._open_exceptions(listings).values())
        if not ids:
            # What is paused or late is seen on the numbers.
            return self.action_open_channel_numbers()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Open Exceptions"),
            "res_model": "stock.channel.exception",
            "view_mode": "list,form",
            "domain": [("id", "in", sorted(ids))],
        }

    def action_sell_on_channel(self):
        """Ask on which channel, under which SKU; see ``stock.channel.sell.wizard``."""
        self.ensure_one()
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        variants = self._channel_variants().filtered("active")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Sell on a Channel"),
            "res_model": "stock.channel.sell.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_product_tmpl_id": variants.product_tmpl_id.id,
                "default_product_id": variants.id if len(variants) == 1 else False,
            },
        }


class ProductTemplateSold(models.Model):
    _name = "product.template"
    _inherit = ["product.template", "stock.channel.sold"]

    channel_listing_ids = fields.Many2many(
        "stock.channel.listing",
        compute="_compute_channel_listing_ids",
        string="Channel Listings",
        groups=READERS,
    )

    def _channel_variants(self):
        return self.with_context(active_test=False).product_variant_ids

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_channel_listing_ids(self):
        by_variant = self._channel_listings()
        empty = self.env["stock.channel.listing"]
        for template in self:
            template.channel_listing_ids = template._of_variants(
                by_variant, empty
            ).filtered("active")


class ProductProductSold(models.Model):
    _name = "product.product"
    _inherit = ["product.product", "stock.channel.sold"]

    def _channel_variants(self):
        return self


class StockChannelListingOnPage(models.Model):
    _inherit = "stock.channel.listing"

    channel_state = fields.Selection(
        related="channel_id.state",
        string="Status of the Channel",
        help="Only a live channel is told numbers. In shadow they are compared with "
        "what it shows.",
    )
    pause_text = fields.Char("Pause", compute="_compute_pause_text")

    def _compute_pause_text(self):
        for listing in self:
            channel = listing.channel_id
            part = listing if listing.is_paused else channel
            is_paused = listing.is_paused or channel.state == "paused"
            listing.pause_text = is_paused and pause_text(part)

    def _count_paused(self, rows):
        """Return how many of these are paused, or have a number that is.

        :param rows: their numbers.
        """
        held = rows.filtered(lambda row: row.page_state == "paused").listing_id
        resting = self.filtered(
            lambda listing: listing.is_paused or listing.channel_id.state == "paused"
        )
        return len((held | resting) & self)

    def action_change_on_page(self):
        """Open this listing beside the page it is shown on.

        Saved there, it is changed or proposed by the rules of every listing.
        """
        self.ensure_one()
        self.check_access("read")
        view = self.env.ref("stock_channel_hub.stock_channel_listing_view_form_page")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change How It Is Sold"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(view.id, "form")],
            "target": "new",
        }
