"""A customer base and its orders, as a channel would tell of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from odoo.tools import SQL

from .bench import renew
from .dataset import KIT_EVERY, LOT_EVERY
from .gauges import seconds
from .odoo_session import channel_of

LINES = 3
QUANTITY = 2
PLENTY = 1000
PRICE = 10
CUSTOMERS = 100
MOMENT = "2026-11-20T09:00:00Z"


Traits = set[tuple[Any, ...]]
"""What sale orders have in common, but for what names each of them."""


class Shop:
    """Sells what the catalogue has, to customers who are known."""

    def __init__(self, env: Any, listings: int) -> None:
        self.env = env
        self.channel = channel_of(env)
        self.channel.sudo().state = "live"
        self.place = self.channel.location_ids[:1]
        numbers = range(1, listings + 1)
        unsure = self._kits_with_lots()
        self.kits = [
            number
            for number in numbers
            if not number % KIT_EVERY and f"SKU-{number}" not in unsure
        ]
        self.simple = [
            number
            for number in numbers
            if number % KIT_EVERY and number % LOT_EVERY != 2
        ]
        self.dice = random.Random(listings)  # noqa: S311 - the same each time
        self.sold = 0
        self.plain: list[int] = []
        self.customers = self._make_customers()
        self._fill_up()
        renew(env)

    def _kits_with_lots(self) -> set[str]:
        """Return the SKUs of kits with lots inside: some have only expired ones."""
        found: set[str] = set()
        lines = self.env["mrp.bom.line"].search([("product_id.tracking", "!=", "none")])
        while lines:
            kits = lines.bom_id.product_tmpl_id.product_variant_id
            new = kits.filtered(lambda kit: kit.default_code not in found)
            found.update(new.mapped("default_code"))
            lines = self.env["mrp.bom.line"].search([("product_id", "in", new.ids)])
        return found

    def _fill_up(self) -> None:
        """Put more on every shelf than is sold: some kits are drawn many times."""
        self.env.cr.execute(
            SQL("UPDATE stock_quant SET quantity = quantity + %s", PLENTY)
        )

    def _make_customers(self) -> Any:
        partners = self.env["res.partner"].create(
            [
                {
                    "name": f"Customer {number}",
                    "email": f"customer-{number}@example.com",
                    "street": f"{number} Main Street",
                    "city": "Brussels",
                    "zip": "1000",
                    "country_id": self.env.ref("base.be").id,
                    "company_id": self.channel.company_id.id,
                }
                for number in range(CUSTOMERS)
            ]
        )
        self.env["stock.channel.customer"].create(
            [
                {
                    "channel_id": self.channel.id,
                    "external_id": str(number),
                    "partner_id": partner.id,
                }
                for number, partner in enumerate(partners)
            ]
        )
        return partners

    def warm_up(self, shared: Callable[[], object]) -> None:
        """Let every process load what it needs only once."""
        self.loop(5)
        self.deliver(5, self.inbox, kits=1)
        self.deliver(100, shared)

    def inbox(self) -> None:
        """Work through the inbox, as its scheduled job does."""
        self.env["stock.channel.message"]._cron_inbox()

    # ---------------------------------------------------------------- the loop

    def loop(self, count: int) -> float:
        """Return the orders per second that plain Odoo takes over."""
        products = self.env["product.product"]
        carts = [self.draw(0) for _number in range(count)]
        by_sku = {
            product.default_code: product
            for product in products.search(
                [("default_code", "in", [sku for cart in carts for sku in cart[1]])]
            )
        }
        return count / seconds(lambda: self._sell(carts, by_sku))

    def _sell(self, carts: list[tuple[int, list[str]]], by_sku: dict[str, Any]) -> None:
        for customer, skus in carts:
            order = self.env["sale.order"].create(
                {
                    "partner_id": self.customers[customer].id,
                    "company_id": self.channel.company_id.id,
                    "warehouse_id": self.place.warehouse_id.id,
                    "pricelist_id": False,
                    "order_line": [
                        (
                            0,
                            0,
                            {
                                "product_id": by_sku[sku].id,
                                "product_uom_qty": QUANTITY,
                                "price_unit": PRICE,
                                "tax_ids": [(5,)],
                            },
                        )
                        for sku in skus
                    ],
                }
            )
            order.action_confirm()
            renew(self.env)
            self.plain.append(order.id)

    # ----------------------------------------------------------------- the hub

    def deliver(
        self, count: int, work: Callable[[], object], *, kits: int = 0
    ) -> float:
        """Store so many orders, and return how many per second ``work`` takes over.

        :raise RuntimeError: when one of them was not confirmed and reserved.
        """
        first = self.sold
        for _order in range(count):
            self.store(*self.draw(kits))
        renew(self.env)
        spent = seconds(work)
        renew(self.env)
        self._check([str(number) for number in range(first, self.sold)])
        renew(self.env)
        return count / spent

    def draw(self, kits: int) -> tuple[int, list[str]]:
        """Draw a customer and the SKUs of an order."""
        numbers = self.dice.sample(self.kits, kits)
        numbers += self.dice.sample(self.simple, LINES - kits)
        return self.dice.randrange(CUSTOMERS), [f"SKU-{n}" for n in numbers]

    def store(self, customer: int, skus: list[str]) -> None:
        number, raw = self.tell(customer, skus)
        self.env["stock.channel.message"]._store(
            self.channel,
            dedupe_key=f"id:{number}",
            topic="order.updated",
            order_key=f"order:{number}",
            raw=raw,
            origin="webhook",
        )

    def tell(self, customer: int, skus: list[str]) -> tuple[int, bytes]:
        """Sell something; return the order's number and the body that tells of it."""
        number = self.sold
        self.sold += 1
        contact = self.customers[customer]
        told = {
            "id": str(number),
            "version": 1,
            "updated_at": MOMENT,
            "placed_at": MOMENT,
            "status": "open",
            "currency": self.channel.company_id.currency_id.name,
            "prices_include_tax": False,
            "customer": {
                "id": str(customer),
                "email": contact.email,
                "name": contact.name,
            },
            "shipping_address": {
                "name": contact.name,
                "street": contact.street,
                "city": contact.city,
                "zip": contact.zip,
                "country": "BE",
            },
            "lines": [
                {
                    "id": str(place),
                    "sku": sku,
                    "quantity": str(QUANTITY),
                    "unit_price": str(PRICE),
                    "location_id": self.place.external_id,
                }
                for place, sku in enumerate(skus)
            ],
            "shipping": [],
            "total": str(len(skus) * QUANTITY * PRICE),
        }
        body = {"type": "order.updated", "timestamp": MOMENT, "data": told}
        return number, json.dumps(body).encode()

    def _check(self, ids: list[str]) -> None:
        orders = self.env["stock.channel.order"].search(
            [("channel_id", "=", self.channel.id), ("external_id", "in", ids)]
        )
        sales = orders.sale_order_id
        moves = sales.order_line.move_ids
        unfinished = orders.message_log_ids.filtered(lambda m: m.state != "done")
        if len(sales) == len(ids) and not unfinished and self._is_sold(sales, moves):
            return
        raise RuntimeError(
            f"not every order was confirmed and reserved: {len(sales)} of {len(ids)} "
            f"orders in the states {sorted(set(sales.mapped('state')))}, their moves in "
            f"{sorted(set(moves.mapped('state')))}, "
            f"{len(unfinished)} messages not done; the hub tells: "
            f"{self._open_exceptions()}"
        )

    def check_alike(self, ids: Sequence[str]) -> None:
        """See that orders of the hub came out as those of the loop did.

        :param ids: of orders without kits.
        :raise RuntimeError: when they differ in goods, parcels, chatter or followers.
        """
        orders = self.env["stock.channel.order"].search(
            [("channel_id", "=", self.channel.id), ("external_id", "in", list(ids))]
        )
        ours = self._traits(orders.sale_order_id)
        plain = self._traits(self.env["sale.order"].browse(self.plain))
        if ours != plain:
            raise RuntimeError(f"the hub's orders are {ours}, the loop's are {plain}")

    def _traits(self, sales: Any) -> Traits:
        return {
            (
                sale.state,
                sale.amount_total,
                tuple(
                    (line.product_uom_qty, line.price_unit, tuple(line.tax_ids.ids))
                    for line in sale.order_line
                ),
                tuple(
                    (move.state, move.quantity, move.location_id.id)
                    for move in sale.order_line.move_ids
                ),
                tuple(self._told(record) for record in (sale, *sale.picking_ids)),
            )
            for sale in sales
        }

    def _told(self, record: Any) -> tuple[Any, ...]:
        """Return what a record's chatter holds and how many follow it."""
        kinds = sorted(
            (message.message_type, message.subtype_id.name or "")
            for message in record.message_ids
        )
        return record.state, tuple(kinds), len(record.message_follower_ids)

    def _is_sold(self, sales: Any, moves: Any) -> bool:
        return set(sales.mapped("state")) == {"sale"} and set(
            moves.mapped("state")
        ) == {"assigned"}

    def _open_exceptions(self) -> list[str]:
        exceptions = self.env["stock.channel.exception"].search(
            [("channel_id", "=", self.channel.id), ("state", "=", "open")], limit=5
        )
        return [f"{found.title}: {found.cause}" for found in exceptions]
