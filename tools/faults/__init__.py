"""A run under faults: real Odoo, a real shop, and a wire between them that fails."""
