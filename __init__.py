from . import controllers, demo, models, wizards
from .connectors.redaction import be_discreet, hide_arguments
from .hooks import uninstall_hook

be_discreet(__name__)
hide_arguments("odoo.service.model", "stock.channel")
