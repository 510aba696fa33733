"""What needs a second person on a live channel, and what is written down of it."""

from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError

from .stock_channel_approval import MANAGER
from .stock_channel_change_run import QUIET, current_run

# On these a change reaches customers.
GUARDED_STATES = ("live", "paused")
ACTIONS = {"create": "created", "write": "changed", "unlink": "removed"}
# Says of an error that the same can be proposed.
REFUSAL = "stock_channel_refusal"
NAMED = 3


class StockChannelGoverned(models.AbstractModel):
    """A map or rule: whoever changes it, it is written down; live, it is refused.

    People change governed fields of a channel that is live or paused by proposal
    alone (``stock.channel.change``). What they wrote is rolled back and refused in
    words, over RPC, in imports and through the lines of a form alike, since the
    question is asked where records are written and not where they are shown. The hub
    itself may (``env.su``), and so may whoever maps something for the first time or
    stays below the thresholds an administrator has set.
    """

    _name = "stock.channel.governed"
    _description = "Governed Record"

    # Fields that need a second person.
    _governed = ()
    # Fields that go along when a record is made again, and are written down.
    _along = ()
    # Fields that are only written down.
    _audited = ()

    # ------------------------------------------------------------------- writing

    # Each governed model wraps its own methods in these, outside of everything else
    # they do: what a change touches is logged there.

    def _governed_create(self, create, vals_list):
        with self._all_or_nothing() as mark:
            records = create(vals_list)
            asked = records._note_change("create", {}, records._watched_values())
            self._settle(asked, mark)
        return records

    def _governed_write(self, write, vals):
        if not self._watched_fields().intersection(vals):
            return write(vals)
        with self._all_or_nothing() as mark:
            before = self._watched_values()
            reach = self._reach()
            result = write(vals)
            asked = self._note_change("write", before, self._watched_values(), reach)
            self._settle(asked, mark)
        return result

    def _governed_unlink(self, unlink):
        with self._all_or_nothing() as mark:
            if self._has_rules():
                # One by one, since the database would take them without a word.
                self.with_context(active_test=False).rule_ids.unlink()
            asked = self._note_change("unlink", self._watched_values(), {})
            result = unlink()
            self._settle(asked, mark)
        return result

    def _has_rules(self):
        rules = self._fields.get("rule_ids")
        return bool(rules) and rules.comodel_name == "stock.channel.rule"

    @contextmanager
    def _all_or_nothing(self):
        """Roll back what a person may not do, whoever catches the refusal.

        Yields the mark from which the effect of what happens inside is measured.
        """
        if self.env.su or current_run(self.env.cr):
            yield None
            return
        with self.env.cr.savepoint():
            yield self.env["stock.channel.change"]._mark()

    # -------------------------------------------------------------- writing down

    @api.model
    def _step_fields(self):
        """Return the names of what a proposal may set."""
        return self._governed + self._along

    @api.model
    def _watched_fields(self):
        return set(self._step_fields() + self._audited)

    def _watched_values(self):
        """Return {record id: {field: value as JSON knows it}} of what is watched."""
        names = [name for name in self._fields if name in self._watched_fields()]
        records_sudo = self.sudo().with_context(active_test=False)
        return {
            record_sudo.id: {name: record_sudo._as_json(name) for name in names}
            for record_sudo in records_sudo
        }

    def _as_json(self, name):
        value, field = self[name], self._fields[name]
        if field.type == "many2one":
            return value.id
        if field.relational:
            return sorted(value.ids)
        if field.type == "datetime":
            return fields.Datetime.to_string(value)
        return value

    def _note_change(self, op, before, after, reach=None):
        """Write down what became of these records.

        :param str op: create, write or unlink; records to be removed still exist.
        :param dict before: {record id: values} before it, see ``_watched_values``.
        :param dict after: likewise, after it.
        :param reach: what ``_reach`` said before it.
        :return: what a second person has to be asked, for ``_settle``.
        """
        values = {}
        for record_id in self.ids:
            old, new = before.get(record_id), after.get(record_id)
            if op == "write":
                names = [name for name in new if old[name] != new[name]]
                if not names:
                    continue
                old = {name: old[name] for name in names}
                new = {name: new[name] for name in names}
            values[record_id] = (old, new)
        changed = self._audited_ones(values)
        run, asked = current_run(self.env.cr), None
        if run:
            changed._note_in(run, op, values)
            if run.is_asking and changed._asked(op, values, reach):
                run.asked = True
        elif not self.env.su:
            asked = changed._asked(op, values, reach)
        if run and run.is_rehearsal:
            return None
        approval = run.approval if run else None
        for action, records in changed._by_action(op, values):
            self.env["stock.channel.audit"]._log(
                records, action, values=values, approval=approval
            )
        return asked

    def _audited_ones(self, values):
        """Return the records that are worth a line; those that changed."""
        return self.browse(values)

    def _by_action(self, op, values):
        """Return (action of the audit, records) pairs."""
        return [(ACTIONS[op], self)]

    def _note_in(self, run, op, values):
        names = set(self._step_fields())
        for record in self:
            old, new = (
                part and {name: part[name] for name in part if name in names}
                for part in values[record.id]
            )
            if op == "write" and not new:
                continue
            run.note(self._name, record.id, op, old, new)
            run.channel_ids.update(self._channels_of(record, old, new).ids)

    # ------------------------------------------------------------------ refusing

    def _channels_of(self, record, old, new):
        """Return the channels a change of one record is about, with elevated rights."""
        channels_sudo = self.env["stock.channel"].sudo()
        ids = {(values or {}).get("channel_id") for values in (old, new)}
        return channels_sudo.browse(ids - {None, False}) or record.sudo().channel_id

    def _reach(self):
        """Return whatever ``_is_first_map`` and ``_is_harmless`` compare with."""

    def _is_first_map(self, op, old, new):
        """Return whether nothing was mapped here before; then nobody need agree."""
        return False

    def _is_harmless(self, op, old, new, reach):
        """Return whether this can only take goods off sale."""
        return False

    def _asked(self, op, values, reach):
        """Return what needs a second person: how many, whose channels, the refusal."""
        refused, channels_sudo = self.browse(), self.env["stock.channel"].sudo()
        for record in self:
            old, new = values[record.id]
            if op == "write" and not set(new).intersection(self._governed):
                continue
            guarded_sudo = self._channels_of(record, old, new).filtered(
                lambda channel: channel.state in GUARDED_STATES
            )
            if (
                guarded_sudo
                and not record._is_first_map(op, old, new)
                and not record._is_harmless(op, old, new, reach)
            ):
                refused |= record
                channels_sudo |= guarded_sudo
        if not refused:
            return None
        return len(refused), channels_sudo, refused._refusal(channels_sudo)

    def _settle(self, asked, mark):
        """Refuse what needs a second person, once it is seen how much it is.

        :param asked: see ``_asked``; None where nobody has to be.
        :raise UserError: in words; the same can then be proposed.
        """
        if not asked:
            return
        count, channels_sudo, refusal = asked
        if not channels_sudo._is_small_change(mark, count):
            raise refusal

    def _refusal(self, channels_sudo):
        names = self.sudo()[:NAMED].mapped("display_name")
        if len(self) > NAMED:
            names.append(self.env._("%s more", len(self) - NAMED))
        channel_sudo = channels_sudo[0]
        state = dict(channel_sudo._fields["state"]._description_selection(self.env))
        error = UserError(
            self.env._(
                "%(channel)s is %(state)s, so nothing was changed: %(what)s (%(model)s). "
                "What customers are offered would change. A manager of stock channels "
                "proposes it, and an approver decides.",
                channel=channel_sudo.name,
                state=state[channel_sudo.state].lower(),
                what=", ".join(names),
                model=self.env["stock.channel.change"]._kind_word(self),
            )
        )
        setattr(error, REFUSAL, True)
        return error

    # ------------------------------------------------------------------ proposing

    def web_save(self, vals, specification, next_id=None):
        parent = super().web_save
        return self._save_or_propose(
            lambda: parent(vals, specification, next_id=next_id),
            lambda records: records._repeat_save(vals),
        )

    def web_save_multi(self, vals_list, specification):
        parent = super().web_save_multi
        return self._save_or_propose(
            lambda: parent(vals_list, specification),
            lambda records: [
                record.write(vals)
                for record, vals in zip(records, vals_list, strict=True)
            ],
        )

    def action_archive(self):
        parent = super().action_archive
        return self._save_or_propose(
            parent, lambda records: records.write({"active": False})
        )

    def action_unarchive(self):
        parent = super().action_unarchive
        return self._save_or_propose(
            parent, lambda records: records.write({"active": True})
        )

    def _repeat_save(self, vals):
        if self:
            self.write(vals)
        else:
            self.create(vals)

    def _save_or_propose(self, save, repeat):
        """Save what a screen has; where that is refused, offer to propose the same.

        :param save: what the screen asked for.
        :param repeat: does the same to the records it is given, to see what it is.
        :raise RedirectWarning: whose button opens a proposal of exactly that.
        """
        if self.env.su or current_run(self.env.cr):
            return save()
        try:
            with self.env.cr.savepoint():
                return save()
        except UserError as refusal:
            is_manager = self.env.user.has_group(MANAGER)
            if not getattr(refusal, REFUSAL, False) or not is_manager:
                raise
            records = self.with_context(**QUIET)
            steps = self.env["stock.channel.change"]._steps_of(lambda: repeat(records))
            raise RedirectWarning(
                self.env._(
                    "%s\n\nPropose what you entered?",
                    refusal,
                ),
                self.env.ref("stock_channel_hub.stock_channel_change_open_entered").id,
                self.env._("Propose the Change"),
                {"stock_channel_steps": steps},
            ) from refusal


class StockChannelSmallChange(models.Model):
    """How much a person may change on a live channel without a second one."""

    _inherit = "stock.channel"

    free_change_listings = fields.Integer(
        string="Listings a Person May Change Alone",
        groups="stock_channel_hub.group_admin",
        copy=False,
        help="Changes of maps and rules that reach no more listings than this within "
        "24 hours, by one person, need no approval. They are written down all the same. "
        "Zero: every change needs a second person.",
    )
    free_change_value = fields.Monetary(
        string="Value a Person May Change Alone",
        currency_field="free_change_currency_id",
        groups="stock_channel_hub.group_admin",
        copy=False,
        help="Nor may what they add to and take from the offer be worth more than this, "
        "at sales prices. Zero: every change needs a second person.",
    )
    free_change_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Currency of the Limit"
    )

    _free_change_limits = models.Constraint(
        "CHECK (free_change_listings >= 0 AND free_change_value >= 0)",
        "What a person may change alone is zero or more.",
    )

    def _is_small_change(self, mark, count):
        """Return whether what happened since ``mark`` needs no second person.

        Counted per person, channel and 24 hours with what passed before: many small
        changes are a large one.

        :param mark: see ``stock.channel.change._mark``.
        :param int count: maps and rules that were changed.
        """
        if len(self) != 1:
            return False
        channel_sudo = self.sudo()
        listings_left, value_left = self._free_change_left()
        if not listings_left:
            return False
        changes_sudo = self.env["stock.channel.change"].sudo()
        touched = changes_sudo._touched_since(mark)
        reached = max(len(touched), count)
        if reached > listings_left:
            return False
        effect = changes_sudo._measure(touched, channel_sudo)
        moved = effect["value_up"] + effect["value_down"]
        if channel_sudo.company_id.currency_id.compare_amounts(moved, value_left) > 0:
            return False
        changes_sudo._note_small(channel_sudo, reached, moved, effect)
        return True

    def _free_change_left(self):
        """Return (listings, value) this person may still change here alone today."""
        channel_sudo = self.sudo()
        listings, value = (
            channel_sudo.free_change_listings,
            channel_sudo.free_change_value,
        )
        if not listings or not value:
            return 0, 0.0
        changes_sudo = self.env["stock.channel.change"].sudo()
        passed = changes_sudo._passed_before(channel_sudo, self.env.user)
        return max(0, listings - passed[0]), value - passed[1]


class StockChannelAuditIndex(models.Model):
    _inherit = "stock.channel.audit"

    _by_channel_moment = models.Index("(channel_id, happened_at)")
