"""Bodies of the ``rest`` contract: exact values, round trips, arbitrary JSON."""

import json
import unittest
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from .. import rest_payload as payload
from ..data import (
    Address,
    Cancellation,
    CountLine,
    CountSnapshot,
    Customer,
    Disposition,
    LotQuantity,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    QuantityKey,
    QuantityUpdate,
    ReportedLine,
    ReturnLine,
    ReturnSnapshot,
    ReturnStatus,
    Shipment,
    ShippingLine,
)
from ..errors import BadPayload
from ..strict_json import format_time

SAMPLES = Path(__file__).parents[1] / "samples" / "rest"
D = Decimal
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sample(name: str) -> bytes:
    """Return the body of a sample."""
    return (SAMPLES / name).read_bytes()


OPEN_ORDER = OrderSnapshot(
    id="1001",
    version=3,
    updated_at=datetime(2026, 11, 21, 10, 15, 30, 250000, tzinfo=UTC),
    placed_at=datetime(2026, 11, 21, 10, 2, tzinfo=UTC),
    cancelled=False,
    currency="EUR",
    prices_include_tax=True,
    customer=Customer(
        id="C-77",
        email="ada@example.com",
        name="Ada Example",
        phone="+32 2 555 01 02",
        vat="BE0477472701",
    ),
    shipping_address=Address(
        name="Ada Example",
        street="1 Main Street",
        street2="Box 4",
        city="Brussels",
        zip="1000",
        state="BRU",
        country="BE",
    ),
    billing_address=Address(
        name="Example NV",
        street="2 Market Square",
        city="Ghent",
        zip="9000",
        country="BE",
    ),
    payment_status=PaymentStatus.PAID,
    lines=(
        OrderLine(
            id="1001-1",
            sku="FURN_0096",
            item_id="gid-96",
            quantity=D(3),
            cancelled_quantity=D(1),
            fulfilled_quantity=D(1),
            unit_price=D("750.00"),
            discount=D("75.50"),
            tax_rate=D(21),
            location_id="main",
            title="Customizable Desk (Steel, White)",
        ),
        OrderLine(
            id="1001-2",
            sku="FURN_6666",
            quantity=D("0.125"),
            lots=(
                LotQuantity(name="LOT-0001", quantity=D("0.1")),
                LotQuantity(name="LOT-0002", quantity=D("0.025")),
            ),
            unit_price=D("16.40"),
            location_id="shop",
        ),
    ),
    shipping=(
        ShippingLine(
            id="ship-1",
            title="Standard delivery",
            amount=D("9.95"),
            tax_rate=D(21),
        ),
    ),
    total=D("1436.50"),
    payment_reference="pay_31Fx",
    note="Ring twice.\nThe dog is friendly. 🐕",
)


class TestSamples(unittest.TestCase):
    maxDiff = None

    def test_open_order(self):
        [event] = payload.parse(sample("order_open.json"), "order.updated")
        self.assertEqual(OPEN_ORDER, event)

    def test_cancelled_before_created_has_no_lines(self):
        raw = sample("order_cancelled_before_created.json")
        [event] = payload.parse(raw, "order.updated")
        self.assertEqual((True, ()), (event.cancelled, event.lines))

    def test_null_is_absent(self):
        [smallest] = payload.parse(sample("order_smallest.json"), "order.updated")
        [nulls] = payload.parse(sample("order_nulls.json"), "order.updated")
        self.assertEqual(smallest.lines, nulls.lines)
        self.assertEqual(smallest.customer, nulls.customer)
        self.assertIsNone(nulls.billing_address)
        self.assertIsNone(nulls.payment_status)

    def test_return(self):
        expected = ReturnSnapshot(
            id="R-1",
            order_id="1001",
            version=1,
            status=ReturnStatus.RECEIVED,
            location_id="main",
            refund_amount=D("675.00"),
            lines=(
                ReturnLine(
                    order_line_id="1001-1",
                    quantity=D(1),
                    disposition=Disposition.INSPECT,
                ),
                ReturnLine(
                    order_line_id="1001-2",
                    quantity=D("0.1"),
                    disposition=Disposition.RESTOCK,
                    lots=(LotQuantity(name="LOT-0001", quantity=D("0.1")),),
                ),
            ),
        )
        [event] = payload.parse(sample("return_received.json"), "return.updated")
        self.assertEqual(expected, event)

    def test_count(self):
        expected = CountSnapshot(
            id="CNT-2026-11",
            location_id="shop",
            counted_at=datetime(2026, 11, 30, 17, tzinfo=UTC),
            lines=(
                CountLine(sku="FURN_0096", quantity=D(4)),
                CountLine(sku="E-COM07", quantity=D(2), unit="Pack of 6"),
                CountLine(
                    sku="FURN_6666",
                    quantity=D("12.5"),
                    lots=(LotQuantity(name="LOT-0001", quantity=D("12.5")),),
                ),
            ),
        )
        [event] = payload.parse(sample("inventory_counted.json"), "inventory.counted")
        self.assertEqual(expected, event)

    def test_hostile_samples_name_the_field_in_their_name(self):
        fields = {
            "order_quantity_negative.json": "data.lines.0.quantity",
            "order_lots_more_than_line.json": "data.lines.1.lots",
            "order_cancelled_more_than_ordered.json": "data.lines.0.cancelled_quantity",
            "order_fulfilled_more_than_open.json": "data.lines.0.fulfilled_quantity",
            "order_lines_501.json": "data.lines",
            "order_version_true.json": "data.version",
            "order_street_lone_surrogate.json": "data.shipping_address.street",
            "order_placed_at_date_only.json": "data.placed_at",
            "return_refund_negative.json": "data.refund_amount",
            "count_sku_repeated.json": "data.lines",
            "type_unknown.json": "type",
            "data_list.json": "data",
            "body_key_twice.json": "",
        }
        for name, field in fields.items():
            with self.subTest(name):
                with self.assertRaises(BadPayload) as caught:
                    payload.parse(sample(f"hostile/{name}"), "")
                self.assertEqual(field, caught.exception.field)

    def test_hostile_order_is_hostile_for_one_reason(self):
        # Each is the good order with one change: what is refused is that change.
        whole = json.loads(sample("order_open.json"))
        for path in sorted((SAMPLES / "hostile").glob("order_*.json")):
            with self.subTest(path.name):
                data = json.loads(path.read_bytes())["data"]
                changed = [
                    key
                    for key in whole["data"].keys() | data.keys()
                    if json.dumps(whole["data"].get(key)) != json.dumps(data.get(key))
                ]
                self.assertEqual(1, len(changed))
                with self.assertRaises(BadPayload) as caught:
                    payload.parse(path.read_bytes(), "order.updated")
                self.assertIn(changed[0], caught.exception.field.split("."))

    def test_topic_must_agree(self):
        with self.assertRaises(BadPayload) as caught:
            payload.parse(sample("order_open.json"), "return.updated")
        self.assertEqual("type", caught.exception.field)

    def test_500_lines_are_taken(self):
        body = json.loads(sample("order_open.json"))
        line = {"sku": "S", "quantity": "1", "unit_price": "1"}
        body["data"]["lines"] = [{"id": str(i), **line} for i in range(500)]
        [event] = payload.parse(json.dumps(body).encode(), "")
        self.assertEqual(500, len(event.lines))


class TestFiling(unittest.TestCase):
    def test_orders_and_their_returns_share_a_key(self):
        for name, topic, key in (
            ("order_open.json", "order.updated", "order:1001"),
            ("return_received.json", "return.updated", "order:1001"),
            ("inventory_counted.json", "inventory.counted", "location:shop"),
            ("hostile/type_unknown.json", "order.update", ""),
            ("hostile/order_order_id_number.json", "order.updated", ""),
            ("hostile/data_list.json", "order.updated", ""),
            ("hostile/type_number.json", "", ""),
            ("hostile/body_html.json", "", ""),
        ):
            with self.subTest(name):
                path = name.replace("order_order_id", "order_id")
                self.assertEqual((topic, key), payload.file_under(sample(path)))


# ------------------------------------------------------------------ properties

texts = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=30
)
names = st.text(
    st.characters(min_codepoint=33, blacklist_categories=["Cc", "Cs", "Z"]),
    min_size=1,
    max_size=20,
)
moments = st.integers(0, 7_258_118_400_000_000).map(
    lambda microseconds: EPOCH + timedelta(microseconds=microseconds)
)
amounts = st.decimals(0, 10**9, places=4, allow_nan=False, allow_infinity=False)
money = st.decimals(-(10**9), 10**9, places=2, allow_nan=False, allow_infinity=False)
countries = st.text("ABCXYZ", min_size=2, max_size=2)
addresses = st.builds(
    Address,
    name=texts,
    street=texts,
    street2=texts,
    city=texts,
    zip=texts,
    state=texts,
    country=countries,
)
lines = st.builds(
    OrderLine,
    id=names,
    sku=names,
    item_id=st.just("") | names,
    quantity=amounts.map(lambda amount: amount + 2),
    cancelled_quantity=st.sampled_from([D(0), D("0.5"), D(1)]),
    fulfilled_quantity=st.sampled_from([D(0), D("0.25"), D(1)]),
    lots=st.just(()) | names.map(lambda n: (LotQuantity(name=n, quantity=D(1)),)),
    unit_price=money,
    discount=amounts,
    tax_rate=st.none() | st.decimals(0, 100, places=2),
    location_id=st.just("") | names,
    title=texts,
)
orders = st.builds(
    OrderSnapshot,
    id=names,
    version=st.integers(0, 2**63 - 1),
    updated_at=moments,
    placed_at=moments,
    cancelled=st.booleans(),
    currency=st.text("ABCXYZ", min_size=3, max_size=3),
    prices_include_tax=st.booleans(),
    customer=st.builds(Customer, email=texts, name=texts, phone=texts, vat=texts),
    shipping_address=addresses,
    billing_address=st.none() | addresses,
    payment_status=st.none() | st.sampled_from(PaymentStatus),
    lines=st.lists(lines, min_size=1, max_size=4, unique_by=lambda line: line.id).map(
        tuple
    ),
    shipping=st.lists(
        st.builds(ShippingLine, id=names, title=texts, amount=money), max_size=2
    ).map(tuple),
    total=money,
    payment_reference=texts,
    note=texts,
)


def plain(value: object) -> object:
    """Return a snapshot as the contract's JSON, empty values left out."""
    if isinstance(value, Decimal):
        return payload.format_quantity(value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        parts = {
            name: plain(getattr(value, name)) for name in value.__dataclass_fields__
        }
        return {key: part for key, part in parts.items() if part is not None}
    return value


def wire(order: OrderSnapshot) -> bytes:
    """Return the body a channel would send for an order."""
    data = plain(order)
    data["status"] = "cancelled" if data.pop("cancelled") else "open"
    if not data["customer"]["id"]:
        del data["customer"]["id"]
    for line in data["lines"]:
        for key in ("item_id", "location_id"):
            if not line[key]:
                del line[key]
    body = payload.envelope("order.updated", order.updated_at, data)
    return json.dumps(body).encode()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["order.updated", "return.updated", "1", "-1", "open"])
    | st.sampled_from(["2026-11-21T12:00:00Z", "EUR", "BE", "NaN"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "timestamp",
                    "data",
                    "id",
                    "lines",
                    "sku",
                    "quantity",
                    "status",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


class TestProperties(unittest.TestCase):
    @given(orders)
    def test_round_trip(self, order):
        self.assertEqual([order], payload.parse(wire(order), "order.updated"))

    @given(json_values, st.sampled_from(["order.updated", "return.updated", ""]))
    def test_arbitrary_json_is_events_or_bad_payload(self, value, topic):
        raw = json.dumps(value).encode()
        payload.file_under(raw)
        self.assertRaises(BadPayload, payload.parse, raw, topic)

    @given(st.data())
    def test_order_with_one_arbitrary_value(self, data):
        body = json.loads(sample("order_open.json"))
        target = body["data"]
        key = data.draw(st.sampled_from(sorted(target)))
        if key == "lines" and data.draw(st.booleans()):
            target = target["lines"][0]
            key = data.draw(st.sampled_from(sorted(target)))
        target[key] = data.draw(json_values)
        raw = json.dumps(body).encode()
        payload.file_under(raw)
        try:
            [event] = payload.parse(raw, "order.updated")
        except BadPayload as error:
            self.assertTrue(error.field == "" or key in error.field.split("."))
        else:
            self.assertIsInstance(event, OrderSnapshot)


class TestOutgoing(unittest.TestCase):
    def test_inventory(self):
        key = QuantityKey(sku="A", item_id="i1", location_id="main")
        bare = QuantityKey(sku="B", item_id="", location_id="shop")
        updates = [
            QuantityUpdate(key=key, quantity=D("1E+3"), unit="Units", sequence=5),
            QuantityUpdate(
                key=bare, quantity=D(0), unit="kg", sequence=6, previous=D("0.50")
            ),
        ]
        self.assertEqual(
            {
                "levels": [
                    {
                        "sku": "A",
                        "item_id": "i1",
                        "location_id": "main",
                        "quantity": "1000",
                        "unit": "Units",
                        "sequence": 5,
                        "previous": None,
                    },
                    {
                        "sku": "B",
                        "location_id": "shop",
                        "quantity": "0",
                        "unit": "kg",
                        "sequence": 6,
                        "previous": "0.50",
                    },
                ]
            },
            payload.inventory_data(updates),
        )

    def test_shipment(self):
        lot = LotQuantity(name="SN1", quantity=D(1))
        shipment = Shipment(
            id="OUT/1",
            order_id="1001",
            location_id="main",
            shipped_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
            lines=(
                ReportedLine(order_line_id="1", quantity=D("1.5")),
                ReportedLine(order_line_id="2", quantity=D(1), lots=(lot,)),
            ),
            tracking="T1",
        )
        self.assertEqual(
            {
                "id": "OUT/1",
                "order_id": "1001",
                "tracking": "T1",
                "shipped_at": "2026-11-21T12:00:00Z",
                "location_id": "main",
                "lines": [
                    {"order_line_id": "1", "quantity": "1.5"},
                    {
                        "order_line_id": "2",
                        "quantity": "1",
                        "lots": [{"name": "SN1", "quantity": "1"}],
                    },
                ],
            },
            payload.shipment_data(shipment),
        )

    def test_cancellation(self):
        line = ReportedLine(order_line_id="1", quantity=D("2.00"))
        self.assertEqual(
            {
                "id": "C/1",
                "order_id": "1001",
                "reason": "",
                "lines": [{"order_line_id": "1", "quantity": "2.00"}],
            },
            payload.cancellation_data(
                Cancellation(
                    id="C/1",
                    order_id="1001",
                    reason="",
                    decided_at=datetime(2026, 11, 21, 14, 0, tzinfo=UTC),
                    lines=(line,),
                )
            ),
        )
