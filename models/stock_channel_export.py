from odoo import models

from ..connectors.file_table import harmless

PREFIX = "stock.channel"


class Base(models.AbstractModel):
    _inherit = "base"

    def export_data(self, fields_to_export):
        """Export the hub's records without formulas (S21).

        SKUs, ids and titles are what somebody outside has typed, and Odoo writes a text
        that begins with ``=`` into a workbook as a formula that runs when it is opened.
        Numbers stay numbers.
        """
        result = super().export_data(fields_to_export)
        if self._name == PREFIX or self._name.startswith(f"{PREFIX}."):
            result["datas"] = [
                [harmless(cell) if isinstance(cell, str) else cell for cell in row]
                for row in result["datas"]
            ]
        return result
