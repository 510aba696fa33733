"""Every call to Shopify, held against the official schema of the pinned version.

The schema does not tell four things that a call meets at run time: which operations need
a key of idempotency, that a row must say what it expects, how long a list may be, and
what a call may cost. These are checked here too. It takes a moment: the schema is large.
"""

import json
import re
import unittest
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from .. import (
    shopify_cancel,
    shopify_fulfilment,
    shopify_levels,
    shopify_listing,
    shopify_marks,
    shopify_push,
    shopify_webhooks,
)
from ..data import (
    Cancellation,
    OrderSnapshot,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ResultStatus,
    Shipment,
)
from ..shopify import ShopifyConnector
from ..shopify_client import VERSION
from ..testing.fake_channel import json_response
from ..testing.fake_shopify import (
    ACCESS_TOKEN,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    MAIN,
    SHOP,
)
from ..tokens import MemoryTokens
from ..transport import Request, Response
from . import shopify_schema
from .shopify_case import ShopifyCase

try:
    import graphql
except ImportError:
    graphql = None  # type: ignore[assignment]

SHAPES = shopify_schema.SCHEMA.with_name("response_shapes.json")
MOST_COST = 1000
ADDRESS = "https://erp.example/hook"
Row = dict[str, Any]


@unittest.skipUnless(shopify_schema.is_there(), shopify_schema.REASON)
class TestShopifyDocuments(unittest.TestCase):
    """What is asked for exists, and may be asked for at once."""

    def test_the_schema_is_of_the_pinned_version(self) -> None:
        """Another version has another schema."""
        self.assertEqual(f"admin_{VERSION}.graphql", shopify_schema.SCHEMA.name)

    def test_every_document_is_valid(self) -> None:
        """Each names one operation of ours."""
        found = shopify_schema.documents()
        self.assertGreater(len(found), 20)
        for name, text in found.items():
            with self.subTest(name):
                self.assertEqual([], shopify_schema.problems(text))
                [operation] = graphql.parse(text).definitions
                self.assertRegex(operation.name.value, r"\AHub[A-Z]\w+\Z")
        texts = list(found.values())
        names = [re.findall(r"(?:query|mutation) (\w+)", text)[0] for text in texts]
        self.assertEqual(len(set(texts)), len(set(names)))

    def test_nothing_deprecated_is_used(self) -> None:
        """It would be gone with one of the next versions."""
        for name, text in shopify_schema.documents().items():
            schema = shopify_schema.schema(
                shopify_schema.names_in(shopify_schema.documents().values())
            )
            found = graphql.validate(
                schema, graphql.parse(text), [graphql.NoDeprecatedCustomRule]
            )
            with self.subTest(name):
                self.assertEqual([], [error.message for error in found])

    def test_every_document_may_be_asked_for(self) -> None:
        """A call of more than a thousand points is refused whatever is left."""
        for name, text in shopify_schema.documents().items():
            with self.subTest(name):
                self.assertLessEqual(shopify_schema.cost(text), MOST_COST)

    def test_estimates_are_not_too_low(self) -> None:
        """Otherwise a call is refused that could have been waited for."""
        ours = {
            shopify_push.SET_QUANTITIES: shopify_push._SET_COST,
            shopify_push.ACTIVATE: shopify_push._ACTIVATE_COST,
            shopify_levels.LEVELS: shopify_levels._LEVEL_COST,
            shopify_listing.VARIANTS: 502,
            shopify_listing.LOCATIONS: 252,
            shopify_listing.CHECK: 5,
            shopify_marks.SET_MARKS: shopify_marks._COST,
            shopify_fulfilment.ORDER_TO_SHIP: shopify_fulfilment._ORDER_COST,
            shopify_fulfilment.FULFILLMENT_ORDER_LINES: shopify_fulfilment._LINES_COST,
            shopify_fulfilment.FULFILLMENT_LINES: shopify_fulfilment._LINES_COST,
            shopify_fulfilment.MOVE: shopify_fulfilment._CHANGE_COST,
            shopify_fulfilment.SHIP: shopify_fulfilment._CHANGE_COST,
            shopify_fulfilment.TRACK: shopify_fulfilment._CHANGE_COST,
            shopify_cancel.ORDER_TO_CANCEL: shopify_cancel._READ_COST,
            shopify_cancel.CANCEL: shopify_cancel._CHANGE_COST,
            shopify_cancel.CANCELLED: 2,
            shopify_cancel.EDIT_BEGIN: shopify_cancel._BEGIN_COST,
            shopify_cancel.EDIT_LINE: shopify_cancel._CHANGE_COST,
            shopify_cancel.EDIT_COMMIT: shopify_cancel._CHANGE_COST,
            shopify_webhooks.SUBSCRIPTIONS: 252,
            shopify_webhooks.SUBSCRIBE: shopify_webhooks._COST,
            shopify_webhooks.RESUBSCRIBE: shopify_webhooks._COST,
        }
        for text, estimate in ours.items():
            with self.subTest(text.split("(")[0]):
                self.assertLessEqual(shopify_schema.cost(text), estimate)

    def test_keys_of_idempotency_where_shopify_demands_them(self) -> None:
        """Its own description says so, behind a directive that may be left out."""
        text = shopify_schema.SCHEMA.read_text("utf-8")
        mutations = text[text.index("\ntype Mutation {") :]
        mutations = mutations[: mutations.index("\n}\n")]
        demanding = {
            name
            for words, name in re.findall(
                r'"""((?:(?!""").)*)"""\n  (\w+)\(', mutations, re.DOTALL
            )
            if "idempotency key is required" in " ".join(words.split())
        }
        self.assertLessEqual({"inventorySetQuantities", "inventoryActivate"}, demanding)
        used = set()
        for name, document in shopify_schema.documents().items():
            for field in re.findall(r"^  (\w+)", document, re.MULTILINE):
                if field in demanding:
                    used.add(field)
                    with self.subTest(name):
                        self.assertRegex(document, r"@idempotent\(key: \$key\)")
        self.assertEqual({"inventorySetQuantities", "inventoryActivate"}, used)


@unittest.skipUnless(shopify_schema.is_there(), shopify_schema.REASON)
class TestShopifyCalls(ShopifyCase):
    """What is really sent, and what may really be answered.

    The shop in memory answers through the schema here: what it leaves out or words
    wrongly is an error, and the connector sees only what it asked for.
    """

    schema: ClassVar[Any]

    @classmethod
    def setUpClass(cls) -> None:
        """Build what of the schema our documents may reach."""
        super().setUpClass()
        texts = shopify_schema.documents().values()
        cls.schema = shopify_schema.schema(shopify_schema.names_in(texts))

    def setUp(self) -> None:
        """Put the schema between the shop and the connector."""
        super().setUp()
        self.faults: list[str] = []
        self.transport._handler = self.answer
        for place in ("main", "shop"):
            self.server.add_item("A-1", place, Decimal(7))
        self.keys = [
            QuantityKey(sku="A-1", item_id="5001", location_id=MAIN),
            self.server.add_item("B-2", "main", Decimal(9)),
        ]
        self.server.add_order("1001")

    def answer(self, call: Request) -> Response:
        """Answer a call with what the schema lets through."""
        response = self.server.handle(call)
        body = json.loads(response.body)
        sent = json.loads(call.body)
        document = graphql.parse(sent["query"])
        self.check_variables(document, sent["variables"])
        result = graphql.execute(
            self.schema,
            document,
            root_value=body["data"],
            variable_values=sent["variables"],
            field_resolver=lambda source, info, **_: source.get(info.path.key),
            type_resolver=lambda value, *_: value["id"].split("/")[3],
        )
        self.faults += [error.message for error in result.errors or ()]
        return json_response({**body, "data": result.data})

    def check_variables(self, document: Any, variables: Row) -> None:
        """Note whatever the schema, or Shopify at run time, finds wrong with them."""
        [operation] = document.definitions
        names = {d.variable.name.value for d in operation.variable_definitions or ()}
        self.faults += sorted(set(variables) - names)
        found = graphql.execution.values.get_variable_values(
            self.schema, operation.variable_definitions or (), variables
        )
        if isinstance(found, list):
            self.faults += [error.message for error in found]
        for path, value in leaves(variables):
            if isinstance(value, list) and len(value) > 250:
                self.faults.append(f"{path}: {len(value)} elements")
        for row in variables.get("input", {}).get("quantities", ()):
            if "changeFromQuantity" not in row:
                self.faults.append("changeFromQuantity is not said")

    def push(self, *updates: tuple[QuantityKey, str, str | None]) -> list[ResultStatus]:
        """Publish numbers; return what became of them."""
        given = [
            QuantityUpdate(
                key=key,
                quantity=Decimal(quantity),
                unit="Units",
                sequence=1,
                previous=None if previous is None else Decimal(previous),
            )
            for key, quantity, previous in updates
        ]
        results = self.connector.publish(given, f"push-{len(self.transport.calls)}")
        return [result.status for result in results]

    def test_numbers(self) -> None:
        """Set, stale, not stocked, unknown, read; 250 at once."""
        away = QuantityKey(sku="B-2", item_id=self.keys[1].item_id, location_id=SHOP)
        gone = QuantityKey(sku="X", item_id="9999", location_id=MAIN)
        statuses = self.push(
            (self.keys[0], "3", "7"),
            (self.keys[1], "3", "8"),
            (away, "4", None),
            (gone, "5", None),
        )
        self.assertEqual(["applied", "stale", "applied", "rejected"], statuses)
        found = self.connector.fetch_quantities([*self.keys, away, gone])
        self.assertEqual([3, 9, 4], [entry.quantity for entry in found])
        many = [self.server.add_item(f"S{n}", "main", Decimal(1)) for n in range(251)]
        self.assertEqual(
            {"applied"}, set(self.push(*((key, "2", None) for key in many)))
        )
        self.assertEqual([], self.faults)

    def test_shipments_and_cancellations(self) -> None:
        """From elsewhere, corrected, in part, altogether."""
        shipment = Shipment(
            id="P1",
            order_id="1001",
            location_id=SHOP,
            shipped_at=self.clock(),
            lines=(ReportedLine(order_line_id="10011", quantity=Decimal(2)),),
            carrier="DHL Express",
            tracking="T1",
            tracking_url="https://track.example/T1",
        )
        self.connector.report_shipment(shipment)
        self.connector.report_shipment(replace(shipment, tracking="T2", corrects=True))
        cancellation = Cancellation(
            id="C1",
            order_id="1001",
            reason="Sold out.",
            decided_at=self.clock(),
            lines=(ReportedLine(order_line_id="10012", quantity=Decimal(2)),),
        )
        self.connector.report_cancel(cancellation)
        self.server.add_order("1002")
        lines = (("10021", 3), ("10022", 5))
        whole = tuple(
            ReportedLine(order_line_id=line, quantity=Decimal(n)) for line, n in lines
        )
        self.connector.report_cancel(
            replace(cancellation, order_id="1002", lines=whole)
        )
        order, other = self.server.books.orders.values()
        self.assertEqual("T2", order["fulfillments"][0]["trackingInfo"][0]["number"])
        self.assertEqual([3, 3], [ln["currentQuantity"] for ln in order["lineItems"]])
        self.assertTrue(other["cancelledAt"])
        self.assertEqual([], self.faults)

    def test_orders(self) -> None:
        """Listed, read whole, read again after goods have left."""
        shipment = Shipment(
            id="P1",
            order_id="1001",
            location_id=MAIN,
            shipped_at=self.clock(),
            lines=(ReportedLine(order_line_id="10011", quantity=Decimal(2)),),
        )
        self.connector.report_shipment(shipment)
        [page] = self.connector.fetch_orders(None)
        [polled] = page.orders
        self.assertEqual(polled, self.connector.fetch_order("1001"))
        [snapshot] = self.connector.parse(polled.raw, polled.topic)
        assert isinstance(snapshot, OrderSnapshot)  # noqa: S101 - for the type checker
        self.assertEqual(
            [("10011", 3, 2, MAIN), ("10012", 5, 0, MAIN)],
            [
                (line.id, line.quantity, line.fulfilled_quantity, line.location_id)
                for line in snapshot.lines
            ],
        )
        self.assertEqual([], self.faults)

    def test_what_there_is(self) -> None:
        """Listings, locations, the shop, subscriptions."""
        self.assertEqual(2, len(list(self.connector.fetch_listings())))
        self.assertEqual(2, len(list(self.connector.fetch_locations())))
        self.assertTrue(self.connector.check().ok)
        self.connector.watch_webhooks("https://old.example/hook")
        self.connector.watch_webhooks(ADDRESS)
        self.assertEqual({ADDRESS}, {row["uri"] for row in self.server.subscriptions})
        self.assertEqual([], self.faults)


@unittest.skipUnless(SHAPES.is_file(), "the shapes of answers are not beside here")
class TestShopifyShapes(ShopifyCase):
    """Recorded and documented answers, each acted on as it should be."""

    def setUp(self) -> None:
        """Read them; each is the first answer of the shop."""
        super().setUp()
        found = json.loads(SHAPES.read_text("utf-8"))["responses"]
        self.shapes = {shape["name"]: shape for shape in found}
        self.key = self.server.add_item("A-1", "main", Decimal(7))

    def push(self, shape: str) -> list[str]:
        """Publish a number that meets this answer first; return the keys of calls."""
        first = self.shapes[shape]
        answers = [json_response(first["body"], first["http_status"])]
        self.transport._handler = lambda call: (
            answers.pop() if answers else self.server.handle(call)
        )
        update = QuantityUpdate(
            key=self.key, quantity=Decimal(3), unit="Units", sequence=1
        )
        [self.result] = self.connector.publish([update], "push-1")
        return [sent["key"] for sent in self.sent("HubSetQuantities")]

    def test_throttled(self) -> None:
        """The same call again, when there are points for it."""
        self.assertEqual(["push-1", "push-1"], self.push("throttled"))
        self.assertEqual([1.72], self.paused())
        self.assertEqual(ResultStatus.APPLIED, self.result.status)

    def test_stale(self) -> None:
        """Read, and told; nothing is sent again."""
        self.assertEqual(["push-1"], self.push("cas stale"))
        self.assertEqual(
            (ResultStatus.STALE, 7), (self.result.status, self.result.quantity)
        )

    def test_in_progress(self) -> None:
        """A little later, under the same key."""
        self.assertEqual(["push-1", "push-1"], self.push("idempotency in progress"))
        self.assertEqual(ResultStatus.APPLIED, self.result.status)

    def test_key_of_another_call(self) -> None:
        """Nobody knows; nothing is sent again."""
        keys = self.push("idempotency key reused with other input")
        self.assertEqual((["push-1"], ResultStatus.UNKNOWN), (keys, self.result.status))

    def test_not_stocked(self) -> None:
        """Stocked once, then sent under another key."""
        first, second = self.push("not stocked at location")
        self.assertEqual(("push-1", 1), (first, len(self.sent("HubActivate"))))
        self.assertNotEqual(first, second)
        self.assertEqual(ResultStatus.APPLIED, self.result.status)

    def test_expired_token(self) -> None:
        """Renewed once; a fixed one needs a person."""
        self.connector = ShopifyConnector(
            {
                "base_url": BASE_URL,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
            },
            self.transport,
            self.clock,
            (),
            MemoryTokens({"access_token": ACCESS_TOKEN}),
        )
        self.connector.check()
        self.assertEqual(["push-1", "push-1"], self.push("expired token"))
        self.assertEqual(
            (ResultStatus.APPLIED, 2), (self.result.status, self.server.grants)
        )


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value within some variables."""
    yield path, value
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            yield from leaves(entry, f"{path}.{key}")
