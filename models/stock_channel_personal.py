"""Personal data ends: what of an order tells of its customer goes, the order stays."""

import base64

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..connectors import registry
from ..connectors.data import OrderSnapshot
from ..connectors.facts import facts_from_json, facts_to_json, wanted_quantity
from ..connectors.personal import (
    PERSONAL_FACTS,
    impersonal_facts,
    is_without_person,
    skeleton,
    without_person,
)

KEEP_DAYS = 90
BATCH = 100
# Their causes and values are words of the channel or of the customer; those of the
# others are made of order numbers, SKUs and quantities.
TELLING_CATEGORIES = ("data", "refused", "internal", "approval")


class StockChannelPersonal(models.Model):
    _inherit = "stock.channel"

    keep_personal_days = fields.Integer(
        "Keep Customers' Data (days)",
        default=KEEP_DAYS,
        required=True,
        tracking=True,
        help="So many days after the last that happened to a finished order, what the "
        "hub keeps of its customer is erased: names, addresses, notes. The order, its "
        "quantities and its money stay. Contacts and sale orders are Odoo's own.",
    )

    @api.constrains("keep_personal_days")
    def _check_keep_personal_days(self):
        for channel in self:
            if channel.keep_personal_days < 1:
                raise ValidationError(
                    self.env._("Customers' data is kept for at least one day.")
                )


class StockChannelOrderPersonal(models.Model):
    """Erasing who an order was for, and keeping it erased.

    An erased order is its own tombstone: what the channel tells of it later, by a
    repeat, by polling or by a return, is taken without the customer. Only when the
    channel wants more goods for it than before, it is a live order again, and is
    erased again once that is finished.
    """

    _inherit = "stock.channel.order"

    person_erased_at = fields.Datetime(
        "Customer Erased",
        readonly=True,
        copy=False,
        help="From then on nothing kept here tells who this order was for.",
    )
    erasure_id = fields.Many2one(
        "stock.channel.erasure.request",
        "Erased for",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The request of a customer. What is still open is erased once finished.",
    )

    _to_erase = models.Index("(channel_id, write_date) WHERE person_erased_at IS NULL")

    # -------------------------------------------------------------- staying so

    def _write_snapshot(self, snapshot):
        if self.person_erased_at and not is_without_person(snapshot):
            self.person_erased_at = False
        return super()._write_snapshot(snapshot)

    def _keep_facts(self, applied, seen):
        if self.person_erased_at:
            applied, seen = impersonal_facts(applied), impersonal_facts(seen)
        return super()._keep_facts(applied, seen)

    def _is_other_content(self, now, plan):
        """Compare without what was erased: that it is missing is no other content."""
        if self.applied_snapshot:
            seen = facts_from_json(self.applied_snapshot["seen"])
            now = {
                key: value
                for key, value in now.items()
                if key in seen or key.field not in PERSONAL_FACTS
            }
        return super()._is_other_content(now, plan)

    def _wants_more(self, snapshot):
        """Return whether the channel wants more of this order than it did before."""
        self.ensure_one()
        known = {line.external_id: line._wanted_qty() for line in self._active_lines()}
        return any(
            float(wanted_quantity(line, snapshot)) > known.get(line.id, 0.0)
            for line in snapshot.lines
        )

    # ----------------------------------------------------------------- erasing

    @api.model
    def _finished(self):
        """Return the condition under which nothing is left to do for an order.

        Neither here nor at the channel, and no person has to decide anything.
        """
        return SQL(
            """
            "order".state IN ('applied', 'cancelled')
            AND "order".waits_for_payment IS NOT TRUE
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_order_line AS line
                 WHERE line.channel_order_id = "order".id
                   AND (line.in_flight_qty > 0 OR line.own_open_qty > 0))
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_return AS back
                 WHERE back.channel_order_id = "order".id
                   AND back.state NOT IN ('done', 'cancelled'))
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_fulfillment AS report
                 WHERE report.channel_order_id = "order".id
                   AND report.state NOT IN ('done', 'dropped'))
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_message AS undone
                 WHERE undone.channel_order_id = "order".id
                   AND (undone.state = 'pending' OR (
                        undone.state <> 'done' AND %(asked)s)))
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_exception AS question
                 WHERE question.channel_order_id = "order".id
                   AND question.state = 'open')
            """,
            asked=self.env["stock.channel.message"]._asked_about("undone"),
        )

    @api.model
    def _over_for_long(self):
        """Return the condition under which an order's time is over as well."""
        return SQL(
            """
            "order".write_date < %(now)s - channel.keep_personal_days * interval '1 day'
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_order_line AS line
                 WHERE line.channel_order_id = "order".id
                   AND line.write_date
                       >= %(now)s - channel.keep_personal_days * interval '1 day')
            AND NOT EXISTS (
                SELECT 1
                  FROM stock_channel_message AS late
                 WHERE late.channel_order_id = "order".id
                   AND late.processed_at
                       >= %(now)s - channel.keep_personal_days * interval '1 day')
            """,
            now=self.env.cr.now(),
        )

    @api.model
    def _due_for_erasure(self):
        """Take the next finished orders whose time is over, or that a request names.

        :return: at most ``BATCH`` orders, locked.
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT "order".id
                  FROM stock_channel_order AS "order"
                  JOIN stock_channel AS channel ON channel.id = "order".channel_id
                 WHERE "order".person_erased_at IS NULL
                   AND ("order".erasure_id IS NOT NULL OR (%(over)s))
                   AND %(finished)s
                 ORDER BY "order".id
                 LIMIT %(limit)s
                   FOR UPDATE OF "order" SKIP LOCKED
                """,
                over=self._over_for_long(),
                finished=self._finished(),
                limit=BATCH,
            )
        )
        return self.browse(order_id for (order_id,) in self.env.cr.fetchall())

    def _that_are_finished(self):
        """Return those of these orders that nothing is left to do for."""
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                SELECT "order".id
                  FROM stock_channel_order AS "order"
                 WHERE "order".id = ANY(%s) AND %s
                """,
                self.ids,
                self._finished(),
            )
        )
        return self.browse(order_id for (order_id,) in self.env.cr.fetchall())

    def _erase_person(self):
        """Erase whatever is kept here of who these orders were for."""
        now = self.env.cr.now()
        for order in self:
            applied = order.applied_snapshot
            order.write(
                {
                    "person_erased_at": now,
                    "shipping_address": False,
                    "applied_snapshot": applied and prune_snapshot(applied),
                }
            )
        self.line_ids.filtered("title").title = False
        self.message_log_ids._erase_bodies()
        self.fulfillment_ids.filtered("last_error").last_error = False
        self._erase_exceptions()
        self._erase_receipts()
        self._erase_talk()

    def _erase_exceptions(self):
        exceptions_sudo = self.sudo().exception_ids.filtered(
            lambda e: e.category in TELLING_CATEGORIES
        )
        exceptions_sudo.write(
            {
                "cause": self.env._("Erased with the customer of the order."),
                "value": False,
                "expected_value": False,
                "ignore_reason": False,
            }
        )

    def _erase_receipts(self):
        """Erase what stood on parcels that came back unannounced."""
        receipts_sudo = (
            self.env["stock.channel.blind.receipt"]
            .sudo()
            .search(
                [
                    ("order_line_id", "in", self.line_ids.ids),
                    ("state", "!=", "received"),
                ]
            )
        )
        receipts_sudo.filtered("note").note = False

    def _erase_talk(self):
        """Erase the notes of customers, and of people here, about these orders.

        On sale orders and contacts only what the hub itself took over from the
        channel: the rest of them is Odoo's.
        """
        talk_sudo = self.env["mail.message"].sudo()
        for records in (self, self.return_ids, self.exception_ids):
            talk_sudo |= talk_sudo.search(
                [
                    ("model", "=", records._name),
                    ("res_id", "in", records.ids),
                    ("message_type", "in", ("comment", "email")),
                ]
            )
        talk_sudo |= self._customer_words()
        talk_sudo.write({"body": False})

    def _customer_words(self):
        """Return what the hub wrote of these customers' words on other records."""
        orders_sudo = self.sale_order_id.sudo()
        word = self.env.ref("stock_channel_hub.mt_customer_word")
        found_sudo = self.env["mail.message"].sudo()
        for records_sudo in (orders_sudo, orders_sudo.partner_id.commercial_partner_id):
            found_sudo |= found_sudo.search(
                [
                    ("model", "=", records_sudo._name),
                    ("res_id", "in", records_sudo.ids),
                    ("subtype_id", "=", word.id),
                ]
            )
        return found_sudo


class StockChannelMessagePersonal(models.Model):
    """Bodies of erased orders: what is left of them names nobody."""

    _inherit = "stock.channel.message"

    erasure_id = fields.Many2one(
        "stock.channel.erasure.request",
        "Erased for",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The request of a customer. Its content goes once it is done.",
    )

    @api.model
    def _asked_about(self, alias):
        """Return the condition under which an open exception is about a message."""
        return SQL(
            """
            EXISTS (SELECT 1
                      FROM stock_channel_exception_message_rel AS needed
                      JOIN stock_channel_exception AS asked
                        ON asked.id = needed.exception_id
                     WHERE needed.message_id = %s
                       AND asked.state = 'open')
            """,
            SQL.identifier(alias, "id"),
        )

    @api.model
    def _due_for_erasure(self):
        """Take the next messages that nobody will work on any more.

        What failed, and what a person chose to ignore, belongs to no order that could
        be finished; and what a request names is erased as soon as nobody needs it.

        :return: at most ``BATCH`` messages, locked.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT message.id
                  FROM stock_channel_message AS message
                  JOIN stock_channel AS channel ON channel.id = message.channel_id
                  LEFT JOIN stock_channel_order AS "order"
                    ON "order".id = message.channel_order_id
                 WHERE message.erased_at IS NULL
                   AND (message.erasure_id IS NOT NULL
                        OR (message.state IN ('waiting', 'failed')
                            AND message.received_at < %(now)s
                                - channel.keep_personal_days * interval '1 day'))
                   AND (message.state = 'done'
                        OR (message.state <> 'pending' AND NOT %(asked)s))
                   AND ("order".id IS NULL OR "order".person_erased_at IS NOT NULL)
                 ORDER BY message.id
                 LIMIT %(limit)s
                   FOR UPDATE OF message SKIP LOCKED
                """,
                now=self.env.cr.now(),
                asked=self._asked_about("message"),
                limit=BATCH,
            )
        )
        return self.browse(message_id for (message_id,) in self.env.cr.fetchall())

    def _erase_bodies(self):
        """Leave of these bodies what names nobody; keys and digests stay."""
        now = self.env.cr.now()
        for message in self.filtered(lambda message: not message.erased_at):
            kept = registry.get(message.channel_id.connector).impersonal
            left = skeleton(message._raw_bytes(), kept)
            message.write({"raw": base64.b64encode(left) or False, "erased_at": now})

    def _events(self):
        return [self._without_erased(event) for event in super()._events()]

    def _without_erased(self, event):
        """Return an event without the customer, where its order's was erased.

        Unless the channel wants more of it than it did: then somebody has ordered.
        """
        if not isinstance(event, OrderSnapshot):
            return event
        order = self.env["stock.channel.order"].search(
            [
                ("channel_id", "=", self.channel_id.id),
                ("external_id", "=", event.id),
                ("person_erased_at", "!=", False),
            ]
        )
        if not order:
            return event
        if not order._is_outdated(self, event) and order._wants_more(event):
            return event
        return without_person(event)

    def _known(self, channel, snapshots):
        """Work on erased orders one by one, where they are kept erased."""
        erased = self.env["stock.channel.order"].search(
            [
                ("channel_id", "=", channel.id),
                ("external_id", "in", [told.id for told in snapshots.values()]),
                ("person_erased_at", "!=", False),
            ]
        )
        ids = set(erased.mapped("external_id"))
        return super()._known(channel, snapshots) | self.filtered(
            lambda message: message in snapshots and snapshots[message].id in ids
        )

    def _done(self, note):
        """Keep the body of what was erased no longer than it takes to work on it."""
        result = super()._done(note)
        if self.state == "done" and (
            self.erasure_id or self.channel_order_id.person_erased_at
        ):
            self._erase_bodies()
        return result


def prune_snapshot(applied_snapshot):
    """Return what is remembered of an order without its customer."""
    return {
        name: facts_to_json(impersonal_facts(facts_from_json(rows)))
        for name, rows in applied_snapshot.items()
    }
