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
    :param after: the same, once it is taken: Odoo saves a form that is left.
    """

    name: str
    person: Person
    path: str
    clicks: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    width: int = 1440
    height: int = 900


def _page(name: str, person: Person, path: str, *clicks: str, **size: int) -> Picture:
    return Picture(name=name, person=person, path=path, clicks=clicks, **size)


HUB = "odoo/stock-channels"
CHANNEL = HUB + "/{channel}"
QUEUE = "odoo/stock-channel-exceptions"
APPROVALS = "odoo/stock-channel-approvals"
REPORT = "odoo/action-stock_channel_hub.stock_channel_"
EXPLAIN = "odoo/stock-channel-explain?source=product&active_id="
WIZARD = "odoo/connect-channel/{wizard}"
TRIED = "odoo/stock-channel-what-if/{what_if}"
PHONE = {"width": 390, "height": 844}
MORNING = (
    _page("overview", OPERATOR, HUB),
    _page("exception_list", OPERATOR, QUEUE),
    _page("exception_form", OPERATOR, QUEUE + "/{unknown_sku}"),
    _page("exception_total", OPERATOR, QUEUE + "/{total}"),
    _page("exception_ignore", OPERATOR, QUEUE + "/{assigned}", "Ignore"),
    _page("exception_phone", OPERATOR, QUEUE, **PHONE),
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
SCREENS = (
    _page(
        "explain",
        OPERATOR,
        EXPLAIN + "{chair}&number={chair_number}",
        ".o_explain_steps [data-step=on_hand] .o_explain_toggle",
        height=1300,
    ),
    _page(
        "explain_past",
        OPERATOR,
        EXPLAIN + "{chair}&number={chair_number}",
        ".o_explain_log",
        height=1300,
    ),
    _page("explain_kit", OPERATOR, EXPLAIN + "{kit}&number={kit_number}", height=1500),
    _page(
        "explain_phone",
        OPERATOR,
        EXPLAIN + "{chair}&number={chair_number}",
        width=390,
        height=1500,
    ),
    _page(
        "product_channels",
        OPERATOR,
        "odoo/product.template/{chair_page}",
        "Channels",
    ),
    Picture(
        name="location_page",
        person=MANAGER,
        path="odoo/stock.location/{shelf}",
        clicks=(
            ".o_field_widget[name=stock_condition] input",
            "Quarantine",
            "What Would Change?",
        ),
        after=(".modal-footer button", ".o_form_button_cancel"),
    ),
    _page("warehouse_page", OPERATOR, "odoo/stock.warehouse/{warehouse}"),
    _page("sale_order_page", OPERATOR, "odoo/sale.order/{sale}", "Channel"),
    _page("delivery_page", OPERATOR, "odoo/stock.picking/{delivery}"),
    _page("receipt_page", OPERATOR, "odoo/stock.picking/{receipt}"),
    _page("return_page", OPERATOR, REPORT + "return_action/{return}"),
    _page("inspect_list", OPERATOR, "odoo/stock-channel-inspect"),
    _page(
        "orders_promised",
        OPERATOR,
        "odoo/stock-channel-orders",
        ".o_searchview_dropdown_toggler",
        "To ship today, by promise",
        ".o_searchview_dropdown_toggler",
    ),
    _page("inspect_phone", OPERATOR, "odoo/stock-channel-inspect", **PHONE),
    _page("what_if", MANAGER, TRIED, height=1100),
    _page("what_if_numbers", MANAGER, TRIED, "See Every Number That Changes"),
    _page("connect_channel", ADMIN, WIZARD, "[data-step=connector]"),
    _page("connect_connection", ADMIN, WIZARD, "[data-step=connection]"),
    _page("connect_places", ADMIN, WIZARD, "[data-step=places]"),
    _page("connect_listings", ADMIN, WIZARD, "[data-step=listings]"),
    _page("connect_rules", ADMIN, WIZARD, "[data-step=rules]"),
    _page("connect_people", ADMIN, WIZARD, "[data-step=alerts]"),
    _page("connect_start", ADMIN, WIZARD, "[data-step=start]", height=1300),
)
"""What a product, a place, an order and a new channel show."""
EVENING = (
    _page("held_push", MANAGER, "odoo/stock-channel-held/{held}"),
    _page("approval_push", APPROVER, APPROVALS + "/{held_approval}"),
    _page("overview_held", APPROVER, HUB),
    _page("undo", MANAGER, "odoo/stock-channel-audit/{undoable}", "Undo This"),
)
"""After it: its numbers are held."""
