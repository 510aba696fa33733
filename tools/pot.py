"""Write the translation template from a database: what ``make pot`` starts.

It runs where Odoo can be imported, in the checkout's folder.
"""

from __future__ import annotations

import importlib
import sys


def main(config_file: str, database: str) -> None:
    """Load the addon as Odoo does, and let its exporter write the template."""
    importlib.import_module("odoo.init")  # what makes the rest importable
    from odoo.api import SUPERUSER_ID, Environment
    from odoo.modules.registry import Registry
    from odoo.tools import config

    options = ["-c", config_file, "-d", database, "--no-http", "--log-level=warn"]
    config.parse_config(options, setup_logging=True)
    with Registry(database).cursor() as cr:
        exporter = importlib.import_module(
            "odoo.addons.stock_channel_hub.tests.template_export"
        )
        count = exporter.write(Environment(cr, SUPERUSER_ID, {}))
    print(f"{count} texts are in {exporter.template_path()}.")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
