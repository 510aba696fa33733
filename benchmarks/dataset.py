"""A catalogue with stock, kits, lots, open and done moves, and one channel.

The few records with logic behind them are made through the ORM; the many are copies
of a pattern record made the same way, in one statement per table, so that new
required columns need no change here.  Everything follows from the number of a
product: running it twice gives the same catalogue.
"""

from __future__ import annotations

from typing import Any

from odoo.tools import SQL

from .odoo_session import CHANNEL

WAREHOUSES = 5
SHELVES = 3
KIT_EVERY = 20
LOT_EVERY = 33
OPEN_EVERY = 50
# Numbers of products whose rest they are; kits have no stock of their own.
IS_KIT = SQL("item.n %% %s = 0", KIT_EVERY)
HAS_LOTS = SQL("item.n %% %s = 2 AND item.n %% %s <> 0", LOT_EVERY, KIT_EVERY)
HAS_OPEN = SQL(
    "item.n %% %s = 1 AND item.n %% %s <> 0 AND item.n %% %s <> 2",
    OPEN_EVERY,
    KIT_EVERY,
    LOT_EVERY,
)
# A number that looks random and is always the same.
DICE = "mod(abs(hashint8(%s)::bigint), %s)"


def build(env: Any, listings: int) -> None:
    """Fill a database that holds the addon without demo data.

    :param int listings: how many products, each with a listing.
    """
    Dataset(env, listings).build()


class Dataset:
    """Makes the catalogue; ``base + n`` is the id of product and template n."""

    def __init__(self, env: Any, listings: int) -> None:
        self.env = env
        self.listings = listings
        self.base = 1000

    def build(self) -> None:
        """Make everything, in the order of the references."""
        warehouses = self._make_warehouses()
        channel = self._make_channel(warehouses)
        self._make_items()
        self._copy_products(channel)
        self._copy_kits()
        self._make_lots()
        self._make_quants()
        self._copy_moves()
        channel.sudo().write({"state": "shadow"})
        self.env.flush_all()
        self._forget_patterns()
        self._execute(SQL("TRUNCATE stock_channel_dirty"))

    # ----------------------------------------------------------- the few

    def _make_warehouses(self) -> Any:
        warehouses = self.env["stock.warehouse"].search([], limit=1)
        warehouses |= self.env["stock.warehouse"].create(
            [
                {"name": f"Warehouse {number}", "code": f"B{number}"}
                for number in range(len(warehouses) + 1, WAREHOUSES + 1)
            ]
        )
        shelves = self.env["stock.location"].create(
            [
                {"name": f"Shelf {number}", "location_id": warehouse.lot_stock_id.id}
                for warehouse in warehouses
                for number in range(1, SHELVES + 1)
            ]
        )
        self._execute(
            SQL(
                """
                CREATE TEMPORARY TABLE shelf ON COMMIT DROP AS
                SELECT n::int, location_id, stock_id
                  FROM unnest(%s::int[], %s::int[])
                       WITH ORDINALITY AS given (location_id, stock_id, n)
                """,
                shelves.ids,
                [shelf.location_id.id for shelf in shelves],
            )
        )
        return warehouses

    def _make_channel(self, warehouses: Any) -> Any:
        channel = self.env["stock.channel"].create(
            {
                "name": CHANNEL,
                "connector": "rest",
                "base_url": "https://shop.example.com/api",
                # What is measured is the door, not what it does about a flood.
                "delivery_limit": 0,
            }
        )
        self.env["stock.channel.location"].create(
            [
                {
                    "channel_id": channel.id,
                    "name": warehouse.name,
                    "external_id": warehouse.code,
                    "location_ids": [(6, 0, warehouse.lot_stock_id.ids)],
                }
                for warehouse in warehouses
            ]
        )
        return channel

    def _make_items(self) -> None:
        """Number the products, and make one of everything to copy from."""
        self._execute(
            SQL(
                """
                CREATE TEMPORARY TABLE item ON COMMIT DROP AS
                SELECT n, n + %s AS id FROM generate_series(1, %s) AS n
                """,
                self.base,
                self.listings,
            )
        )
        self._execute(SQL("ANALYZE item"))
        self.product = self.env["product.product"].create(
            {"name": "Pattern", "type": "consu", "is_storable": True}
        )
        self.bom = self.env["mrp.bom"].create(
            {
                "product_tmpl_id": self.product.product_tmpl_id.id,
                "type": "phantom",
                "bom_line_ids": [
                    (0, 0, {"product_id": self._make_component().id}),
                ],
            }
        )
        self.move = self.env["stock.move"].create(
            {
                "product_id": self.product.id,
                "product_uom_qty": 1.0,
                "location_id": self._location("stock_location_suppliers"),
                "location_dest_id": self._location("stock_location_customers"),
            }
        )
        self.env.flush_all()

    def _make_component(self) -> Any:
        return self.env["product.product"].create({"name": "Pattern's Component"})

    def _location(self, name: str) -> int:
        return int(self.env.ref(f"stock.{name}").id)

    def _forget_patterns(self) -> None:
        """Remove what was copied from, so that the sizes are exact."""
        self.env.invalidate_all()
        component = self.bom.bom_line_ids.product_id
        self.listing.unlink()
        self.move.unlink()
        self.bom.unlink()
        (self.product | component).product_tmpl_id.unlink()
        self.env.flush_all()
        self.env.cr.flush()

    # ---------------------------------------------------------- the many

    def _copy_products(self, channel: Any) -> None:
        name = SQL("'Product ' || item.n")
        self._copy(
            self.product.product_tmpl_id,
            {
                "id": SQL("item.id"),
                "name": SQL("jsonb_build_object('en_US', %s)", name),
                "tracking": SQL("CASE WHEN %s THEN 'lot' ELSE 'none' END", HAS_LOTS),
                "use_expiration_date": HAS_LOTS,
            },
        )
        self._copy(
            self.product,
            {
                "id": SQL("item.id"),
                "product_tmpl_id": SQL("item.id"),
                "default_code": SQL("'SKU-' || item.n"),
            },
        )
        self.listing = self.env["stock.channel.listing"].create(
            {"channel_id": channel.id, "product_id": self.product.id, "sku": "pattern"}
        )
        self.env.flush_all()
        self._copy(
            self.listing,
            {
                "id": SQL("item.id"),
                "product_id": SQL("item.id"),
                "sku": SQL("'SKU-' || item.n"),
                "external_id": SQL("'SKU-' || item.n"),
            },
        )

    def _copy_kits(self) -> None:
        """Each kit has two to four components; every tenth holds another kit."""
        self._copy(
            self.bom,
            {"id": SQL("item.id"), "product_tmpl_id": SQL("item.id")},
            where=IS_KIT,
        )
        drawn = SQL(DICE, SQL("item.n * 10 + part.n"), SQL("%s", self.listings))
        self._copy(
            self.bom.bom_line_ids,
            {
                "id": SQL("(item.id * 4 + part.n)::int"),
                "bom_id": SQL("item.id"),
                # Never a kit, whatever was drawn, but for the one that is wanted.
                "product_id": SQL(
                    """
                    CASE WHEN part.n = 1 AND item.n %% (%s * 10) = 0 THEN item.id - %s
                         ELSE %s + 1 + drawn.n - CASE WHEN (drawn.n + 1) %% %s = 0
                                                 THEN 1 ELSE 0 END END
                    """,
                    KIT_EVERY,
                    KIT_EVERY,
                    self.base,
                    KIT_EVERY,
                ),
                "product_tmpl_id": SQL("NULL"),
                "product_qty": SQL("1 + (item.n + part.n) %% 3"),
            },
            source=SQL(
                """
                CROSS JOIN LATERAL generate_series(1, 2 + (item.n / %s) %% 3)
                        AS part (n)
                CROSS JOIN LATERAL (SELECT (%s)::int AS n) AS drawn
                """,
                KIT_EVERY,
                drawn,
            ),
            where=IS_KIT,
        )
        self._execute(
            SQL("UPDATE mrp_bom_line SET product_tmpl_id = product_id WHERE id > 4000")
        )

    def _make_lots(self) -> None:
        """Two lots for each product that is tracked; of few the time is up."""
        self._execute(
            SQL(
                """
                INSERT INTO stock_lot
                       (id, product_id, company_id, name, create_date, write_date,
                        expiration_date, removal_date)
                SELECT item.id * 2 + part, item.id, %s, 'LOT-' || item.n || '-' || part,
                       now(), now(), until, until
                  FROM item
                 CROSS JOIN generate_series(0, 1) AS part
                 CROSS JOIN LATERAL (
                     SELECT now() AT TIME ZONE 'UTC'
                            + (item.n %% 200 - 10) * interval '1 day' AS until
                 ) AS lot
                 WHERE %s
                """,
                self.env.company.id,
                HAS_LOTS,
            )
        )
        self._set_sequence("stock_lot")

    def _make_quants(self) -> None:
        """A quant per shelf and lot, and some beside the shelves, well shuffled."""
        self._execute(
            SQL(
                """
                INSERT INTO stock_quant
                       (product_id, company_id, location_id, lot_id, quantity,
                        reserved_quantity, in_date, create_date, write_date,
                        inventory_quantity, inventory_diff_quantity,
                        inventory_quantity_set, expiration_date, removal_date)
                SELECT item.id, %(company)s, place.location_id, lot.id,
                       10 + %(quantity)s, 0, now(), now(), now(), 0, 0, FALSE,
                       lot.expiration_date, lot.removal_date
                  FROM item
                  JOIN (SELECT n, location_id FROM shelf
                         UNION ALL
                        SELECT n + 100, stock_id FROM shelf WHERE n %% %(shelves)s = 1
                       ) AS place
                    ON place.n < 100 OR (item.n + place.n) %% 15 = 0
                  LEFT JOIN stock_lot AS lot ON lot.product_id = item.id
                 WHERE NOT %(is_kit)s
                 ORDER BY hashint8(item.n::bigint * 1000 + place.n)
                """,
                company=self.env.company.id,
                quantity=SQL(DICE, SQL("item.n::bigint * 77 + place.n"), SQL("40")),
                shelves=SHELVES,
                is_kit=SQL("(%s)", IS_KIT),
            )
        )

    def _copy_moves(self) -> None:
        """Open demand and receipts of some products, and history of all."""
        # The shelf an item's demand is reserved on.
        chosen = SQL(
            "JOIN shelf ON shelf.n = 1 + (item.n / %s) %% %s",
            OPEN_EVERY,
            WAREHOUSES * SHELVES,
        )
        self._copy_demand(0, "confirmed", 5, 0, chosen)
        self._copy_demand(1, "partially_available", 5, 2, chosen)
        self._copy_demand(2, "assigned", 3, 3, chosen)
        self._copy_some_moves(
            3,
            {
                "state": SQL("'assigned'"),
                "location_id": SQL("%s", self._location("stock_location_suppliers")),
                "location_dest_id": SQL("shelf.stock_id"),
                "date": SQL("now() + (item.n %% 60) * interval '1 day'"),
                **self._quantities(20, 0),
            },
            chosen,
            HAS_OPEN,
        )
        self._copy_history((4, 5))
        self._set_sequence("stock_move")
        self._set_sequence("stock_move_line")

    def _copy_demand(
        self, number: int, state: str, demand: int, reserved: int, source: SQL
    ) -> None:
        """Copy moves that start at the warehouse's stock, reserved on a shelf."""
        self._copy_some_moves(
            number,
            {
                "state": SQL("%s", state),
                "location_id": SQL("shelf.stock_id"),
                "location_dest_id": SQL(
                    "%s", self._location("stock_location_customers")
                ),
                **self._quantities(demand, reserved),
            },
            source,
            HAS_OPEN,
        )
        if reserved:
            self._reserve(number, reserved, source)

    def _copy_history(self, numbers: tuple[int, ...]) -> None:
        """Copy done deliveries, one per product for each of the numbers."""
        source = SQL("JOIN shelf ON shelf.n = 1 + item.n %% %s", SHELVES)
        where = SQL("NOT %s", IS_KIT)
        for number in numbers:
            self._copy_some_moves(
                number,
                {
                    "state": SQL("'done'"),
                    "location_id": SQL("shelf.location_id"),
                    "location_dest_id": SQL(
                        "%s", self._location("stock_location_customers")
                    ),
                    "picked": SQL("TRUE"),
                    "date": SQL("now() - (item.n %% 700) * interval '1 day'"),
                    **self._quantities(2, 2),
                },
                source,
                where,
            )
            self._make_lines(number, 2, source, where, "done")

    def _copy_some_moves(
        self, number: int, values: dict[str, SQL], source: SQL, where: SQL
    ) -> None:
        """Copy the move; the id of the ``number``-th move of an item is known."""
        self._copy(
            self.move,
            {"id": self._move_id(number), "product_id": SQL("item.id"), **values},
            source=source,
            where=where,
        )

    def _move_id(self, number: int) -> SQL:
        return SQL("(item.id * 6 + %s)", number)

    def _quantities(self, demand: int, done: int) -> dict[str, SQL]:
        return {
            "product_qty": SQL("%s", demand),
            "product_uom_qty": SQL("%s", demand),
            "quantity": SQL("%s", done),
        }

    def _reserve(self, number: int, quantity: int, source: SQL) -> None:
        self._make_lines(number, quantity, source, HAS_OPEN, "assigned")
        self._execute(
            SQL(
                """
                UPDATE stock_quant AS quant
                   SET reserved_quantity = quant.reserved_quantity + %s
                  FROM item %s
                 WHERE quant.product_id = item.id
                   AND quant.location_id = shelf.location_id
                   AND %s
                """,
                quantity,
                source,
                HAS_OPEN,
            )
        )

    def _make_lines(
        self, number: int, quantity: int, source: SQL, where: SQL, state: str
    ) -> None:
        self._execute(
            SQL(
                """
                INSERT INTO stock_move_line
                       (id, move_id, company_id, product_id, product_uom_id,
                        location_id, location_dest_id, state, quantity,
                        quantity_product_uom, picked, date, create_date, write_date)
                SELECT move.id, move.id, move.company_id, move.product_id,
                       move.product_uom, shelf.location_id, move.location_dest_id,
                       %(state)s, %(quantity)s, %(quantity)s, %(state)s = 'done',
                       move.date, now(), now()
                  FROM item
                       %(source)s
                  JOIN stock_move AS move ON move.id = %(move_id)s
                 WHERE %(where)s
                """,
                state=state,
                quantity=quantity,
                source=source,
                move_id=self._move_id(number),
                where=where,
            )
        )

    # ------------------------------------------------------------- tools

    def _copy(
        self,
        pattern: Any,
        values: dict[str, SQL],
        *,
        source: SQL | None = None,
        where: SQL | None = None,
    ) -> None:
        """Copy one record for each item, with other ``values`` in some columns."""
        table = pattern._table
        self._execute(
            SQL(
                """
                SELECT column_name
                  FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = %s
                 ORDER BY ordinal_position
                """,
                table,
            )
        )
        columns = [name for (name,) in self.env.cr.fetchall()]
        self._execute(
            SQL(
                """
                INSERT INTO %(table)s (%(columns)s)
                SELECT %(values)s
                  FROM %(table)s AS pattern
                 CROSS JOIN item
                       %(source)s
                 WHERE pattern.id = %(pattern)s
                   AND %(where)s
                """,
                table=SQL.identifier(table),
                columns=SQL(", ").join(map(SQL.identifier, columns)),
                values=SQL(", ").join(
                    values.get(name, SQL.identifier("pattern", name))
                    for name in columns
                ),
                source=source or SQL(),
                pattern=pattern.id,
                where=where or SQL("TRUE"),
            )
        )
        self._set_sequence(table)

    def _set_sequence(self, table: str) -> None:
        self._execute(
            SQL(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM %s",
                table,
                SQL.identifier(table),
            )
        )

    def _execute(self, statement: SQL) -> None:
        self.env.cr.execute(statement)
