"""Steps of a history that take several transfers, or an order."""

from datetime import timedelta


class Orders:
    """Sales, returns, transfers between warehouses, orders of channels."""

    # ------------------------------------------------------------- deliveries

    def sell(self):
        """A sale that is not the channel's; South picks first and ships later."""
        case = self.case
        product = self.pick([*case.stored, *(case.kits - case.empty)])
        warehouse = self.pick(case.warehouse | case.south)
        quantity = self.random.choice([1, 2, 4])
        order = self.env["sale.order"].create(
            {
                "partner_id": case.partner.id,
                "warehouse_id": warehouse.id,
                "order_line": [
                    (0, 0, {"product_id": product.id, "product_uom_qty": quantity})
                ],
            }
        )
        order.action_confirm()
        self.keep(order.picking_ids)
        if self.random.random() < 0.3:
            order.picking_ids.do_unreserve()
        return self.say(product, quantity, warehouse.lot_stock_id)

    def keep(self, pickings):
        """Remember transfers, and those that follow them."""
        self.pickings |= pickings
        self.moves |= pickings.move_ids.filtered(
            lambda move: move.state not in ("draft", "cancel")
        )

    def finish_picking(self):
        """Validate a transfer that has something; the rest is a backorder."""
        ready = self.open_pickings().filtered(
            lambda picking: any(move.quantity > 0 for move in picking.move_ids)
        )
        if not ready:
            return None
        picking = self.pick(ready)
        if self.random.random() < 0.4:
            for move in picking.move_ids.filtered(lambda move: move.quantity >= 2):
                move.quantity = float(int(move.quantity / 2))
        moves = picking.move_ids.filtered(lambda move: move.quantity > 0)
        moves.picked = True
        picking.with_context(
            skip_backorder=True, skip_expired=True, skip_sms=True
        ).button_validate()
        self.keep(picking.backorder_ids | picking.move_ids.move_dest_ids.picking_id)
        return f"{picking.picking_type_id.display_name} {picking.state}"

    def give_back(self):
        """A customer sends something back; it may be on its way or on the shelf."""
        done = self.pickings.exists().filtered(
            lambda picking: (
                picking.state == "done" and picking.location_dest_id.usage == "customer"
            )
        )
        if not done:
            return None
        picking = self.pick(done)
        wizard = self.env["stock.return.picking"].create({"picking_id": picking.id})
        for line in wizard.product_return_moves:
            line.quantity = min(1.0, line.move_quantity)
        action = wizard.action_create_returns()
        back = self.env["stock.picking"].browse(action["res_id"])
        target = self.pick(self.case.shelf | self.case.damaged)
        back.move_ids.location_dest_id = target
        back.location_dest_id = target
        self.keep(back)
        if self.random.random() < 0.5:
            back.move_ids.picked = True
            back.with_context(skip_backorder=True, skip_expired=True).button_validate()
        return f"{picking.name} to {target.display_name}, {back.state}"

    # -------------------------------------------------------------- transfers

    def transfer_at_once(self):
        """From one warehouse to another in one step."""
        case, product = self.case, self.product()
        quantity = self.quantity(product)
        source, target = case.shelf, case.south_shelf
        if self.random.random() < 0.5:
            source, target = target, case.west.lot_stock_id
        move = self.move(product, quantity, source, target)
        move.date = case.now + timedelta(days=self.random.choice([0, 5]))
        if self.random.random() < 0.5:
            move._action_assign()
        return self.say(product, quantity, source, target)

    def transfer_through_transit(self):
        """North sends to West: out to transit, then in; either may be done."""
        case, product = self.case, self.product()
        quantity = self.quantity(product)
        final = case.west.lot_stock_id if self.random.random() < 0.5 else None
        way_out = self.move(
            product,
            quantity,
            case.stock,
            case.transit,
            location_final_id=final and final.id,
        )
        way_in = self.move(
            product,
            quantity,
            case.transit,
            case.west.lot_stock_id,
            procure_method="make_to_order",
            move_orig_ids=[(4, way_out.id)],
            date=case.now + timedelta(days=4),
        )
        way_out._action_assign()
        if product.tracking == "none" and self.random.random() < 0.5:
            case.finish(way_out)
        return f"{self.say(product, quantity)}, {way_out.state}, {way_in.state}"

    def make_to_order(self):
        """A delivery whose goods come by a receipt of their own, not from stock."""
        case, product = self.case, self.product()
        quantity = self.quantity(product)
        receipt = self.move(product, quantity, case.suppliers, case.stock)
        delivery = self.move(
            product,
            quantity,
            case.stock,
            case.customers,
            procure_method="make_to_order",
            move_orig_ids=[(4, receipt.id)],
        )
        if product.tracking == "none" and self.random.random() < 0.4:
            case.finish(receipt)
            if self.random.random() < 0.5:
                delivery._do_unreserve()
        return f"{self.say(product, quantity)}, {receipt.state}, {delivery.state}"

    # --------------------------------------------------------- channel orders

    def next_order(self):
        """Return the beginning of an order: channel, its id there, one line."""
        channel = self.pick([*[self.case.channel] * 2, self.case.physical])
        listing = self.pick(
            self.case.listings.filtered(
                lambda listing: listing.channel_id == channel and listing.active
            )
        )
        places = self.case.places.filtered(lambda place: place.channel_id == channel)
        place = self.random.choice([*places.mapped("external_id"), ""])
        quantity = self.random.choice([1, 2, 5])
        lines = [self.case.line_data("1", listing.sku, quantity, place)]
        return channel, f"H{self.seed}-{next(self.order_numbers)}", lines

    def order_stuck(self):
        """An order with an item nobody mapped stays in flight."""
        channel, order_id, lines = self.next_order()
        place = lines[0]["location_id"]
        lines.append(self.case.line_data("2", "UNKNOWN", 1, place))
        return self.tell(channel, order_id, 1, lines)

    def order(self):
        """An order that is taken over, reserved as its operation type says."""
        channel, order_id, lines = self.next_order()
        return self.tell(channel, order_id, 1, lines)

    def next_version(self):
        return self.orders.pop(self.random.randrange(len(self.orders)))

    def order_cancelled(self):
        """An order is cancelled, wholly or by line, stuck or not."""
        if not self.orders:
            return None
        channel, order_id, version, lines = self.next_version()
        if self.random.random() < 0.5:
            return self.tell(channel, order_id, version + 1, lines, status="cancelled")
        lines = [dict(lines[0], cancelled_quantity="1"), *lines[1:]]
        return self.tell(channel, order_id, version + 1, lines)

    def order_shipped(self):
        """The channel hears of a parcel: by our report, or before it from others."""
        if not self.orders:
            return None
        if self.random.random() < 0.5:
            channel, order_id, version, lines = self.next_version()
            lines = [dict(lines[0], fulfilled_quantity="1"), *lines[1:]]
            return self.tell(channel, order_id, version + 1, lines)
        channel, order_id, _version, _lines = self.random.choice(self.orders)
        line = self.find_order(channel, order_id).line_ids[:1]
        line.reported_qty += 1.0
        if self.random.random() < 0.5:
            line.taken_qty = line.reported_qty
        return f"{order_id}: {line.reported_qty:g} told, {line.taken_qty:g} taken"

    def find_order(self, channel, order_id):
        return self.env["stock.channel.order"].search(
            [("channel_id", "=", channel.id), ("external_id", "=", order_id)]
        )

    def tell(self, channel, order_id, version, lines, **vals):
        """Let the hub hear of an order, and remember what it made of it."""
        data = self.case.order_data(order_id, version, lines=lines, **vals)
        self.case.deliver("order.updated", data, channel=channel)
        self.case.run_inbox()
        order = self.find_order(channel, order_id)
        self.orders.append((channel, order_id, version, lines))
        self.keep(order.sale_order_id.picking_ids)
        items = ", ".join(
            f"{line['quantity']} {line['sku']} at {line['location_id']!r}"
            for line in lines
        )
        return (
            f"{channel.name} {order_id} version {version}: {items}, "
            f"{order.state} {vals or ''}"
        )
