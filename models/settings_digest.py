import hashlib
import json


def connection_settings(credentials, base_url):
    """Return address and credentials as a connector is built from them.

    :param dict credentials: None where none are set.
    :param str base_url: None or empty where none is set.
    """
    return {**(credentials or {}), "base_url": (base_url or "").rstrip("/")}


def settings_digest(database, connector, config):
    """Return a digest that changes with everything a connector is built from.

    :param str database: its identity; a copy of it speaks for nobody.
    :param str connector: its key.
    :param dict config: address and credentials, see ``connection_settings``.
    """
    text = json.dumps([database, connector, config], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
