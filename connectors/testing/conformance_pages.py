"""Conformance of links to the channel's own pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from .conformance_base import ConformanceBase

_ORDER_IDS = ("1001", "gid://shop/Order/1001", "ord_01J8")
_HOSTILE = ('1"><script>x</script>', "../../logout", "1?next=//evil.example", "a b")
_NO_IDS = ("", ".", "..")


class PagesConformance(ConformanceBase):
    """A link shown to people leads to the channel's own pages or is not there."""

    def order_url(self, order_id: str, base_url: str = "") -> str | None:
        """Return the link to an order, of the config under test."""
        address = base_url or self.config.get("base_url", "")
        return self.connector_class.order_url({"base_url": address}, order_id)

    def test_order_link_leads_to_the_channel(self) -> None:
        """Https, the host of the settings, and nothing secret in it.

        What to do: build it with ``order_pages.page_below`` from ``base_url``.
        """
        for order_id in _ORDER_IDS:
            with self.subTest(order=order_id):
                address = self.order_url(order_id, "https://shop.example.com")
                if address is None:
                    continue
                parts = urlsplit(address)
                self.assertEqual("https", parts.scheme)
                self.assertEqual("shop.example.com", parts.netloc)
                again = self.order_url(order_id, "https://shop.example.com")
                self.assertEqual(address, again)

    def test_order_link_survives_hostile_ids(self) -> None:
        """An id from outside stays one part of the address, quoted.

        What to do: quote it; ``order_pages.page_below`` does.
        """
        for order_id in _HOSTILE:
            with self.subTest(order=order_id):
                address = self.order_url(order_id, "https://shop.example.com")
                if address is None:
                    continue
                parts = urlsplit(address)
                self.assertEqual("shop.example.com", parts.netloc)
                self.assertNotIn("..", parts.path.split("/"))
                for character in "\"'<> ":
                    self.assertNotIn(character, address)
                self.assertNotIn("evil.example", parts.netloc)

    def test_no_link_without_an_order_or_over_plain_http(self) -> None:
        """No id, no https, no link.

        What to do: return None for it; ``order_pages.page_below`` does.
        """
        for order_id in _NO_IDS:
            with self.subTest(order=order_id):
                self.assertIsNone(self.order_url(order_id, "https://shop.example.com"))
        for base_url in ("http://shop.example.com", "javascript:alert(1)//", "shop"):
            with self.subTest(base_url=base_url):
                self.assertIsNone(self.order_url("1001", base_url))
