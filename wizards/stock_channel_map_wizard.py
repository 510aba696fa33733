from base64 import b64decode, b64encode

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..connectors import map_file
from ..models.change_steps import MAX_STEPS
from ..models.stock_channel_approval import MANAGER
from ..models.stock_channel_change_run import QUIET
from .map_lines import MapLines

KINDS = [
    ("new", "New"),
    ("change", "Change"),
    ("wrong", "Wrong"),
]
# So many lines are shown; what is counted and what is done is all of them.
SHOWN = 500


class StockChannelMapWizard(models.TransientModel):
    """Maps as a file: download them, or see what a file would do and then do it."""

    _name = "stock.channel.map.wizard"
    _description = "Maps as a File"

    channel_id = fields.Many2one(
        "stock.channel", default=lambda self: self._only_channel()
    )
    file = fields.Binary("File with Maps")
    file_name = fields.Char()
    export_file = fields.Binary(readonly=True)
    state = fields.Selection(
        [("ask", "File"), ("preview", "Preview")], default="ask", required=True
    )
    line_ids = fields.One2many("stock.channel.map.wizard.line", "wizard_id")
    shown_ids = fields.One2many(
        "stock.channel.map.wizard.line", compute="_compute_counts"
    )
    new_count = fields.Integer("New", compute="_compute_counts")
    change_count = fields.Integer("Changes", compute="_compute_counts")
    wrong_count = fields.Integer("Wrong", compute="_compute_counts")
    same_count = fields.Integer("As They Are", readonly=True)
    may_change = fields.Boolean(compute="_compute_may_change")

    @api.model
    def _only_channel(self):
        """Return the channel where there is only one to choose."""
        channels = self.env["stock.channel"].search([], limit=2)
        return channels if len(channels) == 1 else channels.browse()

    @api.depends("line_ids.kind")
    def _compute_counts(self):
        for wizard in self:
            kinds = wizard.line_ids.mapped("kind")
            wizard.new_count = kinds.count("new")
            wizard.change_count = kinds.count("change")
            wizard.wrong_count = kinds.count("wrong")
            wizard.shown_ids = wizard.line_ids[:SHOWN]

    @api.depends_context("uid")
    def _compute_may_change(self):
        self.may_change = self.env.user.has_group(MANAGER)

    def _check_channel(self):
        """Refuse whoever may not work on this channel's maps."""
        self.ensure_one()
        self.env["stock.channel.exception"]._check_operator()
        if not self.channel_id:
            raise UserError(self.env._("Choose the channel first."))
        self.channel_id.check_access("read")

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Maps as a File"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    # ---------------------------------------------------------------- exporting

    def action_download(self):
        """Download the maps of the channel; the file can be read again here."""
        self._check_channel()
        self.export_file = b64encode(map_file.write(self._maps()))
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/export_file/"
            f"maps-{self.channel_id.id}.csv?download=true",
            "target": "download",
        }

    def _maps(self):
        """Yield the maps as the columns of the file; one statement for all."""
        self.env.flush_all()
        lang = self.env.lang or "en_US"
        rows = self.env.execute_query(
            SQL(
                """
                SELECT listing.sku, listing.item_id, product.default_code,
                       product.barcode, product.id::text,
                       coalesce(template.name ->> %(lang)s, template.name ->> 'en_US'),
                       coalesce(uom.name ->> %(lang)s, uom.name ->> 'en_US'),
                       listing.title
                  FROM stock_channel_listing AS listing
                  JOIN product_product AS product ON product.id = listing.product_id
                  JOIN product_template AS template
                    ON template.id = product.product_tmpl_id
                  JOIN uom_uom AS uom ON uom.id = listing.uom_id
                 WHERE listing.channel_id = %(channel)s AND listing.active
                 ORDER BY listing.sku, listing.id
                """,
                channel=self.channel_id.id,
                lang=lang,
            )
        )
        for row in rows:
            values = (value or "" for value in row)
            yield dict(zip(map_file.COLUMNS, values, strict=True))

    # ---------------------------------------------------------------- importing

    def action_preview(self):
        """Read the file and say of each line what it would do; nothing is changed."""
        self._check_channel()
        if not self.file:
            raise UserError(self.env._("Choose a file first."))
        try:
            lines = list(map_file.read(b64decode(self.file)))
        except map_file.Unreadable as error:
            raise UserError(error.message) from error
        found = MapLines(self.env, self.channel_id).judge(lines)
        self.line_ids.unlink()
        self.write(
            {
                "state": "preview",
                "same_count": sum(row["kind"] == "same" for row in found),
                "line_ids": [
                    fields.Command.create(row) for row in found if row["kind"] != "same"
                ],
            }
        )
        return self._reopen()

    def action_back(self):
        """Choose another file."""
        self._check_channel()
        self.line_ids.unlink()
        self.write({"state": "ask", "file": False})
        return self._reopen()

    def action_apply(self):
        """Make the new maps, and change or propose the others; wrong lines are left."""
        self._check_channel()
        changes = self._of_kind("change")
        if len(changes) > MAX_STEPS:
            raise UserError(
                self.env._(
                    "A proposal holds %s changes at most. Split the file.", MAX_STEPS
                )
            )
        made, left = self._make_new()
        if (changes or left) and self.may_change:
            return self.env["stock.channel.remote.listing"]._change_or_propose(
                lambda quiet: (changes | left).with_context(**quiet)._write_maps(),
                self.channel_id,
            )
        return self._tell(made, len(changes | left))

    def _of_kind(self, kind):
        return self.line_ids.filtered(lambda line: line.kind == kind)

    def _make_new(self):
        """Make what is mapped for the first time; that is the operator's.

        :return: (how many were made, lines that turned out to be no first maps).
        """
        new = self._of_kind("new")
        listings_sudo = self.env["stock.channel.listing"].sudo()
        keys = [(line.sku, line.item_id) for line in new]
        are_first = listings_sudo._are_first(self.channel_id, keys)
        first = new.browse(
            line.id for line, is_first in zip(new, are_first, strict=True) if is_first
        )
        listings_sudo.with_context(**QUIET).create(
            [line._map_values() for line in first]
        )
        return len(first), new - first

    def _tell(self, made, left):
        message = self.env._("Mapped: %s.", made)
        if left:
            message += " " + self.env._(
                "%s lines would change maps; a manager of stock channels imports the "
                "file for that.",
                left,
            )
        action = self.channel_id._notify(message, "warning" if left else "success")
        action["params"]["next"] = {"type": "ir.actions.act_window_close"}
        return action


class StockChannelMapWizardLine(models.TransientModel):
    """What one line of the file would do."""

    _name = "stock.channel.map.wizard.line"
    _description = "Line of a File with Maps"
    _order = "number, id"

    wizard_id = fields.Many2one(
        "stock.channel.map.wizard", required=True, ondelete="cascade", index=True
    )
    number = fields.Integer("Line", readonly=True)
    kind = fields.Selection(KINDS, "What It Does", required=True, readonly=True)
    sku = fields.Char("SKU", readonly=True)
    item_id = fields.Char("Item Id", readonly=True)
    title = fields.Char(readonly=True)
    product_id = fields.Many2one("product.product", readonly=True)
    uom_id = fields.Many2one("uom.uom", "Selling Unit", readonly=True)
    listing_id = fields.Many2one("stock.channel.listing", readonly=True)
    column = fields.Char(readonly=True)
    what = fields.Char("In Words", readonly=True)

    def _map_values(self):
        self.ensure_one()
        return {
            "channel_id": self.wizard_id.channel_id.id,
            "product_id": self.product_id.id,
            "sku": self.sku,
            "item_id": self.item_id,
            "title": self.title,
            "uom_id": self.uom_id.id,
        }

    def _write_maps(self):
        """Write these into the maps, with the rights of whoever asks."""
        made = self.env["stock.channel.listing"]
        for line in self:
            vals = line._map_values()
            listing = line.listing_id
            if not listing:
                made.create(vals)
                continue
            if listing.channel_id != line.wizard_id.channel_id:
                raise UserError(self.env._("Read the file again."))
            changed = {
                name: value
                for name, value in vals.items()
                if name in ("sku", "title")
                and value != listing[name]
                or name in ("product_id", "uom_id")
                and value != listing[name].id
            }
            listing.write(changed)
