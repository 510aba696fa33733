"""Steps of a history that change no stock: lots, rules, places, listings."""

from datetime import timedelta

RULE_VALUES = {
    "horizon": (0, 2, 7, 30),
    "share": (0, 50, 33.3, 100),
    "buffer": (1, 2.5),
    "buffer_percent": (10, 25),
    "backorder": (1, 4),
    "cap": (0, 3, 10),
    "minimum": (2, 5),
}


class Changes:
    """What people change about the goods, the places and what is sold."""

    def change_lot(self):
        """A lot is blocked, released, or its time comes."""
        lot = self.pick(self.case.lots)
        days = self.random.choice([-3, 0, 2, 25])
        if self.random.random() < 0.5:
            lot.stock_condition = self.random.choice(
                ["sellable", "quarantine", "damaged", False]
            )
            return f"{lot.product_id.name} {lot.name} is {lot.stock_condition}"
        if not lot.product_id.use_expiration_date:
            return None
        what = self.random.choice(["expiration_date", "removal_date"])
        lot[what] = self.case.now + timedelta(days=days)
        return f"{lot.product_id.name} {lot.name}: {what} in {days} days"

    def change_rule(self):
        """A rule is made, changed or taken away, for a channel or less of it."""
        if self.random.random() < 0.2:
            channel = self.pick(self.case.channels)
            channel.minimum_shelf_life = self.random.choice([0, 4, 28])
            return f"{channel.name}: {channel.minimum_shelf_life} days of shelf life"
        kind = self.random.choice([*RULE_VALUES, "horizon"])
        channel = self.pick(self.case.channels)
        places = self.case.places.filtered(lambda p: p.channel_id == channel)
        listings = self.case.listings.filtered(lambda one: one.channel_id == channel)
        is_for_all = self.random.random() < 0.5
        place = places.browse() if is_for_all else self.pick(places)
        is_for_all = self.random.random() < 0.5
        listing = listings.browse() if is_for_all else self.pick(listings)
        return self.set_rule(channel, place, listing, kind)

    def set_rule(self, channel, place, listing, kind):
        rules = self.env["stock.channel.rule"]
        rule = rules.search(
            [
                ("channel_id", "=", channel.id),
                ("channel_location_id", "=", place.id),
                ("listing_id", "=", listing.id),
                ("kind", "=", kind),
            ]
        )
        told = f"{channel.name}, {place.name}, {listing.sku}: {kind}"
        if rule and self.random.random() < 0.5:
            rule.unlink()
            return f"{told} taken away"
        vals = {
            "value": self.random.choice(RULE_VALUES[kind]),
            "expires_at": self.case.now + timedelta(days=self.random.choice([-1, 1]))
            if self.random.random() < 0.3
            else False,
        }
        if rule:
            rule.write(vals)
        else:
            rules.create(
                {
                    "channel_id": channel.id,
                    "channel_location_id": place.id,
                    "listing_id": listing.id,
                    "kind": kind,
                    **vals,
                }
            )
        return (
            f"{told} {vals['value']:g} until {vals['expires_at'] or 'further notice'}"
        )

    def change_condition(self):
        location = self.pick(self.case.shelf | self.case.shelf_b | self.case.damaged)
        location.stock_condition = self.random.choice(
            ["damaged", "quality", "sellable", False]
        )
        return f"{location.display_name} is {location.stock_condition}"

    def move_location(self):
        """A shelf moves to another place, with all that lies on it."""
        case = self.case
        location = self.pick(case.shelf | case.bin | case.south_shelf | case.aside)
        parent = self.pick(
            case.stock | case.damaged | case.south.lot_stock_id | case.shelf_b
        )
        if parent.warehouse_id != location.warehouse_id or parent == location:
            return None
        location.location_id = parent
        return f"{location.name} to {parent.display_name}"

    def archive(self):
        """A listing, or a channel location, is archived, or comes back."""
        is_place = self.random.random() < 0.25
        record = self.pick(self.case.places if is_place else self.case.listings)
        record.active = not record.active
        return f"{record.display_name} {'back' if record.active else 'archived'}"

    def archive_shelf(self):
        """A stock location is archived, also with goods in it, or comes back.

        Odoo refuses the goods where a person does it, and not where another addon
        does; what lies there is there all the same.
        """
        case = self.case
        location = self.pick(
            case.bin | case.shelf_b | case.south_shelf | case.hall_1 | case.hall
        )
        if self.random.random() < 0.6:
            location = location.with_context(do_not_check_quant=True)
        location.active = not location.active
        return f"{location.display_name} {'back' if location.active else 'archived'}"
