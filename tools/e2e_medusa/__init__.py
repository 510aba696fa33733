"""The whole loop against a real Medusa: nothing in it is a mock.

``python3 -m tools.e2e_medusa`` starts PostgreSQL, an Odoo with its demo data and this
addon, and a Medusa; connects them as an administrator would; then customers buy and
staff cancel and ship, and every number is checked on both sides after every step.
Odoo's own scheduled actions do all the work, this program only acts and waits.

:mod:`.office` knows the names of the addon's models, :mod:`.story` the steps.
"""
