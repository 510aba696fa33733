"""Plays the hub's main job before the user's eyes: `python3 -m tools.demo`.

It starts PostgreSQL, Odoo with its own demo data and the demo shop, sets the hub up
over Odoo's external API as an administrator would, and plays one step after the
other as a customer, a warehouse clerk and a buyer would. After each step it waits
until the shop shows exactly what it must show: the number worked out by hand in
:mod:`tools.demo.steps`, which is also the number the ERP wants and the number the
channel acknowledged. Nothing here calls the hub's own machinery: the scheduled
actions of the running server do the work.
"""
