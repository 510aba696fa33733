"""``make e2e-vendure``: the whole loop against a real Vendure, every number checked.

Odoo with its demo data and this addon on one side, a Vendure 3.7.3 from npm on the
other, both in real processes, joined by HTTP alone. Numbers are published to two
locations, orders are polled and told by webhook, one is cancelled, two are split over
both locations and shipped, units and lines are cancelled there and here, one comes back
in two goes, and what somebody else did to a number is noticed and put right; after each
step both sides must agree with numbers worked out by hand.
"""
