"""A real Vendure 3.7.3 shop on loopback, installed, seeded and talked to.

Command line: ``python3 -m tools.vendure`` starts a seeded shop and stays up.  For
other tools::

    with env.postgres(), running_shop(env, "vendure") as shop:
        order = shop.place_order({"E-COM07": 2})
        shop.levels()["E-COM07", "East"]

Needs Node.js 20 or newer (the environment sees to it) and about 150 MB of disk. Vendure
is free software under the GPL: it runs as a process of its own, from npm, and nothing
of it is part of this project.
"""

from .server import running_shop
from .shop import Shop

__all__ = ["Shop", "running_shop"]
