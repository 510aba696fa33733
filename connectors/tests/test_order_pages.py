"""Links to the channel's own pages of an order."""

import unittest

from connectors import registry
from connectors.order_pages import is_safe_link, safe_page

ADDRESSES = {
    "shopify": (
        "https://example.myshopify.com",
        "gid://shopify/Order/450789469",
        "https://example.myshopify.com/admin/orders/450789469",
    ),
    "woocommerce": (
        "https://shop.example.com/store/wp-json/",
        "727",
        "https://shop.example.com/store/wp-admin/post.php?post=727&action=edit",
    ),
    "medusa": (
        "https://shop.example.com/",
        "order_01J8",
        "https://shop.example.com/app/orders/order_01J8",
    ),
    "vendure": (
        "https://shop.example.com/admin-api",
        "17",
        "https://shop.example.com/admin/orders/17",
    ),
}


class TestOrderPages(unittest.TestCase):
    def test_each_shop_has_its_page(self) -> None:
        for key, (base_url, order_id, expected) in ADDRESSES.items():
            with self.subTest(connector=key):
                address = registry.get(key).order_url({"base_url": base_url}, order_id)
                self.assertEqual(expected, address)

    def test_who_has_no_pages_has_no_link(self) -> None:
        for key in ("rest", "filedrop"):
            config = {"base_url": "https://shop.example.com"}
            self.assertIsNone(registry.get(key).order_url(config, "1001"))

    def test_without_an_address_there_is_no_link(self) -> None:
        for key in ADDRESSES:
            with self.subTest(connector=key):
                self.assertIsNone(registry.get(key).order_url({}, "1001"))

    def test_id_goes_where_the_template_says_quoted(self) -> None:
        self.assertEqual(
            "https://a.example/o/1%2F2%3Fx%3D%22/view",
            safe_page("https://a.example/o/{id}/view", '1/2?x="'),
        )

    def test_odd_addresses_are_no_links(self) -> None:
        for address in (
            "http://a.example/1",
            "https:///1",
            "https://user:secret@a.example/1",
            "https://a.example:99999/1",
            "https://a.example/<b>",
            "https://a.example/\\evil",
            "https://a.exämple/1",
            "https://a.example/\n1",
            "javascript:alert(1)",
            "//a.example/1",
            "https://[::1/1",
        ):
            with self.subTest(address=address):
                self.assertFalse(is_safe_link(address))

    def test_plain_addresses_are_links(self) -> None:
        for address in ("https://a.example/1", "https://a.example:8443/o?id=1#x"):
            with self.subTest(address=address):
                self.assertTrue(is_safe_link(address))
