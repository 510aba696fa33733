{
    "name": "Stock Channel Hub",
    "summary": "One owner of stock numbers: tell every shop, marketplace and 3PL "
    "what it may sell, per location, and work every failure in one queue",
    "version": "19.0.1.0.0",
    "category": "Supply Chain/Inventory",
    "author": "Stock Channel Hub contributors",
    "license": "LGPL-3",
    "depends": ["sale_mrp", "stock_delivery", "product_expiry", "resource"],
    "external_dependencies": {"python": ["requests"]},
    "data": [
        # Groups first: everything below refers to them.
        "security/stock_channel_groups.xml",
        "security/ir.model.access.csv",
        "security/stock_channel_security.xml",
        "data/stock_channel_data.xml",
        "data/ir_cron_data.xml",
        # Actions before the menus that open them.
        "wizards/stock_channel_secret_wizard_views.xml",
        "wizards/stock_channel_credential_wizard_views.xml",
        # Records before those whose buttons lead to them.
        "views/stock_channel_exception_views.xml",
        "views/stock_channel_message_views.xml",
        "views/stock_channel_push_views.xml",
        "views/stock_channel_publication_templates.xml",
        "views/stock_channel_publication_views.xml",
        "views/stock_channel_return_views.xml",
        "views/stock_channel_fulfillment_views.xml",
        "views/stock_channel_order_views.xml",
        "views/stock_channel_listing_views.xml",
        "views/stock_channel_location_views.xml",
        "views/stock_channel_kanban_views.xml",
        "views/stock_channel_views.xml",
        # Pages on the three forms above.
        "views/stock_channel_rule_views.xml",
        "views/stock_channel_freshness_views.xml",
        "views/stock_channel_finance_views.xml",
        "views/stock_location_views.xml",
        "views/stock_lot_views.xml",
        "views/sale_order_views.xml",
        "views/stock_picking_views.xml",
        "views/stock_channel_menus.xml",
        # Adds its own menu.
        "views/stock_channel_customer_views.xml",
    ],
    "assets": {
        "web.assets_backend": ["stock_channel_hub/static/src/scss/*.scss"],
        "web.assets_tests": ["stock_channel_hub/static/tests/tours/**/*"],
    },
    "uninstall_hook": "uninstall_hook",
    "application": True,
}
