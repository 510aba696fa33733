from odoo import models

from .stock_channel_review_weekly import NAMED_ITEMS


class StockChannelReviewRemote(models.Model):
    """Findings of the week: what the channel lists and what it could list."""

    _inherit = "stock.channel.review"

    def _find_weekly(self, channel):
        return [
            *super()._find_weekly(channel),
            self._find_to_match(channel),
            self._find_not_listed(channel),
        ]

    def _find_to_match(self, channel):
        """What the channel lists and nobody has matched, the new ones counted apart."""
        remote = self.env["stock.channel.remote.listing"]
        domain = [("channel_id", "=", channel.id), ("is_open", "=", True)]
        count = remote.search_count(domain)
        new = remote.search_count([*domain, *self._period_domain("first_seen")])
        fetch = self.env["stock.channel.fetch"].search(
            [("channel_id", "=", channel.id), ("state", "=", "done")], limit=1
        )
        if count:
            some = remote.search(domain, limit=NAMED_ITEMS, order="first_seen desc, id")
            fact = self.env._(
                "%(count)s listings of the channel need a look, %(new)s of them new, "
                "such as %(some)s.",
                count=count,
                new=new,
                some=", ".join(some.mapped("display_name")),
            )
        elif fetch:
            fact = self.env._("Everything the channel lists is matched.")
        else:
            fact = self.env._("The channel's listings were never fetched.")
        return self._finding("to_match", count, fact, model=remote._name, domain=domain)

    def _find_not_listed(self, channel):
        """Products that are new and may be sold, and that the channel does not have."""
        products = self.env["product.product"]
        domain = [*channel._unlisted_domain(), *self._period_domain("create_date")]
        count = products.search_count(domain)
        fact = self.env._("No new product is without a listing.")
        if count:
            some = products.search(domain, limit=NAMED_ITEMS, order="id desc")
            fact = self.env._(
                "%(count)s new products may be sold and are not listed, such as "
                "%(some)s.",
                count=count,
                some=", ".join(some.mapped("display_name")),
            )
        return self._finding(
            "not_listed", count, fact, model=products._name, domain=domain
        )
