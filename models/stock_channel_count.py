from datetime import UTC, timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from .quantities import plain
from .stock_channel_count_reading import CountReading
from .stock_channel_exception import NeedsPerson
from .stock_channel_poll import as_naive

# Clocks run apart; a count made later than this from now was dated wrongly.
CLOCK_SKEW = timedelta(minutes=5)
# What was there at an older count is no longer worth working out from what moved.
MAX_AGE = timedelta(days=30)


class StockChannelCount(models.Model):
    """A stock count as a channel reported it: a 3PL's, or a shop's stock-take.

    A count changes nothing. It becomes a proposal (``stock.channel.approval``) with
    the differences between what was counted and what the ERP had at that moment;
    what is applied after a second person has agreed is the difference, so that
    nothing that moved in between is undone.
    """

    _name = "stock.channel.count"
    _description = "Channel Stock Count"
    _inherit = ["stock.channel.mixin", "stock.channel.approval.subject"]
    _order = "counted_at desc, id desc"

    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="restrict", index=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    external_id = fields.Char("Channel's Count Id", required=True, readonly=True)
    channel_location_id = fields.Many2one(
        "stock.channel.location",
        "Counted at",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    counted_at = fields.Datetime("Counted", required=True, readonly=True)
    wire = fields.Json(readonly=True, required=True, help="The count as it was told.")
    line_ids = fields.One2many("stock.channel.count.line", "count_id")
    # Kept here, and not as a field of the move: whoever may write moves could pass
    # an adjustment of their own off as one that was approved.
    move_ids = fields.Many2many("stock.move", string="Adjustments", readonly=True)

    _channel_external_unique = models.UniqueIndex(
        "(channel_id, external_id)", "This count of the channel exists already."
    )

    def _compute_display_name(self):
        for count in self:
            count.display_name = count.external_id

    # ------------------------------------------------------------------ take

    def _take(self, message, snapshot):
        """Turn a reported count into a proposal, in one transaction.

        :return: one line for the message about what was done.
        :raise NeedsPerson: when nothing can be proposed without a person.
        """
        return self._in_transaction(lambda: self._record(message.channel_id, snapshot))

    def _record(self, channel, snapshot):
        wire = wire_values(snapshot)
        known = self.search(
            [("channel_id", "=", channel.id), ("external_id", "=", snapshot.id)]
        )
        if known:
            if known.wire != wire:
                raise self._other_content(channel, snapshot)
            return self.env._("Known already; nothing to do.")
        self._check_time(channel, snapshot)
        count = self.create(
            {
                "channel_id": channel.id,
                "external_id": snapshot.id,
                "channel_location_id": self._find_place(
                    channel, snapshot.location_id
                ).id,
                # Odoo dates what moves by the second.
                "counted_at": min(
                    as_naive(snapshot.counted_at).replace(microsecond=0),
                    self.env.cr.now().replace(microsecond=0),
                ),
                "wire": wire,
            }
        )
        approval = count._propose()
        if not approval:
            return self.env._("Count %s agrees with the stock.", snapshot.id)
        if approval.state == "withdrawn":
            return self.env._("Count %s was overtaken by a later one.", snapshot.id)
        return self.env._("Count %s is proposed for approval.", snapshot.id)

    def _check_time(self, channel, snapshot):
        """Refuse a count of which nobody can say what was there at the time.

        :raise NeedsPerson: then.
        """
        now = self.env.cr.now()
        counted_at = as_naive(snapshot.counted_at)
        if now - MAX_AGE <= counted_at <= now + CLOCK_SKEW:
            return
        if counted_at > now:
            cause = self.env._(
                "Count %(count)s is dated %(date)s UTC, which is in the future. What "
                "moved since then cannot be told from what was counted.",
                count=snapshot.id,
                date=fields.Datetime.to_string(counted_at),
            )
        else:
            cause = self.env._(
                "Count %(count)s is dated %(date)s UTC. After %(days)s days too much "
                "has moved to compare it with the stock.",
                count=snapshot.id,
                date=fields.Datetime.to_string(counted_at),
                days=MAX_AGE.days,
            )
        raise NeedsPerson(
            category="data",
            fingerprint=f"count:{channel.id}:{snapshot.id}:time",
            title=self.env._("The time of count %s cannot be right", snapshot.id),
            cause=cause,
            next_step=self.env._(
                "Have the clock of whoever counts corrected, ask for a new count, and "
                "ignore this one."
            ),
            field="counted_at",
            value=fields.Datetime.to_string(counted_at),
        )

    def _other_content(self, channel, snapshot):
        return NeedsPerson(
            category="data",
            fingerprint=f"count:{channel.id}:{snapshot.id}:content",
            title=self.env._("Count %s came again with another content", snapshot.id),
            cause=self.env._(
                "The channel used one number for two different counts. The first one "
                "counts, the second one was not worked on."
            ),
            next_step=self.env._(
                "Ask which of the two is right. If it is the second, reject the "
                "proposal of the first and have the second sent under a number of "
                "its own. Then ignore this."
            ),
            field="id",
            value=snapshot.id,
        )

    # ------------------------------------------------------------- the place

    def _find_place(self, channel, external_id):
        """Return the channel location that was counted.

        :raise NeedsPerson: until somebody maps it; the count waits for that.
        """
        place = channel.location_ids._mapped().filtered(
            lambda row: row.external_id == external_id
        )
        if not place:
            raise self._place_need(
                channel,
                external_id,
                self.env._("Channel location %s is not mapped", external_id),
                self.env._(
                    "A count names a channel location that no stock location here "
                    "belongs to."
                ),
            )
        self._check_place(place)
        return place

    def _check_place(self, place):
        """Refuse a place of which nobody could say where a difference lies.

        :raise NeedsPerson: unless it is one stock location's, and nobody else's.
        """
        cause = place._why_not_countable()
        if cause:
            raise self._place_need(
                place.channel_id,
                place.external_id,
                self.env._("A count of %s cannot be applied", place.name),
                cause,
            )

    def _place_need(self, channel, external_id, title, cause):
        exceptions = self.env["stock.channel.exception"]
        return NeedsPerson(
            category="mapping",
            fingerprint=exceptions._mapping_fingerprint(
                channel, "location", external_id
            ),
            title=title,
            cause=cause,
            next_step=self.env._(
                "Give the channel location one stock location of its own, then retry. "
                "Until then enter counts in Inventory, Physical Inventory."
            ),
            mapping_kind="location",
            value=external_id,
        )

    # ------------------------------------------------------------- proposing

    def _propose(self):
        """Propose the differences of this count, as the ERP knows them now.

        :return: the ``stock.channel.approval``; empty when the count agrees with
            the stock, or when every item was counted again later.
        """
        self.ensure_one()
        reading = CountReading(self)
        rows = reading.rows()
        approval = self.env["stock.channel.approval"]
        self.line_ids.filtered(lambda line: not line.approval_id).unlink()
        if any(row.delta or row.issue for row in rows):
            approval = approval._propose(self, self._prepare_proposal(reading, rows))
        self.line_ids._create_for(self, approval, rows)
        self._tell_of_issues([row for row in rows if row.issue])
        if approval and all(row.issue == "counted_later" for row in rows):
            approval._withdraw(
                self.env._("Everything was counted again later: %s", rows[0].note)
            )
        self._withdraw_older({row.product.id for row in rows if not row.issue})
        return approval

    def _propose_again(self):
        try:
            return self._propose()
        except NeedsPerson as need:
            text = "\n".join((need.title, need.cause, need.next_step))
            raise UserError(text) from need

    def _prepare_proposal(self, reading, rows):
        """Return what is proposed; only rows that can be applied are in it."""
        appliable = [row for row in rows if not row.issue]
        different = [row for row in appliable if row.delta]
        value = sum(row.value for row in different)
        return {
            "kind": "count",
            "name": self.env._(
                "Count %(count)s of %(place)s",
                count=self.external_id,
                place=self.channel_location_id.name,
            ),
            "channel_id": self.channel_id.id,
            "before": {
                "location": reading.location.id,
                "rows": {row.key: row.facts() for row in appliable},
            },
            "after": {
                "rows": {row.key: plain(row.delta) for row in different},
            },
            "effect": self._effect(rows, different),
            "value": value,
        }

    def _effect(self, rows, different):
        texts = [
            self.env._(
                "%(different)s of %(all)s items differ",
                different=len(different),
                all=len(rows),
            )
        ]
        blocked = sum(bool(row.issue) for row in rows)
        if blocked:
            texts.append(self.env._("%s cannot be applied", blocked))
        return ", ".join(texts)

    def _tell_of_issues(self, rows):
        """Keep one exception about the items of this count nobody can apply.

        Not about those that were counted again: their newer count speaks for them.
        """
        exceptions = self.env["stock.channel.exception"]
        fingerprint = f"count:{self.channel_id.id}:{self.external_id}:lines"
        blocked = [row for row in rows if row.issue != "counted_later"]
        if not blocked:
            exceptions._resolve_fingerprint(self.channel_id, fingerprint)
            return
        exceptions._open(
            self.channel_id,
            category="data",
            fingerprint=fingerprint,
            title=self.env._(
                "Count %(count)s: items that cannot be applied: %(number)s",
                number=len(blocked),
                count=self.external_id,
            ),
            cause="\n".join(f"{row.sku}: {row.note}" for row in blocked),
            next_step=self.env._(
                "The other items can be decided under Approvals. Mend what the cause "
                "names, then a manager presses Propose Again there; or ask for a new "
                "count and ignore this."
            ),
            field="lines",
            value=", ".join(row.sku for row in blocked)[:200],
        )

    def _withdraw_older(self, products):
        """Take back proposals of older counts of the same goods at this place.

        What an older count holds and this one does not is proposed anew, so that a
        count of one aisle does not lose what was found in another.

        :param products: ids of the products this count can be applied for.
        """
        older = self.env["stock.channel.count.line"].search(
            [
                ("approval_id.state", "=", "proposed"),
                ("count_id.channel_location_id", "=", self.channel_location_id.id),
                ("count_id", "!=", self.id),
                ("count_id.counted_at", "<=", self.counted_at),
                ("product_id", "in", list(products)),
            ]
        )
        older = older.filtered(lambda line: line.count_id._is_before(self))
        for approval in older.approval_id.sorted("id"):
            approval._lock()
            approval._withdraw(
                self.env._(
                    "Counted again in %(count)s at %(date)s UTC.",
                    count=self.external_id,
                    date=fields.Datetime.to_string(self.counted_at),
                )
            )
            approval._subject()._propose_rest(approval, products)

    def _is_before(self, other):
        """Return whether this count was made before another one."""
        return (self.counted_at, self.id) < (other.counted_at, other.id)

    def _propose_rest(self, approval, products):
        """Propose anew what of a withdrawn count was not counted again."""
        left = approval.count_line_ids.filtered(
            lambda line: (
                line.product_id.id not in products
                and (line.issue or line.difference_qty)
            )
        )
        self._tell_of_issues([])
        if not left:
            return
        try:
            self._propose()
        except NeedsPerson as need:
            need.open(self.env, self.channel_id)


def wire_values(snapshot):
    """Return a count as it is kept: everything it says, in one form."""
    return {
        "location_id": snapshot.location_id,
        "counted_at": snapshot.counted_at.astimezone(UTC).isoformat(),
        "lines": [
            {
                "sku": line.sku,
                "quantity": plain(line.quantity),
                "unit": line.unit,
                "lots": [
                    {"name": lot.name, "quantity": plain(lot.quantity)}
                    for lot in line.lots
                ],
            }
            for line in snapshot.lines
        ],
    }
