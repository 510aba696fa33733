"""A real Medusa 2.18.0 shop on loopback, installed, seeded and talked to.

Command line: ``python3 -m tools.medusa`` starts a seeded shop and stays up.  For
other tools::

    with env.postgres(), running_shop(env, "medusa") as shop:
        order = shop.place_order({"E-COM07": 2})
        shop.levels()["E-COM07", "East"]

Needs Node.js 20 or newer (the environment sees to it) and about 700 MB of disk.
"""

from .server import running_shop
from .shop import Shop

__all__ = ["Shop", "running_shop"]
