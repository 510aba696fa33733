import psycopg2

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import SQL, clean_context, format_amount

from .change_steps import folded, promised
from .quantities import plain
from .stock_channel_approval import APPROVER, MANAGER
from .stock_channel_approval import STATES as APPROVAL_STATES
from .stock_channel_approval_subject import ApprovalStale
from .stock_channel_change_run import QUIET, Run, rolled_back, running
from .stock_channel_governed import GUARDED_STATES

KINDS = [("change", "Change of Map or Rule"), ("undo", "Undo")]
STATES = [("draft", "Not Proposed Yet"), ("small", "Made Without Approval")]
# What nobody proposed is removed after so many days.
DRAFT_DAYS = 30
# For how long a rehearsal waits for somebody who changes the same.
MOST_WAIT = "3s"


class StockChannelChange(models.Model):
    """A change of live maps and rules, step by step, with what it would do.

    A step says which record becomes what: {model, id, op, before, after}. Steps are
    never taken from the screen as they are: the change is rehearsed in the name of who
    proposes it, rolled back, and what became of the records then is what is proposed,
    shown, approved and, when it still comes out the same, carried out.
    """

    _name = "stock.channel.change"
    _description = "Change of Maps and Rules"
    _inherit = ["stock.channel.approval.subject"]
    _order = "id desc"

    name = fields.Char("Change", required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True, default="change")
    channel_id = fields.Many2one(
        "stock.channel", required=True, readonly=True, ondelete="cascade", index=True
    )
    channel_ids = fields.Many2many(
        "stock.channel", string="Channels Concerned", readonly=True
    )
    company_id = fields.Many2one(related="channel_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    steps = fields.Json(readonly=True)
    reason = fields.Char(help="Why, for whoever decides.")
    is_small = fields.Boolean(
        readonly=True, help="Passed below the administrator's thresholds."
    )
    requested_by_id = fields.Many2one(
        "res.users", "Drawn up by", required=True, readonly=True, ondelete="restrict"
    )
    requested_at = fields.Datetime("Drawn up", required=True, readonly=True)
    approval_id = fields.Many2one(
        "stock.channel.approval", readonly=True, ondelete="restrict", copy=False
    )
    state = fields.Selection(STATES + APPROVAL_STATES, compute="_compute_state")
    effect = fields.Json(readonly=True)
    effect_at = fields.Datetime("Worked Out", readonly=True)
    listing_count = fields.Integer("Listings", readonly=True)
    value_moved = fields.Monetary(
        readonly=True,
        help="What it adds to the offer and what it takes from it, together.",
    )
    may_propose = fields.Boolean(compute="_compute_may_propose")

    _small_ones = models.Index(
        "(channel_id, requested_by_id, requested_at) WHERE is_small"
    )

    @api.depends("approval_id.state", "is_small")
    def _compute_state(self):
        for change in self:
            change.state = change.sudo().approval_id.state or (
                "small" if change.is_small else "draft"
            )

    @api.depends("state")
    @api.depends_context("uid")
    def _compute_may_propose(self):
        is_manager = self.env.user.has_group(MANAGER)
        for change in self:
            change.may_propose = is_manager and change.state == "draft"

    # -------------------------------------------------------------- rehearsing

    @api.model
    def _steps_of(self, act):
        """Return the steps of what ``act`` does; all of it is undone again.

        :param act: callable that writes maps or rules, with the rights of whoever
            asks.
        """
        run = Run()
        with rolled_back(self.env), running(self.env.cr, run):
            act()
            self.env.flush_all()
        return folded(run.steps)

    @api.model
    def _rehearse(self, steps, look=None, run=None):
        """Carry these steps out, measure what they do, and undo it all.

        With the rights this is called with: what somebody may not do fails here. It
        waits only a moment for what somebody else is changing, since whatever it
        holds itself is held until it is undone.

        :param look: called with what the change touches and the effect, before it is
            undone.
        :param run: the ``Run`` to write down in; one of its own otherwise.
        :return: (steps as they came out, ids of the channels concerned, the effect).
        :raise UserError: when it cannot be done, in words.
        """
        run = run or Run()
        with rolled_back(self.env), running(self.env.cr, run):
            # Undone with everything else.
            self.env.cr.execute(SQL("SET LOCAL lock_timeout = %s", MOST_WAIT))
            drafts = self.sudo()._fill_before(steps, with_fed=run.is_asking)
            mark, lost = self._mark(), self._numbers_lost(steps)
            try:
                self._carry_out(steps)
                self.env.flush_all()
            except psycopg2.IntegrityError as error:
                raise UserError(self._taken_text(error)) from error
            except psycopg2.errors.LockNotAvailable as error:
                raise UserError(self._busy_text()) from error
            touched = self._touched_since(mark)
            channels_sudo = self.env["stock.channel"].sudo().browse(run.channel_ids)
            effect = self.sudo()._measure(touched, channels_sudo, lost, drafts)
            if look:
                look(touched, effect)
        return folded(run.steps), sorted(run.channel_ids), effect

    def _busy_text(self):
        return self.env._(
            "Somebody is changing the same this very moment. Nothing was changed by "
            "you; try again in a moment."
        )

    def _taken_text(self, error):
        return self.env._(
            "It does not fit what is there: %s",
            (error.diag.message_detail or str(error)).strip(),
        )

    @api.model
    def _effect(self, steps):
        """Return what these steps would do to the numbers; nothing is changed.

        :param steps: see the class.
        :return: dict of ``listings`` (how many get another number), ``reached`` (how
            many it could touch), ``up`` and ``down`` in selling units, ``value_up`` and
            ``value_down`` in the currency of ``currency_id``, and the ``rows`` that
            move most value.
        """
        return self._rehearse(self._check_steps(steps))[2]

    # ---------------------------------------------------------------- drawing up

    @api.model
    def _check_manager(self):
        if not self.env.user.has_group(MANAGER):
            raise AccessError(self.env._("Only managers propose changes."))

    @api.model
    def _draw_up(self, steps, kind="change", reason=False, name=False):
        """Keep a change that somebody may propose, with its effect.

        :raise AccessError: unless a manager asks who may change all of it.
        """
        self._check_manager()
        mine = self.with_user(self.env.user).with_context(**QUIET)
        steps, channel_ids, effect = mine._rehearse(mine._check_steps(steps))
        if not steps:
            raise UserError(self.env._("Nothing would change."))
        channel = mine._check_channels(channel_ids)
        return self.sudo().create(
            {
                "name": name or self._name_of(steps),
                "kind": kind,
                "channel_id": channel.id,
                "channel_ids": [Command.set(channel_ids)],
                "steps": steps,
                "reason": reason,
                "requested_by_id": self.env.user.id,
                "requested_at": self.env.cr.now(),
                **self._effect_values(effect),
            }
        )

    def _check_channels(self, channel_ids):
        """Return the channel a change belongs to: the first one it could hurt.

        :raise AccessError: when somebody may not see all of those concerned.
        """
        channels = self.env["stock.channel"].browse(channel_ids)
        if not channels:
            raise UserError(self.env._("No channel is told anything else by this."))
        channels.check_access("read")
        return self._main_channel(channels)

    @api.model
    def _main_channel(self, channels):
        """Return the channel a change is decided for: one that customers see."""
        return channels.sorted(
            lambda channel: (channel.state not in GUARDED_STATES, channel.id)
        )[:1]

    def _effect_values(self, effect):
        return {
            "effect": effect,
            "effect_at": self.env.cr.now(),
            "listing_count": effect["listings"],
            "value_moved": effect["value_up"] + effect["value_down"],
        }

    def _effect_text(self):
        """Return the effect in one sentence."""
        effect = self.effect
        if not effect["listings"]:
            return self.env._("No number changes now.")
        currency = self.currency_id
        return self.env._(
            "%(listings)s listings change: %(up)s units more (%(value_up)s), "
            "%(down)s units fewer (%(value_down)s).",
            listings=effect["listings"],
            up=plain(effect["up"]),
            down=plain(effect["down"]),
            value_up=format_amount(self.env, effect["value_up"], currency),
            value_down=format_amount(self.env, effect["value_down"], currency),
        )

    @api.model
    def _open_entered(self):
        """Open a proposal of what a screen wanted to save; see ``_save_or_propose``.

        What comes back from the screen is only an entry: models, fields, values and
        rights are asked anew.
        """
        change_sudo = self._draw_up(self.env.context.get("stock_channel_steps"))
        return change_sudo.with_user(self.env.user)._open_form()

    def _open_form(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    # ------------------------------------------------------------- small changes

    @api.model
    def _passed_before(self, channel, user):
        """Return (listings, value) somebody changed alone within 24 hours."""
        since = fields.Datetime.subtract(self.env.cr.now(), hours=24)
        ((listings, value),) = self._read_group(
            [
                ("is_small", "=", True),
                ("channel_id", "=", channel.id),
                ("requested_by_id", "=", user.id),
                ("requested_at", ">", since),
            ],
            [],
            ["listing_count:sum", "value_moved:sum"],
        )
        return listings or 0, value or 0.0

    @api.model
    def _note_small(self, channel, listings, value, effect):
        """Keep what somebody changed alone, to be counted with what comes next."""
        return self.create(
            {
                "name": self.env._("Small change of %s", channel.name),
                "channel_id": channel.id,
                "steps": [],
                "is_small": True,
                "requested_by_id": self.env.user.id,
                "requested_at": self.env.cr.now(),
                **self._effect_values(effect),
                "listing_count": listings,
                "value_moved": value,
            }
        )

    # ------------------------------------------------------------------- steps

    def action_propose(self):
        """Ask an approver, with values and effect as they are now."""
        self.ensure_one()
        self.check_access("read")
        self._check_manager()
        change_sudo = self.sudo()
        if change_sudo.state != "draft":
            raise UserError(self.env._("%s was proposed already.", self.name))
        self._propose()
        return self.action_open_approval()

    def action_open_approval(self):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": "stock.channel.approval",
            "res_id": self.approval_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

    def action_refresh_effect(self):
        """Work the effect out anew, with the stock of this moment."""
        self.ensure_one()
        self.check_access("read")
        if not (self.env.user.has_group(MANAGER) or self.env.user.has_group(APPROVER)):
            raise AccessError(
                self.env._("Only who proposes or decides has the effect worked out.")
            )
        change_sudo = self.sudo()
        if change_sudo.state not in ("draft", "proposed"):
            raise UserError(self.env._("It is decided; its effect stays as it was."))
        effect = change_sudo._rehearse(change_sudo.steps)[2]
        change_sudo.write(change_sudo._effect_values(effect))
        if change_sudo.approval_id:
            change_sudo.approval_id.write(
                {
                    "effect": change_sudo._effect_text(),
                    "value": effect["value_up"] - effect["value_down"],
                }
            )

    def action_discard(self):
        """Drop what was not proposed."""
        self.check_access("read")
        self._check_manager()
        drafts_sudo = self.sudo().filtered(lambda change: change.state == "draft")
        drafts_sudo.unlink()
        return self.env["ir.actions.act_window"]._for_xml_id(
            "stock_channel_hub.stock_channel_change_action"
        )

    def _propose(self):
        """Rehearse in the name of who proposes, and propose what came out."""
        self.ensure_one()
        mine = self.with_user(self.env.user).with_context(**QUIET)
        steps, channel_ids, effect = mine._rehearse(mine._check_steps(self.steps))
        if not steps:
            raise UserError(self.env._("Nothing would change any more."))
        mine._check_channels(channel_ids)
        change_sudo = self.sudo()
        change_sudo.write(
            {
                "steps": steps,
                "channel_ids": [Command.set(channel_ids)],
                **self._effect_values(effect),
            }
        )
        change_sudo.approval_id = (
            self.env["stock.channel.approval"]
            .with_user(self.env.user)
            ._propose(change_sudo, change_sudo._prepare_proposal())
        )
        return change_sudo.approval_id

    def _prepare_proposal(self):
        return {
            "kind": self.kind,
            "name": self.name,
            "channel_id": self.channel_id.id,
            "before": [
                {name: step[name] for name in ("model", "id", "before")}
                for step in self.steps
            ],
            "after": self.steps,
            "effect": self._effect_text(),
            "value": self.effect["value_up"] - self.effect["value_down"],
        }

    def _propose_again(self):
        return self._propose()

    # ---------------------------------------------------------------- applying

    def _check_approvable(self, approval_sudo):
        """Refuse an approver who may not decide for every channel that would change."""
        theirs = self.env.user.company_ids
        foreign = self.channel_ids.filtered(lambda c: c.company_id not in theirs)
        if foreign:
            raise AccessError(
                self.env._(
                    "It changes what %s is told, which belongs to a company that is not "
                    "yours. Somebody who decides for both must approve it.",
                    ", ".join(foreign.mapped("name")),
                )
            )

    def _apply_approval(self, approval_sudo):
        """Carry out exactly what was approved, or nothing."""
        approval_sudo._check_approved(self)
        steps = approval_sudo.after
        self._check_before(steps)
        run = Run(approval=approval_sudo)
        try:
            with running(self.env.cr, run):
                self._carry_out(steps)
                self.env.flush_all()
        except UserError as error:
            raise ApprovalStale(str(error)) from error
        except psycopg2.IntegrityError as error:
            raise ApprovalStale(self._taken_text(error)) from error
        if promised(folded(run.steps)) != promised(steps):
            raise ApprovalStale(
                self.env._("It would come out differently from what was approved.")
            )

    @api.autovacuum
    def _gc_drafts(self):
        """Remove what nobody proposed."""
        before = fields.Datetime.subtract(self.env.cr.now(), days=DRAFT_DAYS)
        self.sudo().search(
            [
                ("approval_id", "=", False),
                ("is_small", "=", False),
                ("requested_at", "<", before),
            ]
        ).unlink()

    # ----------------------------------------------------------------- guarding

    @api.model_create_multi
    def create(self, vals_list):
        self._check_hub({"id"})
        # Without the defaults of a caller's context: they could bring an approval.
        plainly = self.with_context(clean_context(self.env.context))
        return super(StockChannelChange, plainly).create(vals_list)

    def write(self, vals):
        self._check_hub(set(vals) - {"reason"})
        return super().write(vals)

    def unlink(self):
        self._check_hub({"id"})
        return super().unlink()

    def _check_hub(self, names):
        """Refuse people; while it is a draft, who drew it up may give a reason.

        :raise AccessError: unless the hub itself does it.
        """
        if self.env.su:
            return
        if names or any(
            change.state != "draft" or change.requested_by_id != self.env.user
            for change in self
        ):
            raise AccessError(
                self.env._("Changes are drawn up by their own steps, not by hand.")
            )
