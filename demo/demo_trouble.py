"""Numbers and channels that are not as they should be, in the demo data."""

from decimal import Decimal

from odoo.fields import Command

from ..connectors.testing.fake_channel import Fault
from .demo_sales import Sales
from .demo_world import AT_PARTNER

# More often than any trouble is tried before a person is told.
MOST_TRIES = 15


class Trouble(Sales):
    """A marketplace in shadow, a partner that is paused, a till that is down."""

    def open_market(self):
        """Compare what the marketplace would be told; then it locks us out."""
        self.list_(self.market, "FH-CHAIR", "FH-LAMP", "FH-SHELF", "FH-ARM", "FH-STOOL")
        self.rule(self.market, "share", 50)
        self.rule(self.market, "buffer_percent", 10)
        self.market.action_go_shadow()
        self.env.cr.keep()
        for _round in range(2):
            self.work(self.market)
        shop = self.env.cr.shops[self.market.id]
        shop.books.levels.pop(("FH-STOOL", "reno"))
        self.read_again(self.market)
        shop.transport.always = Fault.UNAUTHORIZED
        self.until_told(self.market, "_cron_poll")
        shop.transport.always = None

    def open_partner(self):
        """Three changes of a rule go too far: one is released, one kept, one waits."""
        with self.env.cr.ago(days=6):
            self.list_(self.partner, *AT_PARTNER)
            self.partner.guard_floor = 3
            self.go_live(self.partner)
        self.order(
            "D-7001",
            ("FH-DRAWER", 1),
            channel=self.partner,
            days=2,
            location_id="denver",
        )
        self._go_too_far()
        self._wear_out_partner()

    def _go_too_far(self):
        """The manager enters a share that is far too small, three times."""
        rules = self.as_("manager", self.env["stock.channel.rule"]).sudo()
        with self.env.cr.ago(days=3):
            share = rules.create(
                {"channel_id": self.partner.id, "kind": "share", "value": 40}
            )
            self.as_("approver", self.held()).action_release()
            self.work(self.partner)
        with self.env.cr.ago(days=2):
            share.value = 15
            self.as_("approver", self.held()).action_keep()
        share.value = 4
        self.held()

    def _wear_out_partner(self):
        """It asks for fewer calls, until it is paused."""
        shop = self.env.cr.shops[self.partner.id]
        self.put(self.products["FH-DRAWER"], -2, self.denver.lot_stock_id)
        self.work()
        shop.transport.always = Fault.RATE_LIMIT
        self.until_told(self.partner, "_cron_publish")
        self.as_("manager", self.partner)._pause(
            "The partner moves its warehouse; resume when Kim calls"
        )
        self.env.cr.keep()

    def held(self):
        """Let the hub judge what has just changed; the push that is held."""
        self.work(self.partner)
        push = self.env["stock.channel.push"].search(
            [("channel_id", "=", self.partner.id), ("state", "=", "held")], limit=1
        )
        return push

    def open_till(self):
        """The till of the pop-up store: an answer was lost, then it went down."""
        self.list_(self.pos, "FH-LAMP", "FH-STOOL", "FH-ARM")
        self.go_live(self.pos)
        shop = self.env.cr.shops[self.pos.id]
        stock = self.boston.lot_stock_id
        self.put(self.products["FH-LAMP"], -1, stock)
        self.work()
        shop.transport.always = Fault.LOST_ANSWER
        self.pos._cron_publish()
        self.put(self.products["FH-STOOL"], -1, stock)
        self.work()
        shop.transport.always = Fault.DOWN
        self.until_told(self.pos, "_cron_publish")

    def disturb_shop(self):
        """In the web shop: edited, gone, refused, under way and waiting numbers."""
        shop = self.env.cr.shops[self.shop.id]
        levels = shop.books.levels
        levels["FH-ARM", "boston"].quantity = Decimal(50)
        levels.pop(("FH-MIRROR", "boston"))
        self.read_again(self.shop)
        self.put(self.products["FH-DESK"], -1, self.reno.lot_stock_id)
        self.work()
        self.shop._in_transaction(self.shop._claim_if_due)
        self.put(self.products["FH-DRAWER"], -1, self.reno.lot_stock_id)
        self.env["stock.channel.dirty"]._cron_compute()

    def read_again(self, channel):
        """Compare what the channel shows, and once more what differs."""
        channel.action_read_back()
        self.env.cr.keep()
        for _round in range(3):
            channel._cron_poll()
            self.env.cr.keep()

    def until_told(self, channel, job):
        """Let a job fail until a person is told of the channel's trouble."""
        exceptions = self.env["stock.channel.exception"]
        told = [("fingerprint", "=", f"channel:{channel.id}"), ("state", "=", "open")]
        for _try in range(MOST_TRIES):
            if exceptions.search_count(told):
                return
            channel.next_attempt_at = False
            channel.action_read_back()
            self.env.cr.keep()
            getattr(channel, job)()
            self.env.cr.keep()

    def rule(self, channel, kind, value, code=None, **vals):
        listing = {"listing_id": self.listings[channel, code].id} if code else {}
        rule = self.env["stock.channel.rule"].create(
            {"channel_id": channel.id, "kind": kind, "value": value, **listing, **vals}
        )
        return rule

    def draw_outlet(self):
        """A channel somebody has begun to set up."""
        self.list_(self.outlet, "FH-BENCH", "FH-STOOL")
        self.listings[self.outlet, "FH-STOOL"].active = False
        self.as_("operator", self.listings[self.shop, "FH-BOOKCASE"])._pause(
            "The pictures show the wrong wood; new ones come on Monday"
        )
        place = self.outlet.location_ids
        place.location_ids = [Command.clear()]
