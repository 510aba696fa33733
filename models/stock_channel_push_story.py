"""What is told about a held push: in numbers, in words, and who may have caused it."""

from datetime import timedelta

from odoo import SUPERUSER_ID, fields, models
from odoo.tools import SQL, format_amount

from ..connectors.guard import Reason
from .quantities import plain

# Who saved something so shortly before the numbers moved may have moved them: an
# import takes its time, and what it writes is dated to its beginning.
LOOK_BACK = timedelta(minutes=15)
# So many changes are named; the audit has them all.
NAMED_CHANGES = 5
# What changes a number, as the audit calls it.
CHANGING = ("created", "changed", "removed", "applied", "undone", "mapped")


class StockChannelPushStory(models.Model):
    """Describes a held push to the person who decides about it."""

    _inherit = "stock.channel.push"

    # --------------------------------------------------------------- describing

    def _describe(self, tally, reasons, found):
        """Write down what would happen and what is known about why."""
        self.ensure_one()
        self.write(
            {
                "on_sale_count": tally.on_sale,
                "zeroed_count": tally.zeroed,
                "moved_count": tally.moved,
                "changed_count": tally.changed,
                "changed_units": found["units"] or 0,
                "changed_value": float(tally.value_changed),
                "value_difference": found["value_difference"] or 0,
            }
        )
        self.title = self._headline(reasons)
        texts, users = self._suspects()
        self.cause_text = "\n".join([self._causes(), *texts])
        self.cause_user_ids |= users

    def _headline(self, reasons):
        if Reason.ZERO in reasons:
            return self.env._(
                "%(zeroed)s of %(all)s listings would go to zero",
                zeroed=self.zeroed_count,
                all=self.on_sale_count,
            )
        if Reason.MOVE in reasons:
            return self.env._(
                "%(moved)s of %(all)s listings would change a lot",
                moved=self.moved_count,
                all=self.on_sale_count,
            )
        return self.env._(
            "%(value)s of what is on sale would change",
            value=format_amount(self.env, self.changed_value, self.currency_id),
        )

    def _causes(self):
        """Return in words which causes changed how many of the held numbers."""
        names = dict(
            self.env["stock.channel.publication"]
            ._fields["cause"]
            ._description_selection(self.env)
        )
        groups = self.env["stock.channel.publication"]._read_group(
            [("held_push_id", "=", self.id)], ["cause"], ["__count"]
        )
        return ", ".join(
            self.env._(
                "%(cause)s: %(count)s numbers",
                cause=names.get(cause, cause),
                count=count,
            )
            for cause, count in sorted(groups, key=lambda group: -group[1])
        )

    # --------------------------------------------------------------- suspects

    def _suspects(self):
        """Return what was saved shortly before, in words, and who saved it.

        From the audit and from the maps, rules, kits and conditions themselves:
        what an import or another program wrote is in no audit.
        """
        ((first,),) = self.env.execute_query(
            SQL(
                "SELECT min(changed_at) FROM stock_channel_publication "
                "WHERE held_push_id = %s",
                self.id,
            )
        )
        since = (first or self.held_at) - LOOK_BACK
        found = self._audited(since) + self._saved(since)
        named = {}
        for at, user, what in sorted(found, key=lambda one: one[0], reverse=True):
            named.setdefault((user.id, what), (at, user, what))
        texts = [
            self.env._(
                "%(who)s saved %(what)s at %(at)s UTC",
                who=user.sudo().name,
                what=what,
                at=fields.Datetime.to_string(at),
            )
            for at, user, what in list(named.values())[:NAMED_CHANGES]
        ]
        return texts, self._culprits(found, since)

    def _culprits(self, found, since):
        """Return who may have caused it; who only agreed to a proposal did not.

        :param found: list of (when, who, what) that was saved.
        """
        users = self.env["res.users"].browse({user.id for _at, user, _what in found})
        approvals_sudo = (
            self.env["stock.channel.approval"]
            .sudo()
            .search(
                [
                    ("channel_id", "=", self.channel_id.id),
                    ("kind", "in", ("change", "undo")),
                    ("state", "=", "applied"),
                    ("decided_at", ">=", since),
                ]
            )
        )
        own_sudo = self._audit_since(since).filtered(lambda row: not row.approval_id)
        users -= approvals_sudo.decided_by_id - own_sudo.user_id
        users |= approvals_sudo.requested_by_id
        return users - self.env.ref("base.user_root")

    def _audited(self, since):
        return [
            (row.happened_at, row.user_id, row.record_name)
            for row in self._audit_since(since)
        ]

    def _audit_since(self, since):
        return (
            self.env["stock.channel.audit"]
            .sudo()
            .search(
                [
                    ("company_id", "=", self.company_id.id),
                    ("channel_id", "in", (False, self.channel_id.id)),
                    ("happened_at", ">=", since),
                    ("action", "in", CHANGING),
                ],
                limit=100,
            )
        )

    def _saved(self, since):
        """Return (when, who, what) of the records a number is made by."""
        channel = self.channel_id
        own = [("channel_id", "=", channel.id)]
        company = [("company_id", "in", (False, self.company_id.id))]
        looked_at = {
            "stock.channel.location": own,
            "stock.channel.rule": own,
            "stock.channel.listing": own,
            "stock.location": [*company, ("usage", "in", ("internal", "view"))],
            "product.template": [
                ("product_variant_ids.channel_listing_ids.channel_id", "=", channel.id)
            ],
            "uom.uom": [],
            "mrp.bom": company,
            "mrp.bom.line": company,
        }
        found = []
        for model, domain in looked_at.items():
            records_sudo = (
                self.env[model]
                .sudo()
                .with_context(active_test=False)
                .search(
                    [*domain, ("write_date", ">=", since)],
                    order="write_date desc",
                    limit=20,
                )
            )
            name = self.env["ir.model"]._get(model).sudo().name
            found += [
                (record.write_date, record.write_uid, f"{name} {record.display_name}")
                for record in records_sudo
                if record.write_uid.id != SUPERUSER_ID
            ]
        return found

    # -------------------------------------------------------------- proposing

    def _propose(self):
        """Propose to publish what is held, in the name of whoever runs this."""
        self.ensure_one()
        approval = self.env["stock.channel.approval"]._propose(
            self,
            {
                "kind": "push",
                "name": self.display_name,
                "channel_id": self.channel_id.id,
                "before": {},
                "after": {},
                **self._proposal_numbers(),
            },
        )
        self._tell()
        return approval

    def _proposal_numbers(self):
        return {
            "effect": self.env._(
                "%(title)s. In all %(changed)s listings change by %(units)s units, "
                "worth %(value)s at sales price. %(held)s numbers are held.",
                title=self.title,
                changed=self.changed_count,
                units=plain(self.changed_units),
                value=format_amount(self.env, self.changed_value, self.currency_id),
                held=len(self.held_row_ids),
            ),
            "value": self.value_difference,
        }

    def _update_proposal(self):
        """Say what has joined the change since it was proposed."""
        approval_sudo = self.sudo().approval_id
        approval_sudo.write(self._proposal_numbers())
        approval_sudo.message_post(body=approval_sudo.effect)
        self._tell()

    def _tell(self):
        """Open the one exception about this push, or count it once more."""
        exceptions = self.env["stock.channel.exception"]
        vals = {}
        # What the queue knows beyond the words.
        if "value_at_risk" in exceptions._fields:
            vals["value_at_risk"] = self.changed_value
        steps = exceptions._fields.get("step")
        if steps and "release" in dict(steps._description_selection(self.env)):
            vals["step"] = "release"
        exceptions._open(
            self.channel_id,
            category="approval",
            fingerprint=self._fingerprint(),
            title=self.env._("Held: %s", self.title),
            cause=self.cause_text,
            next_step=self.env._(
                "The channel keeps its numbers; sales still lower them. Was it meant? "
                "Then an approver who did not change it releases the push. Was it a "
                "mistake? Put it right, and this closes by itself."
            ),
            value=self.env._("%s listings", self.changed_count),
            held_push_id=self.id,
            **vals,
        )
