from odoo import models


class StockChannelOrderPartner(models.Model):
    """Who bought, and where it goes."""

    _inherit = "stock.channel.order"

    def _find_partner(self, snapshot):
        """Return the customer, by e-mail; never by name.

        Two people share a name more often than a mailbox. Who has no e-mail is a
        new contact each time.
        """
        customer = snapshot.customer
        partners_sudo = self.env["res.partner"].sudo()
        company = self.channel_id.company_id
        if customer.email:
            found = partners_sudo.search(
                [
                    ("email_normalized", "=", customer.email.strip().lower()),
                    ("parent_id", "=", False),
                    ("company_id", "in", [False, company.id]),
                ],
                limit=1,
            )
            if found:
                return found
        address = snapshot.shipping_address
        name = customer.name or (address and address.name) or customer.email
        vals = {
            "name": name or self.env._("Customer of %s", self.channel_id.name),
            "email": customer.email or False,
            "phone": customer.phone or False,
            "company_id": company.id,
        }
        if address:
            vals.update(self._address_vals(address))
        return partners_sudo.create(vals)

    def _address_vals(self, address):
        country = (
            self.env["res.country"].search([("code", "=", address.country.upper())])
            if address.country
            else self.env["res.country"]
        )
        state = self.env["res.country.state"].search(
            [("country_id", "=", country.id), ("code", "=", address.state)], limit=1
        )
        return {
            "street": address.street,
            "street2": address.street2 or False,
            "city": address.city,
            "zip": address.zip,
            "country_id": country.id,
            "state_id": state.id,
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
        return (
            self.env["res.partner"]
            .sudo()
            .create(
                {**vals, "name": address.name, "parent_id": partner.id, "type": kind}
            )
        )
