"""S12: what can be called over RPC, and by whom: a list that new methods must join.

Every method of ours whose name does not begin with an underscore can be called by
anybody who can log in, with any records and any arguments.
"""

import inspect

from odoo.exceptions import AccessError
from odoo.service.model import get_public_method
from odoo.tests import tagged

from .grid_table import WIZARDS
from .grid_world import MODULE, OUTSIDERS, GridCase

# Who may take a step: a group and whoever it is implied by.
MAY = {
    "user": {"user", "operator", "manager", "approver", "admin"},
    # Of Odoo's own records, which companies may share: each sees its own channels.
    "looker": {"user", "operator", "manager", "approver", "admin", "other"},
    "seller": {"operator", "manager", "admin", "other"},
    "operator": {"operator", "manager", "admin"},
    "manager": {"manager", "admin"},
    "approver": {"approver"},
    "decider": {"manager", "approver", "admin"},
    "signer": {"operator", "manager", "approver", "admin"},
    "admin": {"admin"},
}
SOLD = {
    "action_open_channel_numbers": "looker",
    "action_open_channel_trouble": "looker",
    "action_sell_on_channel": "seller",
}
PRODUCT = {
    **SOLD,
    "action_explain_channels": "user",
    "explain_channels": "user",
}
ORDER = {
    "action_open_at_channel": "user",
    "action_open_channel_exceptions": "user",
    "action_open_channel_order": "user",
}
METHODS = {
    "product.product": PRODUCT,
    "product.template": PRODUCT,
    "sale.order": ORDER,
    "stock.location": {"preview_channel_change": "looker"},
    "stock.picking": ORDER,
    "stock.channel.order.page": ORDER,
    "stock.channel.sell.wizard": {"action_done": "operator"},
    "stock.channel.sold": SOLD,
    "stock.channel": {
        "action_ask_pause": "manager",
        "action_back_to_draft": "manager",
        "action_check_connection": "manager",
        "action_check_webhooks": "manager",
        "action_fetch_listings": "manager",
        "action_fetch_locations": "manager",
        "action_go_live": "manager",
        "action_go_shadow": "manager",
        "action_match": "signer",
        "action_open_files": "user",
        "action_open_held": "user",
        "action_open_remote": "user",
        "action_open_unlisted": "user",
        "action_pause": "manager",
        "action_read_back": "operator",
        "action_readiness_settings": "user",
        "action_send_test_alert": "manager",
        "action_take_over": "admin",
        "action_what_if": "user",
        "action_set_up": "user",
        "get_health": "user",
    },
    "stock.channel.approval": {
        "action_approve": "approver",
        "action_open_adjustments": "user",
        "action_open_push": "user",
        "action_propose_again": "manager",
        "action_refresh_effect": "decider",
        "action_reject": "approver",
        "action_withdraw": "manager",
    },
    "stock.channel.assign.wizard": {
        "action_done": "operator",
    },
    "stock.channel.audit": {
        "action_undo": "manager",
    },
    "stock.channel.blind.receipt": {
        "action_close": "operator",
        "action_match": "user",
        "action_reopen": "operator",
    },
    "stock.channel.change": {
        "action_discard": "manager",
        "action_open_approval": "user",
        "action_propose": "manager",
        "action_refresh_effect": "decider",
    },
    "stock.channel.credential.wizard": {"action_save": "admin"},
    "stock.channel.erasure": {"action_erase": "manager", "action_search": "manager"},
    "stock.channel.erasure.request": {"action_open_orders": "manager"},
    "stock.channel.exception": {
        "action_accept_number": "operator",
        "action_assign": "operator",
        "action_assign_to_me": "operator",
        "action_explain": "user",
        "action_ignore": "operator",
        "action_map": "operator",
        "action_open_healing": "operator",
        "action_open_held_push": "user",
        "action_open_messages": "user",
        "action_reopen": "operator",
        "action_retry": "operator",
        "action_step": "user",
    },
    "stock.channel.exception.event": {"action_open_document": "user"},
    "stock.channel.explained": {"explain_channels": "user"},
    "stock.channel.fetch": {
        "action_open_rows": "user",
        "action_stop": "manager",
    },
    "stock.channel.file.wizard": {
        "action_download": "operator",
        "action_import": "operator",
    },
    "stock.channel.ignore.wizard": {
        "action_done": "operator",
    },
    "stock.channel.inspect.wizard": {"action_done": "operator"},
    "stock.channel.listing": {
        "action_explain": "user",
        "action_change_on_page": "user",
        "action_pause": "operator",
        "action_resume": "operator",
        "explain_channels": "user",
        "action_what_if": "user",
    },
    "stock.channel.location": {
        "action_end_freeze": "operator",
        "action_freeze_for_count": "operator",
        "action_pause": "operator",
        "action_resume": "operator",
        "action_use_proposal": "manager",
        "action_what_if": "user",
    },
    "stock.channel.map.wizard": {
        "action_apply": "operator",
        "action_back": "operator",
        "action_download": "operator",
        "action_preview": "operator",
    },
    "stock.channel.match": {
        "action_export": "user",
    },
    "stock.channel.match.wizard": {"action_match": "operator"},
    "stock.channel.message": {
        "action_explain": "operator",
        "action_replay": "operator",
        "action_retry": "operator",
    },
    "stock.channel.order": {
        "action_explain": "user",
        "action_open_sale_order": "user",
        "explain_channels": "user",
    },
    "stock.channel.onboarding": {
        "action_add_listing": "manager",
        "action_back": "user",
        "action_by_hand": "user",
        "action_continue": "manager",
        "action_fetch_listings": "manager",
        "action_fetch_places": "manager",
        "action_go": "user",
        "action_go_shadow": "manager",
        "action_match": "manager",
        "action_open_channel": "user",
        "action_open_numbers": "user",
        "action_set_secret": "admin",
        "action_show_all": "admin",
        "action_skip_test": "manager",
        "action_test": "manager",
        "action_test_alert": "manager",
    },
    "stock.channel.pausable": {
        "action_pause": "operator",
        "action_resume": "operator",
    },
    "stock.channel.pause.wizard": {
        "action_confirm": "operator",
    },
    "stock.channel.paused": {
        "action_open": "user",
    },
    "stock.channel.publication": {
        "action_explain": "user",
        "action_open_product": "user",
        "action_publish_again": "operator",
        "action_read_back": "operator",
        "explain": "user",
        "explain_past": "user",
    },
    "stock.channel.publication.log": {"action_explain": "user", "explain": "user"},
    "stock.channel.push": {
        "action_keep": "approver",
        "action_open_held_rows": "user",
        "action_release": "approver",
    },
    "stock.channel.readiness.line": {
        "action_open": "user",
    },
    "stock.channel.receive.wizard": {"action_receive": "operator"},
    "stock.channel.remote.ignore.wizard": {"action_done": "operator"},
    "stock.channel.remote.listing": {
        "action_accept": "operator",
        "action_ignore": "operator",
        "action_propose": "manager",
        "action_reopen": "operator",
    },
    "stock.channel.replay": {
        "action_open_failing": "operator",
        "action_open_messages": "operator",
        "action_stop": "operator",
    },
    "stock.channel.return.line": {
        "action_accept": "operator",
        "action_inspect_first": "operator",
        "action_keep": "operator",
        "action_restock": "operator",
        "action_scrap": "operator",
        "action_scrap_on_arrival": "operator",
    },
    "stock.channel.review": {
        "action_open_matches": "user",
        "action_refresh": "signer",
        "action_sign": "signer",
    },
    "stock.channel.review.finding": {
        "action_open": "user",
    },
    "stock.channel.rule": {"action_what_if": "user"},
    "stock.channel.secret": {"action_end": "admin"},
    "stock.channel.secret.wizard": {
        "action_generate": "admin",
        "action_save": "admin",
    },
    "stock.channel.undo.wizard": {
        "action_continue": "manager",
    },
    "stock.channel.whatif": {
        "action_open_lines": "user",
        "action_propose": "manager",
        "action_save": "manager",
        "action_try": "user",
    },
}
# Wizards of one's own that name somebody else's channel, order or goods.
AIMED = {
    "stock.channel.assign.wizard": "action_done",
    "stock.channel.credential.wizard": "action_save",
    "stock.channel.file.wizard": "action_import",
    "stock.channel.ignore.wizard": "action_done",
    "stock.channel.inspect.wizard": "action_done",
    "stock.channel.map.wizard": "action_apply",
    "stock.channel.match.wizard": "action_match",
    "stock.channel.pause.wizard": "action_confirm",
    "stock.channel.remote.ignore.wizard": "action_done",
    "stock.channel.secret.wizard": "action_generate",
    "stock.channel.sell.wizard": "action_done",
    "stock.channel.undo.wizard": "action_continue",
    "stock.channel.whatif": "action_try",
}


@tagged("post_install", "-at_install")
class TestRpc(GridCase):
    def concrete(self):
        """Yield what is listed and has records: mixins are tried where they are used."""
        for name, methods in METHODS.items():
            if not self.env[name]._abstract:
                yield name, methods

    def surface(self):
        """Return the public methods that our classes add, by model.

        Those of the ORM that we extend are not: the grid tries them.
        """
        orm = type(self.env["base"])
        found = {}
        for name, model in self.env.items():
            for cls in type(model).__mro__:
                if not cls.__module__.startswith(MODULE):
                    continue
                for attribute, value in vars(cls).items():
                    if attribute.startswith("_") or not inspect.isfunction(value):
                        continue
                    if hasattr(orm, attribute):
                        continue
                    found.setdefault(name, set()).add(attribute)
        return found

    def test_every_public_method_is_listed(self):
        listed = {name: set(methods) for name, methods in METHODS.items()}
        self.assertEqual(self.surface(), listed)

    def test_what_is_private_stays_private(self):
        """Steps that skip every check must not be callable, whatever they are named."""
        for name, method in (
            ("stock.channel", "_update_state"),
            ("stock.channel.audit", "_log"),
            ("stock.channel.approval", "_propose"),
            ("stock.channel.exception", "_open"),
            ("stock.channel.message", "_store"),
            ("stock.channel.secret", "_generate"),
            ("stock.channel.erasure.request", "_start"),
            ("stock.channel.order", "_erase_person"),
            ("stock.channel.cursor", "init"),
            ("stock.channel.publication", "init"),
        ):
            with self.subTest(model=name, method=method):
                with self.assertRaises(AccessError):
                    get_public_method(self.env[name], method)

    def test_who_may_not_call_changes_nothing(self):
        for name, methods in self.concrete():
            for method, level in methods.items():
                for group in {*MAY["user"], *OUTSIDERS} - MAY[level]:
                    if group == "other" and name in WIZARDS:
                        continue  # theirs are aimed below
                    with self.subTest(model=name, method=method, group=group):
                        self.assert_refused(name, method, group)

    def assert_refused(self, name, method, group):
        before, touched = self.picture(), self.touched()
        self.env.invalidate_all()
        mine = self.sample(name).with_user(self.people[group])
        done = []
        self.attempt(lambda: done.append(getattr(mine, method)()))
        self.assertEqual(done, [], "it was not refused")
        self.env.invalidate_all()
        self.assert_same(before, "something changed")
        self.assertEqual(self.touched(), touched, "a row of some table was changed")

    def test_a_change_of_any_table_would_be_seen(self):
        """Also one that was undone, and one of a table that is none of the hub's."""
        for change in (
            lambda: self.env["res.country.group"].create({"name": "Planted"}),
            lambda: self.env["ir.config_parameter"].sudo().set_param("planted", "1"),
        ):
            before = self.touched()
            with self.put_back():
                change()
                self.env.flush_all()
            self.assertNotEqual(self.touched(), before)

    def test_nobody_aims_a_wizard_at_another_company(self):
        for name, method in AIMED.items():
            with self.subTest(model=name):
                before = self.picture()
                done = []
                with self.put_back():
                    self.attempt(
                        lambda n=name, m=method, d=done: d.append(self.aim(n, m))
                    )
                self.assertEqual(done, [], "it was not refused")
                self.assert_same(before, "something changed")

    def aim(self, name, method):
        """Fill in a wizard in another company, about this one, and press its button."""
        model = self.env[name].with_user(self.people["other"])
        return getattr(model.create(self.fresh(name)), method)()

    def test_no_records_are_no_way_around_a_check(self):
        """A method called with no ids must not do something for everybody."""
        for name, methods in self.concrete():
            for method in methods:
                with self.subTest(model=name, method=method):
                    before = self.picture()
                    nothing = self.env[name].with_user(self.people["none"])
                    self.attempt(lambda m=nothing, n=method: self.called(m, n))
                    self.assert_same(before, "something changed")

    def called(self, records, method):
        try:
            getattr(records, method)()
        except ValueError:
            return  # it wants exactly one record
