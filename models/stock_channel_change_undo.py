"""Undo: maps, rules and conditions as they were, found in the audit."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_datetime

from .change_steps import MAX_STEPS, MODELS, ONLY_CHANGED, step_order, with_links
from .stock_channel_availability import STEPS_FROM

RESTORED = ("created", "changed", "removed")
MAX_ROWS = 5000


class StockChannelChangeUndo(models.Model):
    """Undo is a change like any other: rehearsed, shown, approved, compared.

    It restores the inputs. What is published follows from them and from the stock of
    that moment, never from an old number. The old number may only hold it down for a
    while, by a cap that ends by itself.
    """

    _inherit = "stock.channel.change"

    # ------------------------------------------------------------------ one line

    @api.model
    def _undo_of_row(self, row):
        """Return the steps that take back one line of the audit.

        :raise UserError: when it is nothing to restore, or was changed again since.
        """
        if not self._is_restorable(row):
            raise UserError(
                self.env._("This line changed no map or rule; nothing can be undone.")
            )
        model = self.env[row.res_model]
        record = model.browse(row.res_id).exists()
        names = set(model._step_fields())
        before = {k: v for k, v in (row.before or {}).items() if k in names}
        after = {k: v for k, v in (row.after or {}).items() if k in names}
        if row.action != "removed":
            self._check_unchanged_since(row, record, after)
        if row.action == "created":
            return self._removal_steps(record)
        if row.action == "removed":
            return [_step(row.res_model, row.res_id, "create", before)]
        if not before:
            raise UserError(
                self.env._("This line changed no map or rule; nothing can be undone.")
            )
        return [_step(row.res_model, row.res_id, "write", before)]

    @api.model
    def _is_restorable(self, row):
        """Return whether a line of the audit changed a map, a rule or a condition."""
        actions = ("changed",) if row.res_model in ONLY_CHANGED else RESTORED
        return row.res_model in MODELS and row.action in actions

    def _check_unchanged_since(self, row, record, after):
        """Refuse to take back what something else has changed by now."""
        if not record:
            raise UserError(
                self.env._(
                    "%s was removed since. Undo its removal first.", row.record_name
                )
            )
        now = record._watched_values()[record.id]
        for name, value in after.items():
            if now.get(name) != value:
                raise UserError(
                    self.env._(
                        "%(what)s was changed again since: %(field)s is %(now)s now. "
                        "Undo the later change first, or go back to a moment.",
                        what=row.record_name,
                        field=self._label(record, name),
                        now=self._readable(record, name, now.get(name)),
                    )
                )

    @api.model
    def _removal_steps(self, record):
        """Return the steps after which a record is no more, or does nothing more.

        What the channel was told numbers of is archived: it is told zero then.
        """
        is_told = False
        if record._name == "stock.channel.listing":
            is_told = bool(record.sudo().publication_ids.log_ids)
        elif record._name == "stock.channel.location":
            is_told = bool(record.with_context(active_test=False)._told_rows().log_ids)
        if not is_told:
            return [_step(record._name, record.id, "unlink", {})]
        if not record.active:
            return []
        return [_step(record._name, record.id, "write", {"active": False})]

    # ------------------------------------------------------------------ a moment

    @api.model
    def _undo_to_moment(self, channel, moment):
        """Return the steps after which a channel's maps and rules are as they were.

        :param datetime moment: naive UTC.
        :raise UserError: when too much happened since.
        """
        rows = self._rows_since(channel, moment)
        targets = {}
        for row in rows:  # the newest first, so that the oldest has the last word
            names = set(self.env[row.res_model]._step_fields())
            key = (row.res_model, row.res_id)
            if row.action == "created":
                targets[key] = None
                continue
            before = {k: v for k, v in (row.before or {}).items() if k in names}
            targets[key] = {**(targets.get(key) or {}), **before}
        steps = []
        for (model, record_id), target in targets.items():
            steps += self._steps_towards(model, record_id, target)
        return self._without_pairs(steps)

    def _without_pairs(self, steps):
        """Leave out what would be removed only to be made again just the same.

        What else means the one that was removed then means the one that is there.
        """
        going = {}
        for step in steps:
            if step["op"] == "unlink":
                record = self.env[step["model"]].browse(step["id"])
                values = record._watched_values()[record.id]
                going[step["model"], step["id"]] = {
                    name: values[name] for name in record._step_fields()
                }
        same, kept = {}, []
        for step in sorted(steps, key=step_order):
            if step["op"] != "unlink":
                step = with_links(step, same)
            if step["op"] == "create":
                twin = next(
                    (
                        key
                        for key, values in going.items()
                        if key[0] == step["model"] and values == step["after"]
                    ),
                    None,
                )
                if twin:
                    del going[twin]
                    same[step["model"], step["id"]] = twin[1]
                    continue
            kept.append(step)
        return [
            step
            for step in kept
            if step["op"] != "unlink" or (step["model"], step["id"]) in going
        ]

    def _steps_towards(self, model, record_id, target):
        record = self.env[model].browse(record_id).exists()
        if target is None:
            return self._removal_steps(record) if record else []
        if not record:
            # Without the line of its removal nobody knows all of it.
            is_whole = set(self.env[model]._governed) <= target.keys()
            return [_step(model, record_id, "create", target)] if is_whole else []
        now = record._watched_values()[record.id]
        after = {name: value for name, value in target.items() if now[name] != value}
        if not after:
            return []
        before = {name: now[name] for name in after}
        return [{**_step(model, record_id, "write", after), "before": before}]

    def _rows_since(self, channel, moment):
        """Return what the audit has of this channel's maps since, newest first."""
        audit = self.env["stock.channel.audit"]
        since = [("happened_at", ">", moment), ("action", "in", RESTORED)]
        rows = audit.search(
            [
                *since,
                "|",
                "&",
                ("channel_id", "=", channel.id),
                ("res_model", "in", MODELS),
                "&",
                ("res_model", "=", "stock.location"),
                ("company_id", "=", channel.company_id.id),
            ],
            limit=MAX_ROWS + 1,
            order="id desc",
        )
        if len(rows) > MAX_ROWS:
            raise UserError(
                self.env._(
                    "More than %s changes were made since. Choose a later moment.",
                    MAX_ROWS,
                )
            )
        earlier = {
            location_id
            for row in rows
            if row.res_model == "stock.channel.location" and row.before
            for location_id in row.before.get("location_ids") or []
        }
        return rows.filtered(
            lambda row: (
                self._is_restorable(row)
                and (
                    row.res_model != "stock.location"
                    or self._feeds(row, channel, earlier)
                )
            )
        )

    def _feeds(self, row, channel, earlier):
        """Return whether a line about a stock location concerns this channel.

        :param earlier: ids of the locations that fed it before.
        """
        locations_sudo = (
            self.env["stock.location"].sudo().with_context(active_test=False)
        )
        own = locations_sudo.browse(row.res_id).exists()
        for part in (row.before, row.after):
            own |= locations_sudo.browse((part or {}).get("location_id") or []).exists()
        paths = locations_sudo.browse(earlier).exists().mapped("parent_path")
        return channel.id in locations_sudo._fed_channel_ids(own.ids) or any(
            mine.startswith(path) or path.startswith(mine)
            for mine in own.mapped("parent_path")
            for path in paths
        )

    # ---------------------------------------------------------------------- caps

    @api.model
    def _with_caps(self, steps, moment, until):
        """Return the steps, and caps that hold the numbers of then until a moment.

        For each number that would come out above what the channel had acknowledged
        last at ``moment``. A cap only ever takes away: nothing goes above what is
        sellable, nor above a cap in force. Where a listing has a cap of its own at the
        location, that one stays.

        :param datetime moment: naive UTC.
        :param datetime until: naive UTC, when the caps end by themselves.
        """
        found = []
        self._rehearse(
            steps, look=lambda ids, _effect: found.extend(self._above(ids, moment))
        )
        caps = [
            _step(
                "stock.channel.rule",
                -number,
                "create",
                {
                    "channel_id": channel_id,
                    "channel_location_id": place_id,
                    "listing_id": listing_id,
                    "kind": "cap",
                    "value": float(most),
                    "expires_at": fields.Datetime.to_string(until),
                },
            )
            for number, (listing_id, place_id, channel_id, most) in enumerate(found, 1)
        ]
        if len(steps) + len(caps) > MAX_STEPS:
            raise UserError(
                self.env._(
                    "%s numbers would have to be held. Undo without holding them, or "
                    "pause the channel.",
                    len(caps),
                )
            )
        return steps + caps

    def _above(self, listing_ids, moment):
        """Return (listing, place, channel, most) of numbers above those of then."""
        availability = self.env["stock.channel.availability"]
        query = availability._number_query(
            availability._scope_of(listing_ids), len(listing_ids) > STEPS_FROM
        )
        self.env.cr.execute(
            SQL(
                """
                SELECT number.listing_id, number.channel_location_id,
                       number.channel_id,
                       least(earlier.published, (number.rules ->> 'cap')::numeric)
                  FROM (%(query)s) AS number
                  JOIN stock_channel_publication AS row
                    ON row.listing_id = number.listing_id
                   AND row.channel_location_id = number.channel_location_id
                  JOIN LATERAL (
                      SELECT coalesce((log.parts ->> 'published')::numeric,
                                      log.quantity::numeric) AS published
                        FROM stock_channel_publication_log AS log
                       WHERE log.publication_id = row.id
                         AND log.acknowledged_at <= %(moment)s
                       ORDER BY log.acknowledged_at DESC, log.id DESC
                       LIMIT 1
                  ) AS earlier ON number.published > earlier.published
                 WHERE NOT EXISTS (
                     SELECT 1
                       FROM stock_channel_rule AS own
                      WHERE own.listing_id = number.listing_id
                        AND own.channel_location_id = number.channel_location_id
                        AND own.kind = 'cap')
                 ORDER BY number.listing_id, number.channel_location_id
                """,
                query=query,
                moment=moment,
            )
        )
        return self.env.cr.fetchall()

    @api.model
    def _undo_name(self, row=None, channel=None, moment=None):
        if row:
            return self.env._("Undo: %s", row.record_name or row.res_model)
        return self.env._(
            "%(channel)s as it was on %(moment)s",
            channel=channel.name,
            moment=format_datetime(self.env, moment),
        )


def _step(model, record_id, op, after):
    return {"model": model, "id": record_id, "op": op, "before": None, "after": after}
