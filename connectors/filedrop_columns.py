"""What stands in the files of a drop: the columns of each kind, and where each goes.

Incoming files become bodies of our own open contract (docs/openapi.yaml), so that one
parser judges both; ``path`` says where in the body a column belongs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a file is about."""

    ORDERS = "orders"
    CANCELS = "cancels"
    RETURNS = "returns"
    COUNTS = "counts"
    LISTINGS = "listings"
    LOCATIONS = "locations"
    AVAILABILITY = "availability"
    SHIPMENTS = "shipments"
    CANCELLATIONS = "cancellations"


class Form(StrEnum):
    """How a cell is read."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole number"
    TIME = "date and time"
    YES_NO = "yes or no"


@dataclass(frozen=True)
class Column:
    """One column.

    :param str path: where its value goes in the body.
    :param bool is_line: belongs to a line; others say the same in every row of a group.
    """

    name: str
    form: Form
    help: str
    path: str = ""
    required: bool = False
    is_line: bool = False


def _id(name: str, help_text: str, path: str = "", required: bool = False) -> Column:
    return Column(name, Form.ID, help_text, path or name, required)


def _text(name: str, help_text: str, path: str = "", required: bool = False) -> Column:
    return Column(name, Form.TEXT, help_text, path or name, required)


def _line(name: str, form: Form, help_text: str, required: bool = False) -> Column:
    return Column(name, form, help_text, name, required, is_line=True)


def _address(prefix: str, path: str, whose: str, required: bool) -> tuple[Column, ...]:
    parts = (
        ("name", "Name", required),
        ("street", "Street and number", required),
        ("street2", "Second line of the street", False),
        ("city", "City", required),
        ("zip", "Postal code", required),
        ("state", "Code of the state or province", False),
        ("country", "Country, two letters", required),
    )
    return tuple(
        _text(f"{prefix}_{name}", f"{label} of {whose}", f"{path}.{name}", needed)
        for name, label, needed in parts
    )


_VERSION = (
    Column(
        "version",
        Form.WHOLE,
        "Grows with each change; without it the date of the change counts",
        "version",
    ),
    Column(
        "updated_at",
        Form.TIME,
        "When it changed last; without it the date of the file counts",
        "updated_at",
    ),
)

_ORDERS = (
    _id("order_id", "The order's number; rows of one order share it", "id", True),
    *_VERSION,
    Column("placed_at", Form.TIME, "When it was ordered", "placed_at", True),
    _text("status", "open or cancelled; open if empty"),
    _text("currency", "Three letters, such as EUR", required=True),
    Column(
        "prices_include_tax",
        Form.YES_NO,
        "Whether prices hold the tax",
        "prices_include_tax",
        True,
    ),
    Column(
        "total",
        Form.NUMBER,
        "What the customer pays in all; without it the lines are added up, if prices"
        " include tax",
        "total",
    ),
    _text("payment_status", "unpaid, authorized, paid or refunded"),
    _text("payment_reference", "What the payment is called at the bank"),
    _id("customer_id", "The customer's number", "customer.id"),
    _text("customer_email", "The customer's mailbox", "customer.email"),
    _text("customer_name", "The customer's name", "customer.name"),
    _text("customer_phone", "The customer's phone", "customer.phone"),
    _text("customer_vat", "The customer's tax number", "customer.vat"),
    *_address("ship", "shipping_address", "whom it is sent to", True),
    *_address("bill", "billing_address", "who pays, if somebody else", False),
    _text("shipping_title", "Name of the delivery charge", "shipping.title"),
    Column(
        "shipping_amount",
        Form.NUMBER,
        "Delivery charge of the whole order",
        "shipping.amount",
    ),
    Column(
        "shipping_tax_rate",
        Form.NUMBER,
        "Tax on the delivery charge, percent",
        "shipping.tax_rate",
    ),
    _text("note", "What the customer wrote"),
    _line("line_id", Form.ID, "The line's number; without it the SKU counts"),
    _line("sku", Form.ID, "The item", True),
    _line("item_id", Form.ID, "The partner's own number of the item"),
    _line("quantity", Form.NUMBER, "How many were ordered", True),
    _line("unit_price", Form.NUMBER, "Price of one, before the discount", True),
    _line("discount", Form.NUMBER, "Amount off the whole line"),
    _line("tax_rate", Form.NUMBER, "Tax, percent"),
    _line("cancelled_quantity", Form.NUMBER, "How many of them are cancelled"),
    _line("fulfilled_quantity", Form.NUMBER, "How many the partner has shipped"),
    _line("location_id", Form.ID, "The location that is to ship it"),
    _line("title", Form.TEXT, "What the item is called"),
)

_CANCELS = (
    _id("order_id", "The order", "order_id", True),
    *_VERSION,
    _line("line_id", Form.ID, "The line; empty: the whole order"),
    _line(
        "cancelled_quantity",
        Form.NUMBER,
        "How many of the line are cancelled in all; empty: the whole line",
    ),
)

_RETURNS = (
    _id("return_id", "The return's number; rows of one share it", "id", True),
    _id("order_id", "The order it belongs to", "order_id", True),
    *_VERSION,
    _text("status", "announced, received or cancelled; announced if empty"),
    _id("location_id", "Where the goods come to", "location_id"),
    Column("refund_amount", Form.NUMBER, "What was paid back", "refund_amount"),
    Column(
        "line_id",
        Form.ID,
        "The order line, as in the orders file",
        "order_line_id",
        True,
        is_line=True,
    ),
    _line("quantity", Form.NUMBER, "How many come back", True),
    _line("disposition", Form.TEXT, "restock, inspect or scrap; empty: we decide"),
    _line("lot", Form.ID, "Lot or serial number"),
)

_COUNTS = (
    _id("count_id", "The count's number; without it place and time count", "id"),
    _id("location_id", "What was counted; without it the channel's location"),
    Column("counted_at", Form.TIME, "When it was counted", "counted_at", True),
    _line("sku", Form.ID, "The item", True),
    _line("quantity", Form.NUMBER, "How many are there", True),
    _line("unit", Form.ID, "Unit; without it the one the item is sold in"),
    _line("lot", Form.ID, "Lot or serial number"),
)

_LISTINGS = (
    _id("sku", "The item", "sku", True),
    _id("item_id", "The partner's own number of the item"),
    _text("title", "What it is called"),
    _text("barcode", "Its barcode"),
    _text("unit", "What the partner sells one of"),
)

_LOCATIONS = (
    _id("location_id", "The location", "id", True),
    _text("name", "What it is called"),
)


def _out(name: str, form: Form, help_text: str) -> Column:
    return Column(name, form, help_text, name, required=True)


_AVAILABILITY = (
    _out("sku", Form.ID, "The item"),
    _out("item_id", Form.ID, "The partner's own number of the item"),
    _out("location_id", Form.ID, "The location; left out with one pool"),
    _out("quantity", Form.NUMBER, "How many may be sold"),
    _out("unit", Form.TEXT, "What it is counted in"),
    _out("sequence", Form.WHOLE, "Grows with every number: a lower one is older"),
)

_SHIPMENTS = (
    _out("shipment_id", Form.ID, "The same in every correction of the shipment"),
    _out("order_id", Form.ID, "The order"),
    _out("location_id", Form.ID, "Where it left from"),
    _out("shipped_at", Form.TIME, "When it left"),
    _out("carrier", Form.TEXT, "Who carries it"),
    _out("tracking", Form.TEXT, "Tracking number"),
    _out("tracking_url", Form.TEXT, "Where it can be followed"),
    _out("line_id", Form.ID, "The order line"),
    _out("quantity", Form.NUMBER, "How many; of the lot, where one is given"),
    _out("lot", Form.ID, "Lot or serial number"),
)

_CANCELLATIONS = (
    _out("cancellation_id", Form.ID, "The same in every repeat"),
    _out("order_id", Form.ID, "The order"),
    _out("cancelled_at", Form.TIME, "When it was decided"),
    _out("reason", Form.TEXT, "Why"),
    _out("line_id", Form.ID, "The order line"),
    _out("quantity", Form.NUMBER, "How many will not be shipped"),
)

COLUMNS: dict[Kind, tuple[Column, ...]] = {
    Kind.ORDERS: _ORDERS,
    Kind.CANCELS: _CANCELS,
    Kind.RETURNS: _RETURNS,
    Kind.COUNTS: _COUNTS,
    Kind.LISTINGS: _LISTINGS,
    Kind.LOCATIONS: _LOCATIONS,
    Kind.AVAILABILITY: _AVAILABILITY,
    Kind.SHIPMENTS: _SHIPMENTS,
    Kind.CANCELLATIONS: _CANCELLATIONS,
}

INCOMING = (Kind.ORDERS, Kind.CANCELS, Kind.RETURNS, Kind.COUNTS)
"""What comes in and is worked on, in the order in which it is read."""
CATALOGUE = (Kind.LISTINGS, Kind.LOCATIONS)
"""What lies there to be looked up, and stays."""


def table(kind: Kind) -> str:
    """Return the columns of a kind as a Markdown table, for the guide."""
    rows = ["| column | what stands in it | form | needed |", "|---|---|---|---|"]
    for column in COLUMNS[kind]:
        needed = "yes" if column.required else ""
        rows.append(f"| `{column.name}` | {column.help} | {column.form} | {needed} |")
    return "\n".join(rows)
