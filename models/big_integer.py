from odoo import fields


class BigInteger(fields.Integer):
    """A whole number as large as a PostgreSQL bigint.

    Odoo's own ends at two billion, and its ``Float`` adds a little before it rounds to
    the digits it keeps, which changes whole numbers above 5E+14. A channel that counts
    versions in microseconds since 1970 sends larger ones: its new orders passed for older
    than what was known, and were left out without a word.
    """

    _column_type = ("int8", "int8")
    aggregator = None

    def convert_to_write(self, value, record):
        # Odoo makes a float of what XML-RPC cannot carry, and an assignment goes this
        # way, too: versions that differ in their last digits became one.
        return int(value or 0)
