from datetime import timedelta

from odoo.tests import tagged

from .remote_common import RemoteCase
from .test_review_findings import FindingCase


@tagged("post_install", "-at_install")
class TestRemoteFindings(RemoteCase, FindingCase):
    """What is new at the channel and here is in the weekly review."""

    def test_never_fetched(self):
        finding = self.find("weekly", "to_match")
        self.assertEqual(
            (finding.state, finding.fact),
            ("clear", "The channel's listings were never fetched."),
        )

    def test_listings_to_match_the_new_ones_apart(self):
        self.lists("DESK")
        self.fetch()
        finding = self.find("weekly", "to_match")
        self.assertEqual(
            (finding.state, finding.fact),
            ("clear", "Everything the channel lists is matched."),
        )
        self.lists("OLD")
        self.lists("NEW")
        self.fetch()
        self.row("OLD").sudo().first_seen -= timedelta(days=365)
        finding = self.find("weekly", "to_match")
        self.assertEqual((finding.state, finding.count), ("open", 2))
        self.assertEqual(
            finding.fact,
            "2 listings of the channel need a look, 1 of them new, such as NEW, OLD.",
        )
        found = self.remote.search(finding.target["domain"])
        self.assertEqual(set(found.mapped("sku")), {"OLD", "NEW"})
        self.row("OLD").with_user(self.operator)._ignore("No stock.")
        self.assertEqual(self.find("weekly", "to_match").count, 1)

    def test_new_products_without_a_listing(self):
        before = self.find("weekly", "not_listed").count
        lamp = self.make_product("Lamp", "LAMP")
        finding = self.find("weekly", "not_listed")
        self.assertEqual((finding.state, finding.count), ("noted", before + 1))
        self.assertIn("[LAMP] Lamp", finding.fact)
        self.make_listing(self.channel, lamp, "LAMP")
        self.assertEqual(self.find("weekly", "not_listed").count, before)
