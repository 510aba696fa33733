from odoo import api, models

from ..connectors import registry

# Shops people name first; what they build themselves comes last.
FIRST = ("shopify", "woocommerce", "medusa", "vendure", "rest", "filedrop")


class StockChannelGuide(models.Model):
    """What a person who connects a shop has to know of its kind, in their language.

    Connectors know no Odoo, and their words cannot be translated there. What another
    addon's connector says of itself stands as it is.
    """

    _inherit = "stock.channel"

    @api.model
    def _connector_cards(self):
        """Return what there is to choose from: a list of dicts, in words."""
        return [
            {
                "key": key,
                "label": connector.label,
                "summary": self._connector_summary(key),
                "abilities": self._connector_abilities(connector.capabilities),
            }
            for key, connector in sorted(
                registry.all_connectors().items(),
                key=lambda entry: FIRST.index(entry[0]) if entry[0] in FIRST else -1,
            )
        ]

    @api.model
    def _connector_summary(self, key):
        texts = {
            "shopify": self.env._("A shop at Shopify, online and in its stores."),
            "woocommerce": self.env._("A shop on WordPress with WooCommerce."),
            "medusa": self.env._("A shop on a Medusa server of your own."),
            "vendure": self.env._("A shop on a Vendure server of your own."),
            "rest": self.env._(
                "Your own shop, a 3PL or an integration that speaks our open contract."
            ),
            "filedrop": self.env._(
                "A partner who exchanges files: in a folder or over SFTP."
            ),
        }
        return texts.get(key) or registry.get(key).summary

    @api.model
    def _connector_abilities(self, capabilities):
        """Say in a few words each what this kind of channel can do."""
        if capabilities.webhooks:
            orders = self.env._("orders within seconds")
        elif capabilities.polling:
            orders = self.env._("orders within minutes")
        else:
            orders = self.env._("no orders")
        words = [
            self.env._("stock for each location")
            if capabilities.locations
            else self.env._("one stock number for all"),
            orders,
            self.env._("fractions too")
            if capabilities.fractions
            else self.env._("whole units"),
        ]
        if capabilities.can_cancel:
            words.append(self.env._("can be told of cancellations"))
        if not capabilities.read_back:
            words.append(self.env._("what it shows cannot be checked"))
        return words

    @api.model
    def _connector_steps(self, key):
        """Return what to do at the shop to get address and credentials, step by step."""
        texts = {
            "shopify": [
                self.env._(
                    "In Shopify open Settings, Apps and sales channels, Develop apps, "
                    "and create an app for Odoo."
                ),
                self.env._(
                    "Allow it to read and write inventory, orders and fulfilments, and "
                    "to read products, locations, returns and customers; then install "
                    "it. What is missing, the test names."
                ),
                self.env._(
                    "Copy the access token, which is shown once, and the app's API "
                    "secret key. An app of the Dev Dashboard has a client id and a "
                    "client secret instead."
                ),
            ],
            "woocommerce": [
                self.env._(
                    "In WordPress open Settings, Permalinks and choose anything but "
                    "Plain."
                ),
                self.env._(
                    "Open WooCommerce, Settings, Products, Inventory and switch stock "
                    "management on."
                ),
                self.env._(
                    "Open WooCommerce, Settings, Advanced, REST API, press Add key and "
                    "choose Read/Write. Copy both, the secret is shown once."
                ),
            ],
            "medusa": [
                self.env._(
                    "In Medusa open Settings, Secret API Keys, press Create and copy the "
                    "key; it begins with sk_."
                ),
            ],
            "vendure": [
                self.env._(
                    "In Vendure open Settings, Roles and make one that reads and updates "
                    "catalog and orders, and reads settings and stock locations."
                ),
                self.env._(
                    "Open Settings, Administrators and make one with that role alone. "
                    "Enter its e-mail address as user name, and its password."
                ),
            ],
            "rest": [
                self.env._(
                    "Ask whoever runs the shop for the address of its stock interface. "
                    "The hub adds /inventory, /orders and so on by itself."
                ),
                self.env._(
                    "Both sides sign with one secret: press Set Signing Secret below, "
                    "then Generate, and give it to them. Or enter the one they gave you."
                ),
            ],
            "filedrop": [
                self.env._(
                    "Make a folder for this partner with the folders in, out and reports "
                    "in it."
                ),
                self.env._(
                    "On an SFTP server, enter sftp://user@host/folder, the key of the "
                    "server and the password. For a folder of this server, whoever runs "
                    "it has to allow the folder first."
                ),
            ],
        }
        return texts.get(key, [])
