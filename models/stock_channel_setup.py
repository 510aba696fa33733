from odoo import models

from .stock_channel_fetch import RUNNING
from .stock_channel_readiness import OK

# The steps from nothing to a channel in shadow, in their order.
STEPS = ("connector", "connection", "places", "listings", "rules", "alerts", "start")


class StockChannelSetup(models.Model):
    """How far a channel is set up: read from the channel itself, stored nowhere.

    Whoever goes on tomorrow, on another computer or in a colleague's place, stands
    where the facts are, and what was undone meanwhile is to do again.
    """

    _inherit = "stock.channel"

    def _setup_done(self):
        """Return {step: whether it is done}, in the order of the steps."""
        self.ensure_one()
        places = self.location_ids.filtered(lambda place: not place.is_closed)
        mapped = places._mapped()
        is_heard = bool(self.exception_owner_id and self._alert_addresses())
        done = {
            "connector": True,
            "connection": self._is_connection_done(),
            "places": bool(mapped) and mapped == places,
            "listings": bool(self._setup_count("listing")) and not self._is_read(),
            # The rules have good answers as they are: whoever went on to the next
            # step has agreed with them.
            "rules": is_heard or bool(self._setup_rules()),
            "alerts": is_heard,
            "start": self.state != "draft",
        }
        return {step: done[step] for step in STEPS}

    def _setup_count(self, what, domain=()):
        """Return how many there are just now; the form's own counts are kept."""
        model = self.env[f"stock.channel.{what}"]
        return model.search_count([("channel_id", "=", self.id), *domain])

    def _is_read(self):
        """Return whether its listings are being read."""
        return bool(self._setup_count("fetch", [("state", "in", list(RUNNING))]))

    def _is_connection_done(self):
        """Return whether the channel answered with the settings it has now."""
        channel_sudo = self.sudo()
        return (
            not self._missing_settings() and channel_sudo._ready_connection()[0] == OK
        )

    def _setup_at(self):
        """Return the first step that is not done; the last when all are."""
        done = self._setup_done()
        return next((step for step in STEPS if not done[step]), STEPS[-1])

    def _setup_rules(self):
        """Return the rules that hold for everything the channel sells."""
        return self.env["stock.channel.rule"].search(
            [
                ("channel_id", "=", self.id),
                ("listing_id", "=", False),
                ("channel_location_id", "=", False),
            ]
        )

    def _change_kind(self, connector):
        """Become another kind of channel; what was entered for the first is forgotten.

        A key of one shop must not be sent to another one.
        """
        self.connector = connector
        self.sudo().secret_ids.unlink()
        self.sudo().write(
            {
                "credentials": False,
                "credentials_set_at": False,
                "checked_at": False,
                "check_is_ok": False,
                "check_message": False,
            }
        )

    def action_set_up(self):
        """Go on setting this channel up, where it stands."""
        self.ensure_one()
        self.check_access("read")
        wizard = self.env["stock.channel.onboarding"].create({"channel_id": self.id})
        return wizard._action_show()
