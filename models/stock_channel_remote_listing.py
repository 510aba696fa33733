from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

STATES = [
    ("new", "Just Read"),
    ("unmatched", "No Product Found"),
    ("proposed", "Product Proposed"),
    ("accepted", "Being Mapped"),
    ("mapped", "Mapped"),
    ("ignored", "Ignored"),
]
KINDS = [
    ("sku", "Same SKU"),
    ("sku_alike", "SKU Alike"),
    ("barcode", "Same Barcode"),
    ("name", "Name Alike"),
    ("several", "Several Products Fit"),
    ("picked", "Picked by Hand"),
]
CONFLICTS = [
    ("product", "Mapped to Another Product"),
    ("clash", "SKU and Barcode Disagree"),
    ("sku_there", "SKU Changed at the Channel"),
    ("sku_here", "Reference Changed in Odoo"),
]
# What people may write; the rest is what the channel says and what came of it.
PEOPLES_FIELDS = {"product_id", "uom_id"}


class StockChannelRemoteListing(models.Model):
    """What the channel lists, mapped or not, and which product it probably is.

    The hub's own copy of the channel's catalogue, written by fetching. Nothing is
    published by it: a number goes out for a ``stock.channel.listing``, which is made
    when a person accepts what is proposed here.
    """

    _name = "stock.channel.remote.listing"
    _description = "Listing at the Channel"
    _order = "channel_id, sku, id"
    _rec_name = "sku"
    _log_access = False
    _check_company_auto = True

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    external_id = fields.Char(required=True, readonly=True)
    sku = fields.Char("SKU", readonly=True)
    item_id = fields.Char("Channel's Item Id", readonly=True)
    title = fields.Char("Name at the Channel", readonly=True)
    barcode = fields.Char(readonly=True)
    unit = fields.Char(
        "Channel's Unit", readonly=True, help="The channel's own word for it."
    )
    is_tracked = fields.Boolean(
        "Counted",
        readonly=True,
        default=True,
        help="Off: the channel sells it whatever its number is.",
    )
    pack_size = fields.Integer(
        readonly=True, help="How many pieces the channel's title says are in one."
    )
    here_pack = fields.Integer(
        readonly=True, help="How many pieces the product's own name says are in one."
    )
    unit_kind = fields.Char(
        readonly=True, help="What the channel's unit measures, such as weight."
    )
    times = fields.Integer(
        readonly=True, help="How often the channel named it in one reading."
    )
    round = fields.Integer(readonly=True, help="The reading that saw it last.")
    first_seen = fields.Datetime(required=True, readonly=True)
    last_seen = fields.Datetime(required=True, readonly=True)
    gone_at = fields.Datetime(
        "Gone Since",
        readonly=True,
        help="The channel did not list it any more in the last complete reading.",
    )

    state = fields.Selection(
        STATES, "Status", required=True, readonly=True, default="new"
    )
    is_open = fields.Boolean("To Do", readonly=True, help="Somebody should look at it.")
    listing_id = fields.Many2one(
        "stock.channel.listing",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    mapped_product_id = fields.Many2one(
        "product.product", "Mapped to", related="listing_id.product_id"
    )
    product_id = fields.Many2one(
        "product.product",
        ondelete="set null",
        index="btree_not_null",
        check_company=True,
        domain=[("type", "=", "consu")],
        help="What is proposed. Pick another one where it is wrong.",
    )
    uom_id = fields.Many2one(
        "uom.uom",
        "Selling Unit",
        ondelete="set null",
        help="The unit the channel counts in; empty for the product's own.",
    )
    target_id = fields.Many2one(
        "product.product",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="What it is mapped to, else what is proposed.",
    )
    match_kind = fields.Selection(KINDS, "Found by", readonly=True)
    confidence = fields.Integer("Sure (%)", readonly=True)
    rival_id = fields.Many2one(
        "product.product",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="The other product that its barcode belongs to.",
    )
    matched_at = fields.Datetime(readonly=True)
    picked_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    accepted_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    code_seen = fields.Char(
        readonly=True, help="The product's reference when it was the same as the SKU."
    )
    conflict = fields.Selection(CONFLICTS, readonly=True)
    is_duplicate_sku = fields.Boolean("SKU More than Once", readonly=True)
    is_shared = fields.Boolean("Product More than Once", readonly=True)
    is_unit_mismatch = fields.Boolean("Unit Differs", readonly=True)
    ignore_reason = fields.Char(readonly=True)
    ignored_by_id = fields.Many2one(
        "res.users", "Ignored by", readonly=True, ondelete="set null"
    )
    ignored_at = fields.Datetime("Ignored", readonly=True)
    reason = fields.Char("Why This Product", compute="_compute_reason")
    todo = fields.Text("What to Do", compute="_compute_todo")
    is_ready = fields.Boolean(compute="_compute_is_ready")
    may_propose = fields.Boolean(compute="_compute_is_ready")

    _external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This item of the channel is known already."
    )
    _by_sku = models.Index("(channel_id, sku)")
    _by_item = models.Index("(channel_id, item_id) WHERE item_id IS NOT NULL")
    _by_round = models.Index("(channel_id, round) WHERE gone_at IS NULL")
    _open_ones = models.Index("(channel_id, state, id) WHERE is_open")
    _accepted_ones = models.Index("(id) WHERE state = 'accepted'")

    # ---------------------------------------------------------------- in words

    @api.depends("sku", "title", "external_id")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.sku or row.title or row.external_id

    @api.depends("match_kind", "confidence", "barcode", "product_id", "rival_id")
    def _compute_reason(self):
        for row in self:
            row.reason = row._reason()

    def _reason(self):
        """Return in words why this product is proposed."""
        rival_sudo = self.sudo().rival_id
        texts = {
            "sku": self.env._("same SKU"),
            "sku_alike": self.env._(
                "SKU alike: %s", self.sudo().product_id.default_code or ""
            ),
            "barcode": self.env._("same barcode %s", self.barcode),
            "name": self.env._("name %s %% alike", self.confidence),
            "several": self.env._("several products fit; pick one"),
            "picked": self.env._("picked by %s", self.sudo().picked_by_id.name or ""),
        }
        text = texts.get(self.match_kind, "")
        if rival_sudo:
            text = self.env._(
                "%(text)s, but its barcode is that of %(other)s",
                text=text,
                other=rival_sudo.display_name,
            )
        return text

    @api.depends(
        "state",
        "conflict",
        "gone_at",
        "is_duplicate_sku",
        "is_shared",
        "is_unit_mismatch",
        "is_tracked",
        "listing_id.active",
        "listing_id.sku",
    )
    def _compute_todo(self):
        for row in self:
            texts = row._gone_texts() if row.gone_at else row._todo_texts()
            row.todo = "\n".join(texts)

    def _gone_texts(self):
        if not self.listing_id.active:
            return [self.env._("The channel does not list it any more.")]
        return [
            self.env._(
                "The channel does not list it any more. If it is gone for good, "
                "propose the change: the listing is archived."
            )
        ]

    def _todo_texts(self):
        """Return what somebody should look at, the most urgent first."""
        texts = [self._state_text(), self._conflict_text(), *self._finding_texts()]
        return [text for text in texts if text]

    def _state_text(self):
        if self.state == "ignored":
            return self.env._("Ignored: %s", self.ignore_reason or "")
        if self.state == "unmatched":
            return self.env._(
                "Pick the product, then accept. Or ignore it with a reason."
            )
        if self.state == "proposed":
            return self.env._("Accept, if the product is right. Else pick another one.")
        if self.listing_id and not self.listing_id.active:
            return self.env._(
                "Its listing is archived. A manager can take it out again."
            )
        return ""

    def _conflict_text(self):
        row_sudo = self.sudo()
        texts = {
            "product": self.env._(
                "It is mapped to %(mapped)s, but %(product)s fits (%(reason)s). Propose "
                "the change, or ignore it if the map is right.",
                mapped=row_sudo.mapped_product_id.display_name,
                reason=self._reason(),
                product=row_sudo.product_id.display_name,
            ),
            "clash": self.env._(
                "Its SKU and its barcode belong to two products. Mend one of them, or "
                "pick the right product."
            ),
            "sku_there": self.env._(
                "The channel calls it %(now)s now, the map says %(then)s. Propose the "
                "change.",
                now=self.sku,
                then=row_sudo.listing_id.sku,
            ),
            "sku_here": self.env._(
                "The product's reference was %(then)s and is %(now)s now. Change the "
                "SKU at the channel too, or ignore it.",
                then=self.code_seen,
                now=row_sudo.target_id.default_code or self.env._("empty"),
            ),
        }
        return texts.get(self.conflict, "")

    def _finding_texts(self):
        if self.is_unit_mismatch:
            yield self._unit_text()
        if self.is_duplicate_sku:
            yield self.env._(
                "The channel has this SKU more than once: its orders cannot be told "
                "apart by it. Give each item a SKU of its own there."
            )
        if self.is_shared:
            yield self.env._(
                "Another listing of this channel is the same product. Right for two "
                "pack sizes; else one of them is wrong."
            )
        if not self.is_tracked:
            yield self.env._(
                "The channel does not count it: it sells whatever number it is told. "
                "Switch stock counting on there."
            )

    def _unit_text(self):
        uom_sudo = self.sudo().listing_id.uom_id or self.sudo()._proposed_uom()
        if self.pack_size > 1:
            there = self.env._("%s pieces in one", self.pack_size)
        else:
            there = self.unit
        return self.env._(
            "The unit may differ: the channel says %(there)s, here it is sold in "
            "%(here)s. Choose the selling unit.",
            there=there,
            here=uom_sudo.name,
        )

    def _proposed_uom(self):
        """Return the unit it would be mapped in."""
        own = self.product_id.uom_id
        fits = self.uom_id and self.uom_id._has_common_reference(own)
        return self.uom_id if fits else own

    @api.depends("state", "product_id", "gone_at", "conflict", "listing_id.active")
    def _compute_is_ready(self):
        for row in self:
            row.is_ready = bool(
                row.state == "proposed" and row.product_id and not row.gone_at
            )
            row.may_propose = bool(row.listing_id.active) and (
                bool(row.gone_at) or row.conflict in ("product", "sku_there")
            )

    # ----------------------------------------------------------------- guarding

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            raise AccessError(
                self.env._("What the channel lists is fetched, not entered by hand.")
            )
        return super().create(vals_list)

    def write(self, vals):
        """Let people pick the product; the rest is what the channel says."""
        if self.env.su:
            return super().write(vals)
        if vals.keys() - PEOPLES_FIELDS:
            raise AccessError(
                self.env._(
                    "What the channel lists is fetched. Here only the product and its "
                    "selling unit are chosen."
                )
            )
        self.check_access("write")
        return self._pick(vals)

    def _pick(self, vals):
        """Keep what a person chose; no later reading proposes otherwise."""
        self.env["stock.channel.exception"]._check_operator()
        rows_sudo = self.sudo()
        if "accepted" in rows_sudo.mapped("state"):
            raise UserError(self.env._("It is being mapped already."))
        if "product_id" in vals and "uom_id" not in vals:
            vals = {**vals, "uom_id": False}
        result = rows_sudo.write(vals)
        for row_sudo in rows_sudo:
            uom, own = row_sudo.uom_id, row_sudo.product_id.uom_id
            if uom and not (own and uom._has_common_reference(own)):
                raise UserError(
                    self.env._(
                        "%(unit)s does not convert to the unit of the product, "
                        "%(own)s. Choose a selling unit that does.",
                        unit=uom.name,
                        own=own.name or "–",
                    )
                )
            picked = bool(row_sudo.product_id)
            row_sudo.write(
                {
                    "match_kind": "picked" if picked else False,
                    "confidence": 100 if picked else 0,
                    "rival_id": False,
                    "picked_by_id": self.env.uid if picked else False,
                    "state": "new" if row_sudo.state == "ignored" else row_sudo.state,
                }
            )
        rows_sudo._judge_rows()
        return result

    # ----------------------------------------------------------------- ignoring

    def action_ignore(self):
        """Ask why these stay as they are."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ignore with Reason"),
            "res_model": "stock.channel.remote.ignore.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_row_ids": self.ids},
        }

    def _ignore(self, reason):
        """Leave these as they are until the channel changes SKU or barcode.

        :raise UserError: without a reason.
        """
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why this needs no work."))
        rows_sudo = self.sudo().filtered(
            lambda row: row.state not in ("ignored", "accepted")
        )
        rows_sudo.write(
            {
                "state": "ignored",
                "ignore_reason": reason.strip(),
                "ignored_by_id": self.env.uid,
                "ignored_at": self.env.cr.now(),
            }
        )
        self.env["stock.channel.audit"]._log(
            rows_sudo, "ignored", reason=reason.strip()
        )
        rows_sudo._judge_rows()

    def action_reopen(self):
        """Take up again what was ignored."""
        self.check_access("read")
        self.env["stock.channel.exception"]._check_operator()
        rows_sudo = self.sudo().filtered(lambda row: row.state == "ignored")
        rows_sudo.write({"state": "new", "ignore_reason": False})
        self.env["stock.channel.audit"]._log(rows_sudo, "reopened")
        rows_sudo._judge_rows()

    @api.autovacuum
    def _gc_gone(self):
        """Forget what was never mapped and is long gone at the channel."""
        before = fields.Datetime.subtract(self.env.cr.now(), days=90)
        self.sudo().search(
            [("gone_at", "<", before), ("listing_id", "=", False)], limit=10_000
        ).unlink()
