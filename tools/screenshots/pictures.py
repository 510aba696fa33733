"""Which pictures the guides have: who looks at what."""

from __future__ import annotations

from dataclasses import dataclass

from .people import ADMIN, APPROVER, MANAGER, OPERATOR, Person


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture.

    :param str name: of the file in docs/images, without its ending.
    :param str path: of the page; ``{name}`` stands for the id of a scene's record.
    :param clicks: texts or selectors to click, in their order, before it is taken.
    """

    name: str
    person: Person
    path: str
    clicks: tuple[str, ...] = ()
    width: int = 1440
    height: int = 900


def _page(name: str, person: Person, path: str, *clicks: str, **size: int) -> Picture:
    return Picture(name=name, person=person, path=path, clicks=clicks, **size)


HUB = "odoo/stock-channels"
CHANNEL = HUB + "/{channel}"
QUEUE = "odoo/stock-channel-exceptions"
APPROVALS = "odoo/stock-channel-approvals"
REPORT = "odoo/action-stock_channel_hub.stock_channel_"
MORNING = (
    _page("overview", OPERATOR, HUB),
    _page("exception_list", OPERATOR, QUEUE),
    _page("exception_form", OPERATOR, QUEUE + "/{unknown_sku}"),
    _page("exception_total", OPERATOR, QUEUE + "/{total}"),
    _page("exception_ignore", OPERATOR, QUEUE + "/{assigned}", "Ignore"),
    _page("exception_phone", OPERATOR, QUEUE, width=390, height=844),
    _page("publication_form", OPERATOR, "odoo/stock-channel-numbers/{number}"),
    _page("listing_form", OPERATOR, "odoo/stock-channel-listings/{listing}"),
    _page("approval_list", APPROVER, APPROVALS),
    _page("approval_change", APPROVER, APPROVALS + "/{change_approval}"),
    _page("approval_count", APPROVER, APPROVALS + "/{count_approval}"),
    _page("change_list", MANAGER, "odoo/stock-channel-changes"),
    _page("paused_list", MANAGER, "odoo/stock-channel-paused"),
    _page("channel_form", MANAGER, CHANNEL),
    _page("channel_rules", MANAGER, CHANNEL, "Stock Rules", height=1300),
    _page("channel_alerts", ADMIN, CHANNEL, "Alerts", height=1500),
    _page("readiness", ADMIN, HUB + "/{draft}", "Readiness", height=1500),
    _page("credentials", ADMIN, HUB + "/{draft}", "Credentials", height=1200),
    _page("audit_list", APPROVER, "odoo/stock-channel-audit"),
    _page("orders", OPERATOR, "odoo/stock-channel-orders"),
    _page("review_list", APPROVER, "odoo/stock-channel-reviews"),
    _page("review_daily", APPROVER, "odoo/stock-channel-reviews/{daily}"),
    _page("report_exceptions", APPROVER, REPORT + "exception_report_action"),
    _page("report_freshness", APPROVER, REPORT + "freshness_report_action"),
    _page("report_pushes", APPROVER, REPORT + "push_action_report"),
    _page("match_listings", OPERATOR, REPORT + "remote_listing_action"),
    _page("erasure_list", ADMIN, REPORT + "erasure_request_action"),
    _page("match", APPROVER, "odoo/stock-channel-matches/{match}"),
)
"""Before the big change."""
EVENING = (
    _page("held_push", MANAGER, "odoo/stock-channel-held/{held}"),
    _page("approval_push", APPROVER, APPROVALS + "/{held_approval}"),
    _page("overview_held", APPROVER, HUB),
    _page("undo", MANAGER, "odoo/stock-channel-audit/{undoable}", "Undo This"),
)
"""After it: its numbers are held."""
