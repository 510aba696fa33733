from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.stock_channel_hub.connectors.data import RemoteLocation
from odoo.addons.stock_channel_hub.connectors.rest import RestConnector

from .remote_common import RemoteCase


@tagged("post_install", "-at_install")
class TestRemoteLocation(RemoteCase):
    """Locations of the channel, and the warehouse each could be."""

    def setUp(self):
        super().setUp()
        self.places = [RemoteLocation(id="main", name="Main")]
        self.patch(RestConnector, "fetch_locations", lambda _self: self.places)
        self.south = self.env["stock.warehouse"].create(
            {"name": "Hub South", "code": "HUBS"}
        )

    def fetch_places(self):
        action = self.channel.with_user(self.manager).action_fetch_locations()
        self.env.invalidate_all()
        return action["params"]["message"]

    def place_of(self, external_id):
        return self.channel.location_ids.filtered(
            lambda place: place.external_id == external_id
        )

    def test_a_warehouse_of_the_same_name_is_proposed_and_used(self):
        self.places.append(RemoteLocation(id="s", name="hub south"))
        self.assertEqual(
            self.fetch_places(),
            "1 new of 2 locations. Map each to its stock locations. A warehouse is "
            "proposed for 1 of them.",
        )
        place = self.place_of("s")
        self.assertEqual(
            (place.proposed_warehouse_id, place.proposal),
            (self.south, "name 100 % alike"),
        )
        with self.assertRaises(AccessError):
            place.with_user(self.operator).action_use_proposal()
        place.with_user(self.manager).action_use_proposal()
        self.assertEqual(
            (place.location_ids, place.warehouse_id),
            (self.south.lot_stock_id, self.south),
        )
        self.assertFalse(place.proposed_warehouse_id)

    def test_what_feeds_another_location_is_not_proposed(self):
        self.places.append(RemoteLocation(id="n", name="Hub North"))
        self.fetch_places()
        self.assertEqual(self.place_of("n").proposal, False)
        with self.assertRaises(UserError):
            self.place_of("n").with_user(self.manager).action_use_proposal()

    def test_two_that_are_equally_alike_are_none(self):
        self.env["stock.warehouse"].create({"name": "South Hub", "code": "SHUB"})
        self.places.append(RemoteLocation(id="s", name="Hub South"))
        self.fetch_places()
        self.assertFalse(self.place_of("s").proposed_warehouse_id)

    def test_what_the_channel_closed_needs_no_map(self):
        self.places.append(RemoteLocation(id="old", name="Hub South", active=False))
        self.fetch_places()
        place = self.place_of("old")
        self.assertEqual((place.is_closed, place.proposal), (True, False))
        state, fact = self.channel._ready_locations()
        self.assertEqual((state, fact), ("ok", "All 1 locations are mapped."))
        self.places[1] = RemoteLocation(id="old", name="Hub South")
        self.fetch_places()
        self.assertEqual(
            (place.is_closed, place.proposed_warehouse_id), (False, self.south)
        )
        self.assertEqual(self.channel._ready_locations()[0], "unresolved")
