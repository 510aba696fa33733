from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import email_normalize


class StockChannelErasure(models.TransientModel):
    """Asks whose data to erase, shows what there is of them, and erases it.

    A person is found by their mailbox, by their contact, or by the id the channel has
    of them; by a name never, since people share names.
    """

    _name = "stock.channel.erasure"
    _description = "Erase a Customer's Data"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        domain=lambda self: [("id", "in", self.env.companies.ids)],
    )
    email = fields.Char("E-mail")
    partner_id = fields.Many2one("res.partner", "Contact")
    channel_id = fields.Many2one(
        "stock.channel",
        domain="[('company_id', '=', company_id)]",
        help="Whose customer id it is.",
    )
    customer_ref = fields.Char("Channel's Customer Id")
    is_searched = fields.Boolean(readonly=True)
    order_count = fields.Integer("Finished Orders", readonly=True)
    open_count = fields.Integer("Open Orders", readonly=True)
    message_count = fields.Integer("Messages", readonly=True)
    exception_count = fields.Integer("Exceptions", readonly=True)
    customer_count = fields.Integer("Customer Links", readonly=True)

    @api.onchange("company_id", "email", "partner_id", "channel_id", "customer_ref")
    def _onchange_who(self):
        """Count anew for somebody else before anything can be erased."""
        self.is_searched = False

    # -------------------------------------------------------------- searching

    def _check_manager(self):
        """Refuse everybody but managers, over RPC too.

        :raise AccessError: in words the person can act on.
        """
        if not self.env.user.has_group("stock_channel_hub.group_manager"):
            raise AccessError(
                self.env._("Only managers of stock channels erase customers' data.")
            )
        if self.company_id not in self.env.companies:
            raise AccessError(self.env._("Choose a company that you are working in."))

    def _emails(self):
        """Return the mailboxes to look for, in small letters."""
        self.ensure_one()
        given = {email_normalize(self.email, strict=False)} if self.email else set()
        if self.email and given == {False}:
            raise UserError(self.env._("This is not an e-mail address."))
        return given | set(
            self.partner_id.sudo()
            .filtered("email_normalized")
            .mapped("email_normalized")
        )

    def _customers_sudo(self):
        """Return the links from a channel's customer to the contact, of this person."""
        customers_sudo = self.env["stock.channel.customer"].sudo()
        company = [("company_id", "=", self.company_id.id)]
        if self.customer_ref and self.channel_id:
            customers_sudo |= customers_sudo.search(
                [
                    *company,
                    ("channel_id", "=", self.channel_id.id),
                    ("external_id", "=", self.customer_ref.strip()),
                ]
            )
        emails = self._emails()
        if emails:
            customers_sudo |= customers_sudo.search(
                [*company, ("partner_id.email_normalized", "in", list(emails))]
            )
        if self.partner_id:
            customers_sudo |= customers_sudo.search(
                [*company, ("partner_id", "=", self.partner_id.id)]
            )
        return customers_sudo

    def _partners_sudo(self, customers_sudo):
        """Return the contacts that are this person, archived ones too."""
        partners_sudo = self.env["res.partner"].sudo().with_context(active_test=False)
        emails = self._emails()
        if emails:
            partners_sudo |= partners_sudo.search(
                [
                    ("email_normalized", "in", list(emails)),
                    ("company_id", "in", [False, self.company_id.id]),
                ]
            )
        return partners_sudo | self.partner_id.sudo() | customers_sudo.partner_id

    def _orders_sudo(self, customers_sudo):
        """Return the channel orders known to be this person's."""
        partners_sudo = self._partners_sudo(customers_sudo)
        if not partners_sudo:
            return self.env["stock.channel.order"].sudo()
        sales = (
            self.env["sale.order"]
            .sudo()
            ._search(
                [
                    ("company_id", "=", self.company_id.id),
                    "|",
                    "|",
                    ("partner_id", "in", partners_sudo.ids),
                    ("partner_shipping_id", "in", partners_sudo.ids),
                    ("partner_invoice_id", "in", partners_sudo.ids),
                ]
            )
        )
        return (
            self.env["stock.channel.order"]
            .sudo()
            .search(
                [
                    ("company_id", "=", self.company_id.id),
                    ("sale_order_id", "in", sales),
                    ("person_erased_at", "=", False),
                ]
            )
        )

    def _check_asked(self):
        """Refuse to look for nobody.

        :raise UserError: in words the person can act on.
        """
        if not (self.email or self.partner_id or self.customer_ref):
            raise UserError(
                self.env._("Give the customer's e-mail, contact or customer id.")
            )
        if self.customer_ref and not self.channel_id:
            raise UserError(
                self.env._("Say whose customer id it is: choose the channel.")
            )
        if self.channel_id and self.channel_id.company_id != self.company_id:
            raise UserError(self.env._("This channel belongs to another company."))

    # ---------------------------------------------------------------- actions

    def action_search(self):
        """Count what there is of the customer; nothing is erased."""
        self.ensure_one()
        self._check_manager()
        self._check_asked()
        customers_sudo = self._customers_sudo()
        orders_sudo = self._orders_sudo(customers_sudo)
        finished_sudo = orders_sudo._that_are_finished()
        self.write(
            {
                "is_searched": True,
                "order_count": len(finished_sudo),
                "open_count": len(orders_sudo - finished_sudo),
                "message_count": len(orders_sudo.message_log_ids),
                "exception_count": len(orders_sudo.exception_ids),
                "customer_count": len(customers_sudo),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Erase a Customer's Data"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_erase(self):
        """Erase it in the background; shows how far that has come."""
        self.ensure_one()
        self._check_manager()
        self._check_asked()
        customers_sudo = self._customers_sudo()
        orders_sudo = self._orders_sudo(customers_sudo)
        request_sudo = self.env["stock.channel.erasure.request"]._start(
            self.company_id, orders_sudo, customers_sudo, self._wanted(customers_sudo)
        )
        # Whom it is about must not linger in the wizard's own table.
        self.sudo().unlink()
        return {
            "type": "ir.actions.act_window",
            "res_model": request_sudo._name,
            "res_id": request_sudo.id,
            "view_mode": "form",
        }

    @api.model
    def _wanted_ids(self, customers_sudo):
        ids = {}
        for customer_sudo in customers_sudo:
            ids.setdefault(str(customer_sudo.channel_id.id), []).append(
                customer_sudo.external_id
            )
        return ids

    def _wanted(self, customers_sudo):
        """Return whom to look for in the bodies."""
        ids = self._wanted_ids(customers_sudo)
        if self.customer_ref:
            ids.setdefault(str(self.channel_id.id), []).append(
                self.customer_ref.strip()
            )
        emails = self._emails()
        for partner_sudo in self._partners_sudo(customers_sudo):
            emails |= {partner_sudo.email_normalized} - {False}
        return {"emails": sorted(emails), "ids": ids}
