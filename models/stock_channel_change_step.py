"""The steps of a change: read, carried out, compared and shown."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .change_steps import MAX_STEPS, MODELS, ONLY_CHANGED, OPS
from .quantities import plain
from .stock_channel_approval_subject import ApprovalStale

TYPES = {
    "boolean": bool,
    "integer": int,
    "float": (int, float),
    "char": str,
    "selection": str,
    "datetime": str,
}


def is_nothing(value):
    """Return whether a field has no value; zero is one."""
    return value is False or value in (None, "", [])


class StockChannelChangeStep(models.Model):
    _inherit = "stock.channel.change"

    # ------------------------------------------------------------------- reading

    @api.model
    def _check_steps(self, steps):
        """Return steps that may have come from anywhere, as far as they can be read.

        Only models and fields that are governed; whether the user may change these
        records is asked by changing them.

        :raise UserError: when they cannot be read.
        """
        if not isinstance(steps, list) or not 0 < len(steps) <= MAX_STEPS:
            raise UserError(
                self.env._("A change is one to %s maps or rules at once.", MAX_STEPS)
            )
        return [self._check_step(step) for step in steps]

    def _check_step(self, step):
        unreadable = UserError(self.env._("This change cannot be read. Enter it anew."))
        if (
            not isinstance(step, dict)
            or step.get("model") not in MODELS
            or step.get("op") not in OPS
            or type(step.get("id")) is not int
        ):
            raise unreadable
        model, op = self.env[step["model"]], step["op"]
        if op != "write" and model._name in ONLY_CHANGED:
            raise unreadable
        after = step.get("after") if op != "unlink" else {}
        if not isinstance(after, dict) or (op != "unlink" and not after):
            raise unreadable
        allowed = set(model._step_fields())
        for name, value in after.items():
            if name not in allowed or not self._is_readable(model._fields[name], value):
                raise unreadable
        if op != "create" and not model.browse(step["id"]).exists():
            raise UserError(
                self.env._(
                    "%s is no longer there. Enter the change anew.",
                    self._kind_word(model),
                )
            )
        return {"model": model._name, "id": step["id"], "op": op, "after": after}

    @api.model
    def _is_readable(self, field, value):
        """Return whether a value has the form this field has in a step."""
        if value is False:
            return True
        if field.type == "many2one":
            return type(value) is int
        if field.type in ("many2many", "one2many"):
            return isinstance(value, list) and all(type(item) is int for item in value)
        if field.type == "datetime" and isinstance(value, str):
            try:
                fields.Datetime.to_datetime(value)
            except ValueError:
                return False
        kind = TYPES.get(field.type)
        return kind is not None and isinstance(value, kind)

    # --------------------------------------------------------------- carrying out

    def _carry_out(self, steps):
        """Take these steps, with the rights this is called with.

        New records get ids of their own; where a step names one by the id it has among
        the steps, that of the record made is meant.
        """
        self._make_room(steps)
        made = {}
        for step in steps:
            model = self.env[step["model"]].with_context(active_test=False)
            record_id = made.get((step["model"], step["id"]), step["id"])
            if step["op"] == "unlink":
                model.browse(record_id).unlink()
                continue
            vals = self._step_values(model, step["after"], made)
            if step["op"] == "write":
                model.browse(record_id).write(vals)
            else:
                made[step["model"], step["id"]] = model.create(vals).id

    def _make_room(self, steps):
        """Take stock locations out before others get them, so that two may swap."""
        for step in steps:
            if step["op"] != "write" or "location_ids" not in step["after"]:
                continue
            place = self.env[step["model"]].browse(step["id"])
            place = place.with_context(active_test=False)
            kept = set(place.location_ids.ids).intersection(
                step["after"]["location_ids"] or []
            )
            if kept != set(place.location_ids.ids):
                place.location_ids = [Command.set(sorted(kept))]

    def _step_values(self, model, after, made):
        vals = {}
        for name, value in after.items():
            field = model._fields[name]
            if field.type == "many2one":
                vals[name] = made.get((field.comodel_name, value), value)
            elif field.relational:
                vals[name] = [Command.set(value or [])]
            else:
                vals[name] = value
        return vals

    @api.model
    def _check_before(self, steps):
        """Refuse steps whose records are no longer what they were when proposed.

        :raise ApprovalStale: saying what is different now.
        """
        for step in steps:
            if step["op"] == "create":
                continue
            record = self.env[step["model"]].browse(step["id"]).exists()
            if not record:
                raise ApprovalStale(
                    self.env._("%s was removed meanwhile.", self._step_name(step))
                )
            now = record._watched_values()[record.id]
            for name, value in step["before"].items():
                if now.get(name) != value:
                    raise ApprovalStale(
                        self.env._(
                            "%(what)s was changed meanwhile: %(field)s was %(before)s "
                            "and is %(now)s now.",
                            what=self._step_name(step),
                            field=self._label(record, name),
                            before=self._readable(record, name, value),
                            now=self._readable(record, name, now.get(name)),
                        )
                    )

    # -------------------------------------------------------------------- showing

    @api.model
    def _name_of(self, steps):
        """Return a title for a change, from its first record."""
        name = self._step_name(steps[0])
        if len(steps) > 1:
            return self.env._(
                "%(name)s and %(count)s more", name=name, count=len(steps) - 1
            )
        verbs = {
            "create": self.env._("New: %s", name),
            "write": self.env._("Change of %s", name),
            "unlink": self.env._("Removal of %s", name),
        }
        return verbs[steps[0]["op"]]

    @api.model
    def _step_name(self, step):
        """Return the record of a step in words, though it may not exist."""
        model = self.env[step["model"]]
        record_sudo = model.sudo().browse(step["id"]).exists()
        values = step.get("before") or step.get("after") or {}
        if step["op"] != "create" and record_sudo:
            name = record_sudo.display_name
        elif step["model"] == "stock.channel.rule":
            name = " ".join(
                self._readable(model, part, values.get(part))
                for part in ("kind", "value")
            )
        else:
            name = values.get("sku") or values.get("name") or ""
        return f"{self._kind_word(model)} {name}".strip()

    @api.model
    def _kind_word(self, model):
        """Return what people call a record of this model."""
        words = {
            "stock.location": self.env._("Stock Location"),
            "stock.channel": self.env._("Channel"),
            "stock.channel.location": self.env._("Channel Location"),
            "stock.channel.listing": self.env._("Listing"),
            "stock.channel.approval": self.env._("Approval"),
        }
        return words.get(model._name) or model._description

    @api.model
    def _label(self, model, name):
        return model._fields[name]._description_string(self.env)

    @api.model
    def _readable(self, model, name, value):
        """Return a value of a step as people write it."""
        field = model._fields.get(name)
        if field is None or value is None:
            return "" if value is None else str(value)
        if field.type == "boolean":
            return self.env._("Yes") if value else self.env._("No")
        if field.relational:
            ids = value if isinstance(value, list) else [value] if value else []
            names = [self._record_name(field.comodel_name, item) for item in ids]
            return ", ".join(names) or self.env._("none")
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value or "")
        if field.type in ("float", "monetary"):
            return plain(value or 0)
        return str(value) if value or value == 0 and value is not False else "–"

    def _record_name(self, model, record_id):
        # The audit's reader may not be allowed to open a product or a place; what it
        # is called is no secret in a change of the channel's own maps.
        record_sudo = (
            self.env[model].sudo().with_context(active_test=False, show_channel=False)
        )
        record_sudo = record_sudo.browse(record_id).exists()
        if not record_sudo:
            return self.env._("removed (%s)", record_id)
        return record_sudo.display_name

    @api.model
    def _compared(self, model, before, after):
        """Return (label, before, after) of each field that differs, in words.

        :param before: {field: value as JSON knows it}, None for nothing; so ``after``.
        """
        sides = [part for part in (before, after) if part]
        before, after = before or {}, after or {}
        rows = []
        for name in {**before, **after}:
            # Of what is new or gone only what it has is worth a line.
            is_empty = all(is_nothing(part.get(name)) for part in sides)
            if name in model._fields and not is_empty:
                old, new = (
                    self._readable(model, name, part[name]) if name in part else ""
                    for part in (before, after)
                )
                if old != new:
                    rows.append((self._label(model, name), old, new))
        return rows
