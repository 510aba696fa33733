from datetime import timedelta

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.stock_channel_hub.connectors.data import ResultStatus, UpdateResult
from odoo.addons.stock_channel_hub.models.stock_channel_publication import TRANSITIONS

from .common import HubCase

LEDGER_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publication"
APPLIED = UpdateResult(status=ResultStatus.APPLIED)
# What two rows of the same fate do not have in common.
OF_ONE_ROW = {
    "id",
    "listing_id",
    "product_id",
    "push_id",
    "publication_id",
    "sequence",
    "sent_sequence",
    "wanted_sequence",
    "acknowledged_sequence",
    "limiting_product_id",
}


@tagged("post_install", "-at_install")
class TestPublishBatch(HubCase):
    """Whether a row goes alone or in a batch, it becomes the same."""

    def setUp(self):
        super().setUp()
        self.lamp = self.make_product("Lamp", "LAMP")
        self.add_shop_item("LAMP", "main")
        listing = self.make_listing(self.channel, self.lamp, "LAMP")
        for product in self.product | self.lamp:
            self.receive(product, 10)
        self.run_all()
        self.alone, self.batched = self.publication(), self.publication(listing)
        self.both = self.alone | self.batched
        self.assertEqual(self.both.mapped("state"), ["clean", "clean"])

    def change(self, quantity):
        for product in self.product | self.lamp:
            self.receive(product, quantity)
        self.run_compute()
        # The hints of one transaction are some microseconds apart.
        self.both.write(
            {"changed_at": self.env.cr.now() - timedelta(minutes=1), "cause": "stock"}
        )

    def stored(self, record):
        """Return what is in the database of one record, but for what is its own."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "SELECT * FROM %s WHERE id = %s",
                SQL.identifier(record._table),
                record.id,
            )
        )
        row = self.env.cr.dictfetchone()
        for name in ("parts", "sent_parts"):
            if row.get(name):
                row[name] = {**row[name], "limiting_product_id": None}
        return {name: row[name] for name in row if name not in OF_ONE_ROW}

    def send(self):
        """Lease each row by a push of its own; returns (push, update) of both."""
        sent = []
        for row in self.both:
            push = self.env["stock.channel.push"].create(
                {"channel_id": self.channel.id, "size": 1}
            )
            ((row_id, update),) = row._lease(push)
            self.assertEqual(row_id, row.id)
            sent.append((push, update))
        return sent

    def answer(self, sent):
        (push, update), (batch_push, batch_update) = sent
        status = self.alone._record_result(push, update, APPLIED)
        self.assertEqual(status, ResultStatus.APPLIED)
        self.assertTrue(
            self.batched._is_everyday(batch_push, batch_update, APPLIED),
            "this is to be the everyday case",
        )
        batch_push._record_results([(self.batched.id, batch_update)], [APPLIED])
        self.assertEqual(batch_push.state, "done")
        self.assertEqual(batch_push.applied_count, 1)

    def assert_same(self):
        self.assertEqual(self.stored(self.alone), self.stored(self.batched))
        alone, batched = (self.logs(row) for row in self.both)
        self.assertEqual((len(alone), len(batched)), (2, 2))
        self.assertEqual(self.stored(alone[0]), self.stored(batched[0]))

    def logs(self, row):
        return self.env["stock.channel.publication.log"].search(
            [("publication_id", "=", row.id)], order="id desc"
        )

    # ------------------------------------------------------------------ tests

    def test_taken(self):
        self.change(5)
        self.answer(self.send())
        self.assert_same()
        self.assertEqual(self.batched.state, "clean")
        self.assertEqual(self.batched.expected_qty, 15)
        self.assertEqual(self.logs(self.batched)[0].previous_qty, 10)
        self.env.cr.flush()
        hours = self.env["stock.channel.freshness"].search([])
        self.assertEqual(sum(hours.mapped("count")), 4)

    def test_wanted_changed_meanwhile(self):
        """Fractions too: seven and a half is another number than seven."""
        (self.alone | self.batched).listing_id.is_whole_units = False
        self.change(0.5)
        sent = self.send()
        self.change(-3)
        self.answer(sent)
        self.assert_same()
        self.assertEqual(
            (self.batched.state, self.batched.wanted_qty), ("pending", 7.5)
        )
        self.assertEqual(self.batched.changed_at, self.batched.wanted_at)

    def test_first_number_behind_a_fence_with_an_exception(self):
        self.change(-4)
        self.both.write(
            {"fence_at": self.env.cr.now(), "last_error": "No.", "attempts": 4}
        )
        for row in self.both:
            self.env["stock.channel.exception"]._open_for_publication(
                row, UpdateResult(status=ResultStatus.REJECTED)
            )
        self.answer(self.send())
        self.assert_same()
        self.assertFalse(self.batched.fence_at)
        self.assertFalse(self.open_exceptions())

    def test_lease(self):
        self.change(5)
        now = self.env.cr.now()
        push = self.env["stock.channel.push"].create(
            {"channel_id": self.channel.id, "size": 2}
        )
        reverse = self.batched + self.alone
        updates = reverse._lease(push)
        self.assertEqual([row_id for row_id, _update in updates], reverse.ids)
        self.assertEqual([float(u.quantity) for _id, u in updates], [15, 15])
        self.assertEqual([float(u.previous) for _id, u in updates], [10, 10])
        sequences = [update.sequence for _id, update in updates]
        self.assertLess(*sequences)
        for row, sequence in zip(reverse, sequences, strict=True):
            self.assertEqual(
                (row.state, row.sent_qty, row.attempts, row.push_id, row.sent_at),
                ("sending", 15, 1, push, now),
            )
            self.assertEqual(row.sent_sequence, sequence)
            self.assertEqual(row.lease_until, now + timedelta(seconds=300))

    def test_unusual_answers_go_one_by_one(self):
        self.change(5)
        (push, update), _other = self.send()
        row = self.alone
        self.assertTrue(row._is_everyday(push, update, APPLIED))
        for status in set(ResultStatus) - {ResultStatus.APPLIED}:
            self.assertFalse(
                row._is_everyday(push, update, UpdateResult(status=status))
            )
        for vals in (
            {"push_id": False},
            {"state": "unknown"},
            {"sent_sequence": update.sequence + 1},
            {"sent_sequence": 0},
            {"acknowledged_sequence": update.sequence},
            {"drift": "edited"},
        ):
            with self.subTest(vals=vals):
                former = {name: row[name] for name in vals}
                row.write(vals)
                self.assertFalse(row._is_everyday(push, update, APPLIED))
                row.write(former)
        row.listing_id.item_id = "another"
        self.assertFalse(row._is_everyday(push, update, APPLIED))

    @mute_logger(LEDGER_LOGGER)
    def test_both_ways_through_the_gate_agree(self):
        given = SQL("SELECT %s AS id", self.batched.id)
        moved = set()
        for source in TRANSITIONS:
            for target in TRANSITIONS:
                with self.subTest(source=source, target=target):
                    self.both.write({"state": source, "attempts": 0})
                    went = self.alone._update_state(target, {"attempts": 3})
                    went_at_once = self.batched._update_state_at_once(
                        target, {"attempts": SQL("row.attempts + 3")}, given
                    )
                    self.assertEqual(bool(went), bool(went_at_once))
                    self.assertEqual(self.alone.state, self.batched.state)
                    self.assertEqual(self.batched.attempts, 3 if went else 0)
                    if went:
                        moved.add((source, target))
        self.assertEqual(
            moved, {(s, target) for s, found in TRANSITIONS.items() for target in found}
        )

    def test_refused_moves_are_told(self):
        given = SQL("SELECT %s AS id", self.alone.id)
        with self.assertLogs(LEDGER_LOGGER, "WARNING") as logs:
            self.alone._update_state_at_once("unknown", {"attempts": SQL("9")}, given)
        self.assertIn(f"[{self.alone.id}] may not become unknown", logs.output[0])
        self.assertEqual((self.alone.state, self.alone.attempts), ("clean", 0))
