"""What happened at the company of the demo data, and what is open today."""

from .demo_office import Office
from .demo_world import PACK, PRODUCTS

UNLISTED = {"FH-BENCH"}


class Story(Office):
    """Plays a fortnight of the company, from its channels to this morning."""

    def tell(self):
        self.build()
        self.open_shop()
        self.sell()
        self.take_back()
        self.open_market()
        self.open_partner()
        self.open_till()
        self.draw_outlet()
        self.disturb_shop()
        self.match_listings()
        self.propose()
        self.quarantine_messages()
        self.replay()
        self.erase()
        to_sign = self.review()
        self.alert()
        self.channels()._silence_demo()
        self.sign(to_sign)
        self.hang_up()

    def channels(self):
        return self.shop | self.market | self.partner | self.pos | self.outlet

    def open_shop(self):
        """The web shop: everything but the bench, which it does not know."""
        listed = [code for code in PRODUCTS if code not in UNLISTED]
        self.list_(self.shop, *listed, "FH-SET", PACK)
        # The shop knows no shelf in Boston: it refuses the number.
        self.env.cr.shops[self.shop.id].books.levels.pop(("FH-SHELF", "boston"))
        # In the month that the last monthly review is about.
        with self.env.cr.ago(days=self.working_days()[-1].day + 15):
            self._rule_shop()
            self.go_live(self.shop)

    def _rule_shop(self):
        self.rule(self.shop, "buffer", 1, "FH-SOFA")
        self.rule(self.shop, "cap", 60, "FH-MAT")
        self.rule(self.shop, "minimum", 2, "FH-MIRROR")
        self.rule(self.shop, "horizon", 14, "FH-BOOKCASE")
        self.rule(self.shop, "backorder", 5, "FH-STOOL")
        self.shop.drift_rule = "exception"
