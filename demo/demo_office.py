"""What the people of the demo data decided, signed and left to decide."""

from datetime import UTC, datetime, timedelta

from ..connectors.testing.fake_channel import Fault
from .demo_trouble import Trouble


class Office(Trouble):
    """Proposals, reviews, alerts and the like."""

    # ------------------------------------------------------------- proposals

    def propose(self):
        counts = {"C-31": 18, "C-32": 19, "C-33": 12}
        approvals = {key: self.count(key, number) for key, number in counts.items()}
        self.as_("approver", approvals["C-32"]).action_approve()
        self.as_("approver", approvals["C-33"]).action_reject()
        self.env.cr.keep()
        self._change_rules()
        self._ignore()

    def count(self, number, quantity):
        """Let the shop's warehouse report a count; the proposal it makes."""
        sku = {"C-31": "FH-DESK", "C-32": "FH-CHAIR", "C-33": "FH-BOOKCASE"}[number]
        self.deliver(
            self.partner,
            "inventory.counted",
            {
                "id": number,
                "location_id": "denver",
                "counted_at": datetime.now(UTC).isoformat(),
                "lines": [{"sku": sku, "quantity": str(quantity)}],
            },
        )
        self.env["stock.channel.message"]._cron_inbox()
        count = self.env["stock.channel.count"].search([("external_id", "=", number)])
        return self.env["stock.channel.approval"].search(
            [
                ("subject_model", "=", "stock.channel.count"),
                ("subject_id", "in", count.ids),
            ],
            limit=1,
        )

    def _change_rules(self):
        """Changes of rules: one applied and undone, one outdated, one of each end."""
        applied = self.change("buffer", 1, "FH-CHAIR", "Two were damaged last week")
        self.as_("approver", applied).action_approve()
        self.env.cr.keep()
        row = self.env["stock.channel.audit"].search(
            [("res_model", "=", "stock.channel.rule"), ("action", "=", "created")],
            limit=1,
        )
        undo = self.as_("manager", self.env["stock.channel.undo.wizard"]).create(
            {"audit_id": row.id, "reason": "The chairs are repaired"}
        )
        change = self.env["stock.channel.change"].browse(
            undo.action_continue()["res_id"]
        )
        self.as_("manager", change).action_propose()
        self.as_("approver", change.approval_id).action_approve()
        self.env.cr.keep()
        rule = self.env["stock.channel.rule"].search(
            [("channel_id", "=", self.shop.id), ("kind", "=", "cap")], limit=1
        )
        stale = self.change_of(rule, 90, "More felt mats are on their way")
        rule.value = 40
        self.as_("approver", stale).action_approve()
        withdrawn = self.change("cap", 15, "FH-SHELF", "Promotion")
        self.as_("manager", withdrawn).action_withdraw()
        self.change("cap", 10, "FH-DRAWER", "Sell the last ones slowly")
        self.env.cr.keep()

    def change(self, kind, value, code, reason):
        """Let the manager propose a rule; the approval."""
        rules = self.as_("manager", self.env["stock.channel.rule"])
        vals = {
            "channel_id": self.shop.id,
            "listing_id": self.listings[self.shop, code].id,
            "kind": kind,
            "value": value,
        }
        return self.propose_it(lambda: rules.create(vals), reason)

    def change_of(self, rule, value, reason):
        """Let the manager propose another value of a rule; the approval."""
        mine = self.as_("manager", rule)
        return self.propose_it(lambda: mine.write({"value": value}), reason)

    def propose_it(self, act, reason):
        changes = self.as_("manager", self.env["stock.channel.change"])
        steps = changes._steps_of(act)
        change = changes._draw_up(steps, reason=reason)
        self.as_("manager", change).action_propose()
        self.env.cr.keep()
        return change.approval_id

    def _ignore(self):
        """Exceptions that need no work: one closed so, one costly one proposed."""
        exceptions = self.env["stock.channel.exception"]
        mirror = exceptions.search(
            [("category", "=", "drift"), ("channel_id", "=", self.shop.id)], limit=1
        )
        self.as_("operator", mirror)._ignore("The mirror is no longer in that store")
        self.shop.ignore_value_limit = 100
        costly = exceptions.search(
            [("category", "=", "data"), ("state", "=", "open")], limit=1
        )
        self.as_("operator", costly)._ignore("The customer agreed to the higher price")
        self.env.cr.keep()

    # ---------------------------------------------------------------- reviews

    def review(self):
        """A fortnight of reviews: signed, missed, and those of today to sign."""
        reviews = self.env["stock.channel.review"]
        days = self.working_days()
        made = {}
        for day in days[-4:]:
            with self.env.cr.ago(days=(self.today() - day).days):
                made[day] = self._reviewed("daily", day)
        for kind in ("weekly", "monthly"):
            made[kind] = self._reviewed(kind, days[-1])
        self.read_again(self.shop)
        self.env["stock.channel.match"]._cron_match()
        reviews._mark_missed()
        return [*(made[day] for day in days[-4:][:2]), made["weekly"]]

    def sign(self, reviews):
        """Once everything is read: two days and the week are signed."""
        self.env["stock.channel.match"]._cron_match()
        for review in reviews:
            late = (self.today() - review.day).days
            with self.env.cr.ago(days=late if review.kind == "daily" else 0):
                mine = self.as_("approver", review)
                mine.note = "Looked through with the warehouse; the queue is worked on."
                mine.action_sign()
        self.as_("operator", self.shop).action_match()
        self.env.cr.keep()

    def _reviewed(self, kind, day):
        reviews = self.env["stock.channel.review"]
        review = reviews.create(reviews._prepare(self.company, kind, day))
        review._begin()
        self.env.cr.keep()
        return review

    # ---------------------------------------------------------------- alerts

    def alert(self):
        """Mails of trouble: sent, on their way, and not delivered."""
        self.shop.alert_email = "stock@oak-and-co.invalid"
        alerts = self.env["stock.channel.alert"]
        open_ones = self.env["stock.channel.exception"].search(
            [("channel_id", "=", self.shop.id), ("state", "=", "open")]
        )
        told = {
            "test": ("sent", False),
            "new": ("exception", "The mail server refused the address."),
            "overdue": ("outgoing", False),
        }
        for kind, (state, failure) in told.items():
            found = alerts._mail(
                self.shop,
                kind,
                ["stock@oak-and-co.invalid"],
                open_ones if kind != "test" else open_ones.browse(),
                f"stock_channel_hub.alert_{kind}",
                open_count=len(open_ones),
                healed_count=0,
            )
            found.mail_id.write(
                {
                    "state": state,
                    "failure_reason": failure,
                    # No mail of a demonstration ever leaves.
                    "scheduled_date": self.now + timedelta(days=36500),
                }
            )
            found._note_outcome()
        self.env.cr.keep()

    # ------------------------------------------------------------- listings

    def match_listings(self):
        """What the shop and the outlet list, and which product each is."""
        shop = self.env.cr.shops[self.shop.id]
        shop.titles |= {
            "FH-BENCH-2": "Hallway Bench, oiled",
            "DESKLAMP": "Brass Desk Lamp",
            "GIFTCARD-50": "Gift Card 50",
            "FH-PLANTER": "Ceramic Planter",
        }
        self.as_("manager", self.shop).action_fetch_listings()
        rows = self.env["stock.channel.remote.listing"].search(
            [("channel_id", "=", self.shop.id), ("sku", "=", "GIFTCARD-50")]
        )
        self.as_("manager", rows)._ignore("No goods: vouchers have no stock")
        self.env.cr.keep()
        fetches = self.env["stock.channel.fetch"]
        failed = fetches._begin(self.pos, is_by_hand=True)
        failed._fail("The channel did not answer in time.")
        stopped = fetches._begin(self.partner, is_by_hand=True)
        stopped._update_state("stopped")
        fetches._begin(self.market, is_by_hand=True)
        self.env.cr.keep()

    # ---------------------------------------------------------------- others

    def erase(self):
        """Customers who asked to be forgotten: done, with an open order, just asked."""
        requests = self.as_("manager", self.env["stock.channel.erasure.request"])
        none = self.env["stock.channel.customer"]
        nobody = self.env["stock.channel.order"]
        for order in (self.orders["1008"], self.orders["1007"]):
            requests._start(self.company, order, none, False)
            self.env.cr.keep()
            self.env["stock.channel.erasure.request"]._cron_erase()
        wanted = {"emails": ["former.customer@example.com"], "ids": {}}
        requests._start(self.company, nobody, none, wanted)
        self.env.cr.keep()

    def replay(self):
        """Messages worked once more: done, stopped, and under way."""
        messages = self.env["stock.channel.message"]
        done = messages.search(
            [("channel_id", "=", self.shop.id), ("state", "=", "done")], limit=3
        )
        replays = self.env["stock.channel.replay"]
        self.as_("operator", done).action_replay()
        messages._cron_inbox()
        self.as_("operator", done[0]).action_replay()
        self.as_("operator", replays.search([], limit=1)).action_stop()
        self.as_("operator", done[1]).action_replay()
        self.env.cr.keep()

    def quarantine_messages(self):
        """Messages that failed, and one that is tried again later."""
        messages = self.env["stock.channel.message"]
        self.deliver(
            self.pos,
            "order.updated",
            self.order_data("P-9001", [("FH-LAMP", 1)], 0, 1),
        )
        failed = messages.search([("channel_id", "=", self.pos.id)], limit=1)
        failed._set_aside("The worker died 3 times over it.")
        self.deliver(
            self.pos,
            "order.updated",
            self.order_data("P-9002", [("FH-STOOL", 1)], 0, 1),
        )
        later = messages.search([("channel_id", "=", self.pos.id)], limit=1)
        later.write(
            {
                "attempts": 1,
                "claims": 1,
                "next_attempt_at": self.now.replace(tzinfo=None) + timedelta(days=3650),
                "note": "The channel did not answer in time.",
            }
        )
        self.env.cr.keep()

    def hang_up(self):
        """Nothing that is left to do calls anybody."""
        for shop in self.env.cr.shops.values():
            shop.transport.always = Fault.REFUSED
