from odoo import api, fields, models, tools
from odoo.exceptions import AccessError, UserError

from .database_identity import database_identity, database_place, is_same_origin

ALARM = "watch:copy:"


class StockChannelCopy(models.Model):
    """A channel that was started in another database stays silent in this one.

    A copy that speaks is the worst that can happen to numbers: last night's stock is
    published under the real credentials, by a test server nobody watches. So a copy
    says nothing, whoever made it and with what. A database that was moved looks like a
    copy and cannot know better; an administrator says that it is the real one.
    """

    _inherit = "stock.channel"

    database_identity = fields.Char(
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="The database this channel was started in. A restored copy has "
        "another one and stays silent.",
    )
    is_elsewhere = fields.Boolean(
        "Started in Another Database",
        compute="_compute_is_elsewhere",
        help="This database is a copy, or was moved: the channel was started in "
        "another one, and is neither told nor asked anything from here.",
    )
    is_neutralized = fields.Boolean(compute="_compute_is_elsewhere")

    @api.depends("state", "database_identity")
    def _compute_is_elsewhere(self):
        here = self._database_identity()
        is_neutralized = self._is_neutralized()
        for channel in self:
            started = channel.state != "draft"
            armed_in = channel.sudo().database_identity
            channel.is_elsewhere = started and (armed_in != here or is_neutralized)
            channel.is_neutralized = is_neutralized

    @api.model
    @tools.ormcache()
    def _database_place(self):
        # Kept like Odoo's own id of the database: both are asked for in each job.
        return database_place(self.env.cr)

    @api.model
    def _database_identity(self):
        """Return the identity of this database, see ``database_identity``."""
        parameters_sudo = self.env["ir.config_parameter"].sudo()
        return database_identity(
            parameters_sudo.get_param("database.uuid"), self._database_place()
        )

    @api.model
    def _is_neutralized(self):
        parameters_sudo = self.env["ir.config_parameter"].sudo()
        return bool(parameters_sudo.get_param("database.is_neutralized"))

    def _is_ours(self):
        """Return whether the channel was started in this very database."""
        self.ensure_one()
        armed_in = self.sudo().database_identity
        return (
            self.active
            and armed_in == self._database_identity()
            and not self._is_neutralized()
        )

    def _arm(self):
        """Let this database, and no copy of it, speak with the channel."""
        self.sudo().database_identity = self._database_identity()

    def action_take_over(self):
        """Say that this database is the real one, after it was moved.

        What happened at the channel meanwhile is not known here: its orders are read
        first and it is told every number anew, as when it goes live.

        :raise AccessError: unless an administrator asks.
        :raise UserError: in a neutralized database, and where nothing is silent.
        """
        if not self.env.su and not self.env.user.has_group(
            "stock_channel_hub.group_admin"
        ):
            raise AccessError(
                self.env._(
                    "Only an administrator of the hub says which database is the real "
                    "one."
                )
            )
        self.check_access("write")
        if self._is_neutralized():
            raise UserError(
                self.env._(
                    "This database is neutralized: it was made for testing. Its "
                    "credentials are gone; set up a channel of its own to test with."
                )
            )
        for channel in self:
            if not channel.is_elsewhere:
                raise UserError(
                    self.env._("%s belongs to this database already.", channel.name)
                )
            channel._arm()
            self.env["stock.channel.audit"]._log(channel, "taken_over")
            if channel.state == "live":
                channel._begin_live()
        self._watch_copies()

    # --------------------------------------------------------------- watchdog

    @api.model
    def _is_about_copy(self, exception):
        return (exception.fingerprint or "").startswith(ALARM) and bool(
            exception.channel_id._is_silent_copy()
        )

    def _is_silent_copy(self):
        """Return whether it is silent here and nobody made it so on purpose."""
        armed_in = self.sudo().database_identity
        here = self._database_identity()
        return (
            armed_in != here
            and is_same_origin(armed_in, here)
            and not self._is_neutralized()
        )

    @api.model
    def _watch_copies(self):
        """Channels that were silenced by a move of the database: somebody must say so.

        A plain copy raises the same alarm once; that is what tells its owner that it
        is one.
        """
        started_sudo = self.sudo().search(
            [("state", "in", ("shadow", "live", "paused"))]
        )
        faults = {}
        for channel in started_sudo.filtered(lambda one: one._is_silent_copy()):
            faults[channel] = {
                "title": self.env._("%s is silent: the database moved", channel.name),
                "cause": self.env._(
                    "The channel was started in another database. This one is a copy "
                    "of it, or was moved to another server. The channel is told "
                    "nothing and asked nothing from here."
                ),
                "next_step": self.env._(
                    "Is this the real one, and the other one stopped? An administrator "
                    "opens the channel and presses This Is the Real Database. Is it a "
                    "copy? Then ignore this, and have it neutralized."
                ),
                "category": "late",
            }
        self._settle_alarms("copy", faults)
