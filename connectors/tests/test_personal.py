"""Erasing a body: what nobody declared to be harmless is gone, whatever it is."""

import json
import unittest
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ..data import Address, Customer, OrderLine, OrderSnapshot
from ..facts import Field, read_facts
from ..personal import (
    impersonal_facts,
    is_without_person,
    mailboxes,
    skeleton,
    values_at,
    without_person,
)
from ..registry import get, selection

CANARY = "Zoë Canary"
KEPT = ("id", "lines.sku", "lines.quantity", "lines.lots.name", "total")
KEYS = st.sampled_from(
    ["id", "lines", "sku", "quantity", "lots", "name", "total", "customer", "note"]
)
HARMLESS = st.one_of(
    st.none(), st.booleans(), st.integers(-99, 99), st.just("x"), st.just("12.50")
)


def bodies(leaves):
    """Return a strategy of bodies in which declared and other keys are mixed."""
    return st.dictionaries(
        KEYS,
        st.recursive(
            leaves,
            lambda child: st.one_of(
                st.lists(child, max_size=3), st.dictionaries(KEYS, child, max_size=4)
            ),
            max_leaves=12,
        ),
        max_size=6,
    )


def leaf_paths(value, path=()):
    """Yield (path, value) of every single value; lists are walked through."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from leaf_paths(child, (*path, name))
    elif isinstance(value, list):
        for child in value:
            yield from leaf_paths(child, path)
    else:
        yield ".".join(path), value


class TestSkeleton(unittest.TestCase):
    @given(bodies(HARMLESS))
    def test_only_declared_single_values_are_left(self, body):
        left = json.loads(skeleton(json.dumps(body).encode(), KEPT))
        found = list(leaf_paths(left))
        self.assertLessEqual({path for path, _value in found}, set(KEPT))
        for fact in found:
            self.assertIn(fact, list(leaf_paths(body)))

    @given(bodies(st.just(CANARY)))
    def test_what_stands_elsewhere_is_gone(self, body):
        left = json.loads(skeleton(json.dumps(body).encode(), ("id", "total")))
        places = [path for path, value in leaf_paths(left) if value == CANARY]
        self.assertLessEqual(set(places), {"id", "total"})

    @given(bodies(HARMLESS))
    def test_erasing_twice_is_erasing_once(self, body):
        once = skeleton(json.dumps(body).encode(), KEPT)
        self.assertEqual(skeleton(once, KEPT), once)

    @given(st.binary(max_size=60))
    def test_no_bytes_break_it(self, raw):
        self.assertIsInstance(skeleton(raw, KEPT), bytes)
        self.assertIsInstance(mailboxes(raw), frozenset)
        self.assertIsInstance(values_at(raw, KEPT), frozenset)

    def test_what_cannot_be_read_is_dropped_whole(self):
        for raw in (b"", b"Ada <ada@example.com>", b"[1]", b"[" * 100_000, b"\xff{"):
            with self.subTest(raw[:20]):
                self.assertEqual(skeleton(raw, KEPT), b"")

    def test_an_object_in_place_of_a_value_is_dropped(self):
        raw = b'{"id": {"name": "Ada"}, "total": ["Ada"], "lines": "Ada"}'
        self.assertEqual(json.loads(skeleton(raw, KEPT)), {})

    def test_no_cent_is_lost(self):
        raw = b'{"total": 0.10, "id": 12345678901234567890, "lines": [{"sku": "A"}]}'
        self.assertEqual(
            json.loads(skeleton(raw, KEPT)),
            {"total": "0.10", "id": 12345678901234567890, "lines": [{"sku": "A"}]},
        )

    def test_nothing_declared_is_nothing_kept(self):
        self.assertEqual(skeleton(b'{"id": 1, "lines": [{"sku": "A"}]}', ()), b"{}")

    def test_every_connector_declares_what_it_keeps(self):
        for key, _label in selection():
            with self.subTest(key):
                self.assertTrue(get(key).impersonal)
                for path in get(key).impersonal:
                    for word in ("customer", "address", "email", "note", "title"):
                        self.assertNotIn(word, path)


class TestMailboxes(unittest.TestCase):
    def test_anywhere_in_a_body_in_any_writing(self):
        raw = json.dumps(
            {
                "a": ["Ada <ADA@Example.com>"],
                "b": {"note": "mail me at ada.b@example.com."},
                "c": "mailto:c@example.org",
            }
        ).encode()
        escaped = rb'{"email": "d\u0040example.com"}'
        self.assertEqual(
            mailboxes(raw), {"ada@example.com", "ada.b@example.com", "c@example.org"}
        )
        self.assertEqual(mailboxes(escaped), {"d@example.com"})

    def test_a_longer_mailbox_is_another_one(self):
        self.assertEqual(mailboxes(b'["yada@example.com"]'), {"yada@example.com"})

    def test_in_what_is_no_json(self):
        self.assertEqual(mailboxes(b"from=Ada@example.com&x=1"), {"ada@example.com"})
        self.assertEqual(mailboxes(b"to: ada@example.com\n"), {"ada@example.com"})

    def test_values_at_paths(self):
        raw = b'{"data": [{"customer": {"id": 7}}, {"customer": {"id": "c8"}}]}'
        self.assertEqual(values_at(raw, ("data.customer.id",)), {"7", "c8"})
        self.assertEqual(
            values_at(b'{"data": {"customer": "Ada"}}', ("data.id",)), set()
        )
        self.assertEqual(values_at(b'{"id": {"a": 1}}', ("id",)), set())


class TestSnapshot(unittest.TestCase):
    def setUp(self):
        moment = datetime(2026, 11, 20, tzinfo=UTC)
        address = Address(
            name=CANARY, street="1 Main", city="Ghent", zip="9000", country="BE"
        )
        self.snapshot = OrderSnapshot(
            id="1001",
            version=3,
            updated_at=moment,
            placed_at=moment,
            cancelled=False,
            currency="EUR",
            prices_include_tax=False,
            customer=Customer(id="7", email="z@example.com", name=CANARY, vat="BE1"),
            shipping_address=address,
            billing_address=address,
            note=f"for {CANARY}",
            payment_reference="pay_1",
            total=Decimal(20),
            lines=(
                OrderLine(
                    id="1",
                    sku="DESK",
                    quantity=Decimal(2),
                    unit_price=Decimal(10),
                    title=f"Desk, engraved {CANARY}",
                ),
            ),
        )

    def test_the_person_goes_and_the_order_stays(self):
        left = without_person(self.snapshot)
        self.assertNotIn(CANARY, repr(left))
        self.assertNotIn("example.com", repr(left))
        [before], [after] = self.snapshot.lines, left.lines
        self.assertEqual(after, replace(before, title=""))
        self.assertEqual(
            (left.total, left.version, left.payment_reference), (20, 3, "pay_1")
        )
        self.assertTrue(is_without_person(left))
        self.assertFalse(is_without_person(self.snapshot))

    def test_facts_without_person(self):
        facts = impersonal_facts(read_facts(self.snapshot))
        fields = {key.field for key in facts}
        self.assertNotIn(Field.ADDRESS, fields)
        self.assertNotIn(Field.NOTE, fields)
        self.assertIn(Field.PRICE, fields)
        self.assertNotIn(CANARY, repr(facts))
