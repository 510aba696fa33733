"""What a warehouse clerk does in plain Odoo: ship, receive, move between sites."""

from __future__ import annotations

from dataclasses import dataclass

from tools.devenv import DevEnvError

from .rpc import User, first_id


@dataclass(frozen=True, kw_only=True)
class Site:
    """One warehouse and where its goods lie.

    :param int stock_id: the warehouse's stock location.
    """

    warehouse_id: int
    name: str
    stock_id: int
    receipt_type_id: int
    delivery_type_id: int


class Clerk:
    """One warehouse user.

    :param int supplier_id: location vendors deliver from.
    :param int transit_id: location of goods on their way between two warehouses.
    """

    def __init__(self, user: User, supplier_id: int, transit_id: int) -> None:
        self.user = user
        self.supplier_id = supplier_id
        self.transit_id = transit_id

    def deliveries(self, sale_order_id: int) -> list[int]:
        """Return the reserved deliveries of a sale order."""
        domain = [
            ("sale_id", "=", sale_order_id),
            ("state", "=", "assigned"),
            ("picking_type_id.code", "=", "outgoing"),
        ]
        return [row["id"] for row in self.user.rows("stock.picking", domain, ["id"])]

    def ship(self, picking_id: int, product_id: int, quantity: int, ref: str) -> None:
        """Ship some pieces of one product; what stays becomes a backorder.

        :param str ref: the carrier's tracking number.
        """
        user = self.user
        user.write("stock.picking", [picking_id], {"carrier_tracking_ref": ref})
        domain = [("picking_id", "=", picking_id), ("product_id", "=", product_id)]
        move = user.row("stock.move", domain, ["id"])
        user.write("stock.move", [move["id"]], {"quantity": quantity, "picked": True})
        self._validate(picking_id)

    def returned_goods(self, sale_order_id: int) -> list[int]:
        """Return the transfers that wait for returned goods of a sale order."""
        domain = [
            ("return_id.sale_id", "=", sale_order_id),
            ("state", "=", "assigned"),
        ]
        return [row["id"] for row in self.user.rows("stock.picking", domain, ["id"])]

    def receive_return(self, picking_id: int) -> None:
        """Take returned goods in as announced."""
        self._validate(picking_id)

    def receive(self, site: Site, *lines: tuple[int, int]) -> None:
        """Receive goods from a vendor.

        :param lines: product id and quantity in the product's own unit.
        """
        picking_id = self._transfer(
            site.receipt_type_id, self.supplier_id, site.stock_id, lines
        )
        self._validate(picking_id)

    def send(self, site: Site, product_id: int, quantity: int) -> None:
        """Put goods on the truck to another warehouse."""
        lines = ((product_id, quantity),)
        self._validate(
            self._transfer(site.delivery_type_id, site.stock_id, self.transit_id, lines)
        )

    def unload(self, site: Site, product_id: int, quantity: int) -> None:
        """Take goods off the truck."""
        lines = ((product_id, quantity),)
        self._validate(
            self._transfer(site.receipt_type_id, self.transit_id, site.stock_id, lines)
        )

    def _transfer(
        self,
        type_id: int,
        source_id: int,
        target_id: int,
        lines: tuple[tuple[int, int], ...],
    ) -> int:
        """Create and confirm a transfer; return its id."""
        ends = {"location_id": source_id, "location_dest_id": target_id}
        picking_id = self.user.create(
            "stock.picking",
            {
                "picking_type_id": type_id,
                **ends,
                "move_ids": [
                    (0, 0, {"product_id": product, "product_uom_qty": quantity, **ends})
                    for product, quantity in lines
                ],
            },
        )
        self.user.call("stock.picking", "action_confirm", [picking_id])
        self.user.call("stock.picking", "action_assign", [picking_id])
        return picking_id

    def _validate(self, picking_id: int) -> None:
        """Press Validate.

        :raise DevEnvError: when Odoo asks back, or the transfer is not done then.
        """
        self.user.call(
            "stock.picking",
            "button_validate",
            [picking_id],
            context={"skip_backorder": True},
        )
        row = self.user.row(
            "stock.picking", [("id", "=", picking_id)], ["state", "name"]
        )
        if row["state"] != "done":
            raise DevEnvError(f"Transfer {row['name']} is {row['state']}, not done.")


def site_of(admin: User, warehouse_id: int, name: str) -> Site:
    """Read where a warehouse keeps its goods."""
    names = ["lot_stock_id", "in_type_id", "out_type_id"]
    row = admin.row("stock.warehouse", [("id", "=", warehouse_id)], names)
    return Site(
        warehouse_id=warehouse_id,
        name=name,
        stock_id=first_id(row["lot_stock_id"]),
        receipt_type_id=first_id(row["in_type_id"]),
        delivery_type_id=first_id(row["out_type_id"]),
    )
