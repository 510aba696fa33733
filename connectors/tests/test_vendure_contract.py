"""Every document and its variables are valid by Vendure's own schema."""

import json
import unittest
from functools import cache
from pathlib import Path
from typing import Any

from .. import vendure, vendure_client, vendure_levels, vendure_payload, vendure_reports
from ..testing.fake_vendure import PASSWORD, USER
from .vendure_case import VendureCase

SCHEMA = (
    Path(__file__).parents[2].parent
    / "shared"
    / "contracts"
    / "vendure"
    / "schema-admin.introspection.json"
)


@cache
def schema() -> Any:
    """Return Vendure's published schema."""
    from graphql import build_client_schema

    answer = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return build_client_schema(answer.get("data", answer))


@unittest.skipUnless(
    SCHEMA.is_file(), "no contracts beside the checkout: Vendure's schema"
)
class TestContract(VendureCase):
    """The schema is of 3.5.2; what we ask for is in 3.7.3 as well, see the e2e run."""

    DOCUMENTS = (
        vendure.LISTINGS,
        vendure_client.LOGIN,
        vendure_levels.LEVELS,
        vendure_levels.LOCATIONS,
        vendure_levels.SET,
        vendure_payload.HEADS,
        vendure_payload.ORDER,
        vendure_payload.ORDERS,
        vendure_reports.LOOK,
        vendure_reports.CANCEL,
        vendure_reports.CANCELS,
        vendure_reports.FULFIL,
        vendure_reports.MOVE,
    )

    def test_documents_are_valid(self) -> None:
        """Names, types and fragments."""
        from graphql import parse, validate

        for document in self.DOCUMENTS:
            parsed = parse(document)
            [operation] = parsed.definitions
            with self.subTest(operation.name.value):
                self.assertEqual([], validate(schema(), parsed))

    def test_calls_are_valid(self) -> None:
        """Each call of each operation carries variables of the right types."""
        from graphql import get_variable_values, parse

        self.call_everything()
        seen = set()
        for call in self.shop.transport.calls:
            body = json.loads(call.body)
            [operation] = parse(body["query"]).definitions
            seen.add(operation.name.value)
            with self.subTest(operation.name.value):
                values = get_variable_values(
                    schema(), operation.variable_definitions, body["variables"]
                )
                self.assertNotIsInstance(values, list, values)
        [names] = [
            {parse(document).definitions[0].name.value for document in self.DOCUMENTS}
        ]
        self.assertEqual(names, seen)

    def test_a_wrong_document_would_be_noticed(self) -> None:
        """The check itself checks."""
        from graphql import parse, validate

        wrong = vendure_levels.LEVELS.replace("stockOnHand", "stockInHand")
        self.assertTrue(validate(schema(), parse(wrong)))

    def call_everything(self) -> None:
        """Make every call there is."""
        first, second = self.shop.add_order("1")
        connector = self.connector
        connector.config = {
            "base_url": connector.config["base_url"],
            "username": USER,
            "password": PASSWORD,
        }
        list(connector.fetch_listings())
        self.push((self.key, "7"), (self.key_of("A-1", "shop"), "3"))
        self.poll()
        self.poll(60)
        connector.report_shipment(self.shipment({first: 2}))
        connector.report_cancel(self.cancellation({second: 1}))
        connector.fetch_order("1")
