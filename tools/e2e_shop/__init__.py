"""What the end-to-end runs against real shops share: Odoo's side, books and checks."""
