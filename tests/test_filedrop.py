from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from odoo.addons.stock_channel_hub.connectors.testing.fake_filedrop import (
    BASE_URL,
    PASSWORD,
    FakeFiledrop,
    as_csv,
    order_row,
)

from .common import HubCase

PUBLISH_LOGGER = "odoo.addons.stock_channel_hub.models.stock_channel_publish"


class PresentClock:
    """The present moment, a little later whenever somebody waits."""

    def __init__(self):
        self.shift = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.shift

    def advance(self, seconds):
        self.shift += timedelta(seconds=seconds)


class FiledropCase(HubCase):
    """A live channel of files: ``self.drop`` is the partner's folder."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 10)
        self.drop = FakeFiledrop(PresentClock())
        self.drop.add_item("DESK", "main", Decimal(0))
        self.files = self.make_channel(
            name="Partner", connector="filedrop", base_url=BASE_URL
        )
        self.files.sudo().credentials = {"password": PASSWORD, "settle": "0"}
        self.shops[self.files.id] = self.drop
        self.files_place = self.make_place(self.files, "main", self.stock)
        self.files_listing = self.make_listing(self.files, self.product, "DESK")
        self.go_live(self.files)

    def rows(self, *changes):
        """Return a file of orders: one row per dict of what differs."""
        made = []
        for change in changes:
            row = order_row("1001", "1", "DESK", "2", "10.00", 1, self.drop.clock())
            row["currency"] = self.company.currency_id.name
            made.append({**row, **change})
        return as_csv(tuple(made[0]), [tuple(row.values()) for row in made])

    def put(self, name, *changes):
        self.drop.put(f"in/{name}", self.rows(*changes))

    def take(self):
        """Read what lies there and work it off."""
        self.run_poll(self.files)
        self.run_inbox()

    def tell(self):
        """Publish what is due: rises wait for a round of reading."""
        self.run_compute()
        self.run_poll(self.files)
        self.run_publish(self.files)

    def found(self, order_id="1001"):
        return self.env["stock.channel.order"].search(
            [("channel_id", "=", self.files.id), ("external_id", "=", order_id)]
        )

    def queue(self):
        return self.open_exceptions().filtered(
            lambda exception: exception.channel_id == self.files
        )


@tagged("post_install", "-at_install")
class TestFiledrop(FiledropCase):
    """A whole round through files, and what goes wrong on the way."""

    def test_a_file_becomes_a_sale_order(self):
        self.put("orders-7.csv", {}, {"order_id": "1002", "quantity": "3"})
        self.take()
        orders = self.found() | self.found("1002")
        self.assertEqual(orders.mapped("state"), ["applied", "applied"])
        self.assertEqual(orders.sale_order_id.mapped("state"), ["sale", "sale"])
        self.assertEqual(
            orders.sale_order_id.order_line.mapped("product_uom_qty"), [2, 3]
        )
        self.assertEqual(
            self.found().sale_order_id.partner_shipping_id.city, "Brussels"
        )
        self.assertFalse(self.queue())
        [name] = self.drop.names("archive")
        self.assertTrue(name.endswith("-orders-7.csv"))
        self.assertNotIn("orders-7.csv", self.drop.names("in"))

    def test_a_wrong_row_is_an_exception_with_file_line_and_column(self):
        self.put("orders-7.csv", {}, {"order_id": "1002", "quantity": "3,5"})
        self.take()
        self.assertEqual(self.found().state, "applied")
        self.assertFalse(self.found("1002"))
        exception = self.queue()
        self.assertEqual(exception.field, "orders-7.csv:3:quantity")
        self.assertEqual(exception.title, "A row of a file cannot be used")
        self.assertIn("orders-7.csv, line 3, column quantity", exception.cause)
        self.assertEqual(len(self.drop.names("archive")), 1)

    def test_the_mended_order_settles_its_wrong_row(self):
        self.put("orders-7.csv", {"quantity": "x"})
        self.take()
        exception = self.queue()
        self.assertEqual(len(exception), 1)
        self.put("orders-8.csv", {})
        self.take()
        self.assertEqual(self.found().state, "applied")
        self.assertNotEqual(exception.state, "open")
        self.assertFalse(self.queue())
        waiting = self.env["stock.channel.message"].search(
            [("channel_id", "=", self.files.id), ("state", "!=", "done")]
        )
        self.assertFalse(waiting)

    def test_a_file_nobody_can_read_is_one_exception(self):
        self.drop.put("in/orders-7.csv", b"\x00" * 30)
        self.take()
        exception = self.queue()
        self.assertEqual(exception.field, "orders-7.csv")
        self.assertIn("NUL", exception.cause)
        self.assertEqual(len(self.drop.names("quarantine")), 1)
        self.take()
        self.assertEqual(self.queue(), exception)

    def test_the_same_file_twice_has_one_effect(self):
        text = self.rows({"version": ""})
        for name in ("orders-7.csv", "orders-8.csv", "orders-8.csv"):
            self.drop.put(f"in/{name}", text)
            self.take()
        self.assertEqual(len(self.found().sale_order_id.order_line), 1)
        messages = self.env["stock.channel.message"].search_count(
            [("channel_id", "=", self.files.id)]
        )
        self.assertEqual(messages, 1)
        self.assertEqual(len(self.drop.names("archive")), 3)

    def test_what_a_killed_worker_read_is_read_again(self):
        self.put("orders-7.csv", {})
        self.drop.transport.lose_writes = True
        with mute_logger(PUBLISH_LOGGER):
            self.run_poll(self.files)
        self.drop.transport.lose_writes = False
        self.files.sudo().next_attempt_at = False
        self.take()
        self.assertEqual(self.found().state, "applied")
        self.assertEqual(len(self.found().message_log_ids), 1)

    # -------------------------------------------------------------- cancels

    def test_a_cancelled_line(self):
        self.put("orders-7.csv", {"quantity": "5"})
        self.take()
        self.drop.put(
            "in/cancels-1.csv", "order_id,line_id,cancelled_quantity\n1001,1001-1,2\n"
        )
        self.take()
        line = self.found().line_ids
        self.assertEqual((line.ordered_qty, line.cancelled_qty), (5, 2))
        self.assertEqual(self.found().sale_order_id.order_line.product_uom_qty, 3)
        self.assertEqual(self.found().total, 30.0)
        self.assertFalse(self.queue())

    def test_cancels_are_in_all_and_nothing_comes_back_to_life(self):
        self.put("orders-7.csv", {"quantity": "5"})
        self.take()
        for number, quantity in enumerate(("3", "1", "3")):
            self.drop.put(
                f"in/cancels-{number}.csv",
                f"order_id,line_id,cancelled_quantity\n1001,1001-1,{quantity}\n",
            )
            self.take()
            self.assertEqual(self.found().line_ids.cancelled_qty, 3)
        # The orders file once more, unchanged: known.
        self.put("orders-9.csv", {"quantity": "5"})
        self.take()
        self.assertEqual(self.found().line_ids.cancelled_qty, 3)

    def test_a_whole_order_is_cancelled(self):
        self.put("orders-7.csv", {})
        self.take()
        self.drop.put("in/cancels-1.csv", "order_id\n1001\n")
        self.take()
        self.assertEqual(self.found().state, "cancelled")
        self.assertEqual(self.found().sale_order_id.state, "cancel")

    def test_a_cancel_before_its_order_waits_for_it(self):
        self.drop.put("in/cancels-1.csv", "order_id\n1001\n")
        self.take()
        exception = self.queue()
        self.assertEqual(exception.title, "Cancellation of order 1001 waits")
        self.put("orders-7.csv", {})
        self.take()
        self.run_inbox()
        self.assertEqual(self.found().state, "cancelled")
        self.assertFalse(self.queue())

    def test_a_cancel_of_a_line_that_is_not_there(self):
        self.put("orders-7.csv", {})
        self.take()
        self.drop.put("in/cancels-1.csv", "order_id,line_id\n1001,9\n")
        self.take()
        self.assertIn("no line 9", self.queue().cause)
        self.assertEqual(self.found().line_ids.cancelled_qty, 0)

    # -------------------------------------------------------------- outgoing

    def test_numbers_are_files(self):
        self.tell()
        [name] = self.drop.taken
        self.assertTrue(name.startswith("availability-"))
        [row] = self.drop.rows(f"out/{name}")
        self.assertEqual((row["sku"], row["quantity"]), ("DESK", "10"))
        self.assertEqual(
            self.publication(self.files_listing, self.files_place).state, "clean"
        )

    def test_the_full_file(self):
        self.tell()
        self.run_job("stock.channel", "_cron_full_files")
        delta, full = self.drop.names("out")
        self.assertTrue(full.endswith("-full.csv"), full)
        self.assertEqual(self.drop.rows(f"out/{full}"), self.drop.rows(f"out/{delta}"))
        self.run_job("stock.channel", "_cron_full_files")
        self.assertEqual(len(self.drop.names("out")), 2)

    def test_a_fall_on_its_way_is_not_taken_back_by_the_full_file(self):
        self.tell()
        self.receive(self.product, -4)
        self.run_compute()
        [told] = self.files._told_numbers()
        self.assertEqual(told.quantity, 6)
        self.receive(self.product, 40)
        self.run_compute()
        [told] = self.files._told_numbers()
        self.assertEqual(told.quantity, 10)

    def test_no_full_file_where_none_is_wanted(self):
        self.tell()
        self.files.sudo().credentials = {"password": PASSWORD, "full_file": "No"}
        self.run_job("stock.channel", "_cron_full_files")
        self.assertEqual(len(self.drop.names("out")), 1)

    def test_trouble_with_the_full_file_is_the_channels(self):
        self.tell()
        self.drop.folders.discard("out")
        with mute_logger(PUBLISH_LOGGER):
            self.run_job("stock.channel", "_cron_full_files")
        self.assertIn("folder out", self.files.last_error)

    def test_dates_are_in_the_channels_time_zone(self):
        self.files.timezone = "America/New_York"
        self.put("orders-7.csv", {"placed_at": "2026-11-20 10:00"})
        self.take()
        self.assertEqual(self.found().placed_at, datetime(2026, 11, 20, 15, 0))  # noqa: DTZ001


@tagged("post_install", "-at_install")
class TestFileWizard(FiledropCase):
    """Files by hand: looked at first, then through the same inbox."""

    def wizard(self, text, name="orders-7.csv", user=None, **vals):
        model = self.env["stock.channel.file.wizard"]
        if user:
            model = model.with_user(user)
        raw = text.encode() if isinstance(text, str) else text
        return model.create(
            {
                "channel_id": self.files.id,
                "file": b64encode(raw),
                "file_name": name,
                **vals,
            }
        )

    def messages(self):
        return self.env["stock.channel.message"].search(
            [("channel_id", "=", self.files.id)], order="id"
        )

    def test_what_would_happen_is_shown_and_nothing_happens(self):
        text = self.rows({}, {"order_id": "1002", "quantity": "<b>3</b>"})
        wizard = self.wizard(text)
        self.assertEqual((wizard.good_count, wizard.wrong_count), (1, 1))
        for word in ("1001", "1002", "quantity", "Will be taken"):
            self.assertIn(word, wizard.preview)
        self.assertFalse(wizard.problem)
        self.assertFalse(self.messages())

    def test_a_column_that_is_markup_stays_text(self):
        text = self.rows({"quantity": "x"}).replace("quantity", "<i>q</i>", 1)
        self.files.sudo().credentials = {"columns": "quantity=<i>q</i>"}
        self.assertIn("&lt;i&gt;q&lt;/i&gt;", self.wizard(text).preview)

    def test_a_file_that_cannot_be_read(self):
        wizard = self.wizard(b"\x00")
        self.assertIn("NUL", wizard.problem)
        self.assertEqual(wizard.good_count, 0)
        with self.assertRaisesRegex(UserError, "NUL"):
            wizard.action_import()
        self.assertFalse(self.messages())

    def test_the_form(self):
        model = self.env["stock.channel.file.wizard"].with_context(
            default_channel_id=self.files.id
        )
        with Form(model) as form:
            form.file = b64encode(self.rows({}).encode())
            self.assertEqual(form.good_count, 1)

    def test_what_is_imported_is_worked_on_like_a_file_of_the_folder(self):
        operator = self.make_user("group_operator")
        text = self.rows({"version": ""}, {"order_id": "1002", "quantity": "x"})
        answer = self.wizard(text, user=operator).action_import()
        self.assertIn("1 of 1 taken", answer["params"]["message"])
        self.assertEqual(self.messages().mapped("origin"), ["upload", "upload"])
        self.run_inbox()
        self.assertEqual(self.found().state, "applied")
        self.assertEqual(self.queue().field, "orders-7.csv:3:quantity")
        # The same order in the folder, and uploaded again, is known.
        self.drop.put("in/orders-1.csv", self.rows({"version": ""}))
        placed_at = text.splitlines()[1].split(",")[2]
        self.drop.put(
            "in/orders-1.csv", self.rows({"version": "", "placed_at": placed_at})
        )
        self.take()
        self.assertEqual(len(self.found().message_log_ids), 1)

    def test_nothing_is_left_of_the_file(self):
        wizard = self.wizard(self.rows({}))
        wizard.action_import()
        self.assertFalse(wizard.exists())

    def test_what_is_not_live_takes_nothing(self):
        self.files.action_pause()
        self.files.action_back_to_draft()
        for step in (None, self.files.action_go_shadow):
            if step:
                step()
            with self.assertRaisesRegex(UserError, "not live"):
                self.wizard(self.rows({})).action_import()
        self.assertFalse(self.messages())

    def test_counts_by_hand(self):
        text = "counted_at,sku,quantity\n2026-11-21 07:00,DESK,9\n"
        self.wizard(text, "counts.csv", kind="counts").action_import()
        self.run_inbox()
        # Read as a count, by the rules of counts: the place has shelves below it.
        self.assertEqual(
            self.messages().mapped("note"), ["A count of main cannot be applied"]
        )

    def test_numbers_are_downloaded(self):
        with self.assertRaisesRegex(UserError, "not told any number"):
            self.wizard("").action_download()
        self.tell()
        operator = self.make_user("group_operator")
        for file_format, start in (("csv", b"sku,item_id"), ("xlsx", b"PK")):
            wizard = self.wizard("", user=operator, file_format=file_format)
            action = wizard.action_download()
            self.assertIn(f"-full.{file_format}?download=true", action["url"])
            content = b64decode(wizard.with_context(bin_size=False).download)
            self.assertTrue(content.startswith(start))

    def test_readers_and_other_companies_may_not(self):
        with self.assertRaises(AccessError):
            self.wizard("", user=self.make_user("group_user"))
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_operator", company_ids=[(6, 0, other.ids)], company_id=other.id
        )
        text = self.rows({})
        with mute_logger("odoo.addons.base.models.ir_rule"):
            for step in ("action_import", "action_download"):
                with self.assertRaises(AccessError):
                    getattr(self.wizard(text, user=stranger), step)()
        self.assertFalse(self.messages())

    def test_only_channels_of_files(self):
        wizard = self.wizard(self.rows({}), channel_id=self.channel.id)
        with self.assertRaisesRegex(UserError, "does not exchange files"):
            wizard.action_import()
        self.assertTrue(self.files.has_files)
        self.assertFalse(self.channel.has_files)
        action = self.files.action_open_files()
        self.assertEqual(action["context"], {"default_channel_id": self.files.id})
