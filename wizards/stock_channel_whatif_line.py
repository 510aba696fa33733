"""Every number that would change: written by the hundred thousand, gone soon."""

from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..connectors.rules import apply_rules
from ..models.loose_many2one import LooseMany2one
from ..models.quantities import plain, to_decimal

# The numbers of a hundred thousand listings at five locations.
MOST_LINES = 500_000
COLUMNS = (
    "listing_id",
    "channel_location_id",
    "channel_id",
    "product_id",
    "before_qty",
    "after_qty",
    "change_qty",
    "value",
    "sellable",
    "rules",
    "limiting_product_id",
    "is_kit",
    "is_withdrawn",
)
OWN = (
    "whatif_id",
    "currency_id",
    "create_uid",
    "create_date",
    "write_uid",
    "write_date",
)


class StockChannelWhatifLine(models.TransientModel):
    """One number that would change.

    Rows are written out while the change is there, and read in again after it is
    undone: between the two the database forgets everything else.
    """

    _name = "stock.channel.whatif.line"
    _description = "Number That Would Change"
    # As they were written: what moves most value comes first.
    _order = "id"

    whatif_id = LooseMany2one("stock.channel.whatif", readonly=True)
    channel_id = LooseMany2one("stock.channel", readonly=True)
    channel_location_id = LooseMany2one(
        "stock.channel.location", "Location", readonly=True
    )
    listing_id = LooseMany2one("stock.channel.listing", readonly=True)
    product_id = LooseMany2one("product.product", readonly=True)
    currency_id = LooseMany2one("res.currency", readonly=True)
    before_qty = fields.Float("Before", digits=0, readonly=True, aggregator="sum")
    after_qty = fields.Float("After", digits=0, readonly=True)
    change_qty = fields.Float("Change", digits=0, readonly=True)
    value = fields.Monetary(
        readonly=True,
        help="What is added to the offer or taken from it, at sales price.",
    )
    sellable = fields.Float(digits=0, readonly=True)
    rules = fields.Json(readonly=True)
    limiting_product_id = LooseMany2one("product.product", readonly=True)
    is_kit = fields.Boolean(readonly=True)
    is_withdrawn = fields.Boolean(readonly=True)
    limit = fields.Char(
        "Then Limited By",
        compute="_compute_limit",
        help="The last thing that takes something from the new number.",
    )

    _by_whatif = models.Index("(whatif_id, id)")

    @api.depends("sellable", "rules", "is_withdrawn", "limiting_product_id")
    @api.depends_context("lang")
    def _compute_limit(self):
        for line in self:
            line.limit = line.sudo()._limit_text()

    def _limit_text(self):
        """Name what takes from the number last: the same steps as it is explained by."""
        if self.is_withdrawn:
            return self.env._("Not offered here")
        if not self.limiting_product_id:
            return self.env._("Kit without a component to count")
        rules = {kind: to_decimal(value) for kind, value in (self.rules or {}).items()}
        left = to_decimal(self.sellable)
        last = None
        for step in apply_rules(
            left, rules, whole_units=self.listing_id.is_whole_units, withdrawn=False
        ):
            if step.value is not None and step.quantity < max(left, Decimal(0)):
                last = step
            left = step.quantity
        if last:
            kinds = dict(
                self.env["stock.channel.rule"]
                ._fields["kind"]
                ._description_selection(self.env)
            )
            return f"{kinds[last.kind]} {plain(last.value)}"
        if self.is_kit:
            return self.env._("Component %s", self.limiting_product_id.display_name)
        return self.env._("What is there")

    # ------------------------------------------------------------ bulk in and out

    @api.model
    def _write_out(self, whatif, currency_id, query, file):
        """Write the numbers of ``query`` into a file, as they are at this moment.

        :param int currency_id: that of their values.
        :param query: see ``stock.channel.change._line_query``.
        """
        uid, now = self.env.uid, self.env.cr.now()
        statement = SQL(
            "COPY (SELECT number.*, %s, %s, %s, %s, %s, %s FROM (%s) AS number LIMIT %s)"
            " TO STDOUT",
            whatif.id,
            currency_id,
            uid,
            now,
            uid,
            now,
            query,
            MOST_LINES,
        )
        self._copy(statement, file)

    @api.model
    def _read_in(self, file):
        """Store the numbers of a file; return how many there are."""
        statement = SQL(
            "COPY %s (%s) FROM STDIN",
            SQL.identifier(self._table),
            SQL(", ").join(map(SQL.identifier, (*COLUMNS, *OWN))),
        )
        self._copy(statement, file)
        return self.env.cr.rowcount

    def _copy(self, statement, file):
        cr = self.env.cr
        cr.copy_expert(cr.mogrify(statement).decode(), file)

    @api.model
    def _forget(self, whatif):
        """Remove the numbers of an earlier try, and what this person left for an hour."""
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM %s
                 WHERE whatif_id = ANY(%s)
                    OR create_uid = %s AND create_date < %s
                """,
                SQL.identifier(self._table),
                whatif.ids,
                self.env.uid,
                fields.Datetime.subtract(self.env.cr.now(), hours=1),
            )
        )
        self.invalidate_model()

    @api.model
    def _forget_about(self, name, record_ids):
        """Remove the numbers of records that are gone; no foreign key does it."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM %s WHERE %s = ANY(%s)",
                SQL.identifier(self._table),
                SQL.identifier(name),
                record_ids,
            )
        )
        self.invalidate_model()
