from odoo import models

from ..connectors import registry
from .stock_channel_readiness import NOT_ASKED, OK, UNRESOLVED, WARNING

GROUP = "stock_channel_hub.group_%s"
# A secret that ends within so many days without another one is looked at.
SECRET_DAYS = 14


class StockChannelReadinessPeople(models.Model):
    """Lines about who answers for the channel, and what it is connected with."""

    _inherit = "stock.channel"

    # ---------------------------------------------------------------- people

    def _is_person(self, user):
        """Return whether somebody is there who may see this channel."""
        self.ensure_one()
        return (
            bool(user)
            and user.active
            and not user.share
            and self.company_id in user.company_ids
            and self.with_user(user).with_company(self.company_id).has_access("read")
        )

    def _ready_inventory(self):
        owner = self.map_owner_id
        warehouses = self.location_ids._mapped().warehouse_id
        if not owner:
            return UNRESOLVED, self.env._("Nobody answers for maps and stock.")
        if not self._is_person(owner):
            return UNRESOLVED, self.env._("%s cannot see this channel.", owner.name)
        return OK, self.env._(
            "%(owner)s, for %(warehouses)s.",
            owner=owner.name,
            warehouses=", ".join(warehouses.mapped("name")) or self.env._("no stock"),
        )

    def _ready_owner(self):
        owner = self.exception_owner_id
        if not owner:
            return UNRESOLVED, self.env._("Nobody gets the exceptions.")
        if not self._is_person(owner):
            return UNRESOLVED, self.env._("%s cannot see this channel.", owner.name)
        if not owner.has_group(GROUP % "operator"):
            return UNRESOLVED, self.env._(
                "%s may look at exceptions but not work them.", owner.name
            )
        return OK, self.env._("%s.", owner.name)

    def _ready_alerts(self):
        is_reaching, fact = self._alerts_reach_somebody()
        return (OK if is_reaching else UNRESOLVED), fact

    def _people_of(self, group):
        """Return the people of a group in this channel's company."""
        return self.env["res.users"].search(
            [
                ("all_group_ids", "in", self.env.ref(GROUP % group).ids),
                ("company_ids", "in", self.company_id.ids),
                ("share", "=", False),
            ]
        )

    def _ready_approver(self):
        """Four eyes: of two people one may ask and the other decide."""
        managers = self._people_of("manager")
        approvers = self._people_of("approver")
        if not approvers:
            return UNRESOLVED, self.env._(
                "Nobody may decide what %s managers propose.", len(managers)
            )
        if not managers:
            return UNRESOLVED, self.env._(
                "%s may decide, but nobody may propose.",
                ", ".join(approvers[:3].mapped("name")),
            )
        if len(managers | approvers) == 1:
            return UNRESOLVED, self.env._(
                "%s is the only manager and the only approver: nobody else can decide.",
                approvers.name,
            )
        return OK, self.env._(
            "%(managers)s may propose and %(approvers)s decide, never one person both.",
            managers=len(managers),
            approvers=len(approvers),
        )

    # ------------------------------------------------------------ connection

    def _last_answer_at(self):
        """Return when the channel answered last, None when it never did."""
        answers = [
            self.checked_at if self.check_is_ok else False,
            self.polled_at,
            self.read_back_at,
            self.read_back_ended_at,
        ]
        return max(filter(None, answers), default=None)

    def _ready_connection(self):
        answered_at = self._last_answer_at()
        is_check_newer = self.checked_at and (
            not answered_at or self.checked_at > answered_at
        )
        if self.failure_count and self.last_error:
            return UNRESOLVED, self.env._("It does not answer: %s", self.last_error)
        if is_check_newer:
            return UNRESOLVED, self.env._(
                "The last test failed: %s",
                self.check_message or self.env._("no reason"),
            )
        if not answered_at:
            return UNRESOLVED, self.env._("The connection was never tested.")
        if self.credentials_set_at and self.credentials_set_at > answered_at:
            return UNRESOLVED, self.env._(
                "The credentials are newer than the last answer."
            )
        return OK, self.env._("It answered on %s.", self._moment_text(answered_at))

    def _ready_secret(self):
        capabilities = self._capabilities()
        if not capabilities.webhooks:
            return NOT_ASKED, self.env._("This kind of channel delivers nothing.")
        now = self.env.cr.now()
        active = self.secret_ids.filtered(
            lambda secret: secret.value and secret._is_active_at(now)
        )
        if not active:
            return UNRESOLVED, self.env._("There is no signing secret.")
        if all(active.mapped("valid_to")):
            ending = max(active.mapped("valid_to"))
            if (ending - now).days < SECRET_DAYS:
                return WARNING, self.env._(
                    "The last signing secret ends on %s.", self._moment_text(ending)
                )
        return OK, self.env._("Secrets in force: %s.", len(active))

    def _ready_told(self):
        """Whether the channel's cancellations and returns were seen once."""
        tells = registry.get(self.connector).tells
        seen = {
            "cancels": self._has_seen_cancel(),
            "returns": bool(
                self.env["stock.channel.return"].search_count(
                    [("channel_id", "=", self.id)], limit=1
                )
            ),
        }
        names = {
            "cancels": self.env._("a cancellation"),
            "returns": self.env._("a return"),
        }
        missing = [names[told] for told in seen if told in tells and not seen[told]]
        if not tells:
            return NOT_ASKED, self.env._(
                "This kind of channel speaks neither of cancellations nor of returns."
            )
        if missing:
            return UNRESOLVED, self.env._(
                "Not seen yet: %s. Make one at the channel.", ", ".join(missing)
            )
        return OK, self.env._("Both were seen.")

    def _has_seen_cancel(self):
        orders = self.env["stock.channel.order"].search_count(
            [("channel_id", "=", self.id), ("is_cancelled", "=", True)], limit=1
        )
        return bool(orders) or bool(
            self.env["stock.channel.order.line"].search_count(
                [("channel_id", "=", self.id), ("cancelled_qty", ">", 0)], limit=1
            )
        )

    def _ready_undo(self):
        """Undo once, before it is needed: whoever never did it does not dare."""
        tried = self.env["stock.channel.audit"].search(
            [("company_id", "=", self.company_id.id), ("action", "=", "undone")],
            limit=1,
        )
        if not tried:
            return UNRESOLVED, self.env._(
                "Nothing was ever undone. Change a map in shadow and undo it."
            )
        return OK, self.env._(
            "%(user)s undid a change on %(moment)s.",
            user=tried.user_id.name,
            moment=self._moment_text(tried.happened_at),
        )
