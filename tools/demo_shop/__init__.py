"""A small shop with its own stock table: the channel side of the `rest` contract.

It is a process of its own and knows nothing of Odoo. It shows the numbers the hub
sends, sells from them, and tells the hub what its customers did. Signatures are
made and checked with the public `standardwebhooks` library, not with the hub's
own signing code, so that a mistake on either side shows.

What its number means: **sellable**. Placing an order lowers the number at the
order's location at once and cancelling raises it. Shipments, returns and
cancellations decided in the ERP leave it alone: the hub's next number says what
became of those goods.
"""
