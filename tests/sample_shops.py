"""The published sample orders of two shops, read the way their connectors will.

Small on purpose and for tests only: the connectors come later, with polling, webhooks
and everything else that these samples do not show.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from odoo.addons.stock_channel_hub.connectors.data import (
    Address,
    ChargeKind,
    Customer,
    Disposition,
    OrderLine,
    OrderSnapshot,
    PaymentStatus,
    ReturnLine,
    ReturnSnapshot,
    ReturnStatus,
    ShippingLine,
)

# Beside the checkout, and not a part of it: others' files are not copied into ours.
CONTRACTS = Path(__file__).resolve().parents[2] / "shared" / "contracts"
ABSENT = "the folder ../shared with the published samples is absent"
_CENT = Decimal("0.01")


def load(name):
    """Return one published file; its numbers stay decimals."""
    return json.loads((CONTRACTS / name).read_text("utf-8"), parse_float=Decimal)


def moment(text, default_zone=UTC):
    """Return an aware UTC moment."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=found.tzinfo or default_zone).astimezone(UTC)


def version(text):
    return int(moment(text).timestamp() * 1000)


def plainest_rate(pairs):
    """Return the plainest percentage that gives each of these taxes to the cent.

    WooCommerce says what was taxed and how much, not how much a percent it was.

    :param pairs: (taxed amount, tax) of every line with one and the same tax.
    """
    base = sum(amount for amount, _tax in pairs)
    if not base:
        return Decimal(0)
    for digits in range(5):
        rate = round(100 * sum(tax for _amount, tax in pairs) / base, digits)
        if all(abs(amount * rate / 100 - tax) <= _CENT / 2 for amount, tax in pairs):
            return rate
    raise AssertionError(f"no rate gives {pairs}")


class Woo:
    """Orders and refunds of WooCommerce's REST API, version 3."""

    files = sorted(
        (CONTRACTS / "woocommerce" / "samples").glob("orders__*.response.json")
    )
    states = {
        "pending": PaymentStatus.UNPAID,
        "on-hold": PaymentStatus.UNPAID,
        "processing": PaymentStatus.PAID,
        "completed": PaymentStatus.PAID,
    }

    @classmethod
    def orders(cls):
        """Yield (file name, order) for every order in every sample."""
        for path in cls.files:
            for order in _each(load(path.relative_to(CONTRACTS))):
                yield path.name, order

    @staticmethod
    def item(line):
        """Return the sku and the item id of a line; many samples have no sku."""
        item = str(line["variation_id"] or line["product_id"])
        return line["sku"] or f"WOO-{item}", item

    @classmethod
    def snapshot(cls, order):
        taxed = cls._rates(order)
        shipping = order["shipping"] if order["shipping"]["address_1"] else None
        return OrderSnapshot(
            id=str(order["id"]),
            name=order["number"],
            version=version(order["date_modified_gmt"]),
            updated_at=moment(order["date_modified_gmt"]),
            placed_at=moment(order["date_created_gmt"]),
            cancelled=order["status"] in ("cancelled", "failed", "refunded"),
            currency=order["currency"],
            prices_include_tax=False,
            customer=Customer(
                id=str(order["customer_id"] or ""),
                email=order["billing"]["email"],
                name=_person(order["billing"]),
                phone=order["billing"]["phone"],
            ),
            shipping_address=cls._address(shipping or order["billing"]),
            billing_address=cls._address(order["billing"]),
            payment_status=cls.states.get(order["status"]),
            payment_reference=order["transaction_id"],
            lines=tuple(cls._line(line, taxed) for line in order["line_items"]),
            shipping=tuple(cls._charges(order, taxed)),
            total=Decimal(order["total"]),
            note=order["customer_note"],
        )

    @classmethod
    def _rates(cls, order):
        """Return the rate of each tax id, from the amounts it was charged on."""
        pairs = {}
        charged = order["line_items"] + order["shipping_lines"] + order["fee_lines"]
        for line in charged:
            for tax in line["taxes"]:
                pairs.setdefault(tax["id"], []).append(
                    (Decimal(line["total"]), Decimal(tax["total"] or 0))
                )
        return {tax_id: plainest_rate(found) for tax_id, found in pairs.items()}

    @staticmethod
    def _rate(line, rates):
        return sum((rates[tax["id"]] for tax in line["taxes"]), Decimal(0))

    @classmethod
    def _line(cls, line, rates):
        """Read a line: its totals are without tax, whatever the shop shows."""
        sku, item = cls.item(line)
        quantity, subtotal = Decimal(line["quantity"]), Decimal(line["subtotal"])
        return OrderLine(
            id=str(line["id"]),
            sku=sku,
            item_id=item,
            quantity=quantity,
            unit_price=subtotal / quantity,
            discount=subtotal - Decimal(line["total"]),
            tax_rate=cls._rate(line, rates),
            title=line["name"],
        )

    @classmethod
    def _charges(cls, order, rates):
        for line in order["shipping_lines"]:
            yield ShippingLine(
                id=str(line["id"]),
                title=line["method_title"],
                code=line["method_id"],
                amount=Decimal(line["total"]),
                tax_rate=cls._rate(line, rates),
            )
        for line in order["fee_lines"]:
            yield ShippingLine(
                id=str(line["id"]),
                title=line["name"],
                amount=Decimal(line["total"]),
                tax_rate=cls._rate(line, rates),
                kind=ChargeKind.FEE,
            )

    @staticmethod
    def _address(node):
        return Address(
            name=node["company"] or _person(node),
            street=node["address_1"],
            street2=node["address_2"],
            city=node["city"],
            zip=node["postcode"],
            state=node["state"],
            country=node["country"],
        )

    @classmethod
    def refunds(cls):
        """Yield (file name, refund, order id) for every refund in every sample."""
        for path in sorted(cls.files[0].parent.glob("order-refunds__*.response.json")):
            for refund in _each(load(path.relative_to(CONTRACTS))):
                order_id = refund["_links"]["up"][0]["href"].rsplit("/", 1)[1]
                yield path.name, refund, order_id

    @staticmethod
    def refund(refund, order_id):
        """Read a refund; the line it gives back is named in its hidden data."""
        lines = []
        for line in refund["line_items"]:
            meta = {data["key"]: data["value"] for data in line["meta_data"]}
            lines.append(
                ReturnLine(
                    order_line_id=meta["_refunded_item_id"],
                    quantity=-Decimal(line["quantity"]),
                    disposition=Disposition.RESTOCK,
                )
            )
        return ReturnSnapshot(
            id=str(refund["id"]),
            order_id=order_id,
            version=version(refund["date_created_gmt"]),
            status=ReturnStatus.RECEIVED,
            lines=tuple(lines),
            refund_amount=Decimal(refund["amount"]),
        )


class Shopify:
    """An order and a refund of Shopify's REST Admin API."""

    folder = "shopify/fixtures"

    @classmethod
    def order(cls):
        return load(f"{cls.folder}/order.json")["order"]

    @classmethod
    def refund_sample(cls):
        return load(f"{cls.folder}/refund.json")["refund"]

    @classmethod
    def snapshot(cls, order):
        rate = sum((_percent(tax) for tax in order["tax_lines"]), Decimal(0))
        return OrderSnapshot(
            id=str(order["id"]),
            name=order["name"],
            version=version(order["updated_at"]),
            updated_at=moment(order["updated_at"]),
            placed_at=moment(order["created_at"]),
            cancelled=bool(order["cancelled_at"]),
            currency=order["currency"],
            prices_include_tax=order["taxes_included"],
            customer=Customer(
                id=str(order["customer"]["id"]),
                email=order["email"],
                name=_person(order["customer"]),
            ),
            shipping_address=cls._address(order["shipping_address"]),
            billing_address=cls._address(order["billing_address"]),
            payment_status=PaymentStatus(order["financial_status"]),
            payment_reference=order["reference"],
            lines=tuple(cls._line(line, rate) for line in order["line_items"]),
            shipping=tuple(
                ShippingLine(
                    id=f"{number}:{line['code']}",
                    title=line["title"],
                    code=line["code"],
                    amount=Decimal(line["price"]),
                    tax_rate=Decimal(0),
                )
                for number, line in enumerate(order["shipping_lines"])
            ),
            total=Decimal(order["total_price"]),
        )

    @staticmethod
    def _line(line, order_rate):
        """Read a line; without taxes of its own it has those of the order."""
        taxes = line.get("tax_lines")
        rate = order_rate if taxes is None else sum(map(_percent, taxes), Decimal(0))
        return OrderLine(
            id=str(line["id"]),
            sku=line["sku"],
            item_id=str(line["variant_id"]),
            quantity=Decimal(line["quantity"]),
            unit_price=Decimal(line["price"]),
            discount=Decimal(line.get("total_discount", "0")),
            tax_rate=rate,
            title=line["name"],
        )

    @staticmethod
    def _address(node):
        return Address(
            name=node["name"],
            street=node["address1"],
            street2=node["address2"] or "",
            city=node["city"],
            zip=node["zip"],
            state=node["province_code"],
            country=node["country_code"],
        )

    @staticmethod
    def refund(refund):
        restock = Disposition.RESTOCK if refund["restock"] else Disposition.SCRAP
        return ReturnSnapshot(
            id=str(refund["id"]),
            order_id=str(refund["order_id"]),
            version=version(refund["created_at"]),
            status=ReturnStatus.RECEIVED,
            lines=tuple(
                ReturnLine(
                    order_line_id=str(line["line_item_id"]),
                    quantity=Decimal(line["quantity"]),
                    disposition=restock,
                )
                for line in refund["refund_line_items"]
            ),
            refund_amount=sum(
                (
                    Decimal(payment["amount"])
                    for payment in refund["transactions"]
                    if payment["kind"] == "refund" and payment["status"] == "success"
                ),
                Decimal(0),
            ),
        )


def _each(body):
    """Return the single records of a sample: one, a list, or lists by what was done."""
    if isinstance(body, list):
        return body
    return [body] if "id" in body else [one for part in body.values() for one in part]


def _person(node):
    return " ".join(filter(None, (node["first_name"], node["last_name"])))


def _percent(tax):
    return Decimal(100) * tax["rate"]
