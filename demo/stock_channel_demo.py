"""Demo data: one company's channels, with a record in every state there is."""

from odoo import api, models

from ..connectors.errors import Misconfigured
from ..connectors.transport import Transport
from .demo_cursor import DemoCursor

# Of no database there is: what is demonstrated is neither told nor asked anything.
NOWHERE = "demo"
DEMO_NOTE = (
    "Demo data: this channel is told and asked nothing, whatever its status. Set up a "
    "channel of your own to try a connection."
)


class Nobody(Transport):
    """Stands for the network of a demo channel: every call is refused unsent."""

    def _exchange(self, call):
        """Refuse.

        :raise Misconfigured: in words for whoever pressed the button.
        """
        raise Misconfigured(DEMO_NOTE)


class StockChannelDemo(models.Model):
    _inherit = "stock.channel"

    @api.model
    def _install_demo(self):
        """Build the demo data, once; called by the demo file.

        All of it comes about as it does at work: bodies of the open contract are put
        into the inbox, and numbers, shipments and returns are told to shops in memory.
        Their addresses do not exist (``.invalid``), and afterwards the channels belong to
        no database: they stay as silent as in a restored copy, whatever jobs run, and
        what a person presses is refused before anything is called.
        """
        # Only installing needs it, and none of it is loaded by a database at work.
        from .demo_shop import demo_url
        from .demo_story import Story

        if self.search_count([("base_url", "=", demo_url("shop"))], limit=1):
            return
        self.env.flush_all()
        cursor = DemoCursor(self.env.cr)
        try:
            Story(cursor.environment()).tell()
            cursor.commit()
        finally:
            cursor.close()
            self.env.invalidate_all()
        self.env.registry.clear_cache()

    def _transport(self):
        """Speak to the shop in memory while the demo data are being built."""
        if isinstance(self.env.cr, DemoCursor):
            return self.env.cr.shops[self.id].transport
        if self._is_demo():
            return Nobody()
        return super()._transport()

    def _check_readiness(self, *, is_resumed):
        """A channel that tells nobody anything needs no go/no-go list."""
        if isinstance(self.env.cr, DemoCursor):
            return None
        return super()._check_readiness(is_resumed=is_resumed)

    def _check_alerts(self):
        """Nor somebody whom its alerts reach."""
        if isinstance(self.env.cr, DemoCursor):
            return None
        return super()._check_alerts()

    # --------------------------------------------------------------- silence

    def _silence_demo(self):
        """Leave the channels to no database, so that none speaks for them."""
        self.write({"database_identity": NOWHERE})
        for channel in self:
            channel.message_post(body=DEMO_NOTE)

    def _is_demo(self):
        self.ensure_one()
        return self.sudo().database_identity == NOWHERE

    def _arm(self):
        """Let no database take over what is demonstrated, whoever puts it live."""
        real = self.filtered(lambda channel: not channel._is_demo())
        return super(StockChannelDemo, real)._arm()

    @api.depends("state", "database_identity")
    def _compute_is_elsewhere(self):
        """Say nothing of a copy: these were silent from the beginning."""
        result = super()._compute_is_elsewhere()
        self.filtered(lambda channel: channel._is_demo()).is_elsewhere = False
        return result
