"""Conformance of erasing: what is left of a body names nobody."""

from __future__ import annotations

from collections.abc import Iterator

from ..base import Connector
from ..data import Address, OrderSnapshot
from ..personal import mailboxes, skeleton, values_at
from .conformance_base import ConformanceBase

_SHORTEST = 4
"""Shorter texts, such as a house number, stand in a body for other reasons too."""


def told_of_person(snapshot: OrderSnapshot) -> Iterator[str]:
    """Yield every text in a snapshot that tells who the customer is."""
    customer = snapshot.customer
    yield from (customer.email, customer.name, customer.phone, customer.vat)
    yield snapshot.note
    for address in (snapshot.shipping_address, snapshot.billing_address):
        if isinstance(address, Address):
            yield from (address.name, address.street, address.street2, address.city)
            yield address.zip
    yield from (line.title for line in snapshot.lines)


class PersonalConformance(ConformanceBase):
    """A connector declares what of its bodies names no person."""

    def test_what_is_left_of_a_body_names_nobody(self) -> None:
        """Neither the customer nor an address, in any good sample.

        What to do: take the paths of names, addresses, notes and titles out of
        ``impersonal``.
        """
        for name, raw, snapshot in self._orders():
            left = skeleton(raw, self.connector_class.impersonal).decode()
            for text in told_of_person(snapshot):
                if len(text) >= _SHORTEST:
                    with self.subTest(name, text=text):
                        self.assertNotIn(text, left)

    def test_what_is_left_of_a_body_keeps_the_order(self) -> None:
        """Its id and the ids of its lines, for whoever has to account for it.

        What to do: name the dotted paths of the order's id and of its lines' ids in
        ``impersonal``.
        """
        for name, raw, snapshot in self._orders():
            left = skeleton(raw, self.connector_class.impersonal).decode()
            with self.subTest(name):
                for key in (snapshot.id, *(line.id for line in snapshot.lines)):
                    self.assertIn(f'"{key}"', left)

    def test_who_ordered_is_found_in_the_body(self) -> None:
        """By mailbox and by the channel's id of the customer.

        What to do: name in ``customer_ids`` where a body has the channel's id of the
        customer, and leave it empty where it has none.
        """
        for name, raw, snapshot in self._orders():
            customer = snapshot.customer
            with self.subTest(name):
                if customer.email:
                    self.assertIn(customer.email.casefold(), mailboxes(raw))
                ids = values_at(raw, self.connector_class.customer_ids)
                self.assertEqual(ids, {customer.id} - {""})

    def _orders(self) -> Iterator[tuple[str, bytes, OrderSnapshot]]:
        connector: Connector = self.connector
        for path in sorted(self.samples.glob("*.json")):
            raw = path.read_bytes()
            for event in connector.parse(raw, self.sample_topic(path.name, raw)):
                if isinstance(event, OrderSnapshot):
                    yield path.name, raw, event
