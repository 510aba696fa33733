"""Which database this is: a copy, however it was made, is another one.

Odoo's own id of a database is copied with it, unless Odoo's database manager does the
copying: a dump that somebody restored for a test would speak to the channels under it.
So the cluster's id and the database's number in it are added. They stay through a
restart, a rename and a failover to a standby.
"""

from odoo.tools import SQL


def database_identity(uuid, place):
    """Return ``uuid/cluster/number``, which no copy of a database shares with it.

    :param str uuid: Odoo's id of it; None while Odoo is being installed.
    :param str place: see ``database_place``.
    """
    return f"{uuid or ''}/{place}"


def is_same_origin(one, other):
    """Return whether two identities are of one database and a plain copy of it."""
    return bool(one and other) and one.partition("/")[0] == other.partition("/")[0]


def database_place(cr):
    """Return ``cluster/number``; the cluster is empty where it may not be asked."""
    cr.execute(
        SQL(
            """
            SELECT oid, has_function_privilege('pg_control_system()', 'EXECUTE')
              FROM pg_database
             WHERE datname = current_database()
            """
        )
    )
    number, may_ask = cr.fetchone()
    cluster = ""
    if may_ask:
        cr.execute(SQL("SELECT system_identifier FROM pg_control_system()"))
        (cluster,) = cr.fetchone()
    return f"{cluster}/{number}"
