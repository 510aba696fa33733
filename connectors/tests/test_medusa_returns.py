"""What returns of a Medusa shop mean, and which of them are polled."""

from decimal import Decimal

from ..data import Disposition, FetchedOrder, ReturnSnapshot, ReturnStatus
from ..errors import BadPayload
from .test_medusa_orders import MedusaCase

RESTOCK, SCRAP = Disposition.RESTOCK, Disposition.SCRAP


class TestReturns(MedusaCase):
    """A return travels with its order, in one body, so that both have one version."""

    def setUp(self) -> None:
        """Sell an order and let one line of it come back."""
        super().setUp()
        self.line, _other = self.shop.add_order("1")
        self.clock.advance(3_600)
        self.return_id = self.shop.take_back("1", self.line, 3)

    def returns(self, order: FetchedOrder | None) -> list[ReturnSnapshot]:
        """Return the returns stored with an order."""
        assert order is not None
        _order, *returns = self.connector.parse(order.raw, order.topic)
        assert all(isinstance(event, ReturnSnapshot) for event in returns)
        return returns  # type: ignore[return-value]

    def fetched(self) -> ReturnSnapshot:
        """Return the one return as it is now."""
        [snapshot] = self.returns(self.connector.fetch_order("1"))
        return snapshot

    def lines(self) -> list[tuple[str, Decimal, Disposition | None]]:
        """Return what the lines of the return say."""
        return [
            (line.order_line_id, line.quantity, line.disposition)
            for line in self.fetched().lines
        ]

    def test_announced_leaves_the_disposition_to_us(self) -> None:
        """Nobody has seen the goods yet."""
        snapshot = self.fetched()
        self.assertEqual(
            ("1", ReturnStatus.ANNOUNCED, "main"),
            (snapshot.order_id, snapshot.status, snapshot.location_id),
        )
        self.assertEqual([(self.line, Decimal(3), None)], self.lines())

    def test_damaged_is_part_of_received(self) -> None:
        """Two came, one of them broken; Medusa itself restocks the good one only."""
        self.shop.receive_back(self.return_id, good=1, damaged=1)
        self.assertEqual(ReturnStatus.ANNOUNCED, self.fetched().status)
        self.assertEqual(
            [
                (self.line, Decimal(1), RESTOCK),
                (self.line, Decimal(1), SCRAP),
                (self.line, Decimal(1), None),
            ],
            self.lines(),
        )
        self.assertEqual(
            [Decimal(1), Decimal(0), Decimal(0)],
            [line.restocked for line in self.fetched().lines],
        )
        self.assertEqual(Decimal(11), self.shop.books.shown("A-1", "main"))

    def test_received_expects_nothing_more(self) -> None:
        """Staff may close a return of which less came."""
        self.shop.receive_back(self.return_id, good=2)
        self.shop.returns[0]["status"] = "received"
        self.assertEqual(ReturnStatus.RECEIVED, self.fetched().status)
        self.assertEqual([(self.line, Decimal(2), RESTOCK)], self.lines())

    def test_each_change_is_a_new_version(self) -> None:
        """Of the return and of the order it travels with."""
        before = self.fetched().version
        order = self.connector.fetch_order("1")
        self.clock.advance(1)
        self.shop.receive_back(self.return_id, good=3)
        again = self.connector.fetch_order("1")
        assert order and again
        self.assertGreater(self.fetched().version, before)
        self.assertNotEqual(order.dedupe_key, again.dedupe_key)

    def test_cancelled_return_is_found_though_the_order_is_not_dated(self) -> None:
        """The return leads to its order."""
        self.clock.advance(3_600)
        self.assertEqual([], self.poll(60))
        self.shop.cancel_return(self.return_id)
        [order] = self.poll(60)
        [snapshot] = self.returns(order)
        self.assertEqual(ReturnStatus.CANCELLED, snapshot.status)

    def test_draft_is_nobodys_business(self) -> None:
        """What staff have begun and not requested yet is no return."""
        self.shop.returns[0]["status"] = "open"
        self.assertEqual([], self.returns(self.connector.fetch_order("1")))

    def test_order_without_returns_is_stored_as_before(self) -> None:
        """Or every stored order would come again, as something new."""
        self.shop.add_order("2")
        order = self.connector.fetch_order("2")
        assert order is not None
        self.assertNotIn(b"returns", order.raw)

    def test_nonsense_is_refused(self) -> None:
        """A person is told which field makes no sense."""
        self.shop.returns[0]["items"][0]["quantity"] = -1
        order = self.connector.fetch_order("1")
        assert order is not None
        with self.assertRaisesRegex(BadPayload, "returns"):
            self.connector.parse(order.raw, order.topic)
