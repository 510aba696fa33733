from base64 import b64decode, b64encode

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..connectors.errors import ConnectorError
from ..connectors.file_table import Unreadable
from ..connectors.filedrop_columns import Kind
from ..connectors.filedrop_reading import read_upload
from ..connectors.filedrop_rows import Source, wrong_deliveries
from ..models.stock_channel_connection import utc_now

# More rows than this are counted, not shown.
MOST_SHOWN = 200


class StockChannelFileWizard(models.TransientModel):
    """Bring a file in by hand, after seeing what would be taken; take the numbers out.

    What is imported goes through the same inbox as a file that lies in the channel's
    folder: the same order is taken once, whichever way it came.
    """

    _name = "stock.channel.file.wizard"
    _description = "Files of a Channel"

    channel_id = fields.Many2one("stock.channel", required=True, ondelete="cascade")
    kind = fields.Selection(
        [
            (Kind.ORDERS.value, "Orders"),
            (Kind.CANCELS.value, "Cancels"),
            (Kind.RETURNS.value, "Returns"),
            (Kind.COUNTS.value, "Stock Counts"),
        ],
        "What It Is",
        default=Kind.ORDERS.value,
        required=True,
    )
    file = fields.Binary(attachment=False, help="csv, txt or xlsx, 8 MB at most.")
    file_name = fields.Char()
    problem = fields.Char(
        compute="_compute_preview", help="Why nothing of it can be taken."
    )
    good_count = fields.Integer("Taken", compute="_compute_preview")
    wrong_count = fields.Integer("Wrong Rows", compute="_compute_preview")
    preview = fields.Html(compute="_compute_preview")
    file_format = fields.Selection(
        [("csv", "Text (csv)"), ("xlsx", "Spreadsheet (xlsx)")],
        "As",
        default="csv",
        required=True,
    )
    download = fields.Binary(readonly=True, attachment=False)

    @api.depends("file", "file_name", "kind", "channel_id")
    def _compute_preview(self):
        for wizard in self:
            wizard.problem = False
            wizard.good_count = wizard.wrong_count = 0
            wizard.preview = False
            if not wizard.file or not wizard.channel_id:
                continue
            try:
                content = wizard._content()
            except (Unreadable, ConnectorError) as error:
                wizard.problem = str(error)
                continue
            wizard.good_count = len(content.found)
            wizard.wrong_count = len(content.wrong)
            wizard.preview = wizard._preview_of(content)

    def _preview_of(self, content):
        """Return what would happen, what is wrong first."""
        taken = self.env._("Will be taken")
        rows = [
            (wrong.line, wrong.group, wrong.column, wrong.reason)
            for wrong in content.wrong
        ]
        rows += [("", found.order_id, "", taken) for found in content.found]
        return self.env["ir.qweb"]._render(
            "stock_channel_hub.file_preview", {"rows": rows[:MOST_SHOWN]}
        )

    # ------------------------------------------------------------------ steps

    def action_import(self):
        """Store what stands in the file; the inbox works it off."""
        self.ensure_one()
        channel = self._checked_channel()
        if channel.state not in ("live", "paused"):
            raise UserError(
                self.env._("The channel is not live: its orders are not taken yet.")
            )
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        try:
            content = self._content()
        except (Unreadable, ConnectorError) as error:
            raise UserError(str(error)) from error
        new = self._store(channel, content)
        total = len(content.found)
        # Orders with names and addresses must not linger in the wizard's own table.
        self.sudo().unlink()
        return {
            **channel._notify(
                self.env._(
                    "%(new)s of %(total)s taken, the others were known already;"
                    " %(wrong)s wrong rows.",
                    new=new,
                    total=total,
                    wrong=len(content.wrong),
                ),
                "warning" if content.wrong else "success",
            )
        }

    def _store(self, channel, content):
        """Put a file's deliveries into the inbox.

        :return: how many of the good ones are new.
        """
        messages_sudo = self.env["stock.channel.message"].sudo()
        new = 0
        wrong = wrong_deliveries(self._source(), content.wrong, Kind(self.kind))
        for found in (*content.found, *wrong):
            is_new = messages_sudo._store_fetched(channel, found, "upload")
            new += bool(is_new and found.key_is_content)
        return new

    def action_download(self):
        """Download every number the channel was told."""
        self.ensure_one()
        channel = self._checked_channel()
        updates = channel._told_numbers()
        if not updates:
            raise UserError(self.env._("The channel was not told any number yet."))
        try:
            name, content = channel._connector().availability_file(
                updates, self.file_format
            )
        except ConnectorError as error:
            raise UserError(error.message) from error
        self.download = b64encode(content)
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/download/{name}?download=true",
            "target": "download",
        }

    # ---------------------------------------------------------------- reading

    def _checked_channel(self):
        """Return the channel, when this person may work on its files.

        :raise AccessError: otherwise.
        """
        self.env["stock.channel.exception"]._check_operator()
        self.channel_id.check_access("read")
        if not self.channel_id.has_files:
            raise UserError(self.env._("This channel does not exchange files."))
        return self.channel_id

    def _source(self):
        return Source(self.file_name or self.env._("upload"), utc_now())

    def _content(self):
        """Return what stands in the file.

        :raise Unreadable: when it cannot be read.
        :raise ConnectorError: when the channel's settings make no sense.
        """
        channel = self._checked_channel()
        raw = b64decode(self.with_context(bin_size=False).file or b"")
        settings = channel._connector().settings
        return read_upload(settings, Kind(self.kind), self._source(), raw)
