from odoo import fields


class LooseMany2one(fields.Many2one):
    """A link without a foreign key.

    For rows that are written by the hundred thousand and forgotten within the hour: a
    foreign key would ask for each of them whether the other record exists, and lock
    that record until the commit. Whoever uses it removes the rows of records that go.
    """

    def update_db_foreign_key(self, model, column):
        """Leave the foreign key out."""
