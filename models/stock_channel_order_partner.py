from odoo import models
from odoo.exceptions import UserError
from odoo.tools import email_normalize


def is_same_vat(one, other):
    """Tell whether two VAT numbers are one, however it is written.

    Odoo takes off the country's code where the contact's country says as much.
    """
    one, other = (
        "".join(filter(str.isalnum, number or "")).upper() for number in (one, other)
    )
    return bool(one) and (
        one == other
        or (one[:2].isalpha() and one[2:] == other)
        or (other[:2].isalpha() and other[2:] == one)
    )


class StockChannelOrderPartner(models.Model):
    """Who bought, and where it goes."""

    _inherit = "stock.channel.order"

    def _find_partner(self, snapshot):
        """Return the customer: by the channel's id, then by e-mail, never by name.

        Two people share a name more often than a mailbox. Who has neither is a new
        contact each time: under one contact for all of them each would be the others'
        commercial entity, with their addresses and, in the portal, their orders.

        What is known here of a contact is never overwritten: anybody can give any
        mailbox at a checkout. A guest who gave a known one, under whatever name, buys
        for its contact; who gets the goods or the bill is a contact below it.
        """
        channel, customer = self.channel_id, snapshot.customer
        links_sudo = self.env["stock.channel.customer"].sudo()
        link_sudo = links_sudo._find(channel, customer.id)
        partner_sudo = link_sudo.partner_id.filtered("active")
        if not partner_sudo:
            partner_sudo = self._find_by_email(customer.email)
        if not partner_sudo:
            partner_sudo = (
                self.env["res.partner"]
                .sudo()
                .create(
                    {
                        **self._prepare_partner(snapshot),
                        "is_company": bool(customer.vat),
                    }
                )
            )
        if customer.id and link_sudo.partner_id != partner_sudo:
            link_sudo._link(channel, customer.id, partner_sudo)
        self._keep_vat(partner_sudo, customer.vat)
        return partner_sudo

    def _find_by_email(self, email):
        """Return the contact of a mailbox, in whatever case it is written.

        The company's own comes before one that companies share, a contact of its own
        before one below another, the older before the newer. Mere addresses are not
        looked at: their mailbox is whoever's takes the parcel.
        """
        partners_sudo = self.env["res.partner"].sudo()
        mailbox = email_normalize(email, strict=False)
        if not mailbox:
            return partners_sudo
        found = self._find_mailboxes(self.channel_id, [mailbox])
        return found.get(mailbox, partners_sudo)

    def _find_mailboxes(self, channel, mailboxes):
        """Return the contact of each of these mailboxes that has one.

        :return: dict of mailbox → the first of its contacts.
        """
        found_sudo = (
            self.env["res.partner"]
            .sudo()
            .search(
                [
                    ("email_normalized", "in", list(mailboxes)),
                    ("type", "in", (False, "contact", "other")),
                    ("company_id", "in", [False, channel.company_id.id]),
                ]
            )
        )
        return {
            mailbox: partners.sorted(
                lambda partner: (
                    not partner.company_id,
                    bool(partner.parent_id),
                    partner.id,
                )
            )[:1]
            for mailbox, partners in found_sudo.grouped("email_normalized").items()
        }

    def _prepare_partner(self, snapshot):
        customer, address = snapshot.customer, snapshot.shipping_address
        name = customer.name or (address and address.name) or customer.email
        return {
            "name": name or self.env._("Customer of %s", self.channel_id.name),
            "email": customer.email or False,
            "phone": customer.phone or False,
            "company_id": self.channel_id.company_id.id,
            **(self._address_vals(address) if address else {}),
        }

    # ------------------------------------------------------------------- VAT

    def _keep_vat(self, partner, vat):
        """Keep the VAT number with whom the invoice goes to, before taxes are chosen.

        One that Odoo does not take, or that is not the one known here, is kept as a
        note on the contact, and somebody is told: the order goes on.
        """
        vat = vat.strip()
        commercial_sudo = partner.commercial_partner_id.sudo()
        if not vat or is_same_vat(commercial_sudo.vat, vat):
            return
        if commercial_sudo.vat:
            reason = self.env._("%s is known here.", commercial_sudo.vat)
        else:
            reason = self._try_vat(commercial_sudo, vat)
        if reason:
            self._tell_of_vat(commercial_sudo, vat, reason)

    def _try_vat(self, partner, vat):
        """Write the number, return why that was refused.

        Odoo checks it by the rules of its country, with code of many authors.
        """
        try:
            with self.env.cr.savepoint():
                partner.vat = vat
                partner.flush_recordset()
        except (UserError, ValueError) as error:
            return str(error).strip()
        return ""

    def _tell_of_vat(self, partner, vat, reason):
        partner.message_post(
            body=self.env._(
                "Order %(order)s came with the VAT number %(vat)s, which was not taken "
                "over: %(reason)s",
                order=self.name,
                vat=vat,
                reason=reason,
            ),
            subtype_xmlid="stock_channel_hub.mt_customer_word",
        )
        self.env["stock.channel.exception"]._open(
            self.channel_id,
            category="data",
            fingerprint=f"order:{self.id}:vat",
            title=self.env._("The VAT number of %s was not taken over", self.name),
            cause=self.env._(
                "The channel says %(vat)s for %(partner)s. %(reason)s",
                vat=vat,
                partner=partner.name,
                reason=reason,
            ),
            next_step=self.env._(
                "Ask the customer, and correct the number of the contact before "
                "invoicing. The number is noted on the contact; the goods are "
                "reserved."
            ),
            field="customer.vat",
            value=vat,
            expected_value=partner.vat or False,
            channel_order_id=self.id,
        )

    # -------------------------------------------------------------- addresses

    def _address_vals(self, address):
        country = (
            self.env["res.country"].search([("code", "=", address.country.upper())])
            if address.country
            else self.env["res.country"]
        )
        state = self._find_state(country, address.state)
        # What Odoo has no state for stays on the label all the same.
        city = filter(None, (address.city, not state and address.state))
        return {
            "street": address.street,
            "street2": address.street2 or False,
            "city": ", ".join(city),
            "zip": address.zip,
            "country_id": country.id,
            "state_id": state.id,
        }

    def _find_state(self, country, text):
        """Return the state of a country by its code, or by its name as it is written."""
        states = self.env["res.country.state"]
        text = text.strip().lower()
        if not text or not country:
            return states
        known = country.state_ids
        return (
            known.filtered(lambda state: state.code.lower() == text)
            or known.filtered(lambda state: state.name.lower() == text)
        )[:1]

    def _find_addresses(self, partner, snapshot):
        """Return the contacts that get goods and bill, by field of the sale order."""
        addresses = {
            "partner_shipping_id": (snapshot.shipping_address, "delivery"),
            "partner_invoice_id": (snapshot.billing_address, "invoice"),
        }
        return {
            name: self._find_address(partner, address, kind)
            for name, (address, kind) in addresses.items()
            if address
        }

    def _find_address(self, partner, address, kind):
        """Return the partner's own address or a child contact that has it."""
        vals = self._address_vals(address)

        def is_same(contact):
            return all(
                (contact[name].id if name.endswith("_id") else contact[name] or False)
                == (value or False)
                for name, value in vals.items()
            )

        if is_same(partner) and partner.name == address.name:
            return partner
        for contact in partner.child_ids:
            if contact.name == address.name and is_same(contact):
                return contact
        return self._create_below(partner, {**vals, "name": address.name, "type": kind})

    def _create_below(self, partner, vals):
        """Create a contact below a customer, whatever VAT number that one has.

        Odoo hands it down and checks it anew: a wrong one that has been here for
        years is no reason to refuse an order.
        """
        partners_sudo = self.env["res.partner"].sudo()
        # Odoo would show it to every company, whosever customer it belongs to.
        company = partner.company_id
        return (
            partners_sudo.with_context(no_vat_validation=True)
            .create({**vals, "parent_id": partner.id, "company_id": company.id})
            .with_env(partners_sudo.env)
        )
