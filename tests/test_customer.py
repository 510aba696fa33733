from unittest.mock import patch

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import HubCase


@tagged("post_install", "-at_install")
class TestCustomer(HubCase):
    """Customers: by the channel's id, then by e-mail, never by name."""

    def setUp(self):
        super().setUp()
        self.receive(self.product, 100)
        self.count = 0

    def customer(self, **vals):
        """Order as this customer; returns the contact of the sale order."""
        self.count += 1
        order = self.order(f"C{self.count}", customer=vals)
        self.assertEqual(order.state, "applied")
        return order.sale_order_id.partner_id

    def make_partner(self, name, **vals):
        return self.env["res.partner"].create({"name": name, **vals})

    def links(self):
        return self.env["stock.channel.customer"].search(
            [("channel_id", "=", self.channel.id)]
        )

    # ------------------------------------------------------------------ ids

    def test_id_finds_whoever_changed_mailbox_and_name(self):
        ada = self.customer(id="7", email="ada@example.com", name="Ada Example")
        again = self.customer(id="7", email="ada@example.org", name="Ada Other")
        self.assertEqual(again, ada)
        self.assertEqual((ada.name, ada.email), ("Ada Example", "ada@example.com"))
        self.assertEqual(
            self.links().mapped(lambda link: (link.external_id, link.partner_id)),
            [("7", ada)],
        )

    def test_id_comes_before_the_mailbox(self):
        ada = self.customer(id="7", email="ada@example.com")
        bob = self.make_partner("Bob", email="bob@example.com")
        self.assertEqual(self.customer(id="7", email="bob@example.com"), ada)
        self.assertEqual(self.customer(id="8", email="bob@example.com"), bob)

    def test_id_met_anew_is_found_by_the_mailbox_and_kept(self):
        ada = self.make_partner("Ada", email="Ada@Example.com")
        self.assertEqual(self.customer(id="7", email="ADA@example.COM"), ada)
        self.assertEqual(self.customer(id="9", email="ada@example.com"), ada)
        self.assertEqual(self.customer(id="7", email=""), ada)
        self.assertEqual(sorted(self.links().mapped("external_id")), ["7", "9"])

    def test_ids_of_two_channels_are_strangers(self):
        ada = self.customer(id="7", email="ada@example.com")
        other = self.make_channel(name="Other")
        bob = self.make_partner("Bob")
        links = self.env["stock.channel.customer"]
        links._link(other, "7", bob)
        self.assertEqual(links._find(other, "7").partner_id, bob)
        self.assertEqual(self.customer(id="7", email="x@example.com"), ada)

    def test_archived_contact_is_left_alone(self):
        ada = self.customer(id="7", email="ada@example.com", name="Ada")
        ada.active = False
        again = self.customer(id="7", email="ada@example.com", name="Ada")
        self.assertNotEqual(again, ada)
        self.assertEqual(self.links().partner_id, again)

    def test_only_managers_say_who_a_customer_is(self):
        self.customer(id="7", email="ada@example.com")
        bob = self.make_partner("Bob")
        for group in ("group_user", "group_operator", "group_approver"):
            link = self.links().with_user(self.make_user(group))
            with self.assertRaises(AccessError):
                link.partner_id = bob
        self.links().with_user(self.make_user("group_manager")).partner_id = bob
        self.assertEqual(self.customer(id="7", email="ada@example.com"), bob)

    def test_customers_of_another_company_are_not_seen(self):
        self.customer(id="7", email="ada@example.com")
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.make_user(
            "group_manager", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        links = self.env["stock.channel.customer"].with_user(stranger)
        self.assertFalse(links.search([]))

    # --------------------------------------------------------------- mailboxes

    def test_name_finds_nobody(self):
        ada = self.make_partner("Ada Example", street="1 Main Street")
        first = self.customer(name="Ada Example")
        second = self.customer(name="Ada Example")
        third = self.customer(id="7", name="Ada Example")
        self.assertEqual(len(ada | first | second | third), 4)
        self.assertFalse((first | second | third).parent_id)

    def test_mailbox_of_another_company_is_not_ours(self):
        other = self.env["res.company"].create({"name": "Other"})
        theirs = self.make_partner("A", email="a@example.com", company_id=other.id)
        partner = self.customer(email="a@example.com", name="A")
        self.assertNotEqual(partner, theirs)
        self.assertEqual(partner.company_id, self.company)

    def test_own_contact_comes_before_a_shared_one(self):
        self.make_partner("A", email="a@example.com")
        own = self.make_partner("A", email="a@example.com", company_id=self.company.id)
        self.assertEqual(self.customer(email="a@example.com", name="A"), own)

    def test_employee_of_a_customer_is_found_below_it(self):
        acme = self.make_partner("ACME", is_company=True, email="info@acme.test")
        bob = self.make_partner("Bob", email="bob@acme.test", parent_id=acme.id)
        self.assertEqual(self.customer(id="7", email="Bob@acme.test"), bob)

    def test_mailbox_of_an_address_is_no_customer(self):
        acme = self.make_partner("ACME", is_company=True)
        desk = self.make_partner(
            "Reception", email="in@acme.test", parent_id=acme.id, type="delivery"
        )
        self.assertNotEqual(self.customer(id="7", email="in@acme.test"), desk)

    def test_wildcards_in_a_mailbox_find_nobody(self):
        ada = self.make_partner("Ada", email="ada@example.com")
        for email in ("%@example.com", "a_a@example.com", "not a mailbox"):
            self.assertNotEqual(self.customer(email=email, name="Ada"), ada)

    # ------------------------------------------------------------------ guests

    def test_guest_of_a_known_mailbox_is_a_contact_below_it(self):
        """Whatever name was given: the parcel's is below, the known contact stays."""
        ada = self.make_partner(
            "Ada", email="ada@example.com", street="Old Street", phone="1"
        )
        guest = {"email": "ADA@example.com", "name": "Grace Guest", "phone": "2"}
        sales = [
            self.order(f"G{number}", customer=guest).sale_order_id
            for number in range(2)
        ]
        shipping = sales[0].partner_shipping_id
        self.assertEqual(
            [(sale.partner_id, sale.partner_shipping_id) for sale in sales],
            [(ada, shipping)] * 2,
        )
        self.assertEqual(
            (shipping.name, shipping.street, shipping.parent_id),
            ("Ada Example", "1 Main Street", ada),
        )
        self.assertEqual((ada.name, ada.street, ada.phone), ("Ada", "Old Street", "1"))
        self.assertFalse(self.links())

    def test_guest_who_opens_an_account_stays_one_contact(self):
        guest = self.customer(email="ada@example.com", name="Ada Example")
        self.assertEqual(self.customer(id="7", email="ada@example.com"), guest)
        self.assertEqual(self.customer(id="7", email="new@example.com"), guest)

    def test_bill_of_a_guest_goes_to_a_contact_below(self):
        billing = {
            "name": "Grace Payer",
            "street": "2 Side Street",
            "city": "Brussels",
            "zip": "1000",
            "country": "BE",
        }
        order = self.order(billing_address=billing)
        invoice = order.sale_order_id.partner_invoice_id
        self.assertEqual(
            (invoice.name, invoice.type, invoice.parent_id),
            ("Grace Payer", "invoice", order.sale_order_id.partner_id),
        )

    def test_parcel_for_somebody_else_goes_to_an_address_below(self):
        order = self.order(customer={"id": "7", "email": "a@x.test", "name": "Ann"})
        sale = order.sale_order_id
        self.assertEqual(sale.partner_id.name, "Ann")
        shipping = sale.partner_shipping_id
        self.assertEqual(
            (shipping.name, shipping.parent_id, shipping.type),
            ("Ada Example", sale.partner_id, "delivery"),
        )

    def test_state_is_known_by_code_and_by_name_and_never_lost(self):
        found = []
        for number, state in enumerate(("ca", "California", "Cloud Nine", "")):
            address = {
                "name": "Ada Example",
                "street": f"{number} Main Street",
                "city": "San Francisco",
                "zip": "94103",
                "country": "US",
                "state": state,
            }
            shipping = self.order(
                f"S{number}", shipping_address=address
            ).sale_order_id.partner_shipping_id
            self.assertEqual(shipping.company_id, self.company)
            found.append((shipping.city, shipping.state_id.code))
        self.assertEqual(
            found,
            [
                ("San Francisco", "CA"),
                ("San Francisco", "CA"),
                ("San Francisco, Cloud Nine", False),
                ("San Francisco", False),
            ],
        )

    # --------------------------------------------------------------------- VAT

    def test_vat_is_kept(self):
        partner = self.customer(id="7", name="ACME", vat=" BE0477472701 ")
        self.assertEqual(partner.vat, "BE0477472701")
        self.assertTrue(partner.is_company)
        self.assertFalse(self.open_exceptions())

    def test_vat_goes_to_the_commercial_partner(self):
        acme = self.make_partner("ACME", is_company=True)
        bob = self.make_partner("Bob", email="bob@acme.test", parent_id=acme.id)
        self.customer(id="7", email="bob@acme.test", vat="BE0477472701")
        self.assertEqual(acme.vat, "BE0477472701")
        self.assertEqual(bob.vat, "BE0477472701")

    def test_vat_is_the_same_however_it_is_written(self):
        acme = self.make_partner("ACME", email="a@acme.test", vat="0477472701")
        for vat in ("BE 0477.472.701", "be0477472701", "0477472701"):
            self.customer(id="7", email="a@acme.test", vat=vat)
        self.assertEqual(acme.vat, "0477472701")
        self.assertFalse(self.open_exceptions())

    def test_another_vat_is_told_and_ours_stays(self):
        acme = self.make_partner("ACME", email="a@acme.test", vat="BE0477472701")
        self.customer(id="7", email="a@acme.test", vat="BE0123456749")
        self.assertEqual(acme.vat, "BE0477472701")
        exception = self.open_exceptions()
        self.assertEqual(
            (exception.category, exception.value, exception.expected_value),
            ("data", "BE0123456749", "BE0477472701"),
        )
        self.assertIn("BE0123456749", acme.message_ids[0].body)
        # Once somebody has corrected it, the next word of the channel closes it.
        acme.vat = "BE0123456749"
        self.order(
            "C1", 2, customer={"id": "7", "email": "a@acme.test", "vat": acme.vat}
        )
        self.assertFalse(self.open_exceptions())

    def refuse_vat(self, error):
        partners = type(self.env["res.partner"])
        write = partners.write

        def refuse(partner, vals):
            if vals.get("vat"):
                raise error
            return write(partner, vals)

        return patch.object(partners, "write", refuse)

    def test_vat_that_odoo_refuses_is_noted_and_told(self):
        for error in (ValidationError("No such number"), ValueError("not digits")):
            with self.subTest(error=error), self.refuse_vat(error):
                partner = self.customer(name="ACME", vat="XX1")
            self.assertFalse(partner.vat)
            self.assertIn("XX1", partner.message_ids[0].body)
            exception = self.open_exceptions()[:1]
            self.assertEqual((exception.category, exception.value), ("data", "XX1"))
            self.assertIn(str(error), exception.cause)
            self.assertEqual(
                exception.channel_order_id.sale_order_id.picking_ids.state, "assigned"
            )
        self.assertEqual(len(self.open_exceptions()), 2)
