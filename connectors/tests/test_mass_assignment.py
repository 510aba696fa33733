"""S14: what a payload holds beyond the contract is dropped, whichever connector reads it."""

import json
import unittest
from collections.abc import Iterator
from typing import Any

from . import (
    test_filedrop_conformance,
    test_medusa_conformance,
    test_rest_conformance,
    test_shopify_conformance,
    test_vendure_conformance,
    test_woocommerce_conformance,
)

# By module: classes imported here would be run here once more.
CASES = {
    "filedrop": test_filedrop_conformance.TestFiledropConformance,
    "medusa": test_medusa_conformance.TestMedusaConformance,
    "rest": test_rest_conformance.TestRestConformance,
    "shopify": test_shopify_conformance.TestShopifyConformance,
    "vendure": test_vendure_conformance.TestWithKey,
    "woocommerce": test_woocommerce_conformance.TestWooCommerceConformance,
}
# Names of Odoo's and of ours that no channel's format knows.
PLANTED: dict[str, Any] = {
    "company_id": 2,
    "pricelist_id": 3,
    "user_id": 1,
    "partner_id": 1,
    "channel_id": 4,
    "sale_order_id": 5,
    "erasure_id": 6,
    "listing_id": 7,
    "locked": True,
    "applied_version": 10**9,
    "is_admin": True,
    "__proto__": {"admin": True},
    "": "nothing",
}


def planted(value: Any, *, top: bool = True) -> Any:
    """Return the same with keys of ours in every object."""
    if isinstance(value, list):
        return [planted(one, top=False) for one in value]
    if not isinstance(value, dict):
        return value
    inside = {key: planted(one, top=False) for key, one in value.items()}
    # An address has a state of its own; an order has none.
    return {**PLANTED, **({"state": "cancel"} if top else {}), **inside}


class TestUnknownKeys(unittest.TestCase):
    """S14: unknown keys change nothing of what is understood."""

    def samples(self, case: type) -> Iterator[tuple[Any, str, bytes]]:
        """Yield the case, and each good sample of its connector."""
        one = case("test_samples_parse")
        one.setUp()
        self.addCleanup(one.doCleanups)
        for name, raw in one.good_samples():
            yield one, name, raw

    def test_every_connector_is_here(self):
        self.assertEqual(
            {case.connector_class.key for case in CASES.values()}, set(CASES)
        )

    def test_the_same_is_understood(self):
        for key, case in CASES.items():
            read = 0
            for one, name, raw in self.samples(case):
                topic = one.sample_topic(name, raw)
                fuller = json.dumps(planted(json.loads(raw))).encode()
                with self.subTest(connector=key, sample=name):
                    self.assertNotEqual(raw, fuller)
                    self.assertEqual(
                        one.connector.parse(raw, topic),
                        one.connector.parse(fuller, topic),
                    )
                    read += 1
            self.assertGreater(read, 0, key)
