from odoo import models


class ApprovalStale(Exception):
    """What was approved no longer holds; nothing may be done.

    :param str reason: why, in words for the approver.
    """

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class StockChannelApprovalSubject(models.AbstractModel):
    """What a proposal can be about.

    A kind of approval is a model that inherits this one and says what happens once
    a second person has agreed. Everything about who may decide, and when, is said
    in ``stock.channel.approval`` alone.
    """

    _name = "stock.channel.approval.subject"
    _description = "Subject of an Approval"

    def _check_approvable(self, approval_sudo):
        """Refuse a decision that could not change anything.

        :raise UserError: in words for the approver; the proposal stays open.
        """

    def _apply_approval(self, approval_sudo):
        """Do what was approved; the only way to do it.

        Implementations call ``approval_sudo._check_approved(self)`` first, then
        compare ``approval_sudo.before`` with what is true now.

        :raise ApprovalStale: when it is not true any more. What was done until
            then is rolled back.
        """
        raise NotImplementedError

    def _propose_again(self):
        """Propose the same once more, with fresh values.

        :return: the new ``stock.channel.approval``, empty when nothing is left to
            decide.
        """
        raise NotImplementedError
