import logging
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors.data import Disposition
from .quantities import plain, to_decimal
from .stock_channel_exception import NeedsPerson

_logger = logging.getLogger(__name__)

STATES = [
    ("announced", "Announced"),
    ("received", "Received"),
    ("inspected", "Inspected"),
    ("sellable", "Back on Sale"),
    ("quarantined", "Kept in Quarantine"),
    ("scrapped", "Scrapped"),
]
# Whatever became of goods, more of the line may come: then it is received again.
TRANSITIONS = {
    "announced": ("received",),
    # Announced once more: what came is counted under another line of the return.
    "received": ("announced", "inspected"),
    "inspected": ("announced", "received", "sellable", "quarantined", "scrapped"),
    "sellable": ("received",),
    "quarantined": ("received",),
    "scrapped": ("received",),
}
WAY = ("received", "inspected")


class StockChannelReturnLineInspect(models.Model):
    """What becomes of goods that are back: on sale, kept or scrapped.

    All of it is read off the stock moves of the line, so that what a person does in
    Odoo's own transfers counts like what was done with our buttons.
    """

    _inherit = "stock.channel.return.line"

    state = fields.Selection(STATES, required=True, readonly=True, default="announced")
    missing_qty = fields.Float("Not Back", digits=0, readonly=True)
    accepted_qty = fields.Float("Back on Sale", digits=0, readonly=True)
    scrapped_qty = fields.Float("Scrapped", digits=0, readonly=True)
    waiting_qty = fields.Float("In Quarantine", digits=0, readonly=True)
    is_kept = fields.Boolean(
        "Kept in Quarantine",
        readonly=True,
        help="Inspected, and stays in quarantine by an operator's decision.",
    )
    inspected_by_id = fields.Many2one("res.users", "Inspected by", readonly=True)
    inspected_at = fields.Datetime("Inspected", readonly=True)
    received_at = fields.Datetime(
        "Came", readonly=True, help="When the first of it came back."
    )
    inspect_due_on = fields.Date(
        "Inspect by",
        compute="_compute_inspect_due_on",
        store=True,
        help="The day it came and the channel's days for inspections.",
    )

    _expected = models.Index("(company_id) WHERE missing_qty > 0")
    _to_inspect = models.Index("(inspect_due_on) WHERE waiting_qty > 0")

    @api.depends("received_at", "channel_id.inspection_days")
    def _compute_inspect_due_on(self):
        for line in self:
            line.inspect_due_on = line.received_at and (
                line.received_at.date()
                + timedelta(days=line.channel_id.inspection_days)
            )

    # ----------------------------------------------------------------- state

    def _update_state(self, target):
        """Move to ``target``; the gate of the line's state machine."""
        self.ensure_one()
        if target not in TRANSITIONS[self.state]:
            _logger.warning(
                "return line %s is %s and may not become %s",
                self.id,
                self.state,
                target,
            )
            return
        self.state = target

    def _settle(self):
        """Bring quantities and state to what the stock moves say."""
        for line in self:
            waiting = line._waiting_by_product()
            needs = line.order_line_id._components(1.0)
            in_units = [
                waiting.get(product_id, Decimal(0)) / to_decimal(need)
                for product_id, need in needs.items()
            ]
            waiting_qty = float(max(in_units, default=Decimal(0)))
            accepted_qty = line._accepted_qty()
            is_cancelled = line.channel_return_id.state == "cancelled"
            line.write(
                {
                    "waiting_qty": waiting_qty,
                    "accepted_qty": accepted_qty,
                    "scrapped_qty": max(
                        float(to_decimal(line.done_qty - accepted_qty - waiting_qty)),
                        0.0,
                    ),
                    "missing_qty": 0.0
                    if is_cancelled
                    else max(line.quantity - line.done_qty, 0.0),
                    "is_kept": line.is_kept and waiting_qty > 0,
                    "received_at": line.received_at
                    or (line._came() and fields.Datetime.now()),
                }
            )
            line._walk_to(line._target_state())

    def _target_state(self):
        """Return the state that fits where the goods are."""
        self.ensure_one()
        is_decided = self.accepted_qty or self.scrapped_qty or self._put_away_moves()
        if not self._came():
            return "announced"
        if self.waiting_qty and self.is_kept:
            return "quarantined"
        if self.waiting_qty:
            return "inspected" if is_decided else "received"
        if any(move.state != "done" for move in self._moves_in()):
            return "received"
        if self.accepted_qty:
            return "sellable"
        return "scrapped" if self.scrapped_qty else "received"

    def _walk_to(self, target):
        """Take the steps that lead to ``target``, each through the gate."""
        self.ensure_one()
        if self.state == target:
            return
        if target == "announced":
            way = ("received", target)
        elif target in WAY:
            way = WAY[: WAY.index(target) + 1]
        else:
            way = (*WAY, target)
        if self.state in way:
            way = way[way.index(self.state) + 1 :]
        for step in way:
            self._update_state(step)

    # ------------------------------------------------------- where goods are

    def _moves_on(self):
        """Return the moves that took goods of this line on, or will."""
        return self.sudo().move_ids.filtered(
            lambda move: move.state != "cancel" and move.location_id.usage != "customer"
        )

    def _put_away_moves(self):
        """Return the moves that wait for somebody to carry goods on."""
        return self._moves_on().filtered(lambda move: move.state != "done")

    def _waiting(self):
        """Return what lies where it is not on sale.

        :return: dict of (product, lot, location) → Decimal in the product's unit.
        """
        self.ensure_one()
        waiting = {}
        for move_line in self._came().move_line_ids:
            location = move_line.location_dest_id
            if location.usage == "internal" and (
                location.effective_stock_condition != "sellable"
            ):
                key = (move_line.product_id, move_line.lot_id, location)
                waiting[key] = waiting.get(key, Decimal(0)) + to_decimal(
                    move_line.quantity_product_uom
                )
        gone = self._moves_on().filtered(lambda move: move.state == "done")
        for move_line in gone.move_line_ids:
            key = (move_line.product_id, move_line.lot_id, move_line.location_id)
            if key in waiting:
                waiting[key] -= to_decimal(move_line.quantity_product_uom)
        return {key: quantity for key, quantity in waiting.items() if quantity > 0}

    def _waiting_by_product(self):
        totals = {}
        for (product, _lot, _location), quantity in self._waiting().items():
            totals[product.id] = totals.get(product.id, Decimal(0)) + quantity
        return totals

    def _accepted_qty(self):
        """Return how many are on sale again, in the selling unit.

        Whole kits at least by their parts: of a kit only what all components allow.
        """
        self.ensure_one()
        on_shelf = {}
        moves = (self._came() | self._moves_on()).filtered(
            lambda move: move.state == "done"
        )
        for move_line in moves.move_line_ids:
            location = move_line.location_dest_id
            if location.usage == "internal" and (
                location.effective_stock_condition == "sellable"
            ):
                product_id = move_line.product_id.id
                on_shelf[product_id] = on_shelf.get(
                    product_id, Decimal(0)
                ) + to_decimal(move_line.quantity_product_uom)
        return float(
            min(
                (
                    on_shelf.get(product_id, Decimal(0)) / to_decimal(need)
                    for product_id, need in self.order_line_id._components(1.0).items()
                ),
                default=Decimal(0),
            )
        )

    # ------------------------------------------------------------- decisions

    def _decide(self, disposition):
        """Let the operator's word stand above the channel's.

        :raise UserError: when the return is cancelled, or nobody said where to.
        """
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        for line_sudo in self.sudo():
            channel_return = line_sudo.channel_return_id
            if channel_return.state == "cancelled":
                raise UserError(
                    self.env._("Return %s is cancelled.", channel_return.external_id)
                )
            line_sudo.write(
                {
                    "disposition": disposition,
                    "decided_disposition": disposition,
                    "is_kept": False,
                }
            )
            try:
                channel_return._replan(channel_return.state == "received")
            except NeedsPerson as need:
                raise UserError(need.as_text()) from need
            channel_return.message_post(
                body=self.env._(
                    "%(user)s decided for %(sku)s: %(what)s.",
                    user=self.env.user.name,
                    sku=line_sudo.sku,
                    what=dict(
                        line_sudo._fields["disposition"]._description_selection(
                            self.env
                        )
                    )[disposition],
                )
            )

    def action_restock(self):
        """Let what is still to come go back on sale without inspection."""
        self._decide(Disposition.RESTOCK.value)

    def action_inspect_first(self):
        """Let what is still to come go to quarantine."""
        self._decide(Disposition.INSPECT.value)

    def action_scrap_on_arrival(self):
        """Let what is still to come be scrapped."""
        self._decide(Disposition.SCRAP.value)

    def action_accept(self):
        """Put everything of these lines that waits in quarantine back on sale."""
        for line in self:
            line._finish_inspection(good=line.sudo()._waiting(), bad={})

    def action_scrap(self):
        """Scrap everything of these lines that waits in quarantine."""
        for line in self:
            line._finish_inspection(good={}, bad=line.sudo()._waiting())

    def action_keep(self):
        """Leave in quarantine what is there, as inspected."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        for line_sudo in self.sudo().filtered("waiting_qty"):
            line_sudo._cancel_put_away()
            line_sudo.is_kept = True
            line_sudo._sign_inspection()
            line_sudo._settle()

    def _finish_inspection(self, *, good, bad):
        """Carry out what an operator found, at once and signed.

        :param good: (product, lot, location) → Decimal in the product's own unit.
        :param bad: the same, for what is scrapped.
        :raise UserError: when it is not in quarantine any more; nothing is moved.
        """
        self.ensure_one()
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        line_sudo = self.sudo().with_company(self.company_id)
        waiting = line_sudo._waiting()
        for key in good.keys() | bad.keys():
            wanted = good.get(key, Decimal(0)) + bad.get(key, Decimal(0))
            if wanted > waiting.get(key, Decimal(0)):
                raise UserError(
                    self.env._(
                        "Of %(product)s only %(quantity)s wait for inspection.",
                        product=key[0].display_name,
                        quantity=plain(waiting.get(key, Decimal(0))),
                    )
                )
        if not any(good.values()) and not any(bad.values()):
            raise UserError(self.env._("Nothing waits for inspection here."))
        line_sudo._cancel_put_away()
        line_sudo.is_kept = False
        line_sudo._sign_inspection()
        if any(good.values()):
            line_sudo._carry(good, line_sudo._shelf_of_came())._validate_at_once()
        for key, quantity in bad.items():
            if quantity > 0:
                line_sudo._scrap_waiting(*key, quantity)
        line_sudo._settle()
        line_sudo._post_inspection(good, bad)

    def _sign_inspection(self):
        self.write(
            {"inspected_by_id": self.env.user.id, "inspected_at": fields.Datetime.now()}
        )

    def _post_inspection(self, good, bad):
        def text(quantities):
            return ", ".join(
                " ".join(
                    filter(
                        None, [plain(quantity), product.display_name, lot.name or ""]
                    )
                )
                for (product, lot, _location), quantity in quantities.items()
                if quantity > 0
            )

        self.channel_return_id.message_post(
            body=self.env._(
                "%(user)s inspected %(sku)s. Back on sale: %(good)s. "
                "Scrapped: %(bad)s.",
                user=self.env.user.name,
                sku=self.sku,
                good=text(good) or "0",
                bad=text(bad) or "0",
            )
        )
